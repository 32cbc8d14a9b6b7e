"""A forest as plain arrays, and what each feature contributed to a score.

The contributions are those of the decision path (Saabas, "Interpreting random forests", 2014; also Palczewska et al.,
"Interpreting random forest classification models using a feature contribution method", 2014): on the way from the root
to the leaf, each split changes the expected score from the node's to the child's, and that change is credited to the
feature that was asked. They add up to the score exactly: ``score = base + sum of contributions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix

LEAF: Final = -1
"""Feature index of a node that asks nothing."""

_ROWS_AT_ONCE: Final = 512


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


def contributions(ensemble: TreeEnsemble, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
    """Return what each feature added to the score of each row; shape (rows, features).

    ``ensemble.base`` plus the sum of a row is the row's score. Cost: rows times trees times depth, in NumPy.
    """
    parts = [_contributions(ensemble, matrix[start : start + _ROWS_AT_ONCE]) for start in _starts(len(matrix))]
    return np.concatenate(parts) if parts else np.zeros(matrix.shape)


def _starts(rows: int) -> range:
    return range(0, rows, _ROWS_AT_ONCE)


def _contributions(ensemble: TreeEnsemble, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
    rows, features = matrix.shape
    total = np.zeros(rows * features)
    row, node = (grid.ravel() for grid in np.meshgrid(np.arange(rows), ensemble.roots, indexing="ij"))
    while True:
        asked = ensemble.feature[node]
        inner = asked != LEAF
        if not inner.any():
            return total.reshape(rows, features)
        row, node, asked = row[inner], node[inner], asked[inner]
        goes_left = matrix[row, asked] <= ensemble.threshold[node]
        child = np.where(goes_left, ensemble.left[node], ensemble.right[node])
        change = ensemble.values[child] - ensemble.values[node]
        total += np.bincount(row * features + asked, weights=change, minlength=len(total))
        node = child
