"""A forest as plain arrays, and what each feature contributed to a score.

The contributions are exact Shapley values (path-dependent TreeSHAP; :mod:`netsift.kernels.shapley`): a feature gets
what the expected score gains when it becomes known, as a mean over all orders in which the features of a flow could
become known. They add up to the score: ``score = base + sum of contributions``. Features that say the same share it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.models.features import FeatureMatrix
from netsift.models.margins import attack_share, attributed

LEAF: Final = -1
"""Feature index of a node that asks nothing."""

_ROWS_AT_ONCE: Final = 512
_ONE_BY_ONE: Final = 4
"""Most rows that walk through the trees one after the other; of more it is quicker that they go together."""

MAX_DEPTH: Final = 256
"""Questions on the longest path of a tree that is explained."""

_ARRAYS: Final[tuple[tuple[str, Any], ...]] = (
    ("feature", np.int64),
    ("threshold", np.float32),
    ("left", np.int64),
    ("right", np.int64),
    ("cover", np.float64),
    ("values", np.float64),
    ("roots", np.int64),
)
"""What the kernels take, in their order."""

Quadrature = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Points and weights."""


class Explanation(Protocol):
    """What tells how a model came to its scores, made from the graph that is served."""

    @property
    def base(self) -> float:
        """The score before anything is known about a flow."""

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature added to each score, (rows, features); with ``base`` they make the score."""


@dataclass(frozen=True)
class TreeEnsemble:
    """All nodes of all trees, one entry per node; a parent always stands before its children.

    A row goes left when ``row[feature] <= threshold``. ``values`` holds the attack probability that the node adds to
    the score (leaves: what the graph says; inner nodes: the mean of their children, weighted by training rows).
    ``cover`` is the share of the training rows that reached the node.
    """

    roots: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    cover: npt.NDArray[np.float64]

    @property
    def base(self) -> float:
        """The score before anything is known about a flow: the sum of the roots' values."""
        return float(self.values[self.roots].sum())

    @cached_property
    def levels(self) -> int:
        """Nodes on the longest path. Raises InputError as :func:`depth` does."""
        return depth(self) + 1

    @cached_property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """The arrays as the kernels are compiled for them."""
        return tuple(_owned(getattr(self, name), kind) for name, kind in _ARRAYS)

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return the Shapley value of each feature for the score of each row; shape (rows, features).

        Cost per row: nodes times half the depth.
        """
        return shapley(self, matrix)


@dataclass(frozen=True)
class MarginTrees:
    """Trees whose values add up to the margins of :mod:`netsift.models.margins`, one class per tree.

    ``class_of_tree`` (trees,) is below ``classes``. A feature's part of a margin is its Shapley value, which is
    exact; :func:`netsift.models.margins.attributed` says how such parts become parts of the score.
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
            parts = [shapley(trees, matrix[rows]) for trees in self._of_class]
            found[rows] = attributed(self.margins, np.stack(parts, axis=-1))
        return found

    @cached_property
    def _of_class(self) -> list[TreeEnsemble]:
        """Return the trees of every class as an ensemble of its own."""
        return [
            replace(self.trees, roots=self.trees.roots[self.class_of_tree == number]) for number in range(self.classes)
        ]


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


def shapley(ensemble: TreeEnsemble, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
    """Return the Shapley value of each feature for the sum of the trees, for each row; shape (rows, features).

    A row's values are the same, but for the last digits, in whichever company it comes.
    """
    quadrature = _quadrature(min(ensemble.levels - 1, matrix.shape[1]))
    values = np.zeros(matrix.shape)
    rows = _owned(matrix, np.float32)
    if len(rows) <= _ONE_BY_ONE:
        for number, row in enumerate(rows):
            _of_one_row(ensemble, row, quadrature, values[number])
    else:
        _of_rows(ensemble, rows, quadrature, values)
    return values


def _of_one_row(
    ensemble: TreeEnsemble, row: npt.NDArray[np.float32], quadrature: Quadrature, values: npt.NDArray[np.float64]
) -> None:
    from netsift.kernels.shapley import shapley_values_of_row

    levels = ensemble.levels
    integers, factors = np.zeros((4, levels), np.int64), np.zeros((3, levels, len(quadrature[0])))
    rests = 1 - quadrature[0]
    walk = (*integers, np.zeros(levels), np.zeros(len(row), np.int64))
    shapley_values_of_row(row, ensemble.arrays, (*quadrature, rests, 1 / rests), walk, (*factors,), values)


def _of_rows(
    ensemble: TreeEnsemble, rows: FeatureMatrix, quadrature: Quadrature, values: npt.NDArray[np.float64]
) -> None:
    from netsift.kernels.shapley import ROWS, shapley_values

    levels, lanes = ensemble.levels, min(len(rows), ROWS)
    memory = (levels, len(quadrature[0]), lanes)
    walk = (*(np.zeros(levels, kind) for kind in (np.int64, np.int64, np.float64, np.int64)), np.zeros((levels, lanes)))
    products, sums = np.zeros(memory), np.zeros(memory)
    shapley_values(rows, ensemble.arrays, quadrature, walk, products, sums, np.zeros(lanes), values)


def depth(ensemble: TreeEnsemble) -> int:
    """Return how many questions the longest path asks.

    Raises:
        InputError: it asks more than :data:`MAX_DEPTH`.
    """
    nodes = ensemble.roots
    for level in range(MAX_DEPTH + 1):
        nodes = nodes[ensemble.feature[nodes] != LEAF]
        if not len(nodes):
            return level
        nodes = np.concatenate([ensemble.left[nodes], ensemble.right[nodes]])
    raise InputError(f"the model's trees ask more than {MAX_DEPTH} questions in a row")


@cache
def _quadrature(features: int) -> Quadrature:
    """Return points and weights on 0 to 1 that integrate polynomials of degree ``features − 1`` without error."""
    points, weights = np.polynomial.legendre.leggauss(max((features + 1) // 2, 1))
    return (points + 1) / 2, weights / 2


def _owned(array: npt.NDArray[Any], kind: Any) -> npt.NDArray[Any]:
    """Return the array as the kernel is compiled for: of one type, contiguous, writable."""
    return np.require(array, kind, ["C", "W"])
