"""Explanations say what a flow had, what is usual, and where the two differ."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.alerts.explain import MOST_COLUMNS, evidence, explain, format_value, reasons
from netsift.alerts.finding import Evidence
from netsift.alerts.schema import utc_text
from netsift.detectors.model import ModelDetector
from netsift.models.features import BY_NAME, MISSING
from netsift.models.manifest import FeatureReference
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch

SYN = FeatureReference(present=1.0, mean=1.5, quantiles=[1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 9.0])
STATES = FeatureReference(present=1.0, categories={"SF": 0.8, "S1": 0.16, "S0": 0.034, "REJ": 0.006})


@pytest.mark.parametrize(
    ("value", "direction", "words"),
    [
        (1.0, "within", "forward packets with the SYN flag: 1 (usual 1 to 3)"),
        (0.0, "below", "forward packets with the SYN flag: 0 (usual 1 to 3)"),
        (12.0, "above", "forward packets with the SYN flag: 12 (usual 1 to 3)"),
    ],
)
def test_numbers_stand_beside_their_usual_range(value: float, direction: str, words: str) -> None:
    one = evidence(BY_NAME["syn_packets_fwd"], value, SYN, 0.25)
    assert (one.value, one.usual, one.direction, one.contribution) == (value, (1.0, 3.0), direction, 0.25)
    assert (one.column, one.words, one.unusual) == ("syn_packets_fwd", words, direction != "within")
    assert one.short == words.partition(" (")[0]


def test_a_difference_that_is_not_shown_is_none() -> None:
    usual = FeatureReference(present=1.0, mean=1.0, quantiles=[0.0, 0.0, 0.5e6, 0.5e6, 0.8e6, 0.9999e6, 2e6])
    assert evidence(BY_NAME["iat_mean_us"], 1.0001e6, usual, 0.1).direction == "within"
    assert evidence(BY_NAME["iat_mean_us"], 1.1e6, usual, 0.1).direction == "above"


def test_units_are_said_once() -> None:
    usual = FeatureReference(present=1.0, mean=1.0, quantiles=[0.0, 0.0, 1.0, 1.0, 1.0, 53.0, 99.0])
    assert evidence(BY_NAME["payload_min"], 85.0, usual, 0.1).words == (
        "smallest payload length of the packets: 85 bytes (usual 0 to 53 bytes)"
    )
    assert evidence(BY_NAME["iat_bwd_mean_us"], 2.33e6, usual, 0.1).short == (
        "mean time between backward packets: 2.33 s"
    )
    assert evidence(BY_NAME["rate_bytes_s"], 85.0, usual, 0.1).short == "bytes per second: 85"


def test_words_stand_beside_their_share_of_benign_flows() -> None:
    states = BY_NAME["conn_state"].categories

    def of(word: str) -> Evidence:
        return evidence(BY_NAME["conn_state"], states.index(word), STATES, 0.1)

    assert (of("S0").value, of("S0").usual, of("S0").direction) == ("S0", ("SF", "S1"), "unusual")
    assert of("S0").words == "connection state: S0 (3 % of benign flows)"
    assert of("REJ").words == "connection state: REJ (less than 1 % of benign flows)"
    assert of("S3").words == "connection state: S3 (no benign flow)"
    assert (of("SF").direction, of("SF").unusual) == ("within", False)


def test_the_share_of_a_word_is_that_of_all_benign_flows() -> None:
    kinds = BY_NAME["payload_kind_bwd"].categories
    usual = FeatureReference(present=0.5, categories={"dns": 0.84, "ssh": 0.16})
    one = evidence(BY_NAME["payload_kind_bwd"], kinds.index("ssh"), usual, 0.1)
    assert (one.words, one.unusual) == ("backward payload: ssh (8 % of benign flows)", True)


def test_what_is_absent_is_said_with_its_reason() -> None:
    usual = FeatureReference(present=0.93, mean=1.0, quantiles=[1.0] * 7)
    one = evidence(BY_NAME["response_time_us"], MISSING, usual, 0.1)
    assert (one.value, one.direction, one.unusual) == (None, "absent", True)
    assert one.words == "no answer (7 % of benign flows)"
    often = FeatureReference(present=0.5, mean=1.0, quantiles=[1.0] * 7)
    assert not evidence(BY_NAME["response_time_us"], MISSING, often, 0.1).unusual


def test_what_benign_traffic_never_has_is_unusual() -> None:
    one = evidence(BY_NAME["idle_mean_us"], 5e6, FeatureReference(present=0.0), 0.1)
    assert (one.usual, one.direction, one.words) == ((), "unusual", "mean idle time: 5 s (usual none)")


def test_only_unusual_columns_are_reasons() -> None:
    usual = evidence(BY_NAME["syn_packets_fwd"], 1.0, SYN, 0.5)
    unusual = evidence(BY_NAME["syn_packets_fwd"], 12.0, SYN, 0.1)
    assert reasons([unusual, usual], 3) == [unusual.words]
    assert reasons([unusual] * 5, 3) == [unusual.words] * 3
    (together,) = reasons([usual, usual, usual], 2)
    assert together == f"no single column is unusual; together: {usual.short}, {usual.short}"
    assert reasons([], 3) == []


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "µs", "0 µs"),
        (0.5, "µs", "0.5 µs"),
        (1500.0, "µs", "1.5 ms"),
        (999_900.0, "µs", "1 s"),
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


def test_reasons_are_unusual_first_and_raise_the_score() -> None:
    bundle = small_bundle()
    detector = ModelDetector(bundle)
    batch, classes = random_batch(60, 21)
    scores = detector.score(batch)
    explained = explain(detector, bundle.reference, scores.matrix)
    assert len(explained) == 60
    for found, name in zip(explained, classes, strict=True):
        order = [(not one.unusual, -one.contribution) for one in found]
        assert order == sorted(order)
        assert all(one.contribution > 0 for one in found)
        assert len(found) <= MOST_COLUMNS
        if name != "benign":
            assert {one.column for one in found} & {"packets", "syn_packets_fwd", "payload_bytes"}


def test_what_hardly_raised_the_score_is_no_reason() -> None:
    class Detector(ModelDetector):
        def contributions(
            self, matrix: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
        ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            """Credit one column with nearly everything."""
            parts = np.zeros(matrix.shape)
            for name, part in (("packets", 0.5), ("bytes", 0.06), ("payload_bytes", 0.04)):
                parts[:, self.feature_names.index(name)] = part
            return parts

    bundle = small_bundle()
    row = np.full((1, len(bundle.manifest.features)), 1e9, dtype=np.float32)
    for place, feature in enumerate(bundle.manifest.features):
        if feature.categories:
            row[0, place] = 0
    (found,) = explain(Detector(bundle), bundle.reference, row)
    assert [one.column for one in found] == ["packets", "bytes"]


def test_columns_absent_for_one_reason_are_one_reason() -> None:
    class Detector(ModelDetector):
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
    (absent,) = (one for one in found if one.column == "response_time_us")
    assert {one.column for one in found} == {"response_time_us", "packets"}
    assert absent.contribution == pytest.approx(0.3)


def test_times_are_written_in_utc_and_absurd_ones_as_they_are() -> None:
    assert utc_text(1_499_263_331_123_456_789) == "2017-07-05T14:02:11.123456Z"
    assert utc_text(2**63 - 1) == "2262-04-11T23:47:16.854775Z"
    assert utc_text(10**30) == f"{10**30} ns"
