"""Measures agree with scikit-learn and with values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from netsift.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    Values,
    attack_scores,
    benign_rows_needed,
    class_results,
    f1_score,
    operating_point,
    recall_at,
    worst,
)
from netsift.evaluation.protocols.folds import BY_INPUT
from netsift.evaluation.results import Scored, protocol_result
from netsift.evaluation.splits import Labels
from netsift.models.manifest import ProtocolResult
from tests.evaluation.rows import rows


def measured(truth: Labels, probabilities: Values, name: str = "p") -> ProtocolResult:
    """Return the result of a protocol that tested these rows once, with 0.5 as the threshold."""
    protocol = replace(BY_INPUT, name=name)
    tested = np.arange(len(truth))
    scores = Scored(
        tested,
        np.zeros_like(tested),
        attack_scores(probabilities),
        probabilities.argmax(axis=1),
        np.full(len(truth), 0.5),
        ("all",),
    )
    return protocol_result(protocol, rows(truth, names=("benign", "scan", "flood")), scores, seed=0, resamples=20)


def scored(seed: int, rows: int = 400) -> tuple[Labels, Values]:
    """Return class indices and class probabilities (rows, 3) that agree more often than not."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, rows)
    weights = random.random((rows, 3)) + np.eye(3)[truth] * random.random((rows, 1))
    return truth, weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_measures_agree_with_scikit_learn(seed: int) -> None:
    truth, probabilities = scored(seed)
    attack, score = truth > 0, attack_scores(probabilities)
    result = measured(truth, probabilities)
    assert result.accuracy == pytest.approx(metrics.accuracy_score(attack, score >= 0.5), abs=1e-6)
    assert result.f1 == pytest.approx(metrics.f1_score(attack, score >= 0.5), abs=1e-6)
    assert result.roc_auc == pytest.approx(metrics.roc_auc_score(attack, score), abs=1e-6)
    assert result.average_precision == pytest.approx(metrics.average_precision_score(attack, score), abs=1e-6)
    said = probabilities.argmax(axis=1)
    for label, entry in enumerate(result.classes):
        assert entry.precision == pytest.approx(metrics.precision_score(truth == label, said == label), abs=1e-6)
        assert entry.recall == pytest.approx(metrics.recall_score(truth == label, said == label), abs=1e-6)


@pytest.mark.parametrize("rate", FALSE_POSITIVE_RATES)
def test_recall_is_that_of_the_roc_curve(rate: float) -> None:
    truth, probabilities = scored(7, rows=3000)
    attack, score = truth > 0, attack_scores(probabilities)
    false_positives, recalls, _ = metrics.roc_curve(attack, score, drop_intermediate=False)
    expected = recalls[false_positives <= rate].max()
    enough = np.count_nonzero(~attack) >= benign_rows_needed(rate)
    found = operating_point(attack, score, rate).recall
    assert found == (pytest.approx(expected, abs=1e-6) if enough else None)


def test_operating_point_by_hand() -> None:
    score = np.array([0.0, 0.1, 0.2, 0.6, 0.5, 0.7, 0.9, 0.1])
    attack = np.array([False, False, False, False, True, True, True, True])
    quarter = operating_point(attack, score, 0.25)
    assert quarter.threshold == pytest.approx((0.2 + 0.5) / 2)
    assert quarter.recall == 0.75
    none = operating_point(attack, score, 0.1)
    assert none.threshold == pytest.approx((0.6 + 0.7) / 2)
    assert none.recall is None
    assert none.benign_rows_needed == 10


def test_a_rate_that_no_score_keeps_flags_nothing() -> None:
    point = operating_point(np.array([False, False, True]), np.array([1.0, 1.0, 1.0]), 0.5)
    assert point.threshold > 1
    assert point.recall == 0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=60), st.sampled_from([0.01, 0.1, 0.3])
)
def test_the_threshold_keeps_to_its_rate(rows: list[tuple[bool, int]], rate: float) -> None:
    attack = np.array([row[0] for row in rows])
    score = np.array([row[1] / 10 for row in rows])
    if attack.all():
        return
    point = operating_point(attack, score, rate)
    assert (score[~attack] >= np.float32(point.threshold)).mean() <= rate
    assert 0 < point.threshold <= 1.001


def test_f1_by_hand() -> None:
    truth, said = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 0, 1, 0], dtype=bool)
    assert f1_score(truth, said) == 0.5
    assert f1_score(truth, truth) == 1
    assert f1_score(~truth & truth, ~truth & truth) == 0


def test_classes_without_rows_are_left_out() -> None:
    (only,) = class_results(("benign", "scan"), np.array([0, 0]), np.array([0, 1]))
    assert (only.name, only.rows, only.precision, only.recall) == ("benign", 2, 1.0, 0.5)


def test_the_worst_is_the_headline_and_the_honest_one_among_equals() -> None:
    truth, probabilities = scored(1)
    good = measured(truth, np.eye(3)[truth], "good")
    bad = measured(truth, probabilities, "bad")
    assert recall_at(good, 0.01) == 1
    assert worst([good, bad]).protocol == worst([bad, good]).protocol == "bad"
    assert worst([good, good.model_copy(update={"protocol": "honest"})]).protocol == "honest"
