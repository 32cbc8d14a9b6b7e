"""``netsift model``: what a person types, sees and gets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from netsift.detectors.model import ModelDetector
from netsift.evaluation.protocols.folds import RANDOM_SPLIT
from netsift.evaluation.training import train
from netsift.models.bundle import save_bundle
from netsift.models.dataset import Dataset
from netsift.models.learners import LEARNERS, make_learner
from tests.cli.running import Program, program
from tests.models.fitted import silent, small_bundle, small_dataset
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


def columns_only(names: tuple[str, ...]) -> Dataset:
    """Return the small dataset with some of its columns."""
    from dataclasses import replace

    dataset = small_dataset()
    places = [dataset.feature_names.index(name) for name in names]
    return replace(dataset, matrix=np.ascontiguousarray(dataset.matrix[:, places]), feature_names=names)


def test_inspect_says_what_it_is(run: Program, model: Path) -> None:
    result = run("model", "inspect", model)
    assert result.status == 0
    for text in (
        "random forest (depth 6, leaf_rows 3, seed 5, trees 10)",
        "not signed",
        "T1498",
        "part0.parquet",
        "0.10%",
        "packets (packets)",
    ):
        assert text in result.text
    assert "2023-11-14 22:13 to 2023-11-14 22:18" in result.text


def test_inspect_puts_the_worst_protocol_first(run: Program, model: Path) -> None:
    content = json.loads(run("model", "inspect", model, "--json").text)
    assert content["evaluation"][0]["protocol"] == content["headline"]
    assert content["techniques"] == {"flood": ["T1498", "T1499"], "scan": ["T1046", "T1595", "T1018"]}
    assert content["reference_rows"] == content["training_rows"]
    assert content["signature"] is None
    assert content["dialect"] == "netsift"


def test_inspect_says_the_version_of_the_file(run: Program) -> None:
    stored = Path(__file__).resolve().parent.parent / "models" / "stored" / "version-1.netsift"
    assert "format version 1" in run("model", "inspect", stored).text
    assert json.loads(run("model", "inspect", stored, "--json").text)["format_version"] == 1


def test_what_is_no_model_is_refused(run: Program, tmp_path: Path) -> None:
    path = tmp_path / "no.netsift"
    path.write_bytes(b"PK nothing")
    for command in ("inspect", "verify"):
        result = run("model", command, path)
        assert result.status == 1
        assert result.errors == f"netsift: {path}: the file is not a netsift model, or it is damaged\n"


def test_from_key_to_verified_model(run: Program, model: Path, tmp_path: Path) -> None:
    key, public = tmp_path / "k.pem", tmp_path / "k.pub.pem"
    made = run("model", "keygen", "-o", key)
    assert made.status == 0
    assert "PRIVATE" not in made.text + made.errors
    assert "is not signed" in run("model", "verify", model, "--key", public).errors
    assert run("model", "sign", model, "--key", key).status == 0
    checked = run("model", "verify", model, "--key", public)
    assert checked.status == 0
    assert "the configured one" in checked.text
    assert "compare it with the one you expect" in run("model", "verify", model).text
    assert run("model", "keygen", "-o", key).status == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.pem", "k.pub.pem", "model.netsift"]


def test_detect_refuses_a_model_that_is_not_signed(
    run: Program, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows, key = tmp_path / "flows.parquet", tmp_path / "k.pem"
    pa.parquet.write_table(pa.Table.from_batches([random_batch(100, 3)[0]]), flows)
    run("model", "keygen", "-o", key)
    monkeypatch.setenv("NETSIFT_MODEL_KEY", str(tmp_path / "k.pub.pem"))
    for arguments in (("detect", flows, "--model", model), ("detect", flows), ("drift", model, flows)):
        result = run(*arguments)
        assert result.status == 1
        assert "is not signed" in result.errors
    run("model", "sign", model, "--key", key)
    assert run("detect", flows, "--model", model).status == 0


def test_the_exported_model_scores_the_same(run: Program, model: Path, tmp_path: Path) -> None:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

    output = tmp_path / "x.onnx"
    assert run("model", "export", model, "-o", output).status == 0
    rows = small_dataset().matrix
    probabilities = InferenceSession(output.read_bytes()).run(["probabilities"], {"features": rows})[0]
    expected = ModelDetector(small_bundle()).score_matrix(rows).score
    assert np.abs(1 - probabilities[:, 0] - expected).max() < 1e-5
    metadata = {entry.key: entry.value for entry in ModelProto.FromString(output.read_bytes()).metadata_props}
    assert json.loads(metadata["columns"]) == list(small_bundle().manifest.feature_names)
    assert json.loads(metadata["classes"]) == ["benign", "flood", "scan"]


@pytest.mark.parametrize("learner", LEARNERS)
def test_export_in_the_order_of_cicflowmeter(run: Program, tmp_path: Path, learner: str) -> None:
    from onnxruntime import InferenceSession

    dataset = columns_only(("window_fwd_initial", "payload_mean", "packets_bwd", "packets_fwd", "duration_us"))
    bundle = train(dataset, make_learner(learner, 0), 2, silent, (RANDOM_SPLIT,), resamples=2).bundle
    save_bundle(bundle, tmp_path / "cic.netsift")
    output = tmp_path / "cic.onnx"
    result = run("model", "export", tmp_path / "cic.netsift", "-o", output, "--cicflowmeter")
    assert result.text.splitlines()[-1] == (
        "Flow Duration, Total Fwd Packets, Total Backward Packets, Packet Length Mean, Init_Win_bytes_forward"
    )
    theirs = np.ascontiguousarray(dataset.matrix[:, [4, 3, 2, 1, 0]])
    probabilities = InferenceSession(output.read_bytes()).run(["probabilities"], {"features": theirs})[0]
    expected = ModelDetector(bundle).score_matrix(dataset.matrix).score
    assert np.abs(1 - probabilities[:, 0] - expected).max() < 1e-5
    assert len(np.unique(expected)) > 10


def test_columns_that_cicflowmeter_lacks_are_named(run: Program, model: Path, tmp_path: Path) -> None:
    result = run("model", "export", model, "-o", tmp_path / "x.onnx", "--cicflowmeter")
    assert result.status == 1
    assert "conn_state" in result.errors
    assert "service" in result.errors
    assert not (tmp_path / "x.onnx").exists()
    assert run("model", "export", model, "-o", tmp_path / "x.txt").status == 2
