"""The contract of all novelty learners, and what each promises by itself."""

from __future__ import annotations

import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.detectors.novelty import LEARNERS
from netsift.detectors.novelty.autoencoders import column_groups
from netsift.detectors.novelty.base import LEAST_ROWS, NoveltyLearner, NoveltyModel
from netsift.detectors.novelty.ecod import EcodLearner
from netsift.detectors.novelty.isolation_forest import IsolationForestLearner, average_path_length
from netsift.errors import InputError
from netsift.models.features import FeatureMatrix

COLUMNS = 6
ALL = pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS.keys())


def ordinary(rows: int, seed: int) -> FeatureMatrix:
    """Return rows of two kinds, with columns that go together."""
    random = np.random.default_rng(seed)
    base = random.normal(np.where(random.random(rows) < 0.3, 2.0, 6.0)[:, None], 0.5, (rows, 2))
    near = random.normal(0, 0.1, (rows, 2))
    return np.hstack([base, base + near, random.exponential(1, (rows, 2))]).astype(np.float32)


def strange(rows: int) -> FeatureMatrix:
    """Return rows that lie far out."""
    return np.full((rows, COLUMNS), 30, np.float32)


@ALL
def test_the_same_seed_gives_the_same_scores(learner: NoveltyLearner) -> None:
    first, second = (learner.fit(ordinary(800, 1), 7).score(ordinary(50, 2)) for _ in range(2))
    assert np.array_equal(first, second)


@ALL
def test_strange_rows_score_higher_even_where_some_were_learned_from(learner: NoveltyLearner) -> None:
    model = learner.fit(np.vstack([ordinary(1980, 1), strange(20)]), 7)
    assert np.quantile(model.score(ordinary(500, 2)), 0.95) < model.score(strange(5)).min()


@ALL
def test_a_row_is_judged_by_itself(learner: NoveltyLearner) -> None:
    model = learner.fit(ordinary(800, 1), 7)
    rows = ordinary(64, 2)
    before = {name: array.copy() for name, array in model.arrays().items()}
    one_by_one = np.concatenate([model.score(rows[place : place + 1]) for place in range(len(rows))])
    assert np.allclose(one_by_one, model.score(rows), atol=1e-5)
    assert all(np.array_equal(before[name], array) for name, array in model.arrays().items()), "scoring taught it"


@ALL
def test_a_model_survives_as_arrays(learner: NoveltyLearner) -> None:
    model = learner.fit(ordinary(800, 1), 7)
    again = learner.load(model.arrays(), COLUMNS)
    assert np.array_equal(again.score(ordinary(50, 2)), model.score(ordinary(50, 2)))


@ALL
def test_too_few_rows_are_refused(learner: NoveltyLearner) -> None:
    with pytest.raises(InputError, match="too few"):
        learner.fit(ordinary(LEAST_ROWS - 1, 1), 7)


@ALL
def test_a_model_does_not_grow_with_the_rows(learner: NoveltyLearner) -> None:
    sizes = [
        sum(array.nbytes for array in learner.fit(ordinary(rows, 1), 7).arrays().values()) for rows in (2_000, 20_000)
    ]
    assert sizes[1] < 1.2 * sizes[0]


@ALL
def test_memory_while_scoring_is_bounded_by_the_rows(learner: NoveltyLearner) -> None:
    model, rows = learner.fit(ordinary(800, 1), 7), ordinary(20_000, 2)
    tracemalloc.start()
    model.score(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * rows.nbytes


@ALL
@given(values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=COLUMNS, max_size=COLUMNS))
def test_every_row_has_a_finite_score(learner: NoveltyLearner, values: list[float]) -> None:
    assert np.isfinite(small_model(learner.name).score(np.array([values], np.float32))).all()


@cache
def small_model(name: str) -> NoveltyModel:
    """Return a model that is quick to learn."""
    return LEARNERS[name].fit(ordinary(64, 1), 7)


@ALL
def test_arrays_that_are_missing_or_wrong_are_refused(learner: NoveltyLearner) -> None:
    arrays = learner.fit(ordinary(100, 1), 7).arrays()
    for name, array in arrays.items():
        with pytest.raises(InputError, match=name):
            learner.load({key: value for key, value in arrays.items() if key != name}, COLUMNS)
        with pytest.raises(InputError, match=name):
            learner.load({**arrays, name: array.astype(np.float16)}, COLUMNS)
        with pytest.raises(InputError, match=name):
            learner.load({**arrays, name: array[None]}, COLUMNS)
        if np.issubdtype(array.dtype, np.floating):
            spoiled = array.copy()
            spoiled.flat[0] = np.nan
            with pytest.raises(InputError, match=name):
                learner.load({**arrays, name: spoiled}, COLUMNS)


def test_ecod_explains_itself() -> None:
    model = EcodLearner().fit(ordinary(500, 1), 0)
    rows = ordinary(40, 2)
    assert np.allclose(model.contributions(rows).sum(axis=1), model.score(rows))
    odd = rows[:1].copy()
    odd[0, 4] = 99
    changed = model.contributions(odd)[0] - model.contributions(rows[:1])[0]
    assert np.flatnonzero(changed).tolist() == [4]
    assert model.contributions(odd)[0, 4] == pytest.approx(np.log(501))


def test_ecod_compresses_without_losing_the_tails() -> None:
    column = np.sort(np.random.default_rng(1).normal(size=(20_000, 1)).astype(np.float32), axis=0)
    model = EcodLearner().fit(column, 0)
    asked = np.array([[-9], [-2], [0.3], [2], [9]], np.float32)
    left = np.array([(column <= one).mean() for one in asked[:, 0]])
    right = np.array([(column >= one).mean() for one in asked[:, 0]])
    truth = -np.log(np.maximum(left, 1 / 20_001)) - np.log(np.maximum(right, 1 / 20_001))
    assert np.allclose(model.score(asked), truth, atol=0.15)


def test_the_forest_is_that_of_scikit_learn() -> None:
    from sklearn.ensemble import IsolationForest

    rows, others = ordinary(700, 1), ordinary(300, 2)
    theirs = IsolationForest(n_estimators=100, max_samples=256, random_state=5, n_jobs=1).fit(rows)
    assert np.allclose(IsolationForestLearner().fit(rows, 5).score(others), -theirs.score_samples(others), atol=1e-6)


def test_path_lengths_are_those_of_the_paper() -> None:
    assert average_path_length(np.array([1, 2, 256])).tolist() == pytest.approx([0, 1, 10.2448], abs=1e-3)


@pytest.mark.parametrize(("left", "right"), [(0, 2), (1, 0)])
def test_a_tree_that_would_walk_in_circles_is_refused(left: int, right: int) -> None:
    arrays = IsolationForestLearner(trees=1).fit(ordinary(100, 1), 7).arrays()
    arrays["left"][0, 0], arrays["right"][0, 0] = left, right
    with pytest.raises(InputError, match="before their parents"):
        IsolationForestLearner().load(arrays, COLUMNS)


def test_columns_that_go_together_are_one_group() -> None:
    groups = column_groups(ordinary(1000, 1), 2)
    assert sorted(map(len, groups)) == [2, 2, 2]
    assert sorted(column for group in groups for column in group) == list(range(COLUMNS))
    assert [0, 2] in groups
    assert [1, 3] in groups


def test_autoencoders_go_on_from_an_earlier_model() -> None:
    learner = LEARNERS["autoencoders"]
    before = learner.fit(ordinary(800, 1), 7)
    moved = ordinary(800, 2) + np.float32(2)
    after = learner.fit(moved, 7, before)
    assert np.array_equal(after.arrays()["columns"], before.arrays()["columns"])
    fresh = ordinary(200, 3) + np.float32(2)
    assert np.median(after.score(fresh)) < np.median(before.score(fresh))
