"""Equal rows of a feature matrix are one row."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.models.rows import distinct


@pytest.mark.parametrize("rows", [0, 3, 64, 65, 1000])
def test_every_row_comes_back(rows: int) -> None:
    matrix = np.random.default_rng(rows).integers(0, 2, (rows, 7)).astype(np.float32)
    different, number = distinct(matrix)
    assert np.array_equal(different[number], matrix)
    if rows == 1000:
        assert len(different) == 2**7


def test_rows_that_differ_all_come_back_as_they_are() -> None:
    matrix = np.arange(500, dtype=np.float32).reshape(100, 5)
    different, number = distinct(matrix)
    assert different is matrix
    assert number.tolist() == list(range(100))


def test_a_matrix_that_is_not_contiguous_by_row_serves_too() -> None:
    matrix = np.repeat(np.arange(100, dtype=np.float32), 3).reshape(100, 3).T.repeat(2, axis=0).T
    different, number = distinct(matrix)
    assert np.array_equal(different[number], matrix)
