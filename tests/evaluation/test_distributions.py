"""How far columns moved: the index is that of its definition, a mixture is what its parts are together."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.evaluation.distributions import Usual, column_drift, mixture, stability_index
from netsift.models.features import Feature, feature_named
from netsift.models.manifest import FeatureEntry
from netsift.models.reference import distinct, feature_reference

DURATION = feature_named("duration_us")
STATE = feature_named("conn_state")


def entry(feature: Feature) -> FeatureEntry:
    """Return what a manifest says about a feature."""
    return FeatureEntry(name=feature.name, unit=feature.unit, categories=list(feature.categories))


def drawn(seed: int, rows: int, scale: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return lognormal values, a fifth of them missing."""
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 1, rows) * scale
    return np.where(random.random(rows) < 0.2, -1, values).astype(np.float32)


def test_the_index_is_that_of_the_definition() -> None:
    was, now = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    expected = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.4 - 0.2) * np.log(0.4 / 0.2)
    assert stability_index(was, now, 10_000_000) == pytest.approx(expected, abs=1e-5)
    assert stability_index(was, was, 1000) == 0
    assert np.isfinite(stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 1000))


def test_a_mixture_of_numbers_is_what_its_parts_are_together() -> None:
    values = [drawn(1, 3000, 1), drawn(2, 1000, 50)]
    together = np.concatenate(values)
    whole = feature_reference(together, ())
    edges = distinct(whole.quantiles or [])
    parts = [(len(one) / len(together), feature_reference(one, (), edges)) for one in values]
    mixed = mixture(whole, parts)
    assert mixed.present == pytest.approx(whole.present, abs=1e-5)
    assert mixed.mean == pytest.approx(whole.mean, rel=1e-4)
    assert mixed.cumulative == pytest.approx(whole.cumulative, abs=1e-5)


def test_a_mixture_of_words_is_what_its_parts_are_together() -> None:
    random = np.random.default_rng(0)
    values = [random.integers(-1, high, 2000).astype(np.float32) for high in (3, 6)]
    whole = feature_reference(np.concatenate(values), STATE.categories)
    mixed = mixture(whole, [(0.5, feature_reference(one, STATE.categories)) for one in values])
    assert mixed.present == pytest.approx(whole.present, abs=1e-5)
    assert mixed.categories == pytest.approx(whole.categories, abs=1e-5)


def test_a_mixture_of_columns_without_values_has_none() -> None:
    nothing = feature_reference(np.full(100, -1, np.float32), ())
    mixed = mixture(nothing, [(1.0, nothing)])
    assert mixed.present == 0
    assert column_drift(entry(DURATION), np.full(500, -1, np.float32), Usual(nothing, ((1.0, mixed),))).stability == 0


def test_where_numbers_differ_most_is_said() -> None:
    values = np.arange(1, 1001).astype(np.float32)
    usual = feature_reference(values, ())
    found = column_drift(entry(DURATION), np.where(values > 500, -1, values), Usual(usual, ((1.0, usual),)))
    assert found.most.at is None
    assert (found.most.was, found.most.now) == (0.0, 0.5)
    found = column_drift(entry(DURATION), np.minimum(values, 500), Usual(usual, ((1.0, usual),)))
    assert found.most.at == 500
    assert (found.most.was, found.most.now) == (0.5, 1.0)
    assert found.distance == 0.5


def test_where_words_differ_most_is_said() -> None:
    usual = feature_reference(np.zeros(1000, np.float32), STATE.categories)
    found = column_drift(
        entry(STATE), np.repeat(np.array([0, 2], np.float32), [600, 400]), Usual(usual, ((1.0, usual),))
    )
    assert found.was == found.now == STATE.categories[0]
    assert found.most.at in (STATE.categories[0], STATE.categories[2])
    assert abs(found.most.was - found.most.now) == pytest.approx(0.4)


def test_a_column_that_these_services_hardly_have_is_not_alien() -> None:
    everything = feature_reference(np.linspace(1, 2, 1000, dtype=np.float32), ())
    edges = distinct(everything.quantiles or [])
    rarely = feature_reference(np.where(np.arange(1000) < 20, 1.5, -1).astype(np.float32), (), edges)
    values = np.full(1000, 1e6, np.float32)
    assert column_drift(entry(DURATION), values, Usual(everything, ((1.0, everything),)), 0.5).alien
    assert not column_drift(entry(DURATION), values, Usual(everything, ((1.0, rarely),)), 0.5).alien
