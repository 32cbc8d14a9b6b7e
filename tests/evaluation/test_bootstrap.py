"""Intervals cover what they say, agree with drawing rows by hand, and never part what belongs together."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics

from netsift.evaluation.bootstrap import Part, Units, drawn_units, intervals
from netsift.evaluation.metrics import Curve, curve_measures, flag_measures, recall_name
from tests.evaluation.rows import rows

RATES = (0.05, 0.01)


def part(score: npt.NDArray[np.float64], attack: npt.NDArray[np.bool_]) -> Part:
    """Return tested rows with one half as their threshold."""
    return Part(np.arange(len(score)), attack, score, score >= 0.5)


def test_weighted_measures_are_those_of_scikit_learn_on_repeated_rows() -> None:
    random = np.random.default_rng(0)
    attack, score = random.random(300) < 0.3, np.round(random.random(300), 2)
    weights = random.integers(0, 4, (5, 300)).astype(np.float64)
    measured = curve_measures(Curve.of(attack, score), weights, RATES)
    flags = flag_measures(attack, score >= 0.5, weights)
    for draw in range(5):
        chosen = np.repeat(np.arange(300), weights[draw].astype(int))
        truth, drawn, said = attack[chosen], score[chosen], score[chosen] >= 0.5
        assert measured["roc_auc"][draw] == pytest.approx(metrics.roc_auc_score(truth, drawn))
        assert measured["average_precision"][draw] == pytest.approx(metrics.average_precision_score(truth, drawn))
        assert flags["f1"][draw] == pytest.approx(metrics.f1_score(truth, said))
        assert flags["accuracy"][draw] == pytest.approx(metrics.accuracy_score(truth, said))
        assert flags["balanced_accuracy"][draw] == pytest.approx(metrics.balanced_accuracy_score(truth, said))
        wrong, found, _ = metrics.roc_curve(truth, drawn, drop_intermediate=False)
        for rate in RATES:
            assert measured[recall_name(rate)][draw] == pytest.approx(found[wrong <= rate].max())


def test_a_draw_of_one_kind_is_not_a_number() -> None:
    measured = curve_measures(Curve.of(np.array([True, False]), np.array([0.1, 0.2])), np.array([[1.0, 0.0]]), RATES)
    assert all(np.isnan(values).all() for values in measured.values())


def test_intervals_hold_the_true_area_about_as_often_as_they_say() -> None:
    """Benign scores are N(0, 1) and attack scores N(1, 1), whose area is Φ(1/√2)."""
    true_area = NormalDist().cdf(1 / 2**0.5)
    random = np.random.default_rng(1)
    attack = np.arange(200) < 80
    held = 0
    for trial in range(150):
        score = random.normal(attack.astype(float), 1)
        found = intervals([part(score, attack)], Units(np.arange(200), "flow"), (), seed=trial)["roc_auc"]
        held += found.low <= true_area <= found.high
    assert 0.88 <= held / 150 <= 0.99


def test_rows_that_are_copies_widen_the_interval_when_drawn_together() -> None:
    random = np.random.default_rng(2)
    attack = np.repeat(np.arange(40) < 20, 25)
    score = np.repeat(random.normal(np.arange(40) < 20, 1), 25)
    alone = intervals([part(score, attack)], Units(np.arange(1000), "flow"), (), seed=0)["roc_auc"]
    together = intervals([part(score, attack)], Units(np.repeat(np.arange(40), 25), "pair"), (), seed=0)["roc_auc"]
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_the_mean_of_parts_lies_between_them() -> None:
    random = np.random.default_rng(3)
    attack = random.random(400) < 0.5
    good, poor = random.normal(attack * 3.0, 1), random.normal(attack * 0.5, 1)
    units = Units(np.arange(400), "flow")
    one, other, both = (
        intervals([part(score, attack) for score in scores], units, RATES, seed=0)["roc_auc"]
        for scores in ([good], [poor], [good, poor])
    )
    assert other.high < both.low < both.high < one.low


def test_the_same_seed_gives_the_same_intervals_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    attack = random.random(100) < 0.5
    parts, units = [part(random.random(100), attack)], Units(np.arange(100) // 2, "pair")
    first = intervals(parts, units, RATES, seed=5)
    monkeypatch.setattr("netsift.evaluation.bootstrap._CELLS_AT_ONCE", 700)
    assert intervals(parts, units, RATES, seed=5) == first
    assert intervals(parts, units, RATES, seed=6) != first


def test_the_largest_unit_of_which_there_are_enough_is_drawn() -> None:
    classes = np.tile([0, 1], 60)
    inputs = np.tile(np.arange(30), 4)
    assert drawn_units(rows(classes, groups=inputs)).name == "input"
    by_pair = drawn_units(rows(classes, sources=inputs, destinations=inputs + 50))
    assert by_pair.name == "host pair"
    assert len(np.unique(by_pair.unit)) == 30
    assert "too narrow" in drawn_units(rows(classes)).name
