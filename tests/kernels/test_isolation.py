"""The kernel of isolation forests against walking the trees by hand."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.detectors.novelty.isolation_forest import MOST_DEPTH, IsolationForestLearner
from netsift.kernels.isolation import path_lengths
from tests.naive.isolation import path_lengths as slow_path_lengths


@pytest.mark.parametrize("rows", [16, 300])
def test_path_lengths_are_those_of_walks_by_hand(rows: int) -> None:
    random = np.random.default_rng(rows)
    model = IsolationForestLearner(trees=20).fit(random.normal(size=(rows, 4)).astype(np.float32), 1)
    asked = np.vstack([random.normal(size=(40, 4)), [[np.inf, -np.inf, 1e30, -1]], np.zeros((1, 4))])
    matrix = asked.astype(np.float32)
    total = np.zeros(len(matrix))
    arrays = model.feature, model.threshold, model.left, model.right, model.length
    path_lengths(matrix, *arrays, MOST_DEPTH, total)
    trees = [tuple(array[tree] for array in arrays) for tree in range(20)]
    assert np.allclose(total, slow_path_lengths(matrix, trees))
    cut = np.zeros(len(matrix))
    path_lengths(matrix, *arrays, 1, cut)
    assert (cut <= total + 1e-6).all()
