"""From scores to p-values to alerts a day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.detectors.novelty.budget import (
    ALERT_GAP_NS,
    LEAST_SURPRISE,
    LONGEST_PAUSE_NS,
    NANOSECONDS_PER_DAY,
    AlertCurve,
    alert_curve,
    watched_days,
)
from netsift.detectors.novelty.conformal import agreeing, calibration_of, combined
from netsift.models.calibration import conformal_p_values

SCORES = st.lists(st.floats(-100, 100), min_size=2, max_size=60)


@given(SCORES, st.floats(-200, 200))
def test_a_p_value_counts_the_scores_that_are_not_smaller(ordinary: list[float], score: float) -> None:
    found = conformal_p_values(np.array([score]), np.sort(ordinary))[0]
    assert found == pytest.approx((1 + sum(one >= score for one in ordinary)) / (1 + len(ordinary)))


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_p_values_of_fresh_scores_keep_to_their_level(level: float) -> None:
    random = np.random.default_rng(1)
    shares = []
    for _ in range(200):
        ordinary = np.sort(random.standard_t(2, 300))
        shares.append((conformal_p_values(random.standard_t(2, 300), ordinary) <= level).mean())
    # The mean of 200 draws; its standard error is about level / 100.
    assert level * 0.8 < np.mean(shares) < level * 1.05


@given(SCORES, SCORES)
def test_surprise_never_falls_with_the_score(ordinary: list[float], asked: list[float]) -> None:
    surprise = calibration_of(np.array(ordinary), 0.0).surprise(np.sort(asked))
    assert (np.diff(surprise) >= 0).all()
    assert (surprise >= 0).all()
    assert np.isfinite(surprise).all()


def test_attacks_among_the_held_back_scores_are_set_aside_up_to_the_trim() -> None:
    ordinary = np.random.default_rng(1).exponential(1, 2000)
    attacked = np.append(ordinary, np.full(15, 500.0))
    alike = np.array([500.0])
    assert calibration_of(attacked, 0.01).surprise(alike) > 3 > calibration_of(attacked, 0.0).surprise(alike)
    assert len(calibration_of(attacked, 0.001).scores) == 2015 - 2
    assert len(calibration_of(ordinary, 0.01).scores) == 2000


def test_detectors_are_combined_as_benjamini_and_hochberg_do() -> None:
    p_values = np.array([[0.001, 0.5, 0.02], [0.4, 0.5, 0.02], [0.9, 0.5, 0.02]])
    assert (10 ** -combined(-np.log10(p_values))).tolist() == pytest.approx([0.003, 0.5, 0.02])
    surprises = -np.log10(np.array([0.001, 0.03, 0.04]))
    assert agreeing(surprises, -np.log10(0.045)).tolist() == [True, True, True]
    assert agreeing(surprises, -np.log10(0.035)).tolist() == [True, False, False]
    assert agreeing(surprises, 9.0).tolist() == [False, False, False]


def test_combined_p_values_of_three_detectors_keep_to_their_level() -> None:
    random = np.random.default_rng(2)
    common = random.random(200_000)
    for p_values in (random.random((3, 200_000)), np.stack([common, common, random.random(200_000)])):
        assert (combined(-np.log10(p_values)) >= 2).mean() < 0.0105


def test_an_alert_is_a_hosts_strange_flows_without_a_long_pause() -> None:
    second = 1_000_000_000
    start = np.array([0, 10 * second, 20 * second, 20 * second + ALERT_GAP_NS + 1, 2 * ALERT_GAP_NS + 30 * second])
    curve = alert_curve(np.array([3.0, 1.0, 3.0, 3.0, 2.0]), np.array([1, 2, 1, 1, 2]), start, 1.0)
    assert curve.levels.tolist() == [3, 2, 1]
    assert curve.alerts.tolist() == [2, 3, 4]
    half = alert_curve(np.array([3.0, 1.0]), np.array([1, 2]), start[:2], 0.5)
    assert half.alerts.tolist() == [2, 4]


def test_pauses_between_captures_are_not_watched() -> None:
    day = NANOSECONDS_PER_DAY
    assert watched_days(np.arange(0, day, 60 * 1_000_000_000)) == pytest.approx(1, rel=0.01)
    assert watched_days(np.array([0, 1000 * day])) < 2 * LONGEST_PAUSE_NS / day


def test_a_level_keeps_to_the_budget_or_says_that_it_cannot() -> None:
    curve = AlertCurve(np.array([5.0, 4.0, 3.0]), np.array([1.0, 3.0, 9.0]), 2.0)
    assert curve.level(5) == curve.level(7)
    assert curve.level(5).surprise == 3
    assert curve.level(2).surprise == 4
    assert curve.level(1).surprise == 5
    nothing = curve.level(0.5)
    assert nothing.promised
    assert nothing.surprise > 5
    too_little = curve.level(0.05)
    assert not too_little.promised
    assert too_little.surprise == pytest.approx(6)
    assert curve.least_budget == 0.5
    assert AlertCurve(np.array([5.0, 0.3]), np.array([1.0, 3.0]), 2.0).level(1e6).surprise == LEAST_SURPRISE


@given(st.lists(st.floats(0, 20), min_size=1, max_size=40), st.floats(0.01, 1000))
def test_a_smaller_budget_never_has_a_lower_level(surprise: list[float], budget: float) -> None:
    start = np.arange(len(surprise)) * 60_000_000_000
    curve = alert_curve(np.array(surprise), np.arange(len(surprise)), start, 1.0)
    assert curve.level(budget / 2).surprise >= curve.level(budget).surprise


@pytest.mark.parametrize("budget", [2.0, 10.0])
def test_on_fresh_days_the_alerts_keep_to_the_budget(budget: float) -> None:
    random = np.random.default_rng(3)
    rates = []
    for _ in range(60):
        days, flows = 4, 4000
        start = np.sort(random.integers(0, days * NANOSECONDS_PER_DAY, flows))
        curve = alert_curve(random.exponential(1, flows), random.integers(0, 500, flows), start, 1.0)
        fresh = random.exponential(1, flows)
        at_level = alert_curve(fresh, random.integers(0, 500, flows), start, 1.0)
        reached = np.flatnonzero(at_level.levels >= curve.level(budget).surprise)
        rates.append(at_level.alerts[reached[-1]] / days if len(reached) else 0.0)
    assert 0.5 * budget < np.mean(rates) <= budget
