"""Shapley values by their definition: every set of features, and the expected score when only they are known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import factorial
from typing import Any


def expected(trees: Any, node: int, row: Sequence[float], known: frozenset[int]) -> float:
    """Return a node's expected value when the features outside ``known`` are averaged over by training rows."""
    asked = int(trees.feature[node])
    if asked < 0:
        return float(trees.values[node])
    left, right = int(trees.left[node]), int(trees.right[node])
    if asked in known:
        return expected(trees, left if row[asked] <= trees.threshold[node] else right, row, known)
    total = float(trees.cover[left] + trees.cover[right])
    share = float(trees.cover[left]) / total if total > 0 else 0.5
    return share * expected(trees, left, row, known) + (1 - share) * expected(trees, right, row, known)


def shapley_values(trees: Any, row: Sequence[float]) -> list[float]:
    """Return the Shapley value of every feature of a row; takes two to the power of the features."""
    features = range(len(row))
    worth = {
        frozenset(known): sum(expected(trees, int(root), row, frozenset(known)) for root in trees.roots)
        for size in range(len(row) + 1)
        for known in combinations(features, size)
    }
    count = len(row)
    values = [0.0] * count
    for known, without in worth.items():
        for feature in set(features) - known:
            weight = factorial(len(known)) * factorial(count - 1 - len(known)) / factorial(count)
            values[feature] += weight * (worth[known | {feature}] - without)
    return values
