"""SipHash-1-3 over whole 64-bit words: a keyed hash, so that nobody can craft packets that share a table slot.

J.-P. Aumasson, D. J. Bernstein: SipHash: a fast short-input PRF, INDOCRYPT 2012; one compression and three
finalisation rounds, the reduced variant that hash tables use.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel


@inline_kernel
def _rotate_left(value: np.uint64, bits: np.uint64) -> np.uint64:
    return (value << bits) | (value >> (np.uint64(64) - bits))


@inline_kernel
def _sip_round(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64):
    v0 += v1
    v1 = _rotate_left(v1, np.uint64(13)) ^ v0
    v0 = _rotate_left(v0, np.uint64(32))
    v2 += v3
    v3 = _rotate_left(v3, np.uint64(16)) ^ v2
    v0 += v3
    v3 = _rotate_left(v3, np.uint64(21)) ^ v0
    v2 += v1
    v1 = _rotate_left(v1, np.uint64(17)) ^ v2
    v2 = _rotate_left(v2, np.uint64(32))
    return v0, v1, v2, v3


@kernel
def siphash_words(key_low, key_high, words):
    """Return SipHash-1-3 of a tuple of little-endian 64-bit words under a 128-bit key, as uint64."""
    v0 = key_low ^ np.uint64(0x736F6D6570736575)
    v1 = key_high ^ np.uint64(0x646F72616E646F6D)
    v2 = key_low ^ np.uint64(0x6C7967656E657261)
    v3 = key_high ^ np.uint64(0x7465646279746573)
    for word in words:
        v3 ^= word
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
        v0 ^= word
    length_word = np.uint64(8 * len(words)) << np.uint64(56)
    v3 ^= length_word
    v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    v0 ^= length_word
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3
