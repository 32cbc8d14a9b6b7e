"""The served graph and the learner it was written from agree on 10,000 rows, real ones where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from netsift.detectors.model import ModelDetector
from netsift.errors import InputError
from netsift.evaluation.protocols.folds import RANDOM_SPLIT
from netsift.evaluation.training import train
from netsift.models.features import FeatureMatrix, feature_matrix
from netsift.models.learners import LEARNERS, make_learner
from netsift.sources.flows import read_flows
from tests.conftest import shared_captures
from tests.models.fitted import FEATURE_NAMES, silent, small_dataset
from tests.models.traffic import random_batch

ROWS = 10_000
CLOSE = 1e-5


@cache
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


@pytest.mark.parametrize("attacks", [("flood",), ("scan", "flood")], ids=["two classes", "three classes"])
@pytest.mark.parametrize("real", [False, True], ids=["made up", "real"])
@pytest.mark.parametrize("name", LEARNERS)
def test_graph_and_learner_agree(name: str, real: bool, attacks: tuple[str, ...]) -> None:
    rows = real_rows() if real else feature_matrix(random_batch(ROWS, 17)[0], FEATURE_NAMES)
    dataset, learner = small_dataset(attacks), make_learner(name, seed=5)
    fitted = learner.fit(dataset.matrix, dataset.classes, len(dataset.names))
    detector = ModelDetector(train(dataset, learner, 2, silent, (RANDOM_SPLIT,), resamples=2).bundle)
    expected = fitted.probabilities(rows)
    scores = detector.score_matrix(rows)
    assert len(scores.score) == ROWS
    assert np.abs(detector.probabilities(rows) - expected).max() < CLOSE
    assert np.abs(scores.score - expected[:, 1:].sum(axis=1)).max() < CLOSE
    assert len(np.unique(scores.score)) > 50
    explained = detector.base + detector.contributions(rows[:1000]).sum(axis=1)
    assert np.abs(explained - expected[:1000, 1:].sum(axis=1)).max() < CLOSE
