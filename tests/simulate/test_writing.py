"""Files and the command: whole or not there, the same bytes, and clear sentences for wrong arguments."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner

from netsift.cli import simulate as command
from netsift.errors import OutputError, UsageError
from netsift.simulate import LABEL_COLUMNS, SimulationSettings, label_path, read_labels, simulate
from tests.simulate.reading import read_pcap

SETTINGS: Final[dict[str, Any]] = {
    "duration_s": 120, "clients": 2, "volume": 0.02, "intensity": 0.1, "flood_packets": 60,
}  # fmt: skip


def settings(**changes: Any) -> SimulationSettings:
    """Settings of a small simulation."""
    return SimulationSettings(**{**SETTINGS, **changes})


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pcap", "b.pcap"):
        simulate(tmp_path / name, settings(seed=7))
    assert (tmp_path / "a.pcap").read_bytes() == (tmp_path / "b.pcap").read_bytes()
    assert (tmp_path / "a.labels.csv").read_bytes() == (tmp_path / "b.labels.csv").read_bytes()
    assert len(list(tmp_path.iterdir())) == 4


def test_the_summary_says_what_was_written(tmp_path: Path) -> None:
    capture = tmp_path / "a.pcap"
    summary = simulate(capture, settings(seed=1))
    records, rows = list(read_pcap(capture)), read_labels(label_path(capture))
    assert summary.packets == len(records)
    assert summary.wire_bytes == sum(record.wire_length for record in records)
    assert summary.file_bytes == capture.stat().st_size
    assert summary.flows.total() == len(rows)
    assert summary.flows["benign"] == sum(row["label"] == "benign" for row in rows)


def test_the_label_file_has_its_columns(tmp_path: Path) -> None:
    simulate(tmp_path / "a.pcap", settings(seed=1))
    rows = read_labels(tmp_path / "a.labels.csv")
    assert tuple(rows[0]) == LABEL_COLUMNS
    for row in rows:
        assert ip_address(row["src_ip"]) != ip_address(row["dst_ip"])
        assert (row["label"] == "attack") == bool(row["attack"])
        assert (row["src_port"] == "") == (row["protocol"] in ("1", "58"))
        assert int(row["start_time_ns"]) <= int(row["end_time_ns"])


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.pcap"):
        simulate(tmp_path / "a.pcapng", settings())


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        simulate(tmp_path / "nowhere" / "a.pcap", settings())


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("netsift.simulate.writing._write", broken)
    with pytest.raises(OutputError, match="No space left"):
        simulate(tmp_path / "a.pcap", settings())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_finds_nothing_wrong(tmp_path: Path) -> None:
    capture = tmp_path / "a.pcap"
    # Floods and scans send octets without meaning to ports of every protocol, which dissectors rightly call malformed.
    classes = ("brute_force", "slow_http", "http_flood", "c2_beacon", "dns_tunnel", "exfiltration", "worm")
    simulate(capture, settings(seed=11, snap_length=0, attacks=classes, duration_s=300))
    checks = [f"{layer}.check_checksum:TRUE" for layer in ("ip", "tcp", "udp")]
    wrong = (
        "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0"
        " || icmpv6.checksum.status == 0 || _ws.short"
        " || (_ws.malformed && (tls || dns || ntp || snmp || ssh || mqtt || http || icmp || icmpv6))"
    )
    options = [argument for check in checks for argument in ("-o", check)]
    found = subprocess.run(
        ["tshark", "-r", capture, *options, "-Y", wrong], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == ""


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5m", 90), ("1d", 86_400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert command.duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "30 m", "-5m", "5min", "1h30"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--duration must look like"):
        command.duration_seconds(text)


def test_start_times() -> None:
    assert command.moment("2026-03-02T08:00:00Z") == command.moment("2026-03-02T09:00:00+01:00")
    assert command.moment("2026-03-02T08:00:00") == command.moment("2026-03-02T08:00:00Z")
    with pytest.raises(UsageError, match="ISO 8601"):
        command.moment("tomorrow")


def application() -> typer.Typer:
    """The command beside another one, as in the program."""
    found = typer.Typer()
    command.register(found)
    found.command(name="other")(lambda: None)
    return found


def test_the_command_writes_and_reports(tmp_path: Path) -> None:
    arguments = shlex.split("--seed 3 --duration 1m --clients 1 --attacks port_scan,worm --intensity 0.1 --volume 0.02")
    result = CliRunner().invoke(application(), ["simulate", str(tmp_path / "a.pcap"), *arguments])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "port scan" in result.stderr
    assert "packets" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.labels.csv", "a.pcap"]


def test_quiet_says_nothing(tmp_path: Path) -> None:
    arguments = shlex.split("--duration 10s --clients 1 --attacks none -q")
    result = CliRunner().invoke(application(), ["simulate", str(tmp_path / "a.pcap"), *arguments])
    assert (result.exit_code, result.output) == (0, "")


def test_unknown_attacks_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(application(), ["simulate", str(tmp_path / "a.pcap"), "--attacks", "flood,warm"])
    assert isinstance(result.exception, UsageError)
    assert "unknown attack 'warm'" in str(result.exception)


def test_the_help_explains_itself() -> None:
    result = CliRunner().invoke(application(), ["simulate", "--help"])
    assert result.exit_code == 0
    assert "netsift simulate office.pcap --seed 7 --duration 30m" in " ".join(result.output.split())
