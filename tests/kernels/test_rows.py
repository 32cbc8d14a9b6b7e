"""Equal rows are found, and different ones never taken for equal."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels.rows import EMPTY, distinct_rows
from tests.naive.rows import distinct_rows as slow_distinct_rows


def found(words: np.ndarray, places: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first rows and the numbers that the kernel gives, with a table of so many places."""
    first, number = np.empty(len(words), np.int64), np.empty(len(words), np.int64)
    count = distinct_rows(words, np.full(places, EMPTY, np.int64), first, number)
    return first[:count], number


@given(st.integers(1, 9), st.lists(st.integers(0, 40), max_size=60), st.integers(0, 2**32))
def test_agrees_with_looking_up(columns: int, which: list[int], seed: int) -> None:
    pool = np.random.default_rng(seed).integers(0, 3, (41, columns), np.uint32)
    words = np.ascontiguousarray(pool[np.array(which, np.int64)])
    first, number = found(words, 1024)
    assert (first.tolist(), number.tolist()) == slow_distinct_rows(words)


def test_a_full_table_only_finds_fewer_equal_rows() -> None:
    words = np.arange(512, dtype=np.uint32).repeat(4)[:, None]
    first, number = found(words, 16)
    assert (words[first][number] == words).all()
    assert len(first) > 512
    assert len(found(words, 8192)[0]) == 512
