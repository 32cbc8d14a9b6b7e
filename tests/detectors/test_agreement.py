"""The served graph and the learner it was written from agree on 10,000 rows, real ones where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netsift.detectors.forest import ForestDetector
from netsift.errors import InputError
from netsift.evaluation.training import train
from netsift.models.features import FeatureMatrix, feature_matrix
from netsift.models.forest import class_probabilities, fit_forest
from netsift.sources.flows import read_flows
from tests.conftest import shared_captures
from tests.models.fitted import FEATURE_NAMES, SMALL, silent, small_dataset
from tests.models.traffic import random_batch

ROWS = 10_000
CLOSE = 1e-5


def real_rows() -> FeatureMatrix:
    """Return the features of the first flows of real captures; skips where there are none."""
    parts: list[FeatureMatrix] = []
    for batch in _real_batches(shared_captures("pcap-benign") + shared_captures("pcap-attack")):
        parts.append(batch)
        if sum(map(len, parts)) >= ROWS:
            return np.concatenate(parts)[:ROWS]
    raise ValueError("the shared captures hold too few flows")


def _real_batches(captures: list[Path]) -> Iterator[FeatureMatrix]:
    for path in captures:
        try:
            yield from (feature_matrix(batch, FEATURE_NAMES)[:1000] for batch in read_flows([path]))
        except InputError:
            continue


@pytest.mark.parametrize("real", [False, True], ids=["made up", "real"])
def test_graph_and_forest_agree(real: bool) -> None:
    rows = real_rows() if real else feature_matrix(random_batch(ROWS, 17)[0], FEATURE_NAMES)
    dataset = small_dataset()
    forest = fit_forest(dataset.matrix, dataset.classes, SMALL)
    detector = ForestDetector(train(dataset, SMALL, 2, silent).bundle)
    expected = class_probabilities(forest, rows, len(dataset.names))[:, 1:].sum(axis=1)
    score = detector.score_matrix(rows).score
    assert len(score) == ROWS
    assert np.abs(score - expected).max() < CLOSE
    assert len(np.unique(score)) > 50
    explained = detector.base + detector.contributions(rows[:1000]).sum(axis=1)
    assert np.abs(explained - expected[:1000]).max() < CLOSE
