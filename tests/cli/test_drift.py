"""``netsift drift``, and the line that ``netsift detect`` says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

from netsift.models.bundle import save_bundle
from tests.cli.running import Program, program
from tests.fuzz import frames
from tests.fuzz.seeds import pcap
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch

VXLAN = b"\x08\0\0\0\0\0\x2a\0"
"""A VXLAN header."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Program:
    """Run the program in this process."""
    return program(monkeypatch, capfdbinary)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a small model."""
    path = tmp_path / "model.netsift"
    save_bundle(small_bundle(), path)
    return path


def flows(folder: Path, rows: int, factor: float = 1.0) -> Path:
    """Write random flows, the count of packets multiplied."""
    batch = random_batch(rows, 12)[0]
    place = batch.schema.get_field_index("packets")
    packets = pc.multiply(batch.column("packets").cast(pa.float64()), factor).cast(batch.schema.field(place).type)
    path = folder / "flows.parquet"
    pa.parquet.write_table(pa.Table.from_batches([batch.set_column(place, batch.schema.field(place), packets)]), path)
    return path


def test_traffic_that_fits(run: Program, model: Path, tmp_path: Path) -> None:
    result = run("drift", model, flows(tmp_path, 1500))
    assert result.status == 0
    assert result.text.splitlines()[0] == "drift: fits: no column has shifted"
    assert " of 1,500 flows compared" in result.text


def test_traffic_that_does_not_fit_names_the_columns(run: Program, model: Path, tmp_path: Path) -> None:
    result = run("drift", model, flows(tmp_path, 1500, 1000))
    first = result.text.splitlines()[0]
    assert first.startswith("drift: do not trust: packets ")
    assert re.search(r"was (39|4\d), now (39|4\d),\d{3}\b", first)
    table = next(line for line in result.text.splitlines() if line.startswith("packets "))
    assert "k" in table or "," in table


def test_the_json_says_the_same(run: Program, model: Path, tmp_path: Path) -> None:
    content = json.loads(run("drift", model, flows(tmp_path, 1500, 1000), "--json").text)
    assert content["verdict"] == "do not trust"
    assert content["columns"][0]["name"] == "packets"
    assert content["thresholds"]["shifted_from"] == 0.25
    assert content["columns"][0]["most_different"].keys() == {"up_to", "was", "now"}


def test_columns_have_plain_names_and_what_is_missing_is_a_share(run: Program, model: Path, tmp_path: Path) -> None:
    path = flows(tmp_path, 1500)
    table = pa.parquet.read_table(path)
    place = table.column_names.index("iat_mean_us")
    often = pa.array([True, True, True, True, False] * 300)
    sparse = pc.if_else(often, pa.scalar(None, table.column("iat_mean_us").type), table.column("iat_mean_us"))
    pa.parquet.write_table(table.set_column(place, "iat_mean_us", sparse), path)
    text = run("drift", model, path).text
    row = next(line for line in text.splitlines() if line.startswith("mean time between packets "))
    assert row.count("% without a value") == 2
    assert "mostly missing" not in text
    assert "iat_mean_us" not in text
    assert any(one["name"] == "iat_mean_us" for one in json.loads(run("drift", model, path, "--json").text)["columns"])


def test_another_mix_of_services_is_told(run: Program, model: Path, tmp_path: Path) -> None:
    path = flows(tmp_path, 1500)
    assert "the mix of services is much as in training" in run("drift", model, path).text
    table = pa.parquet.read_table(path)
    for name in ("src_port", "dst_port"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array([53] * table.num_rows, table.column(name).type))
    pa.parquet.write_table(table, path)
    text = run("drift", model, path).text
    assert "the mix of services is another than in training, which is no harm by itself (" in text
    assert next(line for line in text.splitlines() if line.startswith("DNS ")).split()[2] == "100.0%"


@pytest.mark.parametrize("command", ["drift", "train"])
def test_captures_are_read_with_the_options_of_flows(run: Program, model: Path, tmp_path: Path, command: str) -> None:
    capture = tmp_path / "tunnel.pcap"
    inner = [frames.ethernet(frames.ipv4(frames.udp(port=port))) for port in range(40)]
    outer = [frames.ethernet(frames.ipv4(frames.udp(VXLAN + frame, 4789))) for frame in inner]
    capture.write_bytes(pcap("tunnel", [(frames.ETHERNET, frame) for frame in outer]).data)
    arguments = (model, capture) if command == "drift" else ("--benign", capture, "--attack", capture, "-o", model)
    small = () if command == "drift" else ("--trees", "3", "--folds", "2")
    counts = {
        way: run(command, *arguments, *small, "--tunnels", way, "--no-tcp-end", "--threads", "1")
        for way in ("outer", "inner")
    }
    said = {way: done.text + done.errors for way, done in counts.items()}
    found = {"drift": ("1 flows can", "40 flows can"), "train": ("at least two benign", "80 labelled flows")}[command]
    assert found[0] in said["outer"]
    assert found[1] in said["inner"]
    assert run(command, *arguments, "--tunnels", "both").status == 2


def test_few_flows_are_not_judged(run: Program, model: Path, tmp_path: Path) -> None:
    result = run("drift", model, flows(tmp_path, 100))
    assert result.text.splitlines()[0] == "drift: not judged: 100 flows can be compared and 500 are needed"


@pytest.mark.parametrize(("rows", "line"), [(1500, "drift: fits: "), (100, "drift: not judged: ")])
def test_detect_says_it_in_one_line(run: Program, model: Path, tmp_path: Path, rows: int, line: str) -> None:
    result = run("detect", flows(tmp_path, rows), "--model", model)
    assert result.status == 0
    assert sum(one.startswith(line) for one in result.errors.splitlines()) == 1
