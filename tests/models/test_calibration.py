"""Thresholds fitted to a network's own traffic: does what they promise come true on traffic they never saw?"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.cli.detect import default_model
from netsift.detectors.model import ModelDetector
from netsift.errors import InputError
from netsift.evaluation.card import with_manifest
from netsift.models.bundle import bundle_bytes, load_bundle, parse_bundle
from netsift.models.calibration import (
    DEFAULT_TRIM,
    PAIR_SHARE,
    ScoredTraffic,
    TrafficSample,
    calibrated,
    conformal_threshold,
    trained_thresholds,
)
from netsift.models.dataset import UNKNOWN
from netsift.models.manifest import CalibrationInput, TrainingInput
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.flows import read_flows
from tests.models.fitted import small_bundle
from tests.models.traffic import START_NS, random_batch

FILE = CalibrationInput(name="monday.pcap", sha256=hashlib.sha256(b"monday").hexdigest())
SEEDS = (601, 602, 603)
"""Networks that the model in the package did not learn from."""

NEVER = 2.0
"""No score is as high as this: nothing is set aside."""


def traffic(score: np.ndarray, host_pair: np.ndarray | None = None) -> ScoredTraffic:
    """Return flows with these scores, one a second, each between hosts of its own unless said."""
    score = np.asarray(score, dtype=np.float64)
    pairs = np.arange(len(score)) if host_pair is None else host_pair
    return ScoredTraffic(score, pairs, START_NS + np.arange(len(score)), len(score))


def flagged_share(flows: ScoredTraffic, later: np.ndarray, rate: float) -> float:
    """Return the share of ``later`` scores that the threshold from ``flows`` flags."""
    threshold = conformal_threshold(flows, rate, NEVER, 0.0).threshold
    assert threshold is not None
    return float((later >= threshold).mean())


@pytest.mark.parametrize(("rate", "flows"), [(0.05, 100), (0.05, 999), (0.01, 400), (0.01, 99)])
def test_fresh_flows_are_flagged_as_often_as_promised(rate: float, flows: int) -> None:
    """The share flagged by a split-conformal threshold is Beta(k, n + 1 - k) distributed, k = floor(rate (n + 1)).

    Its mean over many networks is tested at four standard errors (Vovk, "Conditional validity of inductive conformal
    predictors", 2012).
    """
    random, networks, later = np.random.default_rng(3), 600, 4000
    shares = [flagged_share(traffic(random.random(flows)), random.random(later), rate) for _ in range(networks)]
    allowed = int(np.floor(rate * (flows + 1) + 1e-9))
    # The threshold is the middle between two order statistics, which are 1 / (n + 1) apart in the mean; or the last.
    expected = (allowed - 0.5 * (allowed > 1)) / (flows + 1)
    variance = expected * (1 - expected) * (1 / (flows + 2) + 1 / later)
    assert abs(np.mean(shares) - expected) < 4 * np.sqrt(variance / networks)
    assert np.mean(shares) <= rate + 4 * np.sqrt(variance / networks)


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32), min_size=1, max_size=80),
    st.sampled_from([0.5, 0.25, 0.05]),
)
def test_threshold_is_the_lowest_that_flags_few_enough(scores: list[float], rate: float) -> None:
    flows = traffic(np.array(scores))
    found = conformal_threshold(flows, rate, NEVER, 0.0)
    allowed = rate * (len(scores) + 1) - 1
    if allowed < 0:
        assert found.threshold is None
        return
    assert found.threshold is not None
    assert (flows.score >= found.threshold).sum() <= allowed
    lower = flows.score[flows.score < found.threshold].max()
    assert (flows.score >= lower).sum() > allowed


def test_too_few_flows_keep_the_threshold() -> None:
    assert conformal_threshold(traffic(np.zeros(98)), 0.01, NEVER, 0.0).threshold is None
    assert conformal_threshold(traffic(np.zeros(99)), 0.01, NEVER, 0.0).threshold is not None


def test_no_pair_of_hosts_decides_alone() -> None:
    scores = np.concatenate([np.full(3000, 0.9), np.linspace(0.1, 0.2, 3000)])
    talkative = np.concatenate([np.full(3000, 7), np.arange(100, 3100)])
    found = conformal_threshold(traffic(scores, talkative), 0.01, NEVER, 0.0)
    assert found.threshold is not None
    assert found.threshold < 0.9
    assert found.counted == int(3000 / (1 - PAIR_SHARE * 0.01))
    alone = conformal_threshold(traffic(scores), 0.01, NEVER, 0.0)
    assert alone.threshold is not None
    assert alone.threshold > 0.9


def test_flows_of_one_pair_alone_are_too_few_however_many() -> None:
    assert conformal_threshold(traffic(np.zeros(5000), np.zeros(5000, np.int64)), 0.01, NEVER, 0.0).threshold is None


def test_flows_without_addresses_count_each() -> None:
    unknown = np.full(500, UNKNOWN)
    assert conformal_threshold(traffic(np.zeros(500), unknown), 0.01, NEVER, 0.0).counted == 500


def test_what_the_model_is_sure_of_is_set_aside_within_bounds() -> None:
    scores = np.concatenate([np.linspace(0, 0.3, 9000), np.full(50, 0.95)])
    kept = conformal_threshold(traffic(scores), 0.001, 0.9, 0.0)
    trimmed = conformal_threshold(traffic(scores), 0.001, 0.9, 0.01)
    assert (kept.set_aside, trimmed.set_aside) == (0, 9)
    assert conformal_threshold(traffic(scores), 0.01, 0.9, 0.01).set_aside == 50
    assert conformal_threshold(traffic(scores), 0.01, 0.9, 0.001).set_aside == 9
    assert conformal_threshold(traffic(scores), 0.01, 0.96, 0.01).set_aside == 0
    assert kept.threshold is not None
    assert kept.threshold > 0.9
    loose = conformal_threshold(traffic(scores), 0.01, 0.9, 0.01).threshold
    assert loose is not None
    assert loose < 0.3


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.1, 0.02]), st.floats(0, 0.4))
def test_even_if_all_set_aside_were_ordinary_at_most_twice_the_rate_is_flagged(
    seed: int, rate: float, trim: float
) -> None:
    flows = traffic(np.random.default_rng(seed).beta(0.5, 0.5, 400))
    threshold = conformal_threshold(flows, rate, 0.6, trim).threshold
    assert threshold is not None
    assert (flows.score >= threshold).mean() <= rate + min(trim, rate)


def scored(batches: list[pa.RecordBatch], detector: ModelDetector) -> ScoredTraffic:
    """Return the scores of flow batches."""
    sample = TrafficSample()
    for batch in batches:
        sample.add(batch, detector.score(batch).score)
    return sample.traffic()


@cache
def ordinary_network(seed: int) -> ScoredTraffic:
    """Return ten minutes of ordinary traffic of a simulated network, scored by the model in the package."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.pcap"
        simulate(path, SimulationSettings(seed=seed, duration_s=600, clients=30, snap_length=96, attacks="none"))
        return scored(list(read_flows([path])), ModelDetector(load_bundle(default_model())))


def later_half_flagged(seed: int, rate: float) -> float:
    """Return the share of a network's later half that the threshold of its earlier half flags."""
    network = ordinary_network(seed)
    middle = len(network.score) // 2
    assert middle > 1500
    return flagged_share(network.part(slice(middle)), network.score[middle:], rate)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rate", [0.05, 0.01])
def test_the_later_half_of_a_network_is_flagged_at_about_the_promised_rate(seed: int, rate: float) -> None:
    """0.4 to 2 times the rate: flows of one network depend on each other, so the band is wider than chance's."""
    assert 0.4 * rate <= later_half_flagged(seed, rate) <= 2 * rate


@pytest.mark.parametrize("rate", [0.05, 0.01])
def test_the_mean_over_networks_is_nearer_to_the_promise(rate: float) -> None:
    shares = [later_half_flagged(seed, rate) for seed in SEEDS]
    assert 0.6 * rate <= np.mean(shares) <= 1.4 * rate


def test_sample_keeps_order_of_time_pairs_and_scores() -> None:
    batch, _ = random_batch(60, 8)
    detector = ModelDetector(small_bundle())
    turned = batch.take(pa.array(np.arange(60)[::-1]))
    straight, back = scored([batch], detector), scored([turned.slice(0, 20), turned.slice(20)], detector)
    assert np.array_equal(straight.score, detector.score(batch).score)
    for name in ("score", "host_pair", "start_ns"):
        assert np.array_equal(getattr(straight, name), getattr(back, name))


def test_no_flows_cannot_calibrate() -> None:
    with pytest.raises(InputError, match="no flow to calibrate with"):
        TrafficSample().traffic()


def test_calibrated_bundle_is_read_back_and_the_same_bytes_again() -> None:
    bundle = small_bundle()
    flows = traffic(np.linspace(0, 0.5, 2000))
    content = bundle_bytes(with_manifest(bundle, calibrated(bundle.manifest, flows, [FILE])))
    read = parse_bundle(content)
    record = read.manifest.calibration
    assert record is not None
    assert (record.flows, record.flows_used, record.host_pairs, record.inputs) == (2000, 2000, 2000, [FILE])
    assert record.period is not None
    assert record.period.start_ns == START_NS
    assert read.graph == bundle.graph
    assert read.threshold(0.01) == pytest.approx(0.495, abs=0.001)
    assert "unlabelled flows of one network" in read.card
    again = bundle_bytes(with_manifest(read, calibrated(read.manifest, flows, [FILE])))
    assert again == content


def test_rates_with_too_few_flows_keep_the_threshold_of_training() -> None:
    manifest = small_bundle().manifest
    result = calibrated(manifest, traffic(np.linspace(0, 0.5, 150)), [FILE])
    assert result.calibration is not None
    known = {one.false_positive_rate: one.calibrated is not None for one in result.calibration.thresholds}
    assert known == {0.05: True, 0.01: True, 0.001: False, 0.0001: False}
    assert result.thresholds[2:] == manifest.thresholds[2:]
    assert trained_thresholds(result) == manifest.thresholds


def test_later_half_is_what_the_earlier_half_promises_for_it() -> None:
    rising = np.concatenate([np.linspace(0, 0.2, 1000), np.linspace(0.3, 0.5, 1000)])
    result = calibrated(small_bundle().manifest, traffic(rising), [FILE]).calibration
    assert result is not None
    assert result.entry(0.01).later_share == 1.0
    untimed = ScoredTraffic(rising, np.arange(2000), np.full(2000, UNKNOWN), 2000)
    result = calibrated(small_bundle().manifest, untimed, [FILE], DEFAULT_TRIM).calibration
    assert result is not None
    assert result.entry(0.01).later_share is None
    assert result.period is None


def test_files_that_the_model_learned_from_are_refused() -> None:
    manifest = small_bundle().manifest
    learned: TrainingInput = manifest.training[0]
    with pytest.raises(InputError, match=r"the model learned from part0\.parquet"):
        calibrated(manifest, traffic(np.zeros(10)), [FILE, CalibrationInput(name=learned.name, sha256=learned.sha256)])


def test_manifest_whose_thresholds_are_not_those_of_its_calibration_is_refused() -> None:
    bundle = small_bundle()
    manifest = calibrated(bundle.manifest, traffic(np.linspace(0, 0.5, 2000)), [FILE])
    other = with_manifest(bundle, manifest.model_copy(update={"thresholds": bundle.manifest.thresholds}))
    with pytest.raises(InputError, match="thresholds are not those of its calibration"):
        parse_bundle(bundle_bytes(other))
