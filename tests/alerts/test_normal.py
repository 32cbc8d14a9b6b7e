"""The sample of flows that were not flagged: the same in any batching, bounded, and the nearest is the nearest."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netsift.alerts.normal import MOST_FLOWS, NormalFlows
from netsift.models.features import FeatureMatrix
from tests.models.traffic import random_batch


def sampled(batch: pa.RecordBatch, matrix: FeatureMatrix, step: int) -> NormalFlows:
    """Return the sample of all flows of a batch that come in pieces."""
    normal = NormalFlows()
    for start in range(0, batch.num_rows, step):
        piece = batch.slice(start, step)
        normal.add(piece, matrix[start : start + step], np.arange(piece.num_rows))
    return normal


def many() -> tuple[pa.RecordBatch, FeatureMatrix]:
    """Return more flows than are kept, and random features of them."""
    rows = 3 * MOST_FLOWS
    return random_batch(rows, 3)[0], np.random.default_rng(3).random((rows, 5), np.float32)


def test_any_batching_gives_the_same_sample() -> None:
    batch, matrix = many()
    wanted = matrix[17] + np.float32(0.001)
    found = {sampled(batch, matrix, step).nearest(wanted) for step in (batch.num_rows, 100, 7)}
    assert len(found) == 1
    assert found != {None}


def test_the_nearest_is_the_nearest_of_the_sample() -> None:
    batch, matrix = many()
    few = batch.slice(0, 200)
    normal = sampled(few, matrix[:200], 50)
    for place in (0, 60, 199):
        reference = normal.nearest(matrix[place])
        assert reference is not None
        assert reference.start_ns == few.column("start_time").cast(pa.int64())[place].as_py()
        assert reference.src_ip == few.column("src_ip")[place].as_py()


def test_memory_is_bounded_and_nothing_is_no_example() -> None:
    batch, matrix = many()
    normal = sampled(batch, matrix, 500)
    assert normal._matrix is not None
    assert len(normal._matrix) == len(normal._flows) == len(normal._ranks) == MOST_FLOWS
    assert NormalFlows().nearest(matrix[0]) is None
    blind = NormalFlows()
    blind.add(batch.drop_columns(["src_ip"]), matrix, np.arange(10))
    assert blind.nearest(matrix[0]) is None
