"""``netsift detect``: what a person types, sees and gets."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import detect as detect_in
from netsift.cli.detect import default_model
from netsift.cli.incidents import alerts_table
from netsift.cli.main import application
from netsift.cli.progress import counted
from netsift.errors import InputError, OutputError, UsageError
from netsift.models.bundle import load_bundle, save_bundle
from netsift.sources.flows import read_flows
from tests.cli.running import Program
from tests.detectors.arp.cases import polling, sweep
from tests.detectors.arp.traffic import capture_of
from tests.fuzz import frames
from tests.fuzz.seeds import pcap
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch

VXLAN = b"\x08\0\0\0\0\0\x2a\0"
"""A VXLAN header."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a small model."""
    path = tmp_path / "model.netsift"
    save_bundle(small_bundle(), path)
    return path


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a capture of one conversation and a scan of forty ports."""
    path = tmp_path / "scan.pcap"
    path.write_bytes(pcap("scan", frames.conversation(4) + scan(1)).data)
    return path


def scan(host: int) -> list[frames.Frame]:
    """Return probes of forty ports from 192.0.2.host."""
    source = bytes((192, 0, 2, host))
    segments = [frames.tcp(flags=2, port=port) for port in range(101, 141)]
    return [(frames.ETHERNET, frames.ethernet(frames.ipv4(segment, 6, source=source))) for segment in segments]


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """Return a file of flows with attacks in it."""
    path = tmp_path / "flows.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(200, 40)[0]]), path)
    return path


def detect(*arguments: object) -> Result:
    """Run ``netsift detect``."""
    return CliRunner().invoke(application, ["detect", *map(str, arguments)], catch_exceptions=False)


def rows(result: Result) -> list[str]:
    """Return the lines of incidents, without the headings and what stands below each."""
    return [line for line in result.stdout.splitlines()[1:] if not line.startswith(" " * 8)]


def lines_of(result: Result) -> list[dict[str, Any]]:
    """Return the JSON lines on standard output."""
    return [json.loads(line) for line in result.stdout.splitlines()]


SEVERITIES = ("low", "medium", "high", "critical")


def test_counts_then_ranked_incidents(capture: Path) -> None:
    result = detect(capture)
    assert result.exit_code == 0
    assert re.search(r"^[\d,]+ flows of [\d,]+ packets: \d+ incidents? of \d+ alerts?$", result.stderr, re.MULTILINE)
    assert result.stdout.splitlines()[0].split() == ["severity", "sure", "what", "who", "id"]
    shown = [row.split() for row in rows(result)]
    assert all(re.fullmatch(r"[0-9a-f]{16}", row[-1]) for row in shown)
    order = [(SEVERITIES.index(row[0]), float(row[1])) for row in shown]
    assert order == sorted(order, reverse=True)
    assert not any(line.endswith(" ") or "\x1b" in line for line in result.stdout.splitlines())


def test_a_scan_is_one_incident_with_its_reason(capture: Path) -> None:
    result = detect(capture, "--no-model")
    assert len(rows(result)) == 1
    assert re.match(r"(medium|high) +0\.\d\d  scan +192\.0\.2\.1 → 198\.51\.100\.2, 40 ports", rows(result)[0])
    assert "192.0.2.1 tried 40 ports of 198.51.100.2" in result.stdout
    assert "looks like" not in result.stderr


def test_what_is_not_there_is_not_found(run: Program, tmp_path: Path) -> None:
    capture = tmp_path / "quiet.pcap"
    capture.write_bytes(pcap("quiet", frames.conversation(4)).data)
    done = run("detect", capture, "--no-model")
    assert (done.status, done.text) == (0, "")
    assert ": nothing found" in done.errors


def test_explain_prints_one_in_full(capture: Path) -> None:
    found = lines_of(detect(capture, "--no-model", "-o", "-"))
    for one in found:
        shown = detect(capture, "--no-model", "--explain", one["id"]).stdout
        assert one["reason"] in shown
        assert f"ATT&CK {one['technique']}, {one['tactic']}" in shown
        assert all(flow["id"] in shown for flow in one["evidence"])
    with pytest.raises(UsageError, match="there is no incident or alert 0123"):
        detect(capture, "--no-model", "--explain", "0123")


def test_incidents_come_before_alerts_and_hold_each_once(capture: Path) -> None:
    found = lines_of(detect(capture, "-o", "-"))
    kinds = [one["kind"] for one in found]
    assert kinds == sorted(kinds, reverse=True)
    members = [member for one in found if one["kind"] == "incident" for member in one["members"]]
    assert sorted(members) == sorted(one["id"] for one in found if one["kind"] == "alert")
    assert found == lines_of(detect(capture, "-o", "-")), "the same input gives the same ids"


def test_the_keys_of_an_alert(capture: Path) -> None:
    keys = {
        *("id", "kind", "start", "end", "severity", "confidence", "category", "tactic", "technique", "sources"),
        *("targets", "detectors", "reason", "columns", "flows", "evidence"),
    }
    assert all(keys <= set(one) for one in lines_of(detect(capture, "-o", "-")))


def test_elastic_common_schema(capture: Path) -> None:
    found = lines_of(detect(capture, "-o", "-", "--format", "ecs"))
    assert all(one["event"]["kind"] == "alert" and one["ecs"]["version"] for one in found)
    assert all(one["@timestamp"].endswith("Z") and one["netsift"]["id"] == one["event"]["id"] for one in found)
    assert found[0]["source"]["ip"] == "192.0.2.1"


def test_scripts_can_ask_for_an_exit_status(run: Program, capture: Path, tmp_path: Path) -> None:
    assert run("detect", capture, "--no-model", "--fail-on", "low").status == 4
    assert run("detect", capture, "--no-model", "--fail-on", "critical").status == 0
    quiet = tmp_path / "quiet.pcap"
    quiet.write_bytes(pcap("quiet", frames.conversation(4)).data)
    assert run("detect", quiet, "--no-model", "--fail-on", "low").status == 0
    assert run("detect", capture, "--no-model", "--fail-on", "severe").status == 2


def test_no_model_and_a_model_exclude_each_other(capture: Path, model: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        detect(capture, "--no-model", "--model", model)


def test_a_narrow_terminal_is_kept_to(capture: Path) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    found = detect_in(read_flows(str(capture)), BehaviourSearch(), None)
    console.print(alerts_table(found.incidents))
    console.print(alerts_table(found.alerts, full=True))
    assert max(map(len, console.export_text().splitlines())) <= 80


def test_the_list_is_cut_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "scans.pcap"
    path.write_bytes(pcap("scans", [frame for host in range(1, 4) for frame in scan(host)]).data)
    result = detect(path, "--no-model", "--limit", 2)
    assert len(rows(result)) == 2
    assert "1 more incident not shown: --limit or --output" in result.stderr


def test_what_is_not_believed_is_counted_and_shown_when_asked_for(flows: Path, model: Path) -> None:
    said = re.search(
        r"the model flagged ([\d,]+) flows more, .*; --all shows them", detect(flows, "--model", model).stderr
    )
    assert said
    found = lines_of(detect(flows, "--model", model, "-o", "-", "--all"))
    doubted = [one for one in found if one["kind"] == "alert" and one["detectors"] == ["model, not believed"]]
    assert sum(one["flows"] for one in doubted) == int(said[1].replace(",", ""))
    assert all(one["severity"] == "low" for one in doubted)
    assert "--all shows them" not in detect(flows, "--model", model, "--all").stderr


def test_what_became_of_the_packets_is_said(run: Program, model: Path, tmp_path: Path) -> None:
    capture, stats = tmp_path / "x.pcap", tmp_path / "counts.json"
    capture.write_bytes(pcap("x", frames.conversation(4) + frames.network_oddities()).data)
    done = run("detect", capture, "--model", model, "--stats", stats)
    counts = json.loads(stats.read_text())
    first = next(line for line in done.errors.splitlines() if " packets read" in line)
    skipped = counts["packets_skipped"]
    assert first.startswith(f"{counts['packets_read']} packets read, {counts['packets_metered']} metered, ")
    assert f", {sum(skipped.values())} skipped: " in first
    assert all(f"{count} {reason.replace('_', ' ')}" in first for reason, count in skipped.items())
    assert skipped
    assert {"flows_flagged", "flows_flagged_too_few", "flows_flagged_unconfirmed", "incidents"} <= set(counts)


def test_why_nothing_was_looked_at_is_said(run: Program, model: Path, tmp_path: Path) -> None:
    capture = tmp_path / "arp.pcap"
    capture.write_bytes(pcap("arp", [(frames.ETHERNET, frames.ethernet(b"\0" * 28, 0x0806))] * 3).data)
    done = run("detect", capture, "--model", model)
    assert "no flows: none of the 3 packets can be metered (ARP and RARP are not IP)" in done.errors
    assert "3 packets read, 0 metered, 3 skipped: 3 arp" in done.errors
    assert "nothing found" not in done.errors
    assert done.text == ""


def test_arp_packets_are_looked_at_without_any_flow(run: Program, tmp_path: Path) -> None:
    path = capture_of(sweep(60, 10).ordered(), tmp_path / "arp.pcap")
    done = run(
        "detect", path, "--no-model", "--no-suppressions", "--stats", tmp_path / "stats.json", "--fail-on", "low"
    )
    assert done.status == 4
    assert "asked by ARP for 70 addresses" in " ".join(done.text.split())
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["flows"], stats["arp_packets"], stats["arp_packets_without_room"]) == (0, stats["packets_read"], 0)
    assert run("detect", capture_of(polling().ordered(), path), "--no-model", "--no-suppressions").text == ""


def test_quiet_says_nothing_but_the_findings(run: Program, model: Path, flows: Path) -> None:
    done = run("detect", flows, "--model", model, "-q")
    assert done.errors == ""
    assert done.text == run("detect", flows, "--model", model).text != ""


@pytest.mark.parametrize(
    ("options", "flows_and_peak"),
    [
        ((), (1, 1)),
        (("--tunnels", "inner", "--threads", "1"), (40, 40)),
        (("--tunnels", "inner", "--max-flows", "16", "--no-tcp-end"), (40, 16)),
    ],
)
def test_captures_are_read_as_flows_reads_them(
    run: Program, model: Path, tmp_path: Path, options: tuple[str, ...], flows_and_peak: tuple[int, int]
) -> None:
    capture = tmp_path / "tunnel.pcap"
    inner = [frames.ethernet(frames.ipv4(frames.udp(port=port))) for port in range(40)]
    outer = [frames.ethernet(frames.ipv4(frames.udp(VXLAN + frame, 4789))) for frame in inner]
    capture.write_bytes(pcap("tunnel", [(frames.ETHERNET, frame) for frame in outer]).data)
    counts = {}
    for command, more in (("detect", ("--model", model)), ("flows", ("-o", tmp_path / "flows.csv"))):
        assert run(command, capture, "--stats", tmp_path / "counts.json", *more, *options).status == 0
        counts[command] = json.loads((tmp_path / "counts.json").read_text())
    assert counts["detect"].items() >= counts["flows"].items()
    assert (counts["detect"]["flows"], counts["detect"]["peak_flows"]) == flows_and_peak


def test_reading_options_are_checked_alike(run: Program, flows: Path) -> None:
    for options in (("--tunnels", "both"), ("--idle-timeout", "-1"), ("--max-flows", "0"), ("--first-packets", "-5")):
        of_detect, of_flows = (run(command, flows, *options) for command in ("detect", "flows"))
        assert of_detect.status == of_flows.status == 2
        assert of_detect.errors == of_flows.errors != ""
    helps = [run(command, "--help").text for command in ("detect", "flows")]
    for option in ("tunnels", "threads", "idle-timeout", "active-timeout", "tcp-end", "max-flows", "first-packets"):
        assert all(f"--{option}" in text for text in helps)


def test_nothing_is_overwritten(run: Program, model: Path, flows: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (model, flows)}
    link = tmp_path / "link"
    link.symlink_to(flows)
    for arguments in (
        ("-o", flows),
        ("-o", model),
        ("-o", link),
        ("--stats", flows),
        ("-o", tmp_path / "x", "--stats", tmp_path / "x"),
    ):
        done = run("detect", flows, "--model", model, *arguments)
        assert done.status == 2
        assert re.fullmatch(r"netsift: .* would overwrite .*: name another output\n", done.errors)
    assert {path: path.read_bytes() for path in (model, flows)} == before


def test_help_of_detect_and_train_has_examples_and_exit_statuses(run: Program) -> None:
    for command in ("detect", "train"):
        text = run(command, "--help").text
        assert "Examples" in text
        assert f"netsift {command} " in text
        assert "Exit status: 0" in text


def test_numbers_and_nouns_agree() -> None:
    assert counted(1, "flow") == "1 flow"
    assert counted(0, "flow") == "0 flows"
    assert counted(2000, "flagged flow") == "2,000 flagged flows"


def test_one_is_not_many(run: Program, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    one = random_batch(1, 3)[0]
    one = one.set_column(one.schema.get_field_index("packets"), one.schema.field("packets"), pa.array([1], pa.uint32()))
    pa.parquet.write_table(pa.Table.from_batches([one]), path)
    assert run("detect", path, "--model", model).errors.startswith("1 flow of 1 packet: ")


def test_all_alerts_are_written_as_json_lines(capture: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "alerts.jsonl"
    output.parent.mkdir()
    detect(capture, "-o", output, "--limit", 1)
    assert [path.name for path in output.parent.iterdir()] == ["alerts.jsonl"]
    assert detect(capture, "-o", "-").stdout == output.read_text()


def test_no_flows_are_said_aloud(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "empty.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(5, 1)[0].slice(0, 0)]), path)
    result = detect(path, "--model", model)
    assert "no flows" in result.stderr
    assert "nothing found" not in result.stderr
    assert result.stdout == ""


def test_text_from_a_file_cannot_steer_the_terminal(tmp_path: Path, model: Path) -> None:
    batch, _ = random_batch(50, 42)
    evil = pa.array(["\x1b[2J[red]"] * 50)
    batch = batch.set_column(batch.schema.get_field_index("src_ip"), "src_ip", evil)
    path = tmp_path / "evil.parquet"
    pa.parquet.write_table(pa.Table.from_batches([batch]), path)
    result = detect(path, "--model", model, "--all")
    assert "\x1b" not in result.stdout
    assert "?[2J[red]" in result.stdout


def test_wrong_arguments_are_errors(flows: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no threshold for a false-positive rate of 0\.2; it has 0\.05, 0\.01, 0\.001"
    ):
        detect(flows, "--model", model, "--false-positive-rate", "0.2")
    with pytest.raises(InputError, match="absent"):
        detect(tmp_path / "absent.pcap", "--model", model)
    with pytest.raises(OutputError, match="cannot be written"):
        detect(flows, "--model", model, "-o", tmp_path / "absent" / "x.jsonl")


def test_statuses_say_who_is_to_blame(run: Program, flows: Path, model: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.netsift"
    garbage.write_bytes(b"PK" * 100)
    for wrong in (tmp_path / "absent.netsift", tmp_path, garbage):
        done = run("detect", flows, "--model", wrong)
        assert done.status == 1
        assert re.fullmatch(r"netsift: [^\n]*\n", done.errors)
    for rate in ("0.2", "0", "-1", "nan", "7"):
        done = run("detect", flows, "--model", model, "--false-positive-rate", rate)
        assert done.status == 2
        assert "0.05, 0.01, 0.001" in done.errors


def test_flows_that_lack_columns_are_refused_by_name(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(5, 1)[0].drop_columns(["bytes"])]), path)
    with pytest.raises(InputError, match="the flows lack 1 of the columns that the model needs: bytes"):
        detect(path, "--model", model)


def test_the_model_in_the_package_is_whole() -> None:
    manifest = load_bundle(default_model()).manifest
    assert manifest.classes[0] == "benign"
    assert {entry.false_positive_rate for entry in manifest.thresholds} >= {0.01, 0.001}
