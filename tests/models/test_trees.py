"""The graph agrees with the learner, and contributions add up to the score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession
from sklearn.ensemble import RandomForestClassifier

from netsift.errors import InputError
from netsift.models import trees
from netsift.models.audit import audit_graph
from netsift.models.features import FeatureMatrix
from netsift.models.graph import floor_to_float32
from netsift.models.learners.forests import FittedForest
from netsift.models.trees import TreeEnsemble

NAMES = tuple("abcdefg")


def export_forest(forest: RandomForestClassifier, names: Sequence[str]) -> bytes:
    """Return the graph of a forest."""
    return FittedForest(forest, len(forest.classes_)).graph(names)


def fitted(classes: int, seed: int) -> tuple[RandomForestClassifier, FeatureMatrix]:
    """Return a forest on whole numbers, where many rows lie exactly on a threshold, and rows to score."""
    random = np.random.default_rng(seed)
    matrix = random.integers(-1, 6, (400, 7)).astype(np.float32)
    matrix[:, 0] = random.exponential(1e6, 400).astype(np.float32)
    labels = (matrix[:, 1] > 2).astype(int) + (classes > 2) * (matrix[:, 2] > 3)
    labels[:classes] = np.arange(classes)
    forest = RandomForestClassifier(12, max_depth=6, random_state=seed, class_weight="balanced").fit(matrix, labels)
    return forest, random.permuted(matrix, axis=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_onnx_and_scikit_learn_agree(classes: int) -> None:
    forest, rows = fitted(classes, 1)
    session = InferenceSession(export_forest(forest, NAMES[:7]), providers=["CPUExecutionProvider"])
    probabilities = session.run(["probabilities"], {"features": rows})[0]
    assert np.abs(probabilities - forest.predict_proba(rows)).max() < 1e-5


@pytest.mark.parametrize("classes", [2, 3])
def test_contributions_add_up_to_the_score(classes: int) -> None:
    forest, rows = fitted(classes, 2)
    ensemble = audit_graph(export_forest(forest, NAMES[:7]), "random forest", NAMES[:7], classes)
    score = ensemble.base + ensemble.contributions(rows).sum(axis=1)
    assert np.abs(score - forest.predict_proba(rows)[:, 1:].sum(axis=1)).max() < 1e-5


def test_inner_nodes_have_the_values_of_the_learner() -> None:
    forest, _ = fitted(2, 3)
    ensemble = audit_graph(export_forest(forest, NAMES[:7]), "random forest", NAMES[:7], 2)
    assert isinstance(ensemble, TreeEnsemble)
    tree = forest.estimators_[0].tree_
    expected = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) / len(forest.estimators_)
    assert np.abs(ensemble.values[: tree.node_count] - expected).max() < 1e-5


def test_a_feature_that_no_tree_asks_contributes_nothing() -> None:
    random = np.random.default_rng(0)
    matrix = np.stack([random.random(200), np.full(200, 3.0)], axis=1).astype(np.float32)
    forest = RandomForestClassifier(5, random_state=0).fit(matrix, matrix[:, 0] > 0.5)
    ensemble = audit_graph(export_forest(forest, NAMES[:2]), "random forest", NAMES[:2], 2)
    parts = ensemble.contributions(matrix)
    assert (parts[:, 1] == 0).all()
    assert (np.sign(parts[:, 0]) == np.where(matrix[:, 0] > 0.5, 1, -1)).all()


def test_no_rows_have_no_contributions() -> None:
    forest, rows = fitted(2, 4)
    ensemble = audit_graph(export_forest(forest, NAMES[:7]), "random forest", NAMES[:7], 2)
    assert ensemble.contributions(rows[:0]).shape == (0, 7)


def test_rows_are_explained_alike_alone_and_together() -> None:
    forest, rows = fitted(3, 5)
    ensemble = audit_graph(export_forest(forest, NAMES[:7]), "random forest", NAMES[:7], 3)
    many = np.concatenate([rows, rows, rows])
    assert np.allclose(ensemble.contributions(many)[:400], ensemble.contributions(rows), atol=1e-12)
    assert np.allclose(ensemble.contributions(rows[7:8])[0], ensemble.contributions(rows)[7], atol=1e-12)


def test_a_model_of_trees_too_deep_to_explain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = export_forest(fitted(2, 7)[0], NAMES[:7])
    monkeypatch.setattr(trees, "MAX_DEPTH", 6)
    audit_graph(graph, "random forest", NAMES[:7], 2)
    monkeypatch.setattr(trees, "MAX_DEPTH", 5)
    with pytest.raises(InputError, match="more than 5 questions in a row"):
        audit_graph(graph, "random forest", NAMES[:7], 2)


def test_the_same_forest_gives_the_same_graph() -> None:
    assert export_forest(fitted(3, 6)[0], NAMES) == export_forest(fitted(3, 6)[0], NAMES)


@settings(max_examples=200)
@given(st.floats(allow_nan=False, min_value=-3e38, max_value=3e38), st.floats(width=32, allow_nan=False))
def test_a_rounded_threshold_decides_every_float32_alike(threshold: float, row: float) -> None:
    rounded = floor_to_float32(np.array([threshold]))[0]
    assert (np.float32(row) <= rounded) == (row <= threshold)
    neighbour = np.nextafter(rounded, np.float32(np.inf))
    assert not float(neighbour) <= threshold
