"""Which rows of a matrix are the same, so that what is worked out for one of them serves all."""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel

EMPTY = -1
MOST_STEPS = 8
"""A row that finds no place within so many steps counts as one of its own, so that no input makes it slow."""

_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)


@inline_kernel
def _turned(state, word, odd):
    state = (state ^ np.uint64(word)) * odd
    return state ^ (state >> np.uint64(29))


@inline_kernel
def _hashed(words, row):
    """Return a hash of a row; of four parts side by side, so that the processor need not wait for each product."""
    length = words.shape[1]
    a, b, c, d = np.uint64(length), _FIRST, _SECOND, _FIRST ^ _SECOND
    fours = length - length % 4
    for place in range(0, fours, 4):
        a = _turned(a, words[row, place], _FIRST)
        b = _turned(b, words[row, place + 1], _SECOND)
        c = _turned(c, words[row, place + 2], _FIRST)
        d = _turned(d, words[row, place + 3], _SECOND)
    for place in range(fours, length):
        a = _turned(a, words[row, place], _FIRST)
    mixed = _turned(a, b, _SECOND) + _turned(c, d, _FIRST)
    return mixed ^ (mixed >> np.uint64(32))


@inline_kernel
def _same(words, row, other):
    for place in range(words.shape[1]):
        if words[row, place] != words[other, place]:
            return False
    return True


@kernel
def distinct_rows(words, table, first, number):
    """Return how many rows of ``words`` (rows, columns) uint32 are told apart.

    ``first`` (rows,) int64 gets the first row of each, ``number`` (rows,) int64 of each row which it is. ``table``
    int64 is scratch of a power of two places, more than there are rows, and all :data:`EMPTY`.
    """
    found = 0
    for row in range(len(words)):
        start = np.int64(_hashed(words, row) & np.uint64(len(table) - 1))
        known, free = EMPTY, EMPTY
        for step in range(MOST_STEPS):
            place = (start + step) & (len(table) - 1)
            if table[place] == EMPTY:
                free = place
                break
            if _same(words, row, first[table[place]]):
                known = table[place]
                break
        if known == EMPTY:
            known = found
            first[found] = row
            found += 1
            if free != EMPTY:
                table[free] = known
        number[row] = known
    return found
