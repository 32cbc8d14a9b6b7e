"""``netsift train``: what a person types, sees and gets."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from netsift.cli.main import application
from netsift.errors import InputError, UsageError
from netsift.evaluation import plots
from netsift.models.bundle import load_bundle
from tests.models.traffic import labelled_batch, random_batch

SMALL = ("--trees", "8", "--depth", "5", "--folds", "2")


def train(*arguments: object) -> Result:
    """Run ``netsift train`` with a small forest."""
    return CliRunner().invoke(application, ["train", *map(str, arguments), *SMALL], catch_exceptions=False)


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a machine without matplotlib."""
    monkeypatch.setattr(plots, "plots_available", lambda: False)


def flow_file(path: Path, batch: pa.RecordBatch) -> Path:
    """Write a batch as a Parquet file."""
    pa.parquet.write_table(pa.Table.from_batches([batch]), path)
    return path


def test_two_files_give_a_model_two_protocols_and_plots(tmp_path: Path) -> None:
    inputs = [flow_file(tmp_path / f"{seed}.parquet", labelled_batch(150, seed)) for seed in range(2)]
    result = train(*inputs, "-o", tmp_path / "model.netsift")
    assert result.exit_code == 0
    assert "300 labelled flows from 2 inputs: benign" in result.stderr
    assert "quote the first row, the worst" in result.stdout
    for text in (
        "by input",
        "random split: flatters",
        "recall at 0.1% FP",
        "scan",
        "flood",
        "Columns that matter most",
    ):
        assert text in result.stdout
    assert load_bundle(tmp_path / "model.netsift").manifest.classes == ["benign", "flood", "scan"]
    assert sorted(path.name for path in (tmp_path / "model-plots").iterdir()) == [
        "confusion_matrix.png", "feature_importance.png", "precision_recall.png", "roc_curve.png",
    ]  # fmt: skip


@pytest.mark.usefixtures("no_plots")
def test_the_same_command_gives_the_same_file(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "x.parquet", labelled_batch(150, 1))
    for name in ("a", "b"):
        train(path, "-o", tmp_path / f"{name}.netsift", "--seed", 3)
    assert (tmp_path / "a.netsift").read_bytes() == (tmp_path / "b.netsift").read_bytes()


@pytest.mark.usefixtures("no_plots")
def test_whole_inputs_are_labelled_by_option(tmp_path: Path) -> None:
    benign = flow_file(tmp_path / "quiet.parquet", random_batch(80, 1)[0])
    attack = flow_file(tmp_path / "loud.parquet", random_batch(80, 2)[0])
    result = train("--benign", benign, "--attack", attack, "-o", tmp_path / "m.netsift")
    assert "benign 80, other 80" in result.stderr
    assert "leaves only benign or only attack flows" in result.stdout
    assert "no plots were drawn, because matplotlib is not installed" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.parquet", "m.netsift", "quiet.parquet"]


@pytest.mark.usefixtures("no_plots")
def test_a_sample_is_said_aloud(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "x.parquet", labelled_batch(300, 1))
    result = train(path, "-o", tmp_path / "m.netsift", "--max-rows", 100)
    assert "200 flows were left out at random, because of --max-rows" in result.stderr


def test_wrong_arguments_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to learn from"):
        train("-o", tmp_path / "m.netsift")
    with pytest.raises(InputError, match=r"absent\.parquet"):
        train(tmp_path / "absent.parquet", "-o", tmp_path / "m.netsift")
    assert list(tmp_path.iterdir()) == []
