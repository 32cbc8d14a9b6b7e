"""A random forest that is guarded by what benign traffic looks like; the default.

A forest learns where the attacks of its training traffic lie, and knows nothing of what lies elsewhere: on another
network it takes whatever it never saw for the nearest thing that it did. Three things are done about that.

- Values are cut into coarse steps (:data:`BORDERS`) before anything is learned, about a fifth of their size apart, so
  that no tree can learn one test bed's exact payload length or round-trip time by heart.
- Benign rows weigh as much as all attack rows together, and among the attacks a class weighs the square root of its
  rows: the mix of a data set says nothing about the network of the person who installs the model.
- An isolation forest (Liu, Ting, Zhou, "Isolation forest", ICDM 2008) of the benign rows has a say in the score: a flow
  that is unlike any benign one is suspicious even if no attack looked like it.

Both are trees with thresholds on single columns, so together they are one ensemble: a leaf of the isolation forest
votes for "attack" by how short the path to it is, and for every kind of attack alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from netsift.models.features import MISSING, FeatureMatrix
from netsift.models.graph import Tree, tree_graph
from netsift.models.learners.base import ClassIndices, Trial, Values, check_every_class, share_of_total
from netsift.models.learners.forests import fit_on_all_cores, forest_tree
from netsift.models.trees import LEAF

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

_EXACT: Final = 32
"""Whole numbers up to this are steps of their own: counts of packets, and the codes of categories."""

_STEPS_PER_OCTAVE: Final = 4
_OCTAVES: Final = range(-10, 128)


_LONG_PATH: Final = 1.2
"""Paths from this many times the usual length on say nothing against a flow."""


def _borders() -> npt.NDArray[np.float32]:
    whole = np.arange(_EXACT) + 0.5
    octaves = np.arange(_OCTAVES.start * _STEPS_PER_OCTAVE, _OCTAVES.stop * _STEPS_PER_OCTAVE) / _STEPS_PER_OCTAVE
    border = np.concatenate([[MISSING, 0.0], whole, np.exp2(octaves + 0.5 / _STEPS_PER_OCTAVE)])
    return np.unique(border[border < np.finfo(np.float32).max].astype(np.float32))


BORDERS: Final = _borders()
"""The greatest value of each step, ascending: missing, nothing, then whole numbers and quarters of an octave."""


@dataclass(frozen=True, slots=True)
class GuardedForestSettings:
    """Sizes and seed.

    ``guards`` trees of the isolation forest see ``guard_rows`` benign rows each, as in its paper; ``guard_share`` is
    their say in the score. ``leaf_rows`` and ``depth`` keep single flows from being learned by heart.
    """

    trees: int = 100
    depth: int = 14
    leaf_rows: int = 5
    guards: int = 60
    guard_rows: int = 256
    guard_share: float = 0.4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FittedGuardedForest:
    """A fitted forest with its guards, in the order of the score: each part adds up to its share."""

    forest: RandomForestClassifier
    guards: tuple[Guard, ...]
    guard_share: float
    class_count: int

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities; benign is class 0."""
        probabilities = np.zeros((len(matrix), self.class_count))
        if not len(matrix):
            return probabilities
        steps = in_steps(matrix)
        probabilities[:, self.forest.classes_] = (1 - self.guard_share) * self.forest.predict_proba(steps)
        suspicion = np.mean([guard.suspicion[guard.tree.apply(steps)] for guard in self.guards], axis=0)
        probabilities += self.guard_share * self._votes(suspicion)
        return probabilities

    def graph(self, feature_names: Sequence[str]) -> bytes:
        """Return the serialised ONNX graph. Raises ValueError when a class had no row."""
        check_every_class(self.forest.classes_, self.class_count)
        estimators = self.forest.estimators_
        trees = [self._forest_tree(estimator.tree_, len(estimators)) for estimator in estimators]
        return tree_graph([*trees, *map(self._guard_tree, self.guards)], feature_names, self.class_count)

    @property
    def importance(self) -> Values:
        """Mean decrease in impurity (Breiman 2001) in the forest, (features,); guards ask columns at random."""
        return share_of_total(self.forest.feature_importances_)

    def _votes(self, suspicion: Values) -> Values:
        """Return what guards say of every class, (rows, classes): all attacks that had rows are alike to them."""
        votes = np.zeros((len(suspicion), self.class_count))
        attacks = self.forest.classes_[self.forest.classes_ > 0]
        votes[:, 0] = 1 - suspicion
        votes[:, attacks] = suspicion[:, None] / len(attacks)
        return votes

    def _forest_tree(self, tree: Any, trees: int) -> Tree:
        found = forest_tree(tree, trees)
        weight = (1 - self.guard_share) * found.leaf_weight
        return replace(found, threshold=value_thresholds(found.threshold), leaf_weight=weight)

    def _guard_tree(self, guard: Guard) -> Tree:
        tree = guard.tree
        leaves = np.flatnonzero(tree.children_left == LEAF)
        votes = self.guard_share / len(self.guards) * self._votes(guard.suspicion[leaves])
        return Tree(
            feature=np.where(tree.children_left == LEAF, LEAF, tree.feature),
            threshold=value_thresholds(tree.threshold),
            left=tree.children_left,
            right=tree.children_right,
            share=tree.n_node_samples / tree.n_node_samples[0],
            leaf_node=np.repeat(leaves, self.class_count),
            leaf_class=np.tile(np.arange(self.class_count), len(leaves)),
            leaf_weight=votes.ravel(),
        )


@dataclass(frozen=True, slots=True)
class Guard:
    """One tree of the isolation forest, and for each of its leaves how suspicious a flow is that ends there, 0 to 1."""

    tree: Any
    suspicion: Values


@dataclass(frozen=True, slots=True)
class GuardedForest:
    """A random forest over coarse steps, with an isolation forest of the benign rows; see the module's text.

    It assumes that attacks differ from benign flows in some of the columns, as those of training do or in any way at
    all; it fails where they do not, and where the network's own traffic is unlike that of training: then the score of
    everything rises, which :mod:`netsift.evaluation.drift` shows. Memory: the rows twice, and per core a few numbers
    a row.
    """

    name: ClassVar[str] = "guarded forest"
    settings: GuardedForestSettings = GuardedForestSettings()

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> FittedGuardedForest:
        """Return what (rows, features) and class indices (rows,) taught; deterministic for the same seed."""
        from sklearn.ensemble import RandomForestClassifier

        settings = self.settings
        steps = in_steps(matrix)
        forest = RandomForestClassifier(
            n_estimators=settings.trees,
            max_depth=settings.depth,
            min_samples_leaf=settings.leaf_rows,
            random_state=settings.seed,
            n_jobs=-1,
        )
        fit_on_all_cores(forest, steps, classes, row_weights(classes))
        guards = fit_guards(steps[classes == 0], settings)
        return FittedGuardedForest(forest, guards, settings.guard_share, class_count)

    def proposed(self, trial: Trial) -> GuardedForest:
        """Return this learner with the depth, the rows per leaf and the guards' share that a trial proposes."""
        depth = trial.suggest_int("depth", 4, 24)
        leaf_rows = trial.suggest_int("leaf_rows", 1, 50, log=True)
        guard_share = trial.suggest_float("guard_share", 0.1, 0.7)
        return GuardedForest(replace(self.settings, depth=depth, leaf_rows=leaf_rows, guard_share=guard_share))


def in_steps(matrix: FeatureMatrix) -> npt.NDArray[np.float32]:
    """Return the number of the step of every value, (rows, features): ``step <= k`` says ``value <= BORDERS[k]``."""
    steps = np.empty(matrix.shape, dtype=np.float32)
    for column in range(matrix.shape[1]):
        steps[:, column] = np.searchsorted(BORDERS, matrix[:, column], side="left")
    return steps


def row_weights(classes: ClassIndices) -> Values:
    """Return the weight of every row: benign rows as much as all attacks, and those by the root of their class."""
    counts = np.bincount(classes)
    weights: Values = 1 / np.sqrt(counts[classes])
    attack = classes > 0
    for kind in (attack, ~attack):
        if kind.any():
            weights[kind] *= 0.5 * len(classes) / weights[kind].sum()
    weights /= weights.mean()
    return weights


def fit_guards(benign: npt.NDArray[np.float32], settings: GuardedForestSettings) -> tuple[Guard, ...]:
    """Return the trees of an isolation forest of benign rows in steps, (rows, features)."""
    from sklearn.ensemble import IsolationForest

    rows = min(settings.guard_rows, len(benign))
    forest = IsolationForest(n_estimators=settings.guards, max_samples=rows, random_state=settings.seed)
    forest.fit(benign)
    return tuple(Guard(one.tree_, _suspicion(one.tree_, rows)) for one in forest.estimators_)


def _suspicion(tree: Any, rows: int) -> Values:
    """Return how far every leaf's path falls short of a long one, from 0 to 1; 0 for inner nodes; (nodes,)."""
    depth = np.zeros(tree.node_count)
    # A parent stands before its children.
    for node in np.flatnonzero(tree.children_left != LEAF):
        depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
    path = (depth + usual_path(tree.n_node_samples)) / max(usual_path(np.array([rows]))[0], 1.0)
    return np.where(tree.children_left == LEAF, np.clip(1 - path / _LONG_PATH, 0, 1), 0.0)


def usual_path(rows: npt.NDArray[Any]) -> Values:
    """Return the mean path length of an unsuccessful search in a tree of so many rows (the paper's equation 1)."""
    many = np.maximum(rows, 3).astype(np.float64)
    path = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(rows > 2, path, np.where(rows == 2, 1.0, 0.0))


def value_thresholds(steps: Values) -> Values:
    """Return the thresholds on values that decide as thresholds on steps do, (nodes,)."""
    return BORDERS[np.clip(np.floor(steps).astype(np.int64), 0, len(BORDERS) - 1)].astype(np.float64)
