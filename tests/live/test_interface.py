"""Capturing from an interface: what was sent is what is counted, and flows are those of a file of the same packets."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from netsift.cli.warmup import warmup
from tests.flows.engine import engine
from tests.flows.traffic import busy
from tests.flows.writing import ethernet, ipv4, pcap, udp
from tests.live.networks import RECEIVES, Network, needs_network, network, sendable, wait_for
from tests.naive import Record

pytestmark = needs_network()
SECOND = 10**9


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


@dataclass(frozen=True)
class Captured:
    """What the capturing program found, and the flows of a file of the same packets."""

    rows: list[dict[str, Any]]
    read: int
    decoded: int
    skipped: dict[str, int]
    interface: dict[str, Any]
    kept: Path


def captured(made: Network, folder: Path, traffic: Path, *options: str, packets: int, **settings: object) -> Captured:
    """Capture while traffic is sent, until ``packets`` have come or been dropped."""
    target, kept = folder / "live.json", folder / "live.pcap"
    program = made.python(
        "-m", "tests.live.capture_program", RECEIVES, target, kept, json.dumps(settings)
    )  # fmt: skip
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n", program.communicate()[1].decode()
    made.send(traffic, *options)
    progress = folder / "live.json.seen"

    def came() -> bool:
        try:
            return bool(sum(json.loads(progress.read_text()).values()) >= packets)
        except (OSError, ValueError):
            return False

    wait_for(came, f"{packets} packets")
    program.send_signal(signal.SIGTERM)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors.decode()
    return Captured(kept=kept, **json.loads(target.read_text()))


def written(folder: Path, records: list[Record]) -> Path:
    """Return a capture of these records."""
    path = folder / "sent.pcap"
    path.write_bytes(pcap(records))
    return path


def test_flows_are_those_of_a_file_of_the_same_packets(tmp_path: Path) -> None:
    """All columns agree, times as well: the packets are written down as they were captured, and read as a file."""
    records = sendable(busy(3_000))
    with network() as made:
        live = captured(made, tmp_path, written(tmp_path, records), "-t", packets=len(records))
    assert live.read == len(records)
    assert live.interface["ring"]["packets"] == len(records)
    assert live.interface["ring"]["dropped"] == 0
    rows, skipped = engine(live.kept)
    expected = json.loads(json.dumps(rows))
    assert len(live.rows) == len(expected)
    for row, other in zip(live.rows, expected, strict=True):
        assert {name: (row[name], other[name]) for name in row if row[name] != other[name]} == {}
    assert len(rows) > 100
    # Skipped ones have no record; what was decoded is in the file.
    assert live.decoded == live.read - sum(live.skipped.values())
    assert not skipped
    assert {7, 8} <= {row["vlan_id"] for row in rows}


def test_what_was_sent_is_there_byte_for_byte(tmp_path: Path) -> None:
    records = [one for one in sendable(busy(400)) if one.data[12:14] in (b"\x08\x00", b"\x81\x00", b"\x86\xdd")]
    with network() as made:
        live = captured(made, tmp_path, written(tmp_path, records), "-t", packets=len(records))
    kept = live.kept.read_bytes()[24:]
    for record in records:
        size = int.from_bytes(kept[8:12], "little")
        assert kept[16 : 16 + size] == record.data
        kept = kept[16 + size :]
    assert kept == b""


def test_counted_and_dropped_are_what_was_sent_at_the_greatest_speed(tmp_path: Path) -> None:
    records = sendable(busy(3_000)) * 20
    with network() as made:
        live = captured(
            made, tmp_path, written(tmp_path, records), "-t", "-K", packets=len(records), ring_bytes=2 << 20
        )
    assert live.read + live.interface["ring"]["dropped"] == len(records)
    assert live.interface["ring"]["packets"] == len(records)


def test_long_packets_are_cut_and_counted(tmp_path: Path) -> None:
    long = [Record(number * SECOND, 1, 1042, ethernet(ipv4(udp(bytes(1000)), 17))) for number in range(5)]
    with network() as made:
        live = captured(made, tmp_path, written(tmp_path, long), "-t", packets=5, snap_length=96)
    assert live.interface["cut"] == 5
    (row,) = live.rows
    assert (row["packets"], row["bytes"]) == (5, 5 * 1028)


@pytest.mark.parametrize(
    ("expression", "exclude", "expected"),
    [
        ("udp port 53", [], lambda row: row["protocol"] == 17 and 53 in (row["src_port"], row["dst_port"])),
        ("vlan 7", [], lambda row: row["vlan_id"] == 7),
        (
            "not vlan",
            ["10.0.0.5"],
            lambda row: row["vlan_id"] is None and "10.0.0.5" not in (row["src_ip"], row["dst_ip"]),
        ),
    ],
)
def test_filters(expression: str, exclude: list[str], expected: Any, tmp_path: Path) -> None:
    records = sendable(busy(1_000, fragments=False))
    path = written(tmp_path, records)
    rows, _ = engine(path)
    wanted = sum(int(str(row["packets"])) for row in rows if expected(row))
    assert 0 < wanted < len(records)
    with network() as made:
        live = captured(made, tmp_path, path, "-t", packets=wanted, expression=expression, exclude=exclude)
    assert live.decoded == wanted
    assert all(expected(row) for row in live.rows)
