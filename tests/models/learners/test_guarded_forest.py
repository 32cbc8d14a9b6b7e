"""The guarded forest: steps that can be undone, weights, guards, and what they are for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from netsift.models.features import MISSING
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.guarded_forest import (
    BORDERS,
    GuardedForest,
    GuardedForestSettings,
    in_steps,
    row_weights,
    usual_path,
    value_thresholds,
)
from netsift.models.learners.random_forest import RandomForest

SMALL = GuardedForestSettings(trees=20, depth=6, guards=40)
values = st.one_of(
    st.just(MISSING),
    st.just(0.0),
    st.integers(0, 100).map(float),
    st.floats(0, 2.0**127, width=32, allow_subnormal=False),
)


@given(st.lists(values, min_size=1, max_size=30), st.integers(0, len(BORDERS) - 2))
def test_a_threshold_on_steps_decides_as_the_one_on_values(found: list[float], border: int) -> None:
    matrix = np.array(found, np.float32)[:, None]
    threshold = np.float32(value_thresholds(np.array([border + 0.5]))[0])
    assert ((in_steps(matrix) <= border + 0.5) == (matrix <= threshold)).all()


def test_missing_nothing_and_small_whole_numbers_are_steps_of_their_own() -> None:
    matrix = np.array([[MISSING, 0.0, *range(1, 33)]], np.float32)
    assert len(set(in_steps(matrix)[0].tolist())) == matrix.shape[1]


def test_greater_values_a_fifth_apart_are_told_apart_and_equal_ones_are_not() -> None:
    exact = np.float32(29_200)
    near, far = exact * np.float32(1.005), exact * np.float32(1.25)
    steps = in_steps(np.array([[exact, near, far]], np.float32))[0]
    assert steps[0] == steps[1]
    assert steps[2] > steps[0]


def test_benign_rows_weigh_as_much_as_all_attacks_and_classes_by_their_root() -> None:
    classes = np.array([0] * 10 + [1] * 400 + [2] * 100)
    weights = row_weights(classes)
    assert weights[classes == 0].sum() == pytest.approx(weights[classes > 0].sum())
    assert weights[classes == 1].sum() == pytest.approx(2 * weights[classes == 2].sum())
    assert weights.mean() == pytest.approx(1)


def test_the_usual_path_is_that_of_the_paper() -> None:
    for rows in (3, 10, 256, 5000):
        harmonic = sum(1 / number for number in range(1, rows))
        assert usual_path(np.array([rows]))[0] == pytest.approx(2 * harmonic - 2 * (rows - 1) / rows, abs=2 / rows)
    assert usual_path(np.array([1, 2])).tolist() == [0, 1]


def lab(seed: int, unseen: bool) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return benign rows, and attacks that are small in the last columns, or unseen ones that are large there."""
    random = np.random.default_rng(seed)
    matrix = np.exp(random.normal(3, 0.4, (600, 6))).astype(np.float32)
    classes = np.zeros(600, np.int64)
    classes[400:] = 1
    matrix[400:, 3:] *= 30 if unseen else 0.1
    return matrix, classes


def test_an_attack_unlike_all_that_were_learned_is_found_because_it_is_unlike_benign_flows() -> None:
    matrix, classes = lab(0, unseen=False)
    unseen, truth = lab(1, unseen=True)
    areas = {}
    for learner in (GuardedForest(SMALL), RandomForest(ForestSettings(trees=20, depth=6))):
        fitted = learner.fit(matrix, classes, 2)
        known = roc_auc_score(classes, fitted.probabilities(matrix)[:, 1])
        assert known > 0.99
        areas[learner.name] = roc_auc_score(truth, fitted.probabilities(unseen)[:, 1])
    assert areas["guarded forest"] > 0.95
    assert areas["guarded forest"] > areas["random forest"] + 0.2


def test_guards_do_not_prefer_one_kind_of_attack() -> None:
    matrix, classes = lab(0, unseen=False)
    classes[500:] = 2
    probabilities = GuardedForest(SMALL).fit(matrix, classes, 3).probabilities(np.full((1, 6), 3e38, np.float32))
    assert probabilities.sum() == pytest.approx(1)
    assert (probabilities >= 0).all()
