"""Unsigned integers out of byte buffers: one bounds check and one unaligned load each.

Byte-wise reads would be checked byte by byte, which is most of the cost of decoding. Each function has a plain Python
body, which defines it and runs when compilation is off, and a compiled form that raises the same IndexError.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload


def _bytes(buffer: Any, offset: int, count: int) -> bytes:
    if offset < 0 or offset + count > len(buffer):
        raise IndexError("read outside the buffer")
    return bytes(buffer[offset : offset + count])


def _load(bits: int) -> Any:
    """Return an intrinsic that loads a little-endian unsigned integer of ``bits`` bits as int64 (uint64 for 64)."""
    result = types.uint64 if bits == 64 else types.int64

    @intrinsic
    def load(typing_context: Any, buffer: Any, offset: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            start = arguments[1]
            size = builder.extract_value(array.shape, 0)
            width = ir.Constant(start.type, bits // 8)
            outside = builder.or_(
                builder.icmp_signed("<", start, ir.Constant(start.type, 0)),
                builder.icmp_signed(">", start, builder.sub(size, width)),
            )
            with builder.if_then(outside, likely=False):
                context.call_conv.return_user_exc(builder, IndexError, ("read outside the buffer",))
            place = builder.gep(array.data, [start])
            integer = ir.IntType(bits)
            value = builder.load(builder.bitcast(place, integer.as_pointer()))
            value.align = 1
            return value if bits == 64 else builder.zext(value, cgutils.intp_t)

        return result(types.Array(types.uint8, 1, "C"), types.int64), generate

    return load


def _swap(bits: int) -> Any:
    """Return an intrinsic that reverses the bytes of the low ``bits`` bits of an integer."""

    @intrinsic
    def swap(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            integer = ir.IntType(bits)
            whole = arguments[0]
            narrow = whole if bits == 64 else builder.trunc(whole, integer)
            swapped = builder.bswap(narrow)
            return swapped if bits == 64 else builder.zext(swapped, whole.type)

        kind = types.uint64 if bits == 64 else types.int64
        return kind(kind), generate

    return swap


_load_16, _load_32, _load_64 = _load(16), _load(32), _load(64)
_swap_16, _swap_32, _swap_64 = _swap(16), _swap(32), _swap(64)


def big_endian_16(buffer: Any, offset: int) -> int:
    """Return the 16-bit big-endian integer at ``offset`` of a uint8 buffer, as int64."""
    return int.from_bytes(_bytes(buffer, offset, 2), "big")


def big_endian_32(buffer: Any, offset: int) -> int:
    """Return the 32-bit big-endian integer at ``offset`` of a uint8 buffer, as int64."""
    return int.from_bytes(_bytes(buffer, offset, 4), "big")


def big_endian_64(buffer: Any, offset: int) -> Any:
    """Return the 64-bit big-endian integer at ``offset`` of a uint8 buffer, as uint64."""
    return np.uint64(int.from_bytes(_bytes(buffer, offset, 8), "big"))


def little_endian_64(buffer: Any, offset: int) -> Any:
    """Return the 64-bit little-endian integer at ``offset`` of a uint8 buffer, as uint64."""
    return np.uint64(int.from_bytes(_bytes(buffer, offset, 8), "little"))


def integer_16(buffer: Any, offset: int, big_endian: bool) -> int:
    """Return the 16-bit integer at ``offset`` in the given byte order, as int64."""
    return int.from_bytes(_bytes(buffer, offset, 2), "big" if big_endian else "little")


def integer_32(buffer: Any, offset: int, big_endian: bool) -> int:
    """Return the 32-bit integer at ``offset`` in the given byte order, as int64."""
    return int.from_bytes(_bytes(buffer, offset, 4), "big" if big_endian else "little")


# Numba wants the overload and its implementation to have the very same, here unannotated, signature.


@overload(big_endian_16)
def _compiled_big_endian_16(buffer, offset):
    return lambda buffer, offset: _swap_16(_load_16(buffer, offset))


@overload(big_endian_32)
def _compiled_big_endian_32(buffer, offset):
    return lambda buffer, offset: _swap_32(_load_32(buffer, offset))


@overload(big_endian_64)
def _compiled_big_endian_64(buffer, offset):
    return lambda buffer, offset: _swap_64(_load_64(buffer, offset))


@overload(little_endian_64)
def _compiled_little_endian_64(buffer, offset):
    return lambda buffer, offset: _load_64(buffer, offset)


@overload(integer_16)
def _compiled_integer_16(buffer, offset, big_endian):
    def load(buffer, offset, big_endian):
        value = _load_16(buffer, offset)
        return _swap_16(value) if big_endian else value

    return load


@overload(integer_32)
def _compiled_integer_32(buffer, offset, big_endian):
    def load(buffer, offset, big_endian):
        value = _load_32(buffer, offset)
        return _swap_32(value) if big_endian else value

    return load
