"""A forest as plain arrays, and what each feature contributed to a score.

The contributions are those of the decision path (Saabas, "Interpreting random forests", 2014; also Palczewska et al.,
"Interpreting random forest classification models using a feature contribution method", 2014): on the way from the root
to the leaf, each split changes the expected score from the node's to the child's, and that change is credited to the
feature that was asked. They add up to the score exactly: ``score = base + sum of contributions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix
from netsift.models.margins import attack_share, attributed

LEAF: Final = -1
"""Feature index of a node that asks nothing."""

_ROWS_AT_ONCE: Final = 512


class Explanation(Protocol):
    """What tells how a model came to its scores, made from the graph that is served."""

    @property
    def base(self) -> float:
        """The score before anything is known about a flow."""

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature added to each score, (rows, features); with ``base`` they make the score."""


@dataclass(frozen=True, slots=True)
class TreeEnsemble:
    """All nodes of all trees, one entry per node; a parent always stands before its children.

    A row goes left when ``row[feature] <= threshold``. ``values`` holds the attack probability that the node adds to
    the score (leaves: what the graph says; inner nodes: the mean of their children, weighted by training rows).
    """

    roots: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @property
    def base(self) -> float:
        """The score before anything is known about a flow: the sum of the roots' values."""
        return float(self.values[self.roots].sum())

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature added to the score of each row; shape (rows, features).

        Cost: rows times trees times depth, in NumPy.
        """
        return _path_changes(self, matrix, np.zeros(len(self.roots), dtype=np.int64), 1)[:, :, 0]


@dataclass(frozen=True)
class MarginTrees:
    """Trees whose values add up to the margins of :mod:`netsift.models.margins`, one class per tree.

    ``class_of_tree`` (trees,) is below ``classes``. A feature's part of a margin is what the decision paths credit it
    with, which is exact; :func:`netsift.models.margins.attributed` says how such parts become parts of the score.
    """

    trees: TreeEnsemble
    class_of_tree: npt.NDArray[np.int64]
    classes: int

    @cached_property
    def margins(self) -> npt.NDArray[np.float64]:
        """The margins before anything is known about a flow, (classes,): their means over the training rows."""
        summed = np.bincount(self.class_of_tree, self.trees.values[self.trees.roots], self.classes)
        return summed.astype(np.float64)

    @property
    def base(self) -> float:
        """The score of the mean margins."""
        return float(attack_share(self.margins))

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature added to the score of each row; shape (rows, features)."""
        found = np.zeros(matrix.shape)
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            parts = _path_changes(self.trees, matrix[rows], self.class_of_tree, self.classes)
            found[rows] = attributed(self.margins, parts)
        return found


def with_inner_values(
    leaf_values: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    feature: npt.NDArray[np.int64],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the value of every node, inner nodes being the weighted mean of their children; shape (nodes,)."""
    values = leaf_values.copy()
    inner = np.flatnonzero(feature != LEAF)
    # A parent stands before its children, so going backwards finds both children ready.
    for node in inner[::-1]:
        first, second = left[node], right[node]
        total = weight[first] + weight[second]
        share = weight[first] / total if total > 0 else 0.5
        values[node] = share * values[first] + (1 - share) * values[second]
    return values


def _path_changes(
    ensemble: TreeEnsemble, matrix: FeatureMatrix, sum_of_tree: npt.NDArray[np.int64], sums: int
) -> npt.NDArray[np.float64]:
    """Return what each feature added to each sum of trees, (rows, features, sums).

    Tree t adds to the sum ``sum_of_tree[t]``.
    """
    found = np.zeros((*matrix.shape, sums))
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        found[rows] = _block_changes(ensemble, matrix[rows], sum_of_tree, sums)
    return found


def _block_changes(
    ensemble: TreeEnsemble, matrix: FeatureMatrix, sum_of_tree: npt.NDArray[np.int64], sums: int
) -> npt.NDArray[np.float64]:
    rows, features = matrix.shape
    total = np.zeros(rows * features * sums)
    row, tree = (grid.ravel() for grid in np.meshgrid(np.arange(rows), np.arange(len(ensemble.roots)), indexing="ij"))
    node, target = ensemble.roots[tree], sum_of_tree[tree]
    while True:
        asked = ensemble.feature[node]
        inner = asked != LEAF
        if not inner.any():
            return total.reshape(rows, features, sums)
        row, node, asked, target = row[inner], node[inner], asked[inner], target[inner]
        goes_left = matrix[row, asked] <= ensemble.threshold[node]
        child = np.where(goes_left, ensemble.left[node], ensemble.right[node])
        change = ensemble.values[child] - ensemble.values[node]
        total += np.bincount((row * features + asked) * sums + target, weights=change, minlength=len(total))
        node = child
