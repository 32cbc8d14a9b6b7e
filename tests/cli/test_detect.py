"""``netsift detect``: what a person types, sees and gets."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from netsift.cli.detect import default_model
from netsift.cli.main import application
from netsift.errors import InputError, OutputError
from netsift.models.bundle import load_bundle, save_bundle
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a small model."""
    path = tmp_path / "model.netsift"
    save_bundle(small_bundle(), path)
    return path


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """Return a file of flows with attacks in it."""
    path = tmp_path / "flows.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(200, 40)[0]]), path)
    return path


def detect(*arguments: object) -> Result:
    """Run ``netsift detect``."""
    return CliRunner().invoke(application, ["detect", *map(str, arguments)], catch_exceptions=False)


def test_counts_then_a_ranked_table(flows: Path, model: Path) -> None:
    result = detect(flows, "--model", model)
    assert result.exit_code == 0
    assert " packets, 200 flows, " in result.stderr.splitlines()[0]
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["when", "(UTC)", "who", "what", "score", "flows", "why"]
    assert all(" scan " in row or " flood " in row for row in rows)
    assert all("(usual " in row or "benign flows have" in row for row in rows)
    assert not any(line.endswith(" ") or "\x1b" in line for line in result.stdout.splitlines())


def test_the_table_is_cut_and_says_so(flows: Path, model: Path) -> None:
    result = detect(flows, "--model", model, "--limit", 2)
    assert len(result.stdout.splitlines()) == 3
    assert "more findings are not shown" in result.stderr


def test_all_findings_are_written_as_json_lines(flows: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "findings.jsonl"
    result = detect(flows, "--model", model, "-o", output, "--limit", 1)
    findings = [json.loads(line) for line in output.read_text().splitlines()]
    assert f"{len(findings)} findings" in result.stderr
    assert {"start", "end", "sources", "targets", "attack", "score", "flows", "evidence"} <= set(findings[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["findings.jsonl", "flows.parquet", "model.netsift"]
    to_stream = detect(flows, "--model", model, "-o", "-")
    assert to_stream.stdout == output.read_text()


def test_nothing_found_is_said_aloud(tmp_path: Path, model: Path) -> None:
    batch, classes = random_batch(200, 41)
    quiet = batch.filter(pa.array([name == "benign" for name in classes]))
    path = tmp_path / "quiet.parquet"
    pa.parquet.write_table(pa.Table.from_batches([quiet]), path)
    result = detect(path, "--model", model, "--false-positive-rate", "0.001")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.splitlines()[-2] == "nothing found"


def test_no_flows_are_said_aloud(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "empty.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(5, 1)[0].slice(0, 0)]), path)
    result = detect(path, "--model", model)
    assert "no flows were read, so nothing was looked at" in result.stderr
    assert result.stdout == ""


def test_text_from_a_file_cannot_steer_the_terminal(tmp_path: Path, model: Path) -> None:
    batch, _ = random_batch(50, 42)
    evil = pa.array(["\x1b[2J[red]"] * 50)
    batch = batch.set_column(batch.schema.get_field_index("src_ip"), "src_ip", evil)
    path = tmp_path / "evil.parquet"
    pa.parquet.write_table(pa.Table.from_batches([batch]), path)
    result = detect(path, "--model", model)
    assert "\x1b" not in result.stdout
    assert "?[2J[red]" in result.stdout


def test_wrong_arguments_are_errors(flows: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the model cannot be read"):
        detect(flows, "--model", tmp_path / "absent.netsift")
    with pytest.raises(InputError, match=r"no threshold for a false-positive rate of 0\.2; it has"):
        detect(flows, "--model", model, "--false-positive-rate", "0.2")
    with pytest.raises(InputError, match="absent"):
        detect(tmp_path / "absent.pcap", "--model", model)
    with pytest.raises(OutputError, match="cannot be written"):
        detect(flows, "--model", model, "-o", tmp_path / "absent" / "x.jsonl")


def test_flows_that_lack_columns_are_refused_by_name(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(5, 1)[0].drop_columns(["bytes"])]), path)
    with pytest.raises(InputError, match="the flows lack 1 of the columns that the model needs: bytes"):
        detect(path, "--model", model)


def test_the_model_in_the_package_is_whole() -> None:
    manifest = load_bundle(default_model()).manifest
    assert manifest.classes[0] == "benign"
    assert {entry.false_positive_rate for entry in manifest.thresholds} >= {0.01, 0.001}
