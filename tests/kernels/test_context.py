"""The kernels of the context: hashed addresses, group addresses, and the same numbers without compilation."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from netsift.kernels.context import context_columns, hash_addresses
from tests.conftest import ROOT
from tests.naive.context import is_group

ADDRESSES = st.one_of(st.ip_addresses().map(str), st.binary(max_size=50).map(lambda data: data.decode("latin-1")))


def hashed(texts: list[str], key: tuple[int, int] = (1, 2)) -> tuple[list[int], list[bool]]:
    """Return the hashes of texts and which are group addresses."""
    data = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, data)]).astype(np.int32)
    hashes, group = np.zeros(len(texts), np.uint64), np.zeros(len(texts), np.uint8)
    text = np.frombuffer(b"".join(data), np.uint8)
    hash_addresses(offsets, text, np.uint64(key[0]), np.uint64(key[1]), hashes, group)
    return hashes.tolist(), group.astype(bool).tolist()


@given(st.lists(st.ip_addresses().map(str), max_size=20))
@example(["224.0.0.1", "239.255.255.255", "223.1.1.1", "240.0.0.1", "10.0.0.255", "10.0.0.25", "ff02::1", "fe80::1"])
def test_group_addresses(texts: list[str]) -> None:
    assert hashed(texts)[1] == [is_group(text) for text in texts]


@given(st.lists(ADDRESSES, unique=True, max_size=20))
@example(["", "\0", "\0\0", "12345678", "1234567812345678", "1234567812345678\0", "a" * 40, "a" * 39 + "b"])
def test_hashes_tell_texts_apart(texts: list[str]) -> None:
    assert len(set(hashed(texts)[0])) == len(texts)


def test_hash_depends_on_the_key() -> None:
    text = ["10.0.0.1"]
    assert len({hashed(text, key)[0][0] for key in ((1, 2), (1, 3), (2, 2))}) == 3


SCRIPT = """
from tests.context.flows import flow, flow_batch, tracked
rows = [flow(i * 0.7 % 5, i % 3, src_ip=f"10.0.0.{i % 4}", dst_port=i % 3, bytes_fwd=i) for i in range(60)]
print({name: values.tolist() for name, values in tracked(flow_batch(rows)).items()})
"""


def test_columns_without_compilation() -> None:
    """``context_columns`` is plain Python as well; what NumPy computes may differ in the last bit of an exponential."""
    assert callable(context_columns)
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    outputs = []
    for plain in ({}, {"NUMBA_DISABLE_JIT": "1"}):
        command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
        run = subprocess.run(command, env=environment | plain, capture_output=True, check=False, text=True)
        assert run.returncode == 0, run.stderr
        outputs.append(eval(run.stdout, {"nan": float("nan")}))  # noqa: S307 - our own output
    compiled, uncompiled = outputs
    for name, values in compiled.items():
        np.testing.assert_allclose(values, uncompiled[name], rtol=1e-6, err_msg=name)
