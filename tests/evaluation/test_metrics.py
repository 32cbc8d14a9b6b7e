"""Measures agree with scikit-learn and with values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from netsift.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    Curve,
    Values,
    attack_scores,
    benign_rows_needed,
    brier_score,
    calibration_error,
    class_results,
    confusion_counts,
    curve_measures,
    curve_points,
    f1_of_flagging_all,
    f1_score,
    in_use,
    operating_point,
    recall_at,
    reliability,
    worst,
)
from netsift.evaluation.protocols.folds import BY_INPUT
from netsift.evaluation.results import Scored, protocol_result
from netsift.evaluation.splits import Labels
from netsift.models.manifest import OperatingPoint, ProtocolResult
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


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50))
def test_calibration_agrees_with_naive_loops(pairs: list[tuple[bool, float]]) -> None:
    attack, score = np.array([one for one, _ in pairs]), np.array([one for _, one in pairs])
    assert brier_score(attack, score) == pytest.approx(sum((s - a) ** 2 for a, s in pairs) / len(pairs))
    error = 0.0
    for step in range(10):
        inside = [(a, s) for a, s in pairs if min(int(s * 10), 9) == step]
        if inside:
            error += abs(sum(s for _, s in inside) - sum(a for a, _ in inside)) / len(pairs)
    assert calibration_error(reliability(attack, score)) == pytest.approx(error, abs=1e-5)


def test_calibration_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    score = random.random(500)
    attack = random.random(500) < score**2
    shares, scores = calibration_curve(attack, score, n_bins=10)
    bins = reliability(attack, score)
    assert [one.attacks for one in bins] == pytest.approx(shares.tolist(), abs=1e-6)
    assert [one.score for one in bins] == pytest.approx(scores.tolist(), abs=1e-6)
    assert brier_score(attack, score) == pytest.approx(metrics.brier_score_loss(attack, score))


def test_precision_in_use_is_that_of_bayes() -> None:
    point = OperatingPoint(false_positive_rate=0.01, threshold=0.5, recall=0.8)
    use = in_use(point, base_rate=0.001, flows_per_day=1_000_000)
    assert use.alerts_per_day == pytest.approx(800 + 9990)
    assert use.false_alerts_per_day == pytest.approx(9990)
    assert use.precision == pytest.approx(0.8 * 0.001 / (0.8 * 0.001 + 0.01 * 0.999), abs=1e-6)
    assert in_use(point, base_rate=0, flows_per_day=10).precision == 0
    unknown = point.model_copy(update={"recall": None})
    assert in_use(unknown, base_rate=0.001, flows_per_day=10).precision is None


def test_f1_of_flagging_all_is_that_of_flagging_all() -> None:
    truth, probabilities = scored(2)
    result = measured(truth, probabilities)
    expected = metrics.f1_score(truth > 0, np.ones(len(truth)))
    assert f1_of_flagging_all(result) == pytest.approx(expected, abs=1e-6)
    assert f1_of_flagging_all(result.model_copy(update={"averaged": True})) == pytest.approx(expected, abs=1e-6)
    assert f1_of_flagging_all(result.model_copy(update={"attack_rows": None})) is None


def test_rows_needed_are_those_that_allow_one_false_alarm() -> None:
    assert [benign_rows_needed(rate) for rate in FALSE_POSITIVE_RATES] == [20, 100, 1000, 10_000]


def test_classes_say_how_many_of_their_rows_were_flagged() -> None:
    truth, said = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 0])
    benign, scan = class_results(("benign", "scan", "flood"), truth, said, np.array([False, True, True, False]))
    assert (benign.flagged, scan.flagged, scan.recall) == (0.5, 0.5, 0)


def test_a_flattering_result_is_never_the_headline_beside_an_honest_one() -> None:
    truth, probabilities = scored(1)
    honest = measured(truth, np.eye(3)[truth], "honest")
    flattering = measured(truth, probabilities, "flattering").model_copy(update={"honest": False})
    assert worst([flattering, honest]).protocol == "honest"
    assert worst([flattering]).protocol == "flattering"


def test_without_recalls_the_area_decides() -> None:
    truth, probabilities = scored(1, rows=60)
    good, poor = measured(truth, np.eye(3)[truth], "good"), measured(truth, probabilities, "poor")
    assert recall_at(good, 0.01) is None
    assert worst([poor, good]).protocol == "poor"


def test_curve_points_are_few_and_end_where_everything_is_flagged() -> None:
    random = np.random.default_rng(0)
    attack = random.random(20_000) < 0.3
    score: Values = np.round(np.clip(random.normal(0.3 + 0.4 * attack, 0.2), 0, 1), 6).astype(np.float64)
    points = curve_points(Curve.of(attack, score), score)
    assert 100 < len(points.score) <= 200
    assert (points.false_positive_rate[-1], points.recall[-1]) == (1.0, 1.0)
    for value, wrong, found in zip(points.score, points.false_positive_rate, points.recall, strict=True):
        assert wrong == pytest.approx((score[~attack] >= value).mean(), abs=1e-6)
        assert found == pytest.approx((score[attack] >= value).mean(), abs=1e-6)
    area = np.trapezoid([0, *points.recall], [0, *points.false_positive_rate])
    exact = curve_measures(Curve.of(attack, score), np.ones((1, len(score))), ())["roc_auc"][0]
    assert area == pytest.approx(exact, abs=2e-3)


def test_confusion_counts_have_the_label_down() -> None:
    assert confusion_counts(np.array([0, 0, 2]), np.array([0, 1, 1]), 3) == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]
