"""What every learner keeps to, and what is particular to each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from netsift.errors import UsageError
from netsift.models.audit import audit_graph
from netsift.models.features import MISSING, FeatureMatrix
from netsift.models.learners import LEARNERS, logistic, make_learner, settings_of
from netsift.models.learners.base import ClassIndices, class_weights
from netsift.models.margins import attack_share, attributed

NAMES = tuple("abcdefg")


def numbers(classes: int, count: int = 500) -> tuple[FeatureMatrix, ClassIndices]:
    """Return rows of whole and of huge numbers, some missing, and classes that two columns tell."""
    random = np.random.default_rng(1)
    matrix = random.integers(-1, 6, (count, 7)).astype(np.float32)
    matrix[:, 0] = random.exponential(1e9, count).astype(np.float32)
    matrix[:, 5] = MISSING
    labels = (matrix[:, 1] > 2).astype(np.int64) + (classes > 2) * (matrix[:, 2] > 3)
    labels[:classes] = np.arange(classes)
    return matrix, labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_seed_gives_the_same_graph(name: str, classes: int) -> None:
    matrix, labels = numbers(classes)
    graphs = [make_learner(name, 4).fit(matrix, labels, classes).graph(NAMES) for _ in range(2)]
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns_and_says_what_mattered(name: str) -> None:
    matrix, labels = numbers(2)
    fitted = make_learner(name, 0).fit(matrix, labels, 2)
    score = fitted.probabilities(matrix)[:, 1]
    assert score[labels == 1].mean() > score[labels == 0].mean() + 0.5
    assert fitted.importance.argmax() == 1
    assert fitted.importance.sum() == pytest.approx(1)
    assert fitted.importance[5] == 0


@pytest.mark.parametrize("name", LEARNERS)
def test_a_class_without_rows_has_no_probability_and_no_graph(name: str) -> None:
    matrix, labels = numbers(2)
    fitted = make_learner(name, 0).fit(matrix, labels * 2, 4)
    probabilities = fitted.probabilities(matrix)
    assert probabilities.shape == (500, 4)
    assert (probabilities[:, [1, 3]] == 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(500))
    with pytest.raises(ValueError, match="all 4 classes"):
        fitted.graph(NAMES)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", LEARNERS)
def test_extreme_rows_score_the_same_in_the_graph(name: str, classes: int) -> None:
    matrix, labels = numbers(classes)
    learner = make_learner(name, 0)
    fitted = learner.fit(matrix, labels, classes)
    just_above = np.nextafter(np.float32(3), np.float32(4))
    extremes = np.array([0, -1, -0.5, 1e-38, 1e-45, 1e34, -1e34, 2, 3, just_above], dtype=np.float32)
    rows = np.random.default_rng(2).choice(extremes, (2000, 7))
    graph = fitted.graph(NAMES)
    probabilities = InferenceSession(graph).run(["probabilities"], {"features": rows})[0]
    expected = fitted.probabilities(rows)
    assert np.abs(probabilities - expected).max() < 1e-5
    explanation = audit_graph(graph, learner.name, NAMES, classes)
    explained = explanation.base + explanation.contributions(rows).sum(axis=1)
    assert np.abs(explained - expected[:, 1:].sum(axis=1)).max() < 1e-5


def test_weights_are_those_of_the_square_root() -> None:
    assert class_weights(np.array([0, 0, 0, 2])) == pytest.approx({0: (4 / 3) ** 0.5, 2: 2.0})


def test_settings_are_taken_by_name() -> None:
    assert settings_of(make_learner("extra-trees", 3, trees=7, depth=None)) == {
        "trees": 7, "depth": 14, "leaf_rows": 3, "seed": 3,
    }  # fmt: skip
    with pytest.raises(UsageError, match="the learner logistic has no trees to set"):
        make_learner("logistic", 0, trees=7)
    with pytest.raises(UsageError, match="there is no learner 'oracle'; there are guarded-forest, random-forest"):
        make_learner("oracle", 0)


def test_many_rows_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "MOST_ROWS", 100)
    matrix, labels = numbers(3, 1000)
    labels[999] = 3
    fitted = make_learner("logistic", 0).fit(matrix, labels, 4)
    assert fitted.graph(NAMES)
    assert fitted.probabilities(matrix).shape == (1000, 4)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.integers(2, 5))
def test_parts_of_margins_become_parts_of_the_score(seed: int, size: float, classes: int) -> None:
    random = np.random.default_rng(seed)
    base, parts = random.standard_normal(classes), size * random.standard_normal((6, 4, classes))
    credited = attributed(base, parts)
    gained = attack_share(base + parts.sum(axis=1)) - attack_share(base)
    assert np.abs(credited.sum(axis=1) - gained).max() < 1e-9
    parts[:, 2] = 0
    assert (attributed(base, parts)[:, 2] == 0).all()
