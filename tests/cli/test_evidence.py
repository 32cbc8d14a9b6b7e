"""``netsift evidence``: what it cuts out is what the alert was about."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from netsift.alerts.stored import alert_from_json
from netsift.capture.arp import ArpLog
from netsift.cli.main import application
from netsift.detectors.arp.base import ArpPacket
from netsift.sources.captures import CaptureSettings, capture_flows
from netsift.sources.flows import read_flows
from netsift.sources.statistics import ReadStatistics
from tests.cli.running import Program, finish, leftovers, start
from tests.conftest import ROOT
from tests.detectors.arp.cases import disputed, sweep
from tests.detectors.arp.traffic import frame, in_vlan, together
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.naive import Record

DEMO = ROOT / "examples" / "demo.pcap.gz"


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the alerts that the behaviour detectors find in the bundled capture."""
    path = tmp_path_factory.mktemp("alerts") / "alerts.jsonl"
    arguments = ["detect", str(DEMO), "--no-model", "--no-suppressions", "-q", "-o", str(path)]
    assert CliRunner().invoke(application, arguments, catch_exceptions=False).exit_code == 0
    return path


def found(alerts: Path, kind: str, category: str) -> dict[str, Any]:
    """Return the first alert or incident of a category."""
    every = map(json.loads, alerts.read_text().splitlines())
    return next(one for one in every if (one["kind"], one["category"]) == (kind, category))


@pytest.mark.parametrize("category", ["scan", "brute_force", "slow_http", "tunnel"])
def test_the_slice_holds_the_flows_of_the_alert(run: Program, alerts: Path, tmp_path: Path, category: str) -> None:
    alert, output = found(alerts, "alert", category), tmp_path / "slice.pcap"
    done = run("evidence", alert["id"], "--alerts", alerts, "--capture", DEMO, "-o", output)
    assert done.status == 0
    flows = pa.Table.from_batches(read_flows(output)).select(["src_ip", "dst_ip", "dst_port", "packets"]).to_pylist()
    packets = sum(flow["packets"] for flow in flows)
    assert f"10,146 packets read, {packets:,} of {alert['id']} written" in done.errors
    assert packets >= alert["packets"]
    hosts = {*alert["sources"], *alert["targets"]}
    assert all({flow["src_ip"], flow["dst_ip"]} <= hosts for flow in flows)
    named = {(flow["src_ip"], flow["dst_ip"], flow["dst_port"]) for flow in flows}
    assert {(flow["src_ip"], flow["dst_ip"], flow["dst_port"]) for flow in alert["evidence"]} <= named
    assert leftovers(tmp_path) == []


def test_an_incident_is_the_packets_of_its_alerts(run: Program, alerts: Path, tmp_path: Path) -> None:
    incident = found(alerts, "incident", "scan")
    sizes = {}
    for wanted in (incident["id"], *incident["members"]):
        done = run("evidence", wanted, "--alerts", alerts, "--capture", DEMO, "-o", tmp_path / f"{wanted}.pcapng")
        assert done.status == 0
        sizes[wanted] = int(done.errors.split("read, ")[1].split()[0].replace(",", ""))
    parts = [sizes[member] for member in incident["members"]]
    assert len(parts) > 1
    assert max(parts) <= sizes[incident["id"]] <= sum(parts)


def test_without_alerts_the_captures_are_searched(run: Program, alerts: Path, tmp_path: Path) -> None:
    wanted = found(alerts, "incident", "brute_force")["id"]
    for name, more in (("one", ("--alerts", alerts)), ("two", ("--no-model", "--no-suppressions"))):
        assert run("evidence", wanted, "--capture", DEMO, "-o", tmp_path / f"{name}.pcap", "-q", *more).status == 0
    assert (tmp_path / "one.pcap").read_bytes() == (tmp_path / "two.pcap").read_bytes()
    done = run("evidence", "ffff", "--capture", DEMO, "-o", tmp_path / "x.pcap", "--no-model")
    assert done.status == 1
    assert "there is no incident or alert 'ffff' in these captures; name the file of alerts" in done.errors


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_opens_it_and_sees_only_the_two_hosts(run: Program, alerts: Path, tmp_path: Path) -> None:
    alert, output = found(alerts, "alert", "brute_force"), tmp_path / "slice.pcap"
    assert run("evidence", alert["id"], "--alerts", alerts, "--capture", DEMO, "-o", output).status == 0
    command = ["tshark", "-r", str(output), "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e", "frame.time_epoch"]
    rows = [line.split("\t") for line in subprocess.check_output(command, text=True).splitlines()]
    assert len(rows) >= alert["packets"]
    assert {host for row in rows for host in row[:2]} == {*alert["sources"], *alert["targets"]}
    times = [float(row[2]) for row in rows]
    assert times == sorted(times)


def test_a_capture_in_a_pipe_and_out_of_one(alerts: Path) -> None:
    alert = found(alerts, "alert", "slow_http")
    packets = gzip.decompress(DEMO.read_bytes())
    arguments = ("evidence", alert["id"], "--alerts", alerts, "--capture", "-", "-o", "-", "-q")
    done = finish(start(*arguments, stdin=subprocess.PIPE), packets)
    assert (done.status, done.errors) == (0, "")
    assert done.output[:4] == b"\x4d\x3c\xb2\xa1"


def test_damage_is_said_and_what_is_good_is_kept(run: Program, alerts: Path, tmp_path: Path) -> None:
    alert = found(alerts, "alert", "brute_force")
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(gzip.decompress(DEMO.read_bytes())[:-3])
    done = run("evidence", alert["id"], "--alerts", alerts, "--capture", cut, "-o", tmp_path / "x.pcap")
    assert done.status == 3
    assert "1 truncated record" in done.errors
    assert (tmp_path / "x.pcap").stat().st_size > 1000


def test_no_packet_no_file(run: Program, alerts: Path, tmp_path: Path) -> None:
    alert = found(alerts, "alert", "brute_force")
    other = tmp_path / "other.pcap"
    assert run("simulate", other, "--duration", "10s", "--seed", 3).status == 0
    done = run("evidence", alert["id"], "--alerts", alerts, "--capture", other, "-o", tmp_path / "x.pcap")
    assert done.status == 1
    assert f"no packet of {alert['id']} among" in done.errors
    assert not (tmp_path / "x.pcap").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--capture", "{demo}", "-o", "{folder}/x.txt"), 2, "suffix must be .pcap or .pcapng"),
        (("--capture", "{demo}", "-o", "{folder}/x.pcap", "--no-model", "--model", "x"), 2, "exclude each other"),
        (("--capture", "-", "-o", "{folder}/x.pcap"), 2, "read only once"),
        (("--capture", "{alerts}", "-o", "{folder}/x.pcap"), 2, "holds flows, not packets"),
        (("--capture", "{demo}", "-o", "{folder}/x.pcap", "--alerts", "{folder}/absent"), 1, "No such file"),
        (("--capture", "{demo}", "-o", "{folder}/x.pcap", "--alerts", "{demo}"), 1, "line 1 is no alert"),
        (("--capture", "{folder}/absent.pcap", "-o", "{folder}/x.pcap", "--alerts", "{alerts}"), 1, "no such file"),
    ],
)
def test_wrong_arguments_are_a_sentence(
    run: Program, alerts: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    alert = found(alerts, "alert", "brute_force")["id"]
    done = run("evidence", alert, *(one.format(demo=DEMO, folder=tmp_path, alerts=alerts) for one in arguments))
    assert done.status == status
    assert words in done.errors
    assert list(tmp_path.glob("x.*")) == []


@pytest.mark.parametrize("vlan", [None, 7])
@pytest.mark.parametrize("detector", ["arp_sweep", "arp_spoofing"])
def test_alerts_of_arp_packets_have_them_as_evidence(
    run: Program, tmp_path: Path, detector: str, vlan: int | None
) -> None:
    segment = together(sweep(60, 10), disputed(40, every_s=0.05))
    segment = segment if vlan is None else in_vlan(segment, vlan)
    records = [Record(one.time_ns, 1, len(frame(one)), frame(one)) for one in segment.ordered()]
    capture, kept = tmp_path / "arp.pcap", tmp_path / "alerts.jsonl"
    capture.write_bytes(pcap(sorted([*records, *busy(500)], key=lambda one: one.time_ns)))
    assert run("detect", capture, "--no-model", "--no-suppressions", "-q", "-o", kept).status == 0
    every = [json.loads(line) for line in kept.read_text().splitlines()]
    [alert] = [one for one in every if one["kind"] == "alert" and one["detectors"] == [detector]]
    whole = alert_from_json(alert)
    assert run("evidence", alert["id"], "--alerts", kept, "--capture", capture, "-o", tmp_path / "a.pcap").status == 0
    log = ArpLog()
    for flows in capture_flows([str(tmp_path / "a.pcap")], CaptureSettings(arp=log), ReadStatistics()):
        assert {*flows["src_ip"].to_pylist(), *flows["dst_ip"].to_pylist()} <= {*alert["sources"], *alert["targets"]}
    observed = [ArpPacket._make(row) for row in log.take().tolist()]
    hosts = {int(IPv4Address(host)) for host in (*alert["sources"], *alert["targets"])}
    expected = [
        one for one in segment.ordered()
        if {one.sender_address, one.target_address} <= hosts
        and whole.start_ns <= one.time_ns <= whole.end_ns + 999
    ]  # fmt: skip
    assert observed == expected
    assert len(observed) >= alert["packets"]
