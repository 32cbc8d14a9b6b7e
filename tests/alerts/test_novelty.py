"""What a baseline raises alerts about, how many, and what it keeps quiet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import Detected, detect
from netsift.alerts.learning import Learning
from netsift.alerts.membership import belonging
from netsift.alerts.novelty import NOVELTY, USUAL_HERE, NoveltySearch, confidence_beyond
from netsift.alerts.schema import Alert
from netsift.detectors.novelty.budget import Level
from netsift.detectors.novelty.columns import CONTEXT
from netsift.detectors.novelty.known_pairs import MOST_PAIRS, KnownPairs, all_known, pair_hash
from netsift.models.dataset import address_digests
from tests.detectors.novelty.networks import flows_of, learned

BUDGET = 150.0
FRESH = (11, 12, 13, 14)


def found(batches: Sequence[pa.RecordBatch], budget: float = BUDGET) -> Detected:
    """Return what the behaviours and the baseline of three simulated networks find."""
    search = NoveltySearch(learned().baseline, learned().baseline.curve.level(budget))
    return detect(batches, BehaviourSearch(context=CONTEXT), None, novelty=search)


def of_novelty(detected: Detected) -> list[Alert]:
    """Return the alerts of the baseline."""
    return [alert for alert in detected.alerts if alert.detectors[0].startswith(NOVELTY)]


def own_alerts(detected: Detected) -> list[Alert]:
    """Return the baseline's alerts of hosts that no behaviour detector has an alert of."""
    behaving = {
        source for alert in detected.alerts if not alert.detectors[0].startswith(NOVELTY) for source in alert.sources
    }
    return [alert for alert in of_novelty(detected) if not behaving.issuperset(alert.sources)]


def test_on_fresh_ordinary_traffic_the_alerts_stay_within_the_promised_band() -> None:
    from scipy.stats import nbinom

    curve = learned().baseline.curve
    assert curve.level(BUDGET).promised
    alerts, days = 0, 0.0
    for seed in FRESH:
        batches = flows_of(seed)
        alerts += len(own_alerts(found(batches)))
        days += 20 / 1440
    counted = np.floor(BUDGET * curve.days)
    # Given that so many were counted in the days held back, the number in other days is negative binomial.
    most = nbinom.ppf(0.99, counted, curve.days / (curve.days + days))
    assert alerts <= most
    assert most < 4 * BUDGET * days


def test_a_network_that_does_new_things_raises_alerts_that_say_why() -> None:
    detected = found(flows_of(5, ("exfiltration", "dns_tunnel")))
    alerts = of_novelty(detected)
    assert alerts
    for alert in alerts:
        assert alert.category == "other"
        assert alert.severity in ("low", "medium")
        assert 0.25 <= alert.confidence <= 0.5
        assert alert.columns
        assert "unlike this network's" in alert.reason
        assert "usual here" in alert.reason
        assert "in the most similar ordinary flow" in alert.columns[0].words
        assert alert.flows >= len(alert.evidence) >= 1
    in_incidents = {member for incident in detected.incidents for member in incident.members}
    assert {alert.id for alert in alerts} <= in_incidents
    assert [alert.as_json() for alert in of_novelty(found(flows_of(5, ("exfiltration", "dns_tunnel"))))] == [
        alert.as_json() for alert in alerts
    ]


def test_a_larger_budget_keeps_the_flows_of_a_smaller_one() -> None:
    batches = flows_of(11)
    few, many = (sum(alert.flows for alert in of_novelty(found(batches, budget))) for budget in (BUDGET, 4 * BUDGET))
    assert few <= many


def test_many_strange_hosts_with_one_target_are_one_alert() -> None:
    some = flows_of(4)[0].slice(0, 40)
    moment = pa.array([some.column("start_time")[0].as_py()] * 40, some.schema.field("start_time").type)
    forged = [f"198.51.100.{number}" for number in range(40)]
    changed = {"src_ip": forged, "dst_ip": ["10.9.9.9"] * 40, "start_time": moment, "end_time": moment}
    for name, values in changed.items():
        place = some.schema.get_field_index(name)
        some = some.set_column(place, some.schema.field(place), pa.array(values, some.schema.field(place).type))
    search = NoveltySearch(learned().baseline, Level(0.0, promised=True))
    alerts = of_novelty(detect([some], BehaviourSearch(context=CONTEXT), None, novelty=search))
    assert [len(alert.sources) for alert in alerts] == [40]
    assert alerts[0].targets == ("10.9.9.9",)


def test_flows_of_behaviour_alerts_are_not_learned_from() -> None:
    attacked = flows_of(6, ("port_scan", "brute_force"))
    learning = Learning(seed=1)
    for batch in (*flows_of(1), *flows_of(2), *attacked):
        learning.add(batch)
    result = learning.finish()
    assert {"port_scan", "brute_force"} <= {alert.detectors[0] for alert in result.flagged}
    assert not {alert.detectors[0] for alert in result.flagged} & USUAL_HERE
    what = result.baseline.learned
    assert 0 < what.flagged == what.flows - what.used
    guesses = next(alert for alert in result.flagged if alert.detectors == ("brute_force",))
    assert not all_known(guesses.sources, guesses.targets, guesses.ports, result.baseline.known, result.baseline.key)


def test_flows_belong_to_an_alert_by_source_target_and_time() -> None:
    source, target, other = address_digests(pa.array(["10.0.0.1", "10.0.0.2", "10.0.0.3"])).tolist()
    marks = np.array([[5, source, target], [5, other, target], [5, source, other], [11, source, target]])
    alert = replace(
        learned().flagged[0], start_ns=1, end_ns=10, sources=("10.0.0.1",), targets=("10.0.0.2",), truncated=False
    )
    assert belonging(marks, [alert]).tolist() == [True, False, False, False]
    everywhere = replace(alert, targets=tuple(f"10.1.{number // 250}.{number % 250}" for number in range(1000)))
    assert belonging(marks, [everywhere]).tolist() == [True, False, True, False]
    assert belonging(marks, []).tolist() == [False] * 4


def test_what_hosts_always_did_is_quiet_and_other_hosts_are_not() -> None:
    search = NoveltySearch(learned().baseline, learned().baseline.curve.level(BUDGET))
    flow = next(row for row in flows_of(1)[0].to_pylist() if row["protocol"] == 6)
    did = calls(flow["src_ip"], flow["dst_ip"], flow["dst_port"])
    assert search.is_usual(did)
    assert not search.is_usual(replace(did, targets=("203.0.113.99",)))
    assert not search.is_usual(replace(did, ports=(4444,)))
    assert not search.is_usual(replace(did, detectors=("port_scan",)))
    assert not search.is_usual(replace(did, truncated=True))
    usual = learned().usual
    detected = found([batch for seed in (1, 2, 3) for batch in flows_of(seed)])
    assert detected.usual == len(usual)
    assert not {alert.id for alert in usual} & {alert.id for alert in detected.alerts}


def calls(source: str, target: str, port: int) -> Alert:
    """Return the alert that a host calls another by the clock."""
    return Alert(
        id="0", kind="alert", start_ns=0, end_ns=1, severity="medium", confidence=0.6, category="c2",
        technique="T1071.001", sources=(source,), targets=(target,), ports=(port,), truncated=False,
        detectors=("beacon",), reason="", columns=(), flows=20, packets=200, evidence=(),
    )  # fmt: skip


def test_known_pairs_are_bounded_and_keyed() -> None:
    pairs = KnownPairs(b"k" * 16)
    for part in range(5):
        hosts = [f"host {part} {number}" for number in range(100_000)]
        pairs.add(pa.record_batch({"src_ip": hosts, "dst_ip": ["10.9.9.9"] * 100_000, "dst_port": [443] * 100_000}))
    known = pairs.without([])
    assert len(known) == MOST_PAIRS
    assert pairs.forgotten == 500_000 - MOST_PAIRS
    assert (np.diff(known) > 0).all()
    assert pair_hash("a", "b", 1, b"k" * 16) != pair_hash("a", "b", 1, b"x" * 16)
    assert pair_hash("a", "b", 50_000, b"k" * 16) == pair_hash("a", "b", 60_000, b"k" * 16)
    assert not all_known(["a"], ["b"], [], known, b"k" * 16)


@pytest.mark.parametrize("decades", [0.0, 0.5, 3.0])
def test_confidence_grows_with_how_far_beyond_the_level(decades: float) -> None:
    assert 0.25 <= confidence_beyond(decades) <= confidence_beyond(decades + 0.1) <= 0.5
