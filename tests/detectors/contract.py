"""What every detector must keep to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from netsift.detectors.base import Detector
from netsift.errors import InputError


def check_detector(
    make: Callable[[], Detector], save_and_load: Callable[[Detector], Detector], batch: pa.RecordBatch
) -> None:
    """Hold a detector to the contract of all detectors.

    ``make`` trains one from a fixed seed, ``save_and_load`` sends it through its file, and ``batch`` has flows of all
    kinds, some of them flagged.
    """
    detector = make()
    scores = detector.score(batch)
    check_shapes_and_range(detector, batch)
    assert np.array_equal(make().score(batch).score, scores.score), "same seed, other scores"
    assert np.array_equal(detector.score(batch).score, scores.score), "scoring changed the detector"
    assert np.array_equal(save_and_load(detector).score(batch).score, scores.score), "the file lost something"
    turned = batch.select(batch.schema.names[::-1])
    assert np.array_equal(detector.score(turned).score, scores.score), "column order matters"
    check_chunking(detector, batch)
    check_missing_columns(detector, batch)
    explained = detector.base + detector.contributions(scores.matrix).sum(axis=1)
    assert np.abs(explained - scores.score).max() < 1e-5, "the explanation does not add up to the score"


def check_shapes_and_range(detector: Detector, batch: pa.RecordBatch) -> None:
    """Every flow has a score from 0 to 1, an attack and a row in the matrix; an empty batch has none."""
    scores = detector.score(batch)
    assert scores.score.shape == scores.attack.shape == (batch.num_rows,)
    assert scores.matrix.shape == (batch.num_rows, len(detector.feature_names))
    assert ((scores.score >= 0) & (scores.score <= 1)).all()
    assert ((scores.attack >= 0) & (scores.attack < len(detector.attacks))).all()
    assert "benign" not in detector.attacks
    assert len(detector.score(batch.slice(0, 0)).score) == 0


def check_chunking(detector: Detector, batch: pa.RecordBatch) -> None:
    """A flow's score does not depend on what else is in the batch."""
    whole = detector.score(batch).score
    parts = [detector.score(batch.slice(start, 7)).score for start in range(0, batch.num_rows, 7)]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6


def check_missing_columns(detector: Detector, batch: pa.RecordBatch) -> None:
    """A batch that lacks columns is refused with the names of all of them."""
    with pytest.raises(InputError) as refused:
        detector.score(batch.drop_columns(["packets", "payload_bytes"]))
    assert "packets" in str(refused.value)
    assert "payload_bytes" in str(refused.value)
