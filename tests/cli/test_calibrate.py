"""``netsift model calibrate``: what a person types, sees and gets."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from netsift.cli.calibrate import calibrate
from netsift.evaluation.report import Use, report_page
from netsift.models.bundle import load_bundle, save_bundle
from netsift.models.calibration import DEFAULT_TRIM
from tests.cli.running import Program, program
from tests.models.fitted import small_bundle
from tests.models.traffic import labelled_batch, random_batch


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


@pytest.fixture
def ordinary(tmp_path: Path) -> Path:
    """Return a file of flows of which few are attacks."""
    batch, classes = random_batch(2000, 40)
    benign = [place for place, name in enumerate(classes) if name == "benign"]
    attacks = [place for place, name in enumerate(classes) if name == "flood"][:3]
    path = tmp_path / "ordinary.parquet"
    pa.parquet.write_table(pa.Table.from_batches([batch.take(pa.array(benign + attacks))]), path)
    return path


def test_thresholds_follow_the_traffic_and_the_model_stays(
    run: Program, model: Path, ordinary: Path, tmp_path: Path
) -> None:
    before, output = model.read_bytes(), tmp_path / "ours.netsift"
    result = run("model", "calibrate", model, ordinary, "-o", output, "--quiet")
    assert result.status == 0, result.errors
    for text in ("pairs of hosts in 1 file", "10,000 flows are needed", "Later half flagged", f"model: {output}"):
        assert text in result.text
    assert model.read_bytes() == before
    old, new = load_bundle(model), load_bundle(output)
    assert new.graph == old.graph
    assert new.reference == old.reference
    assert new.threshold(0.01) != old.threshold(0.01)
    assert new.threshold(0.0001) == old.threshold(0.0001)
    again = tmp_path / "again.netsift"
    run("model", "calibrate", output, ordinary, "-o", again, "--quiet")
    assert again.read_bytes() == output.read_bytes()


def test_inspect_and_detect_say_it(run: Program, model: Path, ordinary: Path, tmp_path: Path) -> None:
    output = tmp_path / "ours.netsift"
    run("model", "calibrate", model, ordinary, "-o", output, "--quiet")
    shown = run("model", "inspect", output)
    for text in ("Calibrated on", "ordinary.parquet", "as trained", "period (UTC): 2023-11-14 22:13 to"):
        assert text in shown.text
    record = json.loads(run("model", "inspect", output, "--json").output)["calibration"]
    assert record["inputs"][0]["name"] == "ordinary.parquet"
    assert len(record["thresholds"]) == 4
    said = run("detect", ordinary, "--model", output).errors
    assert f"from score {load_bundle(output).threshold(0.01):.3f} on: 1 % of ordinary flows, calibrated on" in said
    said = run("detect", ordinary, "--model", output, "--false-positive-rate", "0.0001").errors
    assert "of benign training flows (evaluated" in said
    assert "too few to calibrate it" in said
    assert "calibrat" not in run("detect", ordinary, "--model", model).errors
    use = Use(flows_per_day=1e6, base_rate=0.001)
    assert "calibrated on" in report_page(load_bundle(output).manifest, use)
    assert "calibrated on" not in report_page(load_bundle(model).manifest, use)


def test_incidents_are_set_aside_and_said(run: Program, model: Path, tmp_path: Path) -> None:
    attacks = tmp_path / "attacks.parquet"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(2000, 41)[0]]), attacks)
    output = tmp_path / "ours.netsift"
    result = run("model", "calibrate", model, attacks, "-o", output, "--quiet", "--trim", "0.01")
    assert "20 flows set aside as incidents" in result.text
    assert "more flows of such scores counted as ordinary" in result.text
    assert "beside 20 set aside" in run("detect", attacks, "--model", output).errors
    untouched = run("model", "calibrate", model, attacks, "-o", output, "--quiet", "--trim", "0")
    assert "set aside as incidents" not in untouched.text


def test_flows_without_addresses_are_said(run: Program, model: Path, tmp_path: Path) -> None:
    flows = tmp_path / "flows.parquet"
    batch = random_batch(300, 42)[0].drop_columns(["src_ip", "dst_ip", "start_time"])
    pa.parquet.write_table(pa.Table.from_batches([batch]), flows)
    output = tmp_path / "ours.netsift"
    result = run("model", "calibrate", model, flows, "-o", output, "--quiet")
    assert "The flows have no addresses" in result.text
    assert "Later half" not in result.text
    assert "period (UTC): unknown" in run("model", "inspect", output).text


def test_the_result_of_a_signed_model_is_unsigned_and_says_so(
    run: Program, model: Path, ordinary: Path, tmp_path: Path
) -> None:
    key, public, output = tmp_path / "k.pem", tmp_path / "k.pub.pem", tmp_path / "ours.netsift"
    run("model", "keygen", "-o", key)
    assert run("model", "calibrate", model, ordinary, "-o", output, "--key", public).status == 1
    assert not output.exists()
    run("model", "sign", model, "--key", key)
    result = run("model", "calibrate", model, ordinary, "-o", output, "--key", public, "--quiet")
    assert result.status == 0
    assert "it is not signed" in result.text
    assert load_bundle(output).signature is None
    assert run("model", "sign", output, "--key", key).status == 0
    assert run("model", "verify", output, "--key", public).status == 0


def test_wrong_inputs_are_refused(run: Program, model: Path, ordinary: Path, tmp_path: Path) -> None:
    output = tmp_path / "ours.netsift"
    result = run("model", "calibrate", model, "-", "-o", output)
    assert (result.status, "not standard input" in result.errors) == (2, True)
    result = run("model", "calibrate", model, ordinary, "-o", ordinary)
    assert (result.status, "would overwrite" in result.errors) == (2, True)
    result = run("model", "calibrate", model, tmp_path / "absent.parquet", "-o", output)
    assert (result.status, "absent.parquet" in result.errors) == (1, True)
    for number in range(2):
        learned = tmp_path / f"part{number}.parquet"
        pa.parquet.write_table(pa.Table.from_batches([labelled_batch(300, number)]), learned)
    result = run("model", "calibrate", model, ordinary, learned, "-o", output)
    assert (result.status, "the model learned from part1.parquet" in result.errors) == (1, True)
    assert not output.exists()


def test_the_share_set_aside_is_the_documented_one() -> None:
    assert inspect.signature(calibrate).parameters["trim"].default == DEFAULT_TRIM
