"""Gradient-boosted trees. Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.models.features import FeatureMatrix
from netsift.models.graph import Tree, tree_graph
from netsift.models.learners.base import (
    ClassIndices,
    Trial,
    Values,
    check_every_class,
    class_weights,
    share_of_total,
)
from netsift.models.trees import LEAF

if TYPE_CHECKING:
    from lightgbm import Booster

_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class LightGBMSettings:
    """Size of the ensemble and how carefully it learns.

    ``trees`` are per class where there are more than two. ``l2`` keeps the leaves of a class of few rows from growing
    without bound; ``column_share`` is that of the columns each tree may ask.
    """

    trees: int = 100
    leaves: int = 31
    depth: int = 14
    leaf_rows: int = 20
    learning_rate: float = 0.1
    l2: float = 1.0
    column_share: float = 0.8
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LightGBM:
    """Each tree corrects the sum of those before it, by the logistic loss, or by softmax's for more than two classes.

    Often the best inside the training network, and the first to mistake its peculiarities for the nature of things:
    compare it by the honest protocols. Missing values are not treated apart: -1 is a number below all others. Memory:
    the rows, and one byte per value for their histograms.
    """

    name: ClassVar[str] = "lightgbm"
    settings: LightGBMSettings = field(default_factory=LightGBMSettings)

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> FittedLightGBM:
        """Return trees fitted on (rows, features) and class indices (rows,); deterministic for the same seed.

        Raises:
            InputError: lightgbm is not installed.
        """
        try:
            import lightgbm
        except ImportError as error:
            raise InputError("lightgbm is not installed: pip install 'netsift[learners]'") from error
        found, label = np.unique(classes, return_inverse=True)
        weight = class_weights(classes)
        rows = lightgbm.Dataset(
            matrix, label, weight=np.array([weight[one] for one in found.tolist()])[label], free_raw_data=True
        )
        booster = lightgbm.train(self._parameters(len(found)), rows, num_boost_round=self.settings.trees)
        return FittedLightGBM(booster, found, class_count)

    def _parameters(self, classes: int) -> dict[str, Any]:
        objective: dict[str, Any] = {"objective": "binary"}
        if classes > _TWO:
            objective = {"objective": "multiclass", "num_class": classes}
        return {
            **objective,
            "num_leaves": self.settings.leaves,
            "max_depth": self.settings.depth,
            "min_data_in_leaf": self.settings.leaf_rows,
            "learning_rate": self.settings.learning_rate,
            "lambda_l2": self.settings.l2,
            "feature_fraction": self.settings.column_share,
            "seed": self.settings.seed,
            "deterministic": True,
            "force_row_wise": True,
            # No value is NaN, and 0 means 0: every split is a plain comparison, which the graph can repeat.
            "use_missing": False,
            "verbosity": -1,
        }

    def proposed(self, trial: Trial) -> LightGBM:
        """Return this learner with the settings that a trial proposes."""
        return LightGBM(
            replace(
                self.settings,
                trees=trial.suggest_int("trees", 20, 400, log=True),
                leaves=trial.suggest_int("leaves", 4, 128, log=True),
                leaf_rows=trial.suggest_int("leaf_rows", 5, 200, log=True),
                learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
                l2=trial.suggest_float("l2", 0.01, 100, log=True),
                column_share=trial.suggest_float("column_share", 0.2, 1),
            )
        )


@dataclass(frozen=True, slots=True)
class FittedLightGBM:
    """A booster, the classes (found,) that it tells apart in its order, and how many the dataset has."""

    booster: Booster
    found: ClassIndices
    class_count: int

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities; a class that had no row has probability 0."""
        probabilities = np.zeros((len(matrix), self.class_count))
        if len(matrix):
            predicted = np.asarray(self.booster.predict(matrix))
            both = np.column_stack([1 - predicted, predicted]) if predicted.ndim == 1 else predicted
            probabilities[:, self.found] = both
        return probabilities

    def graph(self, feature_names: Sequence[str]) -> bytes:
        """Return the serialised ONNX graph. Raises ValueError when a class had no row.

        Leaves are log-odds that a softmax makes probabilities of. With two classes those of class 0 are all 0, so that
        the softmax is the logistic function.
        """
        check_every_class(self.found, self.class_count)
        trees = self.booster.dump_model()["tree_info"]
        return tree_graph(
            [_tree(entry["tree_structure"], number, self.class_count) for number, entry in enumerate(trees)],
            feature_names,
            self.class_count,
            softmax=True,
        )

    @property
    def importance(self) -> Values:
        """What the splits on each feature gained, (features,)."""
        return share_of_total(self.booster.feature_importance("gain"))


def _tree(structure: dict[str, Any], number: int, classes: int) -> Tree:
    """Return one of LightGBM's trees, which come class by class in every round."""
    nodes = list(_nodes(structure))
    place = {id(node): position for position, node in enumerate(nodes)}
    rows = np.array([node.get("internal_count", node.get("leaf_count", 1)) for node in nodes], dtype=np.float64)
    leaf = np.array(["split_index" not in node for node in nodes])
    value = np.array([node.get("leaf_value", 0.0) for node in nodes])
    leaf_node = np.flatnonzero(leaf)
    given = np.full((len(leaf_node), 1), number % classes)
    weight = value[leaf_node][:, None]
    if classes == _TWO:
        given = np.tile([0, 1], (len(leaf_node), 1))
        weight = weight * [0, 1]
    return Tree(
        feature=_column(nodes, "split_feature", LEAF).astype(np.int64),
        threshold=_column(nodes, "threshold", 0),
        left=np.array([place[id(node["left_child"])] if "left_child" in node else LEAF for node in nodes]),
        right=np.array([place[id(node["right_child"])] if "right_child" in node else LEAF for node in nodes]),
        share=rows / max(rows[0], 1),
        leaf_node=np.repeat(leaf_node, given.shape[1]),
        leaf_class=given.ravel(),
        leaf_weight=weight.ravel(),
    )


def _column(nodes: Sequence[dict[str, Any]], key: str, absent: float) -> npt.NDArray[np.float64]:
    return np.array([node.get(key, absent) for node in nodes], dtype=np.float64)


def _nodes(structure: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all nodes, a parent before its children."""
    waiting = [structure]
    while waiting:
        node = waiting.pop()
        yield node
        if "split_index" in node:
            waiting += [node["right_child"], node["left_child"]]
