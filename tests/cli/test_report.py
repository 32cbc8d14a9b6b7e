"""``netsift report``: what a person types, sees and gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.evaluation import plots
from netsift.models.bundle import save_bundle
from tests.cli.running import Program, leftovers, program
from tests.models.fitted import small_bundle

STORED = Path(__file__).resolve().parent.parent / "models" / "stored" / "version-1.netsift"


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


def test_a_model_gives_a_page_and_six_pictures(run: Program, model: Path, tmp_path: Path) -> None:
    page, folder = tmp_path / "report.html", tmp_path / "pictures"
    result = run("report", model, "-o", page, "--plots", folder)
    assert result.status == 0, result.errors
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    drawn = sorted(path.name for path in folder.iterdir())
    assert drawn == [
        "calibration.png", "confusion_matrix.png", "feature_importance.png", "precision_recall.png", "protocols.png",
        "roc_curve.png",
    ]  # fmt: skip
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in drawn)
    assert leftovers(tmp_path) == []


def test_the_same_model_gives_the_same_page(run: Program, model: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        run("report", model, "-o", tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_an_older_model_gives_the_pictures_it_holds(run: Program, tmp_path: Path) -> None:
    result = run("report", STORED, "-o", tmp_path / "r.html", "--plots", tmp_path / "p")
    assert result.status == 0, result.errors
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["feature_importance.png", "protocols.png"]
    assert "protocols.png, feature_importance.png" in result.text


def test_without_seaborn_pictures_are_refused_before_any_work(
    run: Program, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "plots_available", lambda: False)
    result = run("report", model, "-o", tmp_path / "r.html", "--plots", tmp_path / "p")
    assert result.status == 2
    assert "pip install 'netsift[plots]'" in result.errors
    assert not (tmp_path / "r.html").exists()
    assert run("report", model, "-o", tmp_path / "r.html").status == 0


def test_the_model_is_never_overwritten(run: Program, model: Path) -> None:
    before = model.read_bytes()
    assert run("report", model, "-o", model).status == 2
    assert model.read_bytes() == before


def test_a_key_is_asked_for(run: Program, model: Path, tmp_path: Path) -> None:
    run("model", "keygen", "-o", tmp_path / "k.pem")
    result = run("report", model, "-o", tmp_path / "r.html", "--key", tmp_path / "k.pub.pem")
    assert result.status == 1
    assert "is not signed" in result.errors
