"""Alerts of ARP packets: of the one schema, the same however the packets come, in the same incidents, forgotten."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netsift.alerts.arp import ArpSearch
from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import Detected, IncidentSearch, detect
from netsift.alerts.ecs import as_ecs
from netsift.alerts.schema import Alert
from netsift.alerts.stored import alert_from_json
from netsift.capture.arp import ArpLog
from netsift.detectors.arp.base import MOST_KEPT, ArpPacket, Bounded, is_shared
from netsift.detectors.arp.spoofing import ArpSpoofing
from netsift.detectors.arp.sweep import ArpSweep
from netsift.kernels.layout import ARP_OBSERVATION
from netsift.sources.captures import CaptureSettings
from netsift.sources.flows import read_flows
from tests.detectors.arp.cases import disputed, in_the_middle, polling, sweep
from tests.detectors.arp.traffic import START_NS, Segment, capture_of, in_vlan, together
from tests.detectors.behaviour.cases import syn_scan

SWEEP = sweep(60, 10)
SPOOFING = disputed(40)
BOTH = together(SWEEP, SPOOFING)


def array_of(packets: Sequence[ArpPacket]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return packets as the kernel writes them."""
    return np.array(packets, ARP_OBSERVATION)


def alerts_of(packets: Sequence[ArpPacket], size: int = 1 << 20, *, asking: bool = False) -> list[Alert]:
    """Return the alerts of packets that come so many at a time; ``asking`` asks for them at each."""
    log = ArpLog()
    search = ArpSearch(log)
    for start in range(0, len(packets), size):
        log.add(array_of(packets[start : start + size]))
        search.look()
        if asking:
            list(search.alerts())
    return sorted(search.alerts(), key=lambda alert: alert.id)


def assert_survives_json(alert: Alert) -> None:
    """An alert can be written and read again, but for digits of its confidence."""
    assert alert_from_json(alert.as_json()) == replace(alert, confidence=round(alert.confidence, 4))


def test_alerts_have_all_that_alerts_have() -> None:
    swept, spoofed = sorted(alerts_of(BOTH.ordered()), key=lambda alert: alert.detectors)[::-1]
    assert (swept.detectors, swept.category, swept.technique) == (("arp_sweep",), "scan", "T1018")
    assert swept.sources == ("10.0.0.66",)
    assert len(swept.targets) >= 60
    assert "asked by ARP for 71 addresses" in swept.reason
    assert "02:aa:00:00:00:42" in swept.reason
    assert (spoofed.detectors, spoofed.category, spoofed.technique) == (("arp_spoofing",), "other", "T1557.002")
    assert spoofed.sources == ("10.0.0.66",)
    assert spoofed.targets == ("10.0.0.1", "10.0.0.7")
    assert [(one.src_ip, one.dst_ip, one.protocol) for one in spoofed.evidence] == [("10.0.0.1", "10.0.0.7", None)]
    for alert in (swept, spoofed):
        assert alert.start_ns < alert.end_ns
        assert math.isfinite(alert.confidence)
        assert 0.75 <= alert.confidence < 1
        assert_survives_json(alert)
        assert as_ecs(alert)["source"]["ip"] == "10.0.0.66"


@pytest.mark.parametrize("size", [1, 7, 100])
def test_however_packets_are_cut_alerts_are_the_same(size: int) -> None:
    packets = BOTH.ordered()
    expected = alerts_of(packets)
    assert len(expected) == 2
    assert alerts_of(packets, size) == alerts_of(packets, size, asking=True) == expected


def test_an_alert_that_grows_keeps_its_id() -> None:
    packets = BOTH.ordered()
    first = {alert.detectors: alert.id for alert in alerts_of(packets[: len(packets) - 10])}
    assert first == {alert.detectors: alert.id for alert in alerts_of(packets)}


def test_vlans_are_told_apart() -> None:
    found = alerts_of(together(in_vlan(SPOOFING, 5), in_vlan(SPOOFING, 6)).ordered())
    assert len({alert.id for alert in found}) == len(found) == 2


def test_a_spoofer_without_an_address_of_its_own_is_named_by_its_hardware() -> None:
    (alert,) = alerts_of(in_the_middle(9).ordered())
    assert alert.sources == ("02:aa:00:00:00:42",)
    assert_survives_json(alert)
    assert as_ecs(alert)["source"] == {"address": "02:aa:00:00:00:42"}


def test_what_a_spoofer_stops_to_do_and_does_again_are_two_alerts() -> None:
    later = [packet._replace(time_ns=packet.time_ns + 3_600 * 10**9) for packet in SPOOFING.packets]
    found = alerts_of(replace(SPOOFING, packets=[*SPOOFING.packets, *later]).ordered())
    assert [alert.detectors for alert in found] == [("arp_spoofing",)] * 2


def search_of(segment: Segment, folder: Path) -> Detected:
    """Return what is found in a capture of ARP packets beside a scan of ports by the same host."""
    log = ArpLog()
    path = capture_of(segment.ordered(), folder / "arp.pcap")
    scan = syn_scan(30).capture(folder)
    batches = read_flows([path, scan], CaptureSettings(arp=log))
    return detect(batches, BehaviourSearch(), None, arp=ArpSearch(log))


def test_they_stand_beside_the_alerts_of_flows(tmp_path: Path) -> None:
    found = search_of(BOTH, tmp_path)
    names = {name for alert in found.alerts for name in alert.detectors}
    assert {"arp_sweep", "arp_spoofing", "port_scan"} <= names
    assert (found.arp_packets, found.arp_lost) == (len(BOTH.packets), 0)
    (incident,) = (one for one in found.incidents if "arp_sweep" in one.detectors)
    assert incident.detectors == ("arp_spoofing", "arp_sweep"), "what one host did is one incident"
    assert incident.sources == ("10.0.0.66",)


def test_a_search_without_end_forgets_and_keeps_the_alert_while_its_incident_may_grow() -> None:
    log = ArpLog()
    search = IncidentSearch(None, None, arp=ArpSearch(log))
    log.add(array_of(BOTH.ordered()))
    found = search.found()
    assert len(found.alerts) == 2
    for hours, left in ((0, 2), (1, 2), (3, 0)):
        search.forget(START_NS + hours * 3_600 * 10**9, found)
        after = search.found()
        assert len(after.alerts) == left
        assert after.forgotten == 2 - left
        if left:
            assert after.alerts == found.alerts
            assert after.incidents == found.incidents


def test_bounded_forgets_what_was_not_put_for_longest() -> None:
    kept: Bounded[int, int] = Bounded(3)
    for key in (1, 2, 3, 1, 4):
        kept.put(key, key)
    assert list(kept) == [3, 1, 4]


def test_memory_is_bounded_whatever_addresses_come() -> None:
    rng = random.Random(2)
    sweeping, spoofing = ArpSweep(), ArpSpoofing()
    packets = [
        ArpPacket(START_NS + number * 1000, rng.randrange(1 << 48), rng.randrange(1 << 48), rng.randrange(1 << 32),
                  rng.randrange(1 << 32), rng.choice((1, 2)), rng.randrange(4096))
        for number in range(MOST_KEPT + 20_000)
    ]  # fmt: skip
    for detector in (sweeping, spoofing):
        detector.add(packets)
        held = [value for name, value in vars_of(detector) if name.startswith("_")]
        assert all(len(one) <= MOST_KEPT for one in held)
        assert max(map(len, held)) > MOST_KEPT // 2
        assert [one for one in detector.episodes() if one.strength >= 1] == []


def vars_of(detector: ArpSweep | ArpSpoofing) -> list[tuple[str, list[object]]]:
    """Return what a detector holds, by name."""
    return [(name, getattr(detector, name)) for name in detector.__slots__ if name.startswith("_")]


def test_hostile_packets_raise_nothing_and_get_into_no_reason() -> None:
    rng = random.Random(7)
    values = {
        "time_ns": (0, START_NS, -(2**62), 2**62), "sender_hardware": (0, 1, 2**48 - 1), "target_hardware": (0, 1),
        "sender_address": (0, 1, 2, 2**32 - 1), "target_address": (0, 1, 2, 2**32 - 1), "operation": (1, 2),
        "vlan_id": (0, 4095, 0xFFFF),
    }  # fmt: skip
    packets = [ArpPacket(*(rng.choice(values[name]) for name in ArpPacket._fields)) for _ in range(20_000)]
    for alert in alerts_of([*packets, *BOTH.ordered(), *packets], 50, asking=True):
        assert alert.start_ns <= alert.end_ns
        assert "nan" not in alert.reason
        assert 0.75 <= alert.confidence <= 1


def test_any_packet_of_a_capture_may_be_missing_or_changed() -> None:
    """Damaged traffic raises nothing, and ordinary traffic does not become an attack by it."""
    rng = random.Random(5)
    ordinary = polling().ordered()
    for _ in range(20):
        kept = [packet for packet in ordinary if rng.random() < 0.95]
        changed = [
            packet._replace(sender_hardware=packet.sender_hardware ^ (1 << rng.randrange(48)))
            if rng.random() < 0.02 else packet
            for packet in kept
        ]  # fmt: skip
        assert [alert.reason for alert in alerts_of(changed)] == []
        assert len(alerts_of([packet for packet in BOTH.ordered() if rng.random() < 0.9])) == 2


@pytest.mark.parametrize(
    "text",
    ["00005e000101", "00005e0001ff", "00005e000207", "00000c07ac01", "00000c9ff001", "00000c9fffff", "0007b4000203",
     "02bf01020304", "03bf01020304"],
)  # fmt: skip
def test_shared_hardware_addresses(text: str) -> None:
    assert is_shared(int(text, 16))


@pytest.mark.parametrize("text", ["00005e000301", "00000c07ad01", "00000c9fe001", "0007b4010203", "02be01020304"])
def test_other_hardware_addresses(text: str) -> None:
    assert not is_shared(int(text, 16))
