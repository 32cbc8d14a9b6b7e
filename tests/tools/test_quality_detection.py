"""The part of the quality page about detection: how attacks and alerts are held against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.detection import Detected, detect
from netsift.alerts.schema import Alert
from netsift.models.bundle import load_bundle
from tests.detectors.arp.cases import sweep
from tests.detectors.arp.traffic import capture_of
from tools.quality_detection import (
    MODEL,
    SAME_ATTACK_NS,
    Attack,
    Found,
    Searcher,
    attacks_of,
    by_category,
    is_right,
    judged,
    limit_lines,
    meets,
    reliability,
    right,
    share,
    targets,
    traffic_of,
)
from tools.quality_logs import LABELLED, QUIET, log_lines
from tools.quality_peers import FOREST, PEERS, raw, verdicts

ALERT = Alert(
    id="a", kind="alert", start_ns=100, end_ns=200, severity="high", confidence=0.9, category="scan", technique="T1046",
    sources=("10.0.0.1",), targets=("10.0.0.2", "10.0.0.3"), ports=(), truncated=False, detectors=("port_scan",),
    reason="", columns=(), flows=3, packets=3, evidence=(),
)  # fmt: skip
ATTACK = Attack("scan", 150, 300, frozenset({("10.0.0.1", "10.0.0.3"), ("10.0.0.3", "10.0.0.1")}))
NOTHING = detect([], None, None)


def found(*alerts: Alert) -> Detected:
    """Return alerts, each an incident of its own."""
    incidents = tuple(replace(one, kind="incident", members=(one.id,)) for one in alerts)
    return replace(NOTHING, alerts=alerts, incidents=incidents)


def label(start_ns: int, attack: str, source: str = "10.0.0.1", target: str = "10.0.0.3") -> dict[str, str]:
    """Return a row of the labels of simulated traffic."""
    times = {"start_time_ns": str(start_ns), "end_time_ns": str(start_ns + 10)}
    return {**times, "src_ip": source, "dst_ip": target, "label": "attack" if attack else "benign", "attack": attack}


def test_an_alert_meets_an_attack_of_its_time_source_and_target() -> None:
    assert meets(ALERT, ATTACK)
    assert not meets(replace(ALERT, end_ns=149), ATTACK)
    assert not meets(replace(ALERT, start_ns=301, end_ns=400), ATTACK)
    assert not meets(replace(ALERT, targets=("10.0.0.2",)), ATTACK)
    assert not meets(replace(ALERT, sources=("10.0.0.9",)), ATTACK)
    assert meets(replace(ALERT, sources=("10.0.0.3",), targets=("10.0.0.1",)), ATTACK), "in either direction"


def test_attacks_are_flows_of_a_class_without_half_an_hour_between_them() -> None:
    later = 1_000 + 10 + SAME_ATTACK_NS
    rows = [label(1_000, "port_scan"), label(later, "port_scan", "10.0.0.4"), label(later * 3, "port_scan")]
    rows += [label(1_000, "http_flood"), label(1_000, "")]
    attacks = list(attacks_of(rows))
    assert [(one.wanted, one.start_ns) for one in attacks] == [("flood", 1_000), ("scan", 1_000), ("scan", later * 3)]
    assert ("10.0.0.4", "10.0.0.3") in attacks[1].pairs
    assert attacks[1].end_ns == later + 10


def test_a_day_counts_attacks_found_and_incidents_that_meet_none() -> None:
    wrong_name = replace(ALERT, id="b", category="c2")
    false = replace(ALERT, id="c", sources=("10.0.0.9",))
    day = judged([ATTACK, replace(ATTACK, start_ns=500, end_ns=600)], found(ALERT, false))
    assert (day.attacks, day.found, day.missed, day.incidents) == (2, 1, ("scan",), 2)
    assert [one.id for one in day.false] == ["c"]
    assert day.marks == ((0.9, True), (0.9, False))
    named = judged([ATTACK], found(wrong_name))
    assert (named.found, named.false) == (0, ())


def test_a_tunnel_is_command_and_control_and_a_scan_is_not() -> None:
    assert is_right(replace(ALERT, category="c2"), "tunnel")
    assert is_right(ALERT, "scan")
    assert not is_right(ALERT, "c2")
    assert right(found(replace(ALERT, category="c2"), ALERT), "scan")
    assert not right(NOTHING, "scan")


def test_confidence_falls_into_bins_and_one_belongs_to_the_last() -> None:
    rows = {low: (first, second) for low, _, first, second in reliability([(0.55, True), (0.5, False)], [(1.0, True)])}
    assert rows[0.5] == (("2", "0.53", "0.50"), ("0", "–", "–"))
    assert rows[0.95][1] == ("1", "1.00", "1.00")


def test_the_table_counts_captures_and_those_held_back() -> None:
    hit, miss = found(ALERT), NOTHING
    captures = [
        Found("a", "port_scan", "scan", True, hit, miss, {}, {}),
        Found("b", "web_attack", "web_attack", False, hit, hit, {FOREST: True}, {}),
        Found("c", "app_traffic", "benign", False, miss, miss, {FOREST: False}, {"port_scan": 0.6}),
    ]
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[3:6]] for line in targets(captures, [])
    }
    assert rows["visible attack captures with a right incident"] == ["100% (1 of 1)", "–", "0% (0 of 1)"]
    assert rows["all attack captures with any incident"] == ["100% (2 of 2)", "100% (1 of 1)", "50% (1 of 2)"]
    assert rows["benign captures with no incident"][0] == "100% (1 of 1)"
    assert rows[f"{FOREST}: attack captures flagged, benign ones not"][0] == "100% (1 of 1), 100% (1 of 1)"
    assert list(by_category(captures)) == [
        "| port_scan | scan | 1 | 1 | 1 | 0 |",
        "| web_attack | web_attack (not visible) | 1 | 0 | 1 | 0 |",
    ]
    assert share(0, 0) == "–"
    lines = list(limit_lines(captures[2:], {"quiet logs": {"beacon": 0.25}, "simulated": {}}))
    assert "| `port_scan` | 1 | 1 | 0.60 | 0.00 | 0.00 |" in lines
    assert "| `beacon` | 0 | 0 | 0.00 | 0.25 | 0.00 |" in lines


def flows_like(centre: float, seed: int) -> pa.RecordBatch:
    """Return 60 flows of two numeric columns around a value, and an address."""
    values = np.random.default_rng(seed).normal(centre, 1, (2, 60))
    return pa.record_batch({"packets": values[0], "bytes": values[1], "src_ip": ["10.0.0.1"] * 60})


@pytest.mark.parametrize("peer", PEERS)
def test_peers_flag_what_is_unlike_the_captures_that_they_learned_from(peer: str) -> None:
    names = [f"{number}.pcap" for number in range(7)]
    flows = [[flows_like(0, seed)] for seed in range(6)] + [[flows_like(50, 6)]]
    flagged = verdicts(names, flows, [True] * 6 + [False], lambda _: None)[peer]
    assert len(flagged) == 4, "half of the benign captures, and the attack"
    assert flagged[6]
    assert raw(flows[0]).shape == (60, 2)


def test_a_log_is_right_with_an_alert_of_a_class_that_it_holds() -> None:
    logs = dict.fromkeys((log.name for log in (*LABELLED, *QUIET)), NOTHING)
    first, second, quiet = LABELLED[0], LABELLED[1], QUIET[0]
    logs[second.name] = found(replace(ALERT, category="scan"))
    logs[first.name] = found(replace(ALERT, category="c2", detectors=("beacon",)))
    logs[quiet.name] = found(replace(ALERT, category="web_attack", detectors=("model",)))
    lines = list(log_lines(logs))
    assert f"| {first.name} | 0 | {first.known} | c2: beacon | yes | 0 |" in lines
    assert f"| {second.name} | 0 | {second.known} | scan: port_scan | no | 1 |" in lines
    assert f"| together | | | | 1 of {len(LABELLED)} | 1 |" in lines
    assert f"| {quiet.name} | 0 | web_attack: model | 1 | not judged yet |" in lines


def test_arp_packets_are_looked_at_beside_the_flows(tmp_path: Path) -> None:
    traffic = traffic_of(capture_of(sweep(60).ordered(), tmp_path / "sweep.pcap"))
    assert len(traffic.arp) >= 60
    (alert,) = Searcher(load_bundle(MODEL)).shipped(traffic, model=False).alerts
    assert alert.detectors == ("arp_sweep",)
