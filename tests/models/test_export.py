"""What other programs get: a graph whose label agrees with its probabilities."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from onnx import ModelProto, checker
from onnxruntime import InferenceSession

from netsift.models.bundle import Bundle
from netsift.models.export import plain_onnx
from netsift.models.features import FeatureMatrix
from netsift.models.learners import LEARNERS, make_learner
from netsift.models.manifest import LearnerEntry
from tests.models.fitted import small_bundle

ROWS = 400
COLUMNS = len(small_bundle().manifest.feature_names)


@cache
def tied_rows(classes: int) -> FeatureMatrix:
    """Return rows of one column with few values, each held by the same number of rows of every class."""
    matrix = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    matrix[:, 0] = np.arange(ROWS) // (classes * 10)
    return matrix


def exported(name: str, classes: int) -> tuple[bytes, bytes]:
    """Return the bundle's graph and the exported one of a learner that has nothing to tell the classes apart by."""
    labels = np.arange(ROWS) % classes
    settings = {} if name == "logistic" else {"trees": 2}
    learner = make_learner(name, 1, **settings)
    names = small_bundle().manifest.feature_names
    graph = learner.fit(tied_rows(classes), labels, classes).graph(names)
    return graph, plain_onnx(bundle_of(graph, learner.name, classes)).graph


def bundle_of(graph: bytes, learner: str, classes: int) -> Bundle:
    """Return the small bundle with another graph."""
    named = [f"class {number}" if number else "benign" for number in range(classes)]
    entry = LearnerEntry(name=learner, settings={})
    return replace(
        small_bundle(),
        graph=graph,
        manifest=small_bundle().manifest.model_copy(update={"classes": named, "learner": entry}),
    )


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", LEARNERS)
def test_the_label_is_the_most_probable_class_and_the_first_of_equal_ones(name: str, classes: int) -> None:
    original, graph = exported(name, classes)
    checker.check_model(ModelProto.FromString(graph))
    rows = np.concatenate([tied_rows(classes), np.random.default_rng(0).normal(8, 8, (2000, COLUMNS))])
    features = {"features": rows.astype(np.float32)}
    label, probabilities = InferenceSession(graph).run(["label", "probabilities"], features)
    assert label.dtype == np.int64
    assert np.array_equal(label, probabilities.argmax(axis=1))
    assert np.array_equal(probabilities, InferenceSession(original).run(["probabilities"], features)[0])
