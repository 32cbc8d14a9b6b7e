"""Explanations say what a flow had, what is usual, and where the two differ."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.alerts.explain import MOST_COLUMNS, evidence, explain, format_value
from netsift.alerts.schema import utc_text
from netsift.detectors.forest import ForestDetector
from netsift.models.features import BY_NAME, MISSING
from netsift.models.manifest import FeatureReference
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch

SYN = FeatureReference(present=1.0, mean=1.5, quantiles=[1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 9.0])
STATES = FeatureReference(present=1.0, categories={"SF": 0.9, "S1": 0.06, "S0": 0.04})


@pytest.mark.parametrize(
    ("value", "direction", "words"),
    [
        (1.0, "within", "syn_packets_fwd 1 (usual 1 to 3)"),
        (0.0, "below", "syn_packets_fwd 0 (usual 1 to 3)"),
        (12.0, "above", "syn_packets_fwd 12 (usual 1 to 3)"),
    ],
)
def test_numbers_stand_beside_their_usual_range(value: float, direction: str, words: str) -> None:
    one = evidence(BY_NAME["syn_packets_fwd"], value, SYN, 0.25)
    assert (one.value, one.usual, one.direction, one.contribution) == (value, (1.0, 3.0), direction, 0.25)
    assert one.words == words


def test_categories_stand_beside_the_common_words() -> None:
    states = BY_NAME["conn_state"].categories
    one = evidence(BY_NAME["conn_state"], states.index("S0"), STATES, 0.1)
    assert (one.value, one.usual, one.direction) == ("S0", ("SF", "S1"), "unusual")
    assert one.words == "conn_state S0 (usual SF, S1)"
    assert evidence(BY_NAME["conn_state"], states.index("SF"), STATES, 0.1).direction == "within"


def test_what_is_absent_is_said_with_its_reason() -> None:
    usual = FeatureReference(present=0.93, mean=1.0, quantiles=[1.0] * 7)
    one = evidence(BY_NAME["response_time_us"], MISSING, usual, 0.1)
    assert (one.value, one.direction) == (None, "absent")
    assert one.words == "no answer (like 7% of benign flows)"


def test_what_benign_traffic_never_has_is_unusual() -> None:
    one = evidence(BY_NAME["idle_mean_us"], 5e6, FeatureReference(present=0.0), 0.1)
    assert (one.usual, one.direction, one.words) == ((), "unusual", "idle_mean_us 5 s (usual none)")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "µs", "0 µs"),
        (0.5, "µs", "0.5 µs"),
        (1500.0, "µs", "1.5 ms"),
        (90e6, "µs", "1.5 min"),
        (7200e6, "µs", "2 h"),
        (3.6e13, "µs", "10,000 h"),
        (12345.6, "bytes", "12,346"),
        (0.125, "ratio", "0.125"),
        (7.0, "packets", "7"),
        (2.5e9, "bytes/s", "2.5 G"),
    ],
)
def test_values_are_written_for_a_reader(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_reasons_are_the_strongest_first_and_raise_the_score() -> None:
    bundle = small_bundle()
    detector = ForestDetector(bundle)
    batch, classes = random_batch(60, 21)
    scores = detector.score(batch)
    reasons = explain(detector, bundle.reference, scores.matrix)
    assert len(reasons) == 60
    for found, name in zip(reasons, classes, strict=True):
        parts = [one.contribution for one in found]
        assert parts == sorted(parts, reverse=True)
        assert all(part > 0 for part in parts)
        assert len(found) <= MOST_COLUMNS
        if name != "benign":
            assert {one.column for one in found} & {"packets", "syn_packets_fwd", "payload_bytes"}


def test_columns_absent_for_one_reason_are_one_reason() -> None:
    class Detector(ForestDetector):
        def contributions(
            self, matrix: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
        ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            """Credit two columns that only an answer has, and one that always exists."""
            parts = np.zeros(matrix.shape)
            for name, part in (("length_bwd_min", 0.1), ("response_time_us", 0.2), ("packets", 0.25)):
                parts[:, self.feature_names.index(name)] = part
            return parts

    bundle = small_bundle()
    row = np.full((1, len(bundle.manifest.features)), MISSING, dtype=np.float32)
    row[0, bundle.manifest.feature_names.index("packets")] = 3
    (found,) = explain(Detector(bundle), bundle.reference, row)
    assert [one.column for one in found] == ["response_time_us", "packets"]
    assert found[0].contribution == pytest.approx(0.3)


def test_times_are_written_in_utc_and_absurd_ones_as_they_are() -> None:
    assert utc_text(1_499_263_331_123_456_789) == "2017-07-05T14:02:11.123456Z"
    assert utc_text(2**63 - 1) == "2262-04-11T23:47:16.854775Z"
    assert utc_text(10**30) == f"{10**30} ns"
