"""The walk through the trees gives the Shapley values of the definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netsift.errors import InputError
from netsift.models.trees import LEAF, MAX_DEPTH, TreeEnsemble, depth, shapley, with_inner_values
from tests.naive.shapley import shapley_values


def random_trees(seed: int, features: int, levels: int, count: int = 3) -> TreeEnsemble:
    """Return trees that ask features again and again, some of whose nodes no training row reached."""
    random = np.random.default_rng(seed)
    feature: list[int] = []
    left: list[int] = []
    right: list[int] = []

    def grow(level: int) -> int:
        node = len(feature)
        inner = level < levels and random.random() < 0.85
        feature.append(int(random.integers(features)) if inner else LEAF)
        left.append(LEAF)
        right.append(LEAF)
        if inner:
            left[node] = grow(level + 1)
            right[node] = grow(level + 1)
        return node

    roots = [grow(0) for _ in range(count)]
    asked, first, second = np.array(feature), np.array(left), np.array(right)
    cover = random.random(len(asked)) * (random.random(len(asked)) > 0.1)
    values = with_inner_values(random.normal(size=len(asked)) * (asked == LEAF), cover, asked, first, second)
    threshold = random.integers(-1, 3, len(asked)).astype(np.float32)
    return TreeEnsemble(np.array(roots), asked, threshold, first, second, values, cover)


@pytest.mark.parametrize("seed", range(12))
def test_shapley_values_are_those_of_the_definition(seed: int) -> None:
    features = 1 + seed % 6
    trees = random_trees(seed, features, levels=1 + seed % 7)
    rows = np.random.default_rng(seed).integers(-1, 4, (19, features)).astype(np.float32)
    expected = np.array([shapley_values(trees, row.tolist()) for row in rows])
    assert np.abs(shapley(trees, rows) - expected).max() < 1e-12


@pytest.mark.parametrize("seed", range(12))
def test_a_row_alone_is_that_of_the_definition(seed: int) -> None:
    """The kernel shapley_values_of_row, which few rows are given to."""
    features = 1 + seed % 6
    trees = random_trees(seed, features, levels=1 + seed % 7)
    for row in np.random.default_rng(seed).integers(-1, 4, (5, features)).astype(np.float32):
        assert np.abs(shapley(trees, row[None])[0] - shapley_values(trees, row.tolist())).max() < 1e-12


def test_a_row_alone_is_what_it_is_among_many() -> None:
    trees = random_trees(8, features=40, levels=13, count=5)
    rows = np.random.default_rng(8).integers(-1, 4, (33, 40)).astype(np.float32)
    alone = np.concatenate([shapley(trees, row[None]) for row in rows])
    assert np.abs(shapley(trees, rows) - alone).max() < 1e-12


def test_they_add_up_in_deep_trees_that_ask_many_features() -> None:
    trees = random_trees(7, features=40, levels=13, count=2)
    rows = np.random.default_rng(7).integers(-1, 4, (33, 40)).astype(np.float32)
    scores = []
    for row in rows:
        score = 0.0
        for root in trees.roots:
            node = int(root)
            while trees.feature[node] != LEAF:
                goes_left = row[trees.feature[node]] <= trees.threshold[node]
                node = int((trees.left if goes_left else trees.right)[node])
            score += trees.values[node]
        scores.append(score)
    assert np.abs(trees.base + shapley(trees, rows).sum(axis=1) - scores).max() < 1e-10


def test_rows_that_may_not_be_written_and_columns_that_do_not_lie_together() -> None:
    trees = random_trees(3, features=3, levels=4)
    rows = np.asfortranarray(np.random.default_rng(3).integers(-1, 4, (5, 3)).astype(np.float32))
    expected = shapley(trees, rows.copy(order="C"))
    rows.setflags(write=False)
    assert (shapley(trees, rows) == expected).all()


def test_a_tree_that_is_a_leaf_says_nothing() -> None:
    leaf = replace(random_trees(0, 2, 0), values=np.ones(3))
    assert depth(leaf) == 0
    for rows in (1, 40):
        assert (shapley(leaf, np.zeros((rows, 2), np.float32)) == 0).all()


def test_trees_that_are_too_deep_are_refused() -> None:
    inner = MAX_DEPTH + 1
    nodes = np.arange(2 * inner + 1)
    asked = np.where(nodes % 2 == 0, 0, LEAF)
    asked[-1] = LEAF
    left, right = np.where(asked == LEAF, LEAF, nodes + 1), np.where(asked == LEAF, LEAF, nodes + 2)
    chain = TreeEnsemble(
        np.array([0]), asked, np.zeros(len(nodes), np.float32), left, right, np.zeros(len(nodes)), np.ones(len(nodes))
    )
    with pytest.raises(InputError, match="more than 256 questions"):
        depth(chain)
