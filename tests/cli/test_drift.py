"""``netsift drift``, and the line that ``netsift detect`` says."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

from netsift.models.bundle import save_bundle
from tests.cli.running import Program, program
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch


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
    assert "now 4" in first
    table = next(line for line in result.text.splitlines() if line.startswith("packets "))
    assert "k" in table or "," in table


def test_the_json_says_the_same(run: Program, model: Path, tmp_path: Path) -> None:
    content = json.loads(run("drift", model, flows(tmp_path, 1500, 1000), "--json").text)
    assert content["verdict"] == "do not trust"
    assert content["columns"][0]["name"] == "packets"
    assert content["thresholds"]["shifted_from"] == 0.25


def test_few_flows_are_not_judged(run: Program, model: Path, tmp_path: Path) -> None:
    result = run("drift", model, flows(tmp_path, 100))
    assert result.text.splitlines()[0] == "drift: not judged: 100 flows can be compared and 500 are needed"


@pytest.mark.parametrize(("rows", "line"), [(1500, "drift: fits: "), (100, "drift: not judged: ")])
def test_detect_says_it_in_one_line(run: Program, model: Path, tmp_path: Path, rows: int, line: str) -> None:
    result = run("detect", flows(tmp_path, rows), "--model", model)
    assert result.status == 0
    assert sum(one.startswith(line) for one in result.errors.splitlines()) == 1
