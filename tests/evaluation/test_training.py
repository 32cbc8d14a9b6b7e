"""Training is deterministic, quotes the worst figure, and draws its pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netsift.errors import InputError
from netsift.evaluation.importance import feature_importance
from netsift.evaluation.plots import draw_plots
from netsift.evaluation.protocols import PROTOCOLS
from netsift.evaluation.training import train
from netsift.models.bundle import bundle_bytes
from netsift.models.dataset import Dataset
from netsift.models.learners.random_forest import RandomForest
from netsift.models.manifest import TrainingInput
from tests.models.fitted import SMALL, silent, small_dataset, small_model


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = train(small_dataset(), SMALL, 3, silent)
    assert bundle_bytes(again.bundle) == bundle_bytes(small_model().bundle)
    other = train(small_dataset(), RandomForest(replace(SMALL.settings, seed=6)), 3, silent)
    assert other.bundle.graph != again.bundle.graph


def test_all_that_the_data_allows_is_reported_and_the_worst_honest_one_comes_first() -> None:
    manifest = small_model().bundle.manifest
    measured = {result.protocol for result in manifest.evaluation}
    assert measured == {"random split", "by host pair", "by input", "by campaign", "time-ordered",
                        "leave-one-attack-out", "leave-one-network-out"}  # fmt: skip
    assert measured | set(small_model().refused) == {protocol.name for protocol in PROTOCOLS}
    assert manifest.evaluation[0].protocol == manifest.headline
    assert [result.honest for result in manifest.evaluation] == [True] * 6 + [False]
    rows = {result.protocol: result.rows for result in manifest.evaluation}
    assert rows["random split"] == rows["by host pair"] == rows["by input"] == 600
    assert manifest.headline_result.averaged
    points = next(result for result in manifest.evaluation if not result.averaged).operating_points
    assert [point.threshold for point in points] == [entry.threshold for entry in manifest.thresholds]


def test_classes_and_inputs_are_in_the_manifest() -> None:
    manifest = small_model().bundle.manifest
    assert manifest.classes == ["benign", "flood", "scan"]
    assert sum(manifest.training_rows.values()) == 600
    assert [(entry.name, entry.rows) for entry in manifest.training] == [("part0.parquet", 300), ("part1.parquet", 300)]
    assert len({entry.sha256 for entry in manifest.training}) == 2
    assert {"numpy", "scikit-learn", "onnx"} <= set(manifest.libraries)


def test_the_columns_that_tell_classes_apart_matter_most() -> None:
    entries = small_model().bundle.manifest.importance
    leading = sorted(entries, key=lambda entry: -entry.impurity)[:3]
    assert {entry.feature for entry in leading} == {"packets", "payload_bytes", "syn_packets_fwd"}
    assert entries[0] in leading
    assert [entry.permutation for entry in entries] == sorted((entry.permutation for entry in entries), reverse=True)


def test_the_card_says_what_the_manifest_says() -> None:
    bundle = small_model().bundle
    for text in ("part0.parquet", "by input", "| scan |", "flatters", "recall at 0.1% false positives"):
        assert text in bundle.card


def one_input(dataset: Dataset) -> Dataset:
    """Return the rows as if they came from one file."""
    return replace(
        dataset, groups=np.zeros_like(dataset.groups), inputs=(TrainingInput(name="x", rows=600, sha256="0" * 64),)
    )


def test_one_input_is_said_to_show_little() -> None:
    trained = train(one_input(small_dataset()), SMALL, 2, silent)
    assert "only one input" in trained.refused["by input"]
    assert "by input" not in {result.protocol for result in trained.bundle.manifest.evaluation}


def test_one_input_of_each_kind_cannot_be_left_out() -> None:
    dataset = small_dataset()
    trained = train(replace(dataset, groups=(dataset.classes > 0).astype(np.int64)), SMALL, 2, silent)
    assert "only benign or only attack" in trained.refused["by input"]


def test_too_few_rows_are_refused() -> None:
    dataset = small_dataset()
    kept = np.append(np.flatnonzero(dataset.classes == 0), np.flatnonzero(dataset.classes > 0)[:1])
    few = replace(dataset, matrix=dataset.matrix[kept], classes=dataset.classes[kept], groups=dataset.groups[kept])
    with pytest.raises(InputError, match="at least two benign and two attack flows"):
        train(few, SMALL, 3, silent)


def test_a_class_of_one_row_is_no_obstacle() -> None:
    dataset = small_dataset()
    classes = dataset.classes.copy()
    classes[np.flatnonzero(classes == 2)[1:]] = 1
    trained = train(replace(dataset, classes=classes), SMALL, 3, silent)
    assert trained.bundle.manifest.classes == ["benign", "flood", "scan"]


def test_noise_has_no_permutation_importance() -> None:
    random = np.random.default_rng(0)
    matrix = random.random((600, 3)).astype(np.float32)
    classes = (matrix[:, 1] > 0.5).astype(np.int64)
    forest = SMALL.fit(matrix[:300], classes[:300], 2)
    found = feature_importance(forest, matrix[300:], classes[300:], ["noise", "signal", "more"], 0)
    assert found[0].feature == "signal"
    assert found[0].permutation > 0.3
    assert all(entry.permutation < 0.05 for entry in found[1:])
    assert sum(entry.impurity for entry in found) == pytest.approx(1, abs=1e-4)


def test_a_name_is_no_formula(tmp_path: Path) -> None:
    manifest = small_model().bundle.manifest
    odd = [one.model_copy(update={"protocol": r"$\frac{$ $x" * 9}) for one in manifest.evaluation]
    bad = manifest.model_copy(
        update={"evaluation": odd, "classes": [r"$\bad$", "$", r"\$x$"], "headline": odd[0].protocol}
    )
    assert len(draw_plots(tmp_path, bad)) == 6


def test_plots_are_drawn_alike_twice(tmp_path: Path) -> None:
    manifest = small_model().bundle.manifest

    def draw(folder: Path) -> dict[str, bytes]:
        paths = draw_plots(folder, manifest)
        assert sorted(folder.iterdir()) == sorted(paths)
        return {path.name: path.read_bytes() for path in paths}

    first = draw(tmp_path / "a" / "plots")
    assert set(first) == {
        "calibration.png", "confusion_matrix.png", "feature_importance.png", "precision_recall.png", "protocols.png",
        "roc_curve.png",
    }  # fmt: skip
    assert all(content.startswith(b"\x89PNG") for content in first.values())
    assert draw(tmp_path / "b") == first
