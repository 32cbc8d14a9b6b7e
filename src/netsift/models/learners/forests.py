"""What forests of scikit-learn have in common once they are fitted: probabilities, graph and importance."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netsift.models.features import FeatureMatrix
from netsift.models.graph import Tree, tree_graph
from netsift.models.learners.base import ClassIndices, Trial, Values, check_every_class, class_weights, share_of_total
from netsift.models.trees import LEAF

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """Size and randomness of a forest.

    ``depth`` and ``leaf_rows`` keep single flows of the training traffic from being learned by heart.
    """

    trees: int = 100
    depth: int = 14
    leaf_rows: int = 3
    seed: int = 0


def proposed_settings(settings: ForestSettings, trial: Trial) -> ForestSettings:
    """Return the settings that a trial proposes; the number of trees is no matter of search, as more is never worse."""
    depth = trial.suggest_int("depth", 4, 24)
    leaf_rows = trial.suggest_int("leaf_rows", 1, 50, log=True)
    return ForestSettings(settings.trees, depth, leaf_rows, settings.seed)


@dataclass(frozen=True, slots=True)
class FittedForest:
    """A fitted forest of scikit-learn that knows how many classes the dataset has."""

    forest: RandomForestClassifier | ExtraTreesClassifier
    class_count: int

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities; a class that the forest never saw has probability 0."""
        probabilities = np.zeros((len(matrix), self.class_count))
        if len(matrix):
            probabilities[:, self.forest.classes_] = self.forest.predict_proba(matrix)
        return probabilities

    def graph(self, feature_names: Sequence[str]) -> bytes:
        """Return the serialised ONNX graph. Raises ValueError when a class had no row."""
        check_every_class(self.forest.classes_, self.class_count)
        estimators = self.forest.estimators_
        trees = [forest_tree(estimator.tree_, len(estimators)) for estimator in estimators]
        return tree_graph(trees, feature_names, self.class_count)

    @property
    def importance(self) -> Values:
        """Mean decrease in impurity (Breiman 2001), (features,)."""
        return share_of_total(self.forest.feature_importances_)


def fitted_forest(
    kind: type[RandomForestClassifier | ExtraTreesClassifier],
    settings: ForestSettings,
    matrix: FeatureMatrix,
    classes: ClassIndices,
    class_count: int,
) -> FittedForest:
    """Return a forest of one of scikit-learn's kinds, fitted on (rows, features) and class indices (rows,)."""
    forest = kind(
        n_estimators=settings.trees,
        max_depth=settings.depth,
        min_samples_leaf=settings.leaf_rows,
        class_weight=class_weights(classes),
        random_state=settings.seed,
        n_jobs=-1,
    )
    fit_on_all_cores(forest, matrix, classes)
    return FittedForest(forest, class_count)


def fit_on_all_cores(
    forest: RandomForestClassifier | ExtraTreesClassifier,
    matrix: FeatureMatrix,
    classes: ClassIndices,
    row_weights: Values | None = None,
) -> None:
    """Fit a forest, with weights (rows,) or without, so that it then scores alike whatever the number of cores."""
    # Its threads save and restore the process's warning filters across each other, and may leave none behind.
    with warnings.catch_warnings():
        forest.fit(matrix, classes, sample_weight=row_weights)
    # Threads add up the trees in the order in which they finish, which changes the last digits from run to run.
    forest.set_params(n_jobs=1)


def forest_tree(tree: Any, trees: int) -> Tree:
    """Return one of scikit-learn's trees, whose leaves give the share of each class in the forest of so many."""
    leaf = tree.children_left == LEAF
    share = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) / trees
    given = (share > 0) | (share.shape[1] == 2)
    leaf_node, leaf_class = np.nonzero(leaf[:, None] & given)
    return Tree(
        feature=np.where(leaf, LEAF, tree.feature),
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        share=tree.weighted_n_node_samples / tree.weighted_n_node_samples[0],
        leaf_node=leaf_node,
        leaf_class=leaf_class,
        leaf_weight=share[leaf_node, leaf_class],
    )
