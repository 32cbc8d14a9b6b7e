"""Unsigned integers out of byte buffers, in both byte orders; every read is bounds-checked."""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import hostile_kernel


@hostile_kernel
def big_endian_16(buffer, offset):  # type: ignore[no-untyped-def]
    """Return the 16-bit big-endian integer at ``offset`` of a uint8 buffer, as int64."""
    return (np.int64(buffer[offset]) << 8) | np.int64(buffer[offset + 1])


@hostile_kernel
def big_endian_32(buffer, offset):  # type: ignore[no-untyped-def]
    """Return the 32-bit big-endian integer at ``offset`` of a uint8 buffer, as int64."""
    return (big_endian_16(buffer, offset) << 16) | big_endian_16(buffer, offset + 2)


@hostile_kernel
def big_endian_64(buffer, offset):  # type: ignore[no-untyped-def]
    """Return the 64-bit big-endian integer at ``offset`` of a uint8 buffer, as uint64."""
    return (np.uint64(big_endian_32(buffer, offset)) << np.uint64(32)) | np.uint64(big_endian_32(buffer, offset + 4))


@hostile_kernel
def integer_16(buffer, offset, big_endian):  # type: ignore[no-untyped-def]
    """Return the 16-bit integer at ``offset`` in the given byte order, as int64."""
    first, second = np.int64(buffer[offset]), np.int64(buffer[offset + 1])
    if big_endian:
        return (first << 8) | second
    return (second << 8) | first


@hostile_kernel
def integer_32(buffer, offset, big_endian):  # type: ignore[no-untyped-def]
    """Return the 32-bit integer at ``offset`` in the given byte order, as int64."""
    first, second = integer_16(buffer, offset, big_endian), integer_16(buffer, offset + 2, big_endian)
    if big_endian:
        return (first << 16) | second
    return (second << 16) | first
