"""Isolation trees, walked as one would by hand."""

from __future__ import annotations

from typing import Any

import numpy as np


def path_length(row: Any, tree: tuple[Any, ...]) -> float:
    """Return what the leaf stands for that a row comes to, in a tree of feature, threshold, left, right and length."""
    feature, threshold, left, right, length = tree
    node = 0
    while feature[node] >= 0:
        node = left[node] if row[feature[node]] <= threshold[node] else right[node]
    return float(length[node])


def path_lengths(matrix: Any, trees: list[tuple[Any, ...]]) -> list[float]:
    """Return the sum over the trees for every row."""
    return [float(np.sum([path_length(row, tree) for tree in trees])) for row in matrix]
