"""Loads out of buffers: the compiled form, the plain form and the slow twin agree, also on what is outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels import bytes as loads
from netsift.kernels.bytes import (
    big_endian_16,
    big_endian_32,
    big_endian_64,
    integer_16,
    integer_32,
    little_endian_64,
)
from netsift.kernels.jit import hostile_kernel
from netsift.kernels.prefetch import prefetch
from tests.naive.parts import unchanged, unsigned


@hostile_kernel
def compiled_load(buffer, offset, which):  # type: ignore[no-untyped-def]
    """Return the integer that the load of number ``which`` finds."""
    if which == 0:
        return np.uint64(big_endian_16(buffer, offset))
    if which == 1:
        return np.uint64(big_endian_32(buffer, offset))
    if which == 2:
        return big_endian_64(buffer, offset)
    if which == 3:
        return little_endian_64(buffer, offset)
    if which == 4:
        return np.uint64(integer_16(buffer, offset, True))
    if which == 5:
        return np.uint64(integer_16(buffer, offset, False))
    if which == 6:
        return np.uint64(integer_32(buffer, offset, True))
    return np.uint64(integer_32(buffer, offset, False))


@hostile_kernel
def compiled_prefetch(values, index):  # type: ignore[no-untyped-def]
    """Hint at an entry, then return it."""
    prefetch(values, index, 2)
    return values[index]


def plain_load(buffer: Any, offset: int, which: int) -> int:
    """Return the same from the plain Python bodies."""
    if which < 4:
        return int((big_endian_16, big_endian_32, big_endian_64, little_endian_64)[which](buffer, offset))
    return int((integer_16, integer_32)[which // 6](buffer, offset, which % 2 == 0))


SIZES = (2, 4, 8, 8, 2, 2, 4, 4)
BIG = (True, True, True, False, True, False, True, False)


def outcome(load: Callable[[], Any]) -> int | type:
    """Return what a load gives: a number, or the kind of error."""
    try:
        return int(load())
    except IndexError as error:
        return type(error)


@given(st.binary(max_size=20), st.integers(-(2**40), 2**40) | st.integers(-9, 24), st.integers(0, 7))
def test_loads(data: bytes, offset: int, which: int) -> None:
    buffer = np.frombuffer(data, np.uint8).copy()
    expected = outcome(lambda: unsigned(data, offset, SIZES[which], big_endian=BIG[which]))
    assert outcome(lambda: compiled_load(buffer, offset, which)) == expected
    assert outcome(lambda: plain_load(buffer, offset, which)) == expected


@pytest.mark.parametrize("offset", [2**63 - 1, 2**63 - 8, -(2**63)])
def test_offsets_at_the_ends_of_their_type(offset: int) -> None:
    with pytest.raises(IndexError):
        compiled_load(np.zeros(8, np.uint8), offset, 2)


def test_prefetch_has_no_effect() -> None:
    values = np.arange(9)
    assert [compiled_prefetch(values, index) for index in range(9)] == unchanged(values.tolist())
    prefetch(values, 0, 1)


def test_every_load_is_tested() -> None:
    names = {name for name in vars(loads) if name.startswith(("big_", "little_", "integer_"))}
    assert names == {
        load.__name__
        for load in (big_endian_16, big_endian_32, big_endian_64, little_endian_64, integer_16, integer_32)
    }
