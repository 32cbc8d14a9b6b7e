"""What is cut out for an alert of a real capture is all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.coverage import Coverage, listed_whole
from netsift.alerts.detection import detect
from netsift.alerts.schema import MOST_MEMBERS
from netsift.kernels.layout import PACKET
from netsift.sources.flows import read_flows
from netsift.sources.slices import chosen_packets
from netsift.sources.statistics import ReadStatistics
from tests.alerts.made import SCAN, made
from tests.conftest import shared_data

SAMPLE = {
    "amp.TCP.reflection.SYNACK.pcap.gz": {"flood"},
    "sshguess.pcap": {"brute_force"},
    "synscan.pcapng": {"scan"},
}
"""Captures, and the categories of their alerts; the first has one of two protocols, of which one has no ports."""


@pytest.mark.parametrize("name", SAMPLE)
def test_no_packet_of_an_alert_is_missing(name: str) -> None:
    (path,) = (shared_data() / "pcap-attack").rglob(name)
    found = detect(read_flows(path), BehaviourSearch(), None)
    assert {alert.category for alert in found.alerts} >= SAMPLE[name]
    for alert in found.alerts:
        assert len(cut(path, Coverage([alert]))) >= alert.packets
    whole = cut(path, Coverage(found.alerts))
    assert len(whole) <= found.packets
    assert len(whole) >= max(alert.packets for alert in found.alerts)


def cut(path: Path, coverage: Coverage) -> list[int]:
    """Return the times of the packets of some alerts."""
    return [packet.time_ns for packet in chosen_packets([str(path)], coverage.chooses, ReadStatistics())]


def test_lists_that_were_cut_are_left_out_but_never_both_kinds_of_hosts() -> None:
    many, ports = tuple(map(str, range(MOST_MEMBERS))), tuple(range(MOST_MEMBERS))
    assert listed_whole(SCAN) == (SCAN.sources, SCAN.targets, SCAN.ports)
    assert listed_whole(made(sources=many)) == (many, SCAN.targets, SCAN.ports)
    assert listed_whole(made(sources=many, truncated=True)) == ((), SCAN.targets, SCAN.ports)
    assert listed_whole(made(targets=many, ports=ports, truncated=True)) == (SCAN.sources, (), ())
    assert listed_whole(made(sources=many, targets=many, truncated=True)) == (many, many, SCAN.ports)


def test_nothing_is_chosen_of_nothing() -> None:
    assert Coverage([SCAN]).chooses(np.zeros(0, PACKET)).tolist() == []
    assert Coverage([]).chooses(np.zeros(2, PACKET)).tolist() == [False, False]
