"""What scoring costs: ``python -m pytest benchmarks/test_models.py --benchmark-only``.

Rows per CPU second are :data:`ROWS` divided by the time of :func:`test_rows`, since scoring keeps to one thread. The
aims are 300,000 rows per CPU second and 0.2 ms for a single row.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest

from netsift.cli.detect import default_model
from netsift.detectors.model import ModelDetector
from netsift.evaluation.drift import DriftWatch
from netsift.models.bundle import load_bundle
from netsift.models.features import feature_matrix
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.flows import read_flows

ROWS: Final = 16_384
"""Rows of a batch; the flows of a simulated capture, repeated."""

EXPLAINED: Final = 500
"""Rows that are explained."""


@pytest.fixture(scope="module")
def detector() -> ModelDetector:
    """Return the default model, warmed up."""
    return ModelDetector(load_bundle(default_model()))


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> pa.RecordBatch:
    """Return a batch of simulated flows."""
    path = tmp_path_factory.mktemp("models") / "simulated.pcap"
    simulate(path, SimulationSettings(seed=7, duration_s=300, clients=10, snap_length=96))
    table = pa.Table.from_batches(list(read_flows([path])))
    return table.take(np.arange(ROWS) % table.num_rows).combine_chunks().to_batches()[0]


def test_rows(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """Flow batch in, scores out."""
    detector.score(batch)
    assert len(benchmark(detector.score, batch).score) == ROWS


def test_matrix(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """Flow batch in, feature matrix out: the part of the above that is not the model."""
    assert len(benchmark(feature_matrix, batch, detector.feature_names)) == ROWS


def test_model(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """Feature matrix in, scores out."""
    matrix = feature_matrix(batch, detector.feature_names)
    detector.score_matrix(matrix)
    assert len(benchmark(detector.score_matrix, matrix).score) == ROWS


def test_one_row(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """One row of features in, its score out."""
    matrix = feature_matrix(batch.slice(0, 1), detector.feature_names)
    detector.score_matrix(matrix)
    assert len(benchmark(detector.score_matrix, matrix).score) == 1


def test_one_flow(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """A flow batch of one row in, its score out."""
    one = batch.slice(0, 1)
    detector.score(one)
    assert len(benchmark(detector.score, one).score) == 1


def test_explaining(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """Features in, exact Shapley values out, on one thread; the aim is 20,000 rows per CPU minute: 1.5 s for these."""
    matrix = feature_matrix(batch, detector.feature_names)[:EXPLAINED]
    detector.contributions(matrix[:1])
    assert len(benchmark(detector.contributions, matrix)) == EXPLAINED


def test_watching_for_drift(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """What a watch for drift adds to a batch."""
    scores, watch = detector.score(batch), DriftWatch(load_bundle(default_model()))
    benchmark(watch.observe, scores)
    assert watch.judge().compared


def test_judging_drift(benchmark: Any, detector: ModelDetector, batch: pa.RecordBatch) -> None:
    """The verdict at the end."""
    watch = DriftWatch(load_bundle(default_model()))
    watch.observe(detector.score(batch))
    assert benchmark(watch.judge).compared


def test_opening(benchmark: Any) -> None:
    """A bundle from file to checked model, all but the runtime's own reading."""
    assert benchmark(load_bundle, default_model()).manifest.features
