"""Online learning: the half-life, what is not learned, and how little a patient attacker can teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.online import STRANGER_SHARE, OnlineLearning
from netsift.alerts.online_state import load_learning, save_learning
from netsift.alerts.schema import Alert
from netsift.detectors.novelty.baseline import Baseline, Judgement
from netsift.detectors.novelty.conformal import combined
from netsift.detectors.novelty.file import baseline_bytes
from netsift.detectors.novelty.fitting import keyed
from netsift.errors import InputError, UsageError
from netsift.models.dataset import address_digests
from netsift.models.features import FeatureMatrix
from tests.detectors.novelty.networks import small_baseline

HOUR_NS = 3_600 * 1_000_000_000
HOSTS = tuple(f"10.0.0.{number}" for number in range(9))
ATTACKER = "10.0.0.66"


def known_baseline() -> Baseline:
    """Return a small baseline whose hosts are :data:`HOSTS`."""
    baseline = small_baseline()
    digests = keyed(address_digests(pa.array(HOSTS)), baseline.key)
    source = digests[np.arange(len(baseline.memory.source)) % len(HOSTS)]
    return replace(baseline, memory=replace(baseline.memory, source=source))


def flows(hour: int, hosts: list[str]) -> pa.RecordBatch:
    """Return a flow of each of the hosts, spread over an hour."""
    start = 20 * HOUR_NS + hour * HOUR_NS + np.arange(len(hosts)) * (HOUR_NS // len(hosts))
    return pa.record_batch({
        "start_time": pa.array(start), "src_ip": hosts, "dst_ip": ["10.0.1.1"] * len(hosts),
        "dst_port": [443] * len(hosts),
    })  # fmt: skip


def judgement(values: FeatureMatrix) -> Judgement:
    """Return a judgement that calls nothing strange."""
    rows = len(values)
    return Judgement(np.zeros(rows), np.zeros((3, rows)), np.zeros(rows, np.int64), values)


def usual(rows: int, seed: int, size: float = 1000.0) -> FeatureMatrix:
    """Return ordinary flows of about this size."""
    random = np.random.default_rng(seed)
    values = random.exponential(size, (rows, 4)).astype(np.float32)
    values[:, 2] = random.integers(-1, 3, rows)
    return values


def surprise_of(baseline: Baseline, values: FeatureMatrix) -> float:
    """Return the median surprise of flows of the role that the baseline was made of."""
    return float(np.median(combined(baseline.surprises(values, np.zeros(len(values), np.int32)))))


def taught(hours: int, *, patient: bool, limited: bool) -> OnlineLearning:
    """Return what was learned in so many hours, with an attacker who is never flagged and sends as much as all."""
    online = OnlineLearning(known_baseline(), half_life_days=8, seed=1)
    if not limited:
        online._allowed[int(keyed(address_digests(pa.array([ATTACKER])), online.baseline.key)[0])] = 1e9
    for hour in range(hours):
        hosts = [HOSTS[number % len(HOSTS)] for number in range(60)]
        values = usual(60, hour)
        if patient:
            hosts += [ATTACKER] * 60
            values = np.vstack([values, attack(60)])
        online.learn(flows(hour, hosts), judgement(values), np.zeros(len(hosts), np.bool_))
    return online


def attack(rows: int) -> FeatureMatrix:
    """Return flows of a size that the network never had."""
    values = usual(rows, 5)
    values[:, 1] = 1e8
    return values


def test_a_slow_attacker_teaches_next_to_nothing() -> None:
    before = surprise_of(known_baseline(), attack(20))
    limited = taught(48, patient=True, limited=True)
    free = taught(48, patient=True, limited=False)
    most = 48 * limited.stranger_flows_per_hour
    assert limited.relearned == free.relearned >= 5
    assert limited.refused >= 48 * 60 - 4 * most
    assert surprise_of(limited.baseline, attack(20)) > 0.75 * before
    assert surprise_of(free.baseline, attack(20)) < 0.4 * before


def test_a_host_that_the_baseline_knows_teaches_as_much_as_it_had() -> None:
    online = OnlineLearning(known_baseline(), half_life_days=8, seed=1)
    hosts = [HOSTS[0]] * 600
    online.learn(flows(0, hosts), judgement(usual(600, 1)), np.zeros(600, np.bool_))
    per_hour = online.baseline.memory.per_hour / len(HOSTS)
    # The flows of an hour from the first on may fall into two hours of the clock.
    assert per_hour - 1 <= online.learned <= 2 * per_hour + 2
    assert online.learned + online.refused == 600


def test_strange_flows_and_flows_of_alerts_are_not_learned() -> None:
    online = OnlineLearning(known_baseline(), half_life_days=8, seed=1)
    online.learn(flows(0, list(HOSTS)), judgement(usual(9, 1)), np.ones(9, np.bool_))
    assert online.learned == online.refused == 0
    alert = Alert(
        id="0", kind="alert", start_ns=0, end_ns=2**62, severity="low", confidence=0.5, category="c2", technique="",
        sources=(HOSTS[0],), targets=("10.0.1.1",), ports=(443,), truncated=False, detectors=("beacon",), reason="",
        columns=(), flows=1, packets=1, evidence=(),
    )  # fmt: skip
    for hour in range(10):
        batch = flows(hour, list(HOSTS))
        online.learn(batch, judgement(usual(9, hour)), np.zeros(9, np.bool_), lambda: [alert])
    assert online.relearned == 1
    new = online.baseline.memory.start_ns >= 20 * HOUR_NS
    hosts = set(online.baseline.memory.source[new].tolist())
    digests = keyed(address_digests(pa.array(HOSTS)), online.baseline.key).tolist()
    assert digests[0] not in hosts
    assert hosts <= set(digests[1:])


def test_after_a_half_life_half_of_what_is_remembered_is_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsift.alerts.online.MOST_REMEMBERED", 1000)
    monkeypatch.setattr("netsift.alerts.online.RELEARNED_PER_HALF_LIFE", 4)
    baseline = known_baseline()
    # 1,000 flows of the 100 hours before, of which each stands for six; the older ones weigh next to nothing by now.
    start_ns = 20 * HOUR_NS + np.arange(-999, 1) * (HOUR_NS // 10)
    watched = replace(baseline.memory, start_ns=start_ns, per_hour=60 * 1.2)
    online = OnlineLearning(replace(baseline, memory=watched), half_life_days=1, seed=1)
    for hour in range(24):
        hosts = [HOSTS[number % len(HOSTS)] for number in range(60)]
        online.learn(flows(hour, hosts), judgement(usual(60, hour)), np.zeros(60, np.bool_))
    share = float((online.baseline.memory.start_ns > 20 * HOUR_NS).mean())
    assert online.relearned == 3
    assert 0.4 < share < 0.7


def test_a_drift_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsift.alerts.online.RELEARNED_PER_HALF_LIFE", 2)
    online = OnlineLearning(known_baseline(), half_life_days=1, seed=1)
    before = surprise_of(online.baseline, usual(200, 77, 4000.0))
    for day in range(4):
        for hour in range(0, 24, 8):
            rows = 480
            hosts = [HOSTS[number % len(HOSTS)] for number in range(rows)]
            values = usual(rows, day * 24 + hour, 4000.0)
            batch = flows(day * 24 + hour, hosts)
            spread = 20 * HOUR_NS + (day * 24 + hour) * HOUR_NS + np.arange(rows) * (8 * HOUR_NS // rows)
            online.learn(batch.set_column(0, "start_time", pa.array(spread)), judgement(values), np.zeros(rows, bool))
    assert surprise_of(online.baseline, usual(200, 77, 4000.0)) < before


def test_the_same_flows_teach_the_same() -> None:
    first, second = (baseline_bytes(taught(9, patient=False, limited=True).baseline) for _ in range(2))
    assert first == second != baseline_bytes(known_baseline())


def test_the_budget_stays_as_it_was() -> None:
    online = taught(9, patient=False, limited=True)
    assert online.relearned == 1
    assert online.baseline.curve is known_baseline().curve
    assert 0 < STRANGER_SHARE < online.baseline.learned.trim


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="half-life"):
        OnlineLearning(known_baseline(), half_life_days=0)


def lesson(online: OnlineLearning, hour: int) -> None:
    """Teach an hour of ordinary flows."""
    hosts = [HOSTS[number % len(HOSTS)] for number in range(60)]
    online.learn(flows(hour, hosts), judgement(usual(60, hour)), np.zeros(60, np.bool_))


def test_after_a_restart_it_goes_on_as_if_there_had_been_none(tmp_path: Path) -> None:
    origin = known_baseline()
    whole = OnlineLearning(origin, half_life_days=1, seed=1)
    for hour in range(40):
        lesson(whole, hour)
    parts = OnlineLearning(origin, half_life_days=1, seed=1)
    for hour in range(40):
        if hour in (3, 17, 30):
            save_learning(parts, origin, tmp_path / "learned")
            parts = OnlineLearning(origin, half_life_days=1, seed=1)
            load_learning(parts, origin, tmp_path / "learned")
        lesson(parts, hour)
    assert whole.relearned == parts.relearned > 0
    assert (whole.learned, whole.refused) == (parts.learned, parts.refused)
    assert baseline_bytes(whole.baseline) == baseline_bytes(parts.baseline)


def test_what_is_not_its_own_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    origin, path = known_baseline(), tmp_path / "learned"
    online = OnlineLearning(origin, half_life_days=1, seed=1)
    lesson(online, 0)
    save_learning(online, origin, path)
    whole = path.read_bytes()
    line, _, blob = whole.partition(b"\n")
    for content in (b"", b"{}", b"[]\n", whole[:-1], line + b"\n" + blob[:-1] + b"x", b"\xff" + whole,
                    line.replace(b'"format": 1', b'"format": 2') + b"\n" + blob,
                    line.replace(b'"random": {', b'"random": 3, "x": {') + b"\n" + blob):  # fmt: skip
        path.write_bytes(content)
        fresh = OnlineLearning(origin, half_life_days=1, seed=1)
        with pytest.raises(InputError):
            load_learning(fresh, origin, path)
        assert fresh.learned == 0
        assert fresh.baseline is origin
    path.write_bytes(whole)
    with pytest.raises(InputError, match="another baseline or half-life"):
        load_learning(OnlineLearning(origin, half_life_days=2, seed=1), origin, path)
    other = replace(origin, key=b"0" * len(origin.key))
    with pytest.raises(InputError, match="another baseline"):
        load_learning(OnlineLearning(other, half_life_days=1, seed=1), other, path)
