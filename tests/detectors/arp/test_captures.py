"""ARP detectors on real captures: the one of ARP poisoning is found, and no other captures speak."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.alerts.arp import ArpSearch
from netsift.alerts.schema import Alert
from netsift.capture.arp import ArpLog
from netsift.sources.captures import CaptureSettings
from netsift.sources.flows import read_flows
from tests.conftest import captures_below, shared_data

MOST_BYTES = 1_000_000


def alerts_of(path: Path) -> list[Alert]:
    """Return the alerts of the ARP packets of a capture."""
    log = ArpLog()
    for _ in read_flows(path, CaptureSettings(arp=log)):
        pass
    search = ArpSearch(log)
    search.look()
    return list(search.alerts())


def test_poisoning_is_found() -> None:
    folder = shared_data() / "pcap-attack"
    (path,) = (path for path in captures_below(folder) if path.name == "arppoison.pcapng")
    (alert,) = alerts_of(path)
    assert alert.detectors == ("arp_spoofing",)
    assert alert.sources == ("172.16.0.105",)
    assert alert.targets == ("172.16.0.1", "172.16.0.107")


@pytest.mark.parametrize("folder", ["pcap-benign", "pcap-attack"])
def test_all_others_are_silent(folder: str) -> None:
    small = [path for path in captures_below(shared_data() / folder) if path.stat().st_size <= MOST_BYTES]
    assert small
    spoken = {path.name: reasons for path in small if (reasons := [one.reason for one in alerts_of(path)])}
    assert spoken.keys() == ({"arppoison.pcapng"} if folder == "pcap-attack" else set())
