"""``netsift flows``: formats, columns, counts, standard input and help."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import netsift
from netsift.cli.progress import SKIP_MEANINGS
from netsift.context.schema import CONTEXT_COLUMNS
from netsift.flows.columns import arrow_schema
from netsift.flows.write import FORMATS
from netsift.kernels.layout import SKIP_REASONS
from tests.cli.running import Program, finish, start
from tests.conftest import ROOT
from tests.fuzz import frames
from tests.fuzz.seeds import Builder, pcap, pcapng

PACKETS = frames.conversation(12) + frames.network_oddities() + frames.encapsulations()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a capture with flows of many kinds."""
    path = tmp_path / "capture.pcapng"
    path.write_bytes(pcapng("capture", PACKETS).data)
    return path


def rows(path: Path) -> list[dict[str, object]]:
    """Return the flows of a file as plain values."""
    return [row for batch in netsift.read_flows(path) for row in batch.to_pylist()]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_carries_the_same_values(run: Program, capture: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"flows{suffix}"
    done = run("flows", capture, "-o", output, "-q")
    assert (done.status, done.output, done.errors) == (0, b"", "")
    assert rows(output) == rows(capture)
    assert len(rows(output)) > 10


def test_standard_output_is_csv_unless_told_otherwise(run: Program, capture: Path) -> None:
    done = run("flows", capture, "-q")
    table = list(csv.DictReader(io.StringIO(done.text)))
    assert list(table[0]) == arrow_schema().names
    assert len(table) == len(rows(capture))
    assert run("flows", capture, "-q", "-o", "-").output == done.output
    lines = run("flows", capture, "-q", "--format", "jsonl").text.splitlines()
    assert [json.loads(line)["src_ip"] for line in lines] == [row["src_ip"] for row in table]
    assert all(list(json.loads(line)) == arrow_schema().names for line in lines)
    with pa.ipc.open_stream(run("flows", capture, "-q", "--format", "arrow").output) as stream:
        assert stream.read_all().num_rows == len(table)


def test_columns_can_be_chosen(run: Program, capture: Path) -> None:
    done = run("flows", capture, "-q", "--columns", "dst_port, src_ip,dst_port")
    assert done.text.splitlines()[0] == "dst_port,src_ip"


def test_the_columns_of_cic_data_are_all_there_in_order(run: Program, capture: Path) -> None:
    done = run("flows", capture, "-q", "--columns", "cicflowmeter")
    table = list(csv.DictReader(io.StringIO(done.text)))
    assert len(table[0]) == 78
    assert list(table[0])[:3] == ["Destination Port", "Flow Duration", "Total Fwd Packets"]
    assert all(value != "" for row in table for value in row.values())


def test_flow_files_can_be_converted(run: Program, capture: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.parquet"
    assert run("flows", capture, "-q", "-o", first).status == 0
    assert run("flows", first, "-q", "-o", second).status == 0
    assert rows(second) == rows(capture)


def test_the_counts_add_up(run: Program, capture: Path, tmp_path: Path) -> None:
    stats = tmp_path / "counts.json"
    assert run("flows", capture, "--stats", stats, "-o", tmp_path / "flows.csv").errors == ""
    counts = json.loads(stats.read_text())
    assert counts["packets_read"] == len(PACKETS)
    assert counts["packets_read"] == counts["packets_metered"] + sum(counts["packets_skipped"].values())
    assert counts["flows"] == sum(counts["flows_by_end_reason"].values()) == len(rows(capture))
    assert counts["problems"] == []


def test_the_counts_are_a_table_on_standard_error(run: Program, capture: Path, tmp_path: Path) -> None:
    done = run("flows", capture, "-o", tmp_path / "flows.csv")
    assert done.output == b""
    words = " ".join(done.errors.split())
    assert f"packets read {len(PACKETS)} metered" in words
    assert "skipped: not ip" in words


def test_a_directory_is_read_as_one_stream(run: Program, tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.pcap").write_bytes(pcap("a", frames.conversation(4)).data)
    (folder / "deeper" / "b.pcap").write_bytes(pcap("b", frames.conversation(4)).data)
    done = run("flows", folder, "-q", "--columns", "packets_fwd")
    assert done.text.splitlines() == ["packets_fwd", "8"]


def test_inner_packets_of_tunnels_are_metered_when_asked_for(run: Program, tmp_path: Path) -> None:
    path = tmp_path / "tunnel.pcap"
    vxlan = frames.udp(b"\x08\0\0\0\0\0\x2a\0" + frames.ethernet(frames.ipv4(frames.udp(port=99))), 4789)
    path.write_bytes(pcap("tunnel", [(frames.ETHERNET, frames.ethernet(frames.ipv4(vxlan)))]).data)
    asked = ("flows", path, "-q", "--columns", "dst_port")
    assert run(*asked).text.split() == ["dst_port", "4789"]
    assert run(*asked, "--tunnels", "inner").text.split() == ["dst_port", "99"]


def test_standard_input_is_read_while_it_is_written() -> None:
    builder = Builder("<")
    builder.pcap_header(0xA1B2C3D4, 1)
    frame = frames.conversation(1)[0][1]
    builder.pcap_record(0, frame)
    builder.pcap_record(4 * 4000, frame)
    builder.pcap_record(4 * 8000, frame)
    process = start("flows", "-", "-q", "--columns", "src_port", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(bytes(builder.data))
    process.stdin.flush()
    assert process.stdout.readline() == b"src_port\n"
    assert process.stdout.readline() == b"40000\n"
    assert process.poll() is None
    process.stdin.close()
    process.stdin = None
    done = finish(process)
    assert (done.status, done.output, done.errors) == (0, b"40000\n40000\n", "")


def test_standard_input_goes_with_no_other_input(run: Program, capture: Path) -> None:
    done = run("flows", "-", capture)
    assert done.status == 2
    assert "standard input (-) cannot be combined" in done.errors


def test_help_is_quick_and_has_examples() -> None:
    for arguments in (["--help"], ["flows", "--help"]):
        code = (
            f"import sys; sys.argv = ['netsift', *{arguments!r}]\n"
            "from netsift.cli.main import main\n"
            "try:\n    main()\n"
            "finally:\n    print('HEAVY', {'numba', 'pyarrow', 'sklearn', 'numpy'} & set(sys.modules))"
        )
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "HEAVY set()" in done.stdout
        assert time.perf_counter() - started < 20
    assert "netsift flows capture.pcap -o flows.parquet" in done.stdout
    assert "Exit status" in done.stdout


def test_every_reason_for_skipping_has_a_meaning_and_is_documented() -> None:
    lost = {"truncated_record", "damaged_record", "unknown_interface"}
    assert set(SKIP_MEANINGS) == set(SKIP_REASONS[1:]) | lost
    page = (ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
    for reason, meaning in SKIP_MEANINGS.items():
        assert f"| `{reason}` | {meaning}" in page


def test_context_stands_behind_the_meters_columns(run: Program, capture: Path, tmp_path: Path) -> None:
    plain, whole = tmp_path / "plain.csv", tmp_path / "whole.csv"
    for output, more in ((plain, ()), (whole, ("--context",))):
        assert run("flows", capture, "-o", output, "--quiet", *more).status in (0, 3)
    for one, other in zip(plain.read_text().splitlines(), whole.read_text().splitlines(), strict=True):
        assert other.startswith(one + ",")
        assert other.count(",") == one.count(",") + len(CONTEXT_COLUMNS)
