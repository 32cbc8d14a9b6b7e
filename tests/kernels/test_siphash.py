"""The keyed hash against its slow twin, and the twin against others' numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels.siphash import siphash_words
from tests.naive.parts import siphash

words = st.integers(0, 2**64 - 1)


def test_the_twin_gives_the_published_vector() -> None:
    # Appendix A of the paper: SipHash-2-4 of 00 01 ... 0e under the key 00 01 ... 0f.
    assert siphash(bytes(range(16)), bytes(range(15)), 2, 4) == 0xA129CA6149BE45E5


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes bytes in another way")
def test_the_twin_hashes_as_python_does() -> None:
    script = "print(hash(bytes(range(40))) % 2**64)"
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert int(run.stdout) == siphash(bytes(16), bytes(range(40)))


@given(words, words, st.one_of(st.tuples(*[words] * 3), st.tuples(*[words] * 5), st.tuples(*[words] * 6)))
def test_siphash_words(low: int, high: int, message: tuple[int, ...]) -> None:
    key = low.to_bytes(8, "little") + high.to_bytes(8, "little")
    data = b"".join(word.to_bytes(8, "little") for word in message)
    found = siphash_words(np.uint64(low), np.uint64(high), tuple(map(np.uint64, message)))
    assert int(found) == siphash(key, data)
