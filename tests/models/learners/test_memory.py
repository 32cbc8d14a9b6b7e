"""The logistic regression wants float64, so what it holds at once is bounded by a number of rows."""

from __future__ import annotations

import sys

import pytest

from tests.peak_memory import peak_kib

MOST_PEAK_MIB = 1536
MOST_GROWTH_MIB = 64
COLUMNS = 80
FIT = f"""
import sys
import numpy as np
from netsift.models.learners.logistic import Logistic, LogisticSettings
rows = int(sys.argv[1])
random = np.random.default_rng(0)
matrix = random.standard_exponential((rows, {COLUMNS}), dtype=np.float32)
fitted = Logistic(LogisticSettings(iterations=5)).fit(matrix, random.integers(0, 8, rows), 8)
print(fitted.class_count)
"""


def peak_mib(rows: int) -> int:
    """Return the peak resident memory of a process of its own that learns from so many rows of 80 columns."""
    kibibytes, (classes,) = peak_kib(FIT, str(rows))
    assert int(classes) == 8
    return kibibytes // 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is counted another way there")
def test_two_hundred_thousand_rows_fit_into_a_gibibyte_and_a_half_and_more_rows_add_only_themselves() -> None:
    most, more = peak_mib(200_000), peak_mib(400_000)
    assert most < MOST_PEAK_MIB
    # The rows that were not drawn, as float32, and a copy of those that were.
    itself = (200_000 + 200_000) * COLUMNS * 4 / 2**20
    assert more < most + itself + MOST_GROWTH_MIB
