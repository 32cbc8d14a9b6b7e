"""Argus flows: bytes by direction without Ethernet, states as Zeek names them, and what detection makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.sources.datasets.binetflow import _state
from netsift.sources.flows import read_flows
from tests.conftest import shared_data
from tests.detectors.behaviour.crafting import alerts_of, names_of
from tests.sources.datasets.public import flows

HEADER = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes"


def written(path: Path, *rows: str, header: str = HEADER) -> Path:
    """Write a file of Argus flows; a row gives protocol, source, destination, port, state, packets and bytes."""
    lines = [header]
    for number, row in enumerate(rows):
        protocol, source, target, port, state, *counts = row.split()
        begins = f"2011/08/18 10:{number // 60 % 60:02d}:{number % 60:02d}.000000"
        lines.append(f"{begins},0.5,{protocol},{source},40000,->,{target},{port},{state},0,0,{','.join(counts)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_ethernet_is_taken_off_every_packet(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.binetflow", "tcp 10.0.0.1 10.0.0.2 80 FSPA_FSPA 10 1340 640 6", header=f"{HEADER},SrcPkts"
    )
    (row,) = flows(path).to_pylist()
    assert (row["packets_fwd"], row["packets_bwd"]) == (6, 4)
    assert (row["bytes_fwd"], row["bytes_bwd"], row["bytes"]) == (640 - 84, 700 - 56, 1340 - 140)


def test_without_packets_by_direction_only_one_sided_flows_tell_them(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.binetflow",
        "tcp 10.0.0.1 10.0.0.2 80 FSPA_FSPA 10 1400 700",
        "udp 10.0.0.1 10.0.0.2 53 INT 2 128 128",
    )
    both, one = flows(path).to_pylist()
    assert (both["packets_fwd"], both["packets_bwd"]) == (None, None)
    assert (both["bytes_fwd"], both["bytes_bwd"]) == (630, 630)
    assert (one["packets_fwd"], one["packets_bwd"], one["bytes_fwd"], one["bytes_bwd"]) == (2, 0, 100, 0)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("S_", "S0"), ("SR_", "RSTOS0"), ("FS_", "SH"), ("S_RA", "REJ"), ("S_A", "OTH"), ("FSPA_FSPA", "SF"),
        ("SPA_SPA", "S1"), ("FSPA_SPA", "S2"), ("SPA_FSPA", "S3"), ("SRPA_SPA", "RSTO"), ("SPA_SRPA", "RSTR"),
        ("PA_PA", "OTH"), ("REQ", "S0"), ("INT", "S0"), ("CON", "SF"), ("REJ", "REJ"), ("RST", None), ("URP", None),
        ("", None), ("_", "OTH"),
    ],
)  # fmt: skip
def test_states(text: str, state: str | None) -> None:
    assert _state(text) == state


def test_behaviours_are_looked_for(tmp_path: Path) -> None:
    scan = [f"tcp 10.0.0.5 10.0.0.9 {port} S_RA 2 134 74" for port in range(20, 60)]
    calls = ["tcp 10.0.0.7 198.51.100.9 6667 S_ 1 74 74" for _ in range(3_000)]
    found = alerts_of(read_flows([written(tmp_path / "a.binetflow", *scan, *calls)]))
    assert names_of(found) == {"port_scan", "unanswered_beacon"}


@pytest.mark.parametrize(
    ("name", "detectors"),
    [
        ("iot23-zeek-csv/CTU-Malware-Capture-34-1-labeled.csv.gz", {"syn_flood", "udp_flood", "unanswered_beacon"}),
        ("iot23-zeek-csv/CTU-Malware-Capture-8-1-labeled.csv.gz", {"unanswered_beacon"}),
        ("zeek-labelled-stratosphere/003-zeek-scenario-malicious/conn.log", {"exfiltration", "repeated_uploads"}),
        ("argus-binetflow-slips/test3-mixed.binetflow", {"host_sweep", "port_scan"}),
        ("argus-binetflow-slips/history/Normal_CTU-Normal-7-2013-12-17.binetflow.gz", set()),
        ("iot23-zeek-csv/CTU-Honeypot-Capture-4-1-labeled.csv", set()),
        ("zeek-slips/test10-mixed-zeek-dir/conn.log", {"host_sweep"}),
        ("zeek-slips/test9-mixed-zeek-dir/conn.log.gz", set()),
    ],
)
def test_logs_of_other_tools_tell_behaviours(name: str, detectors: set[str]) -> None:
    found = names_of(alerts_of(read_flows([shared_data() / name])))
    assert found >= detectors
    assert bool(found) == bool(detectors)
