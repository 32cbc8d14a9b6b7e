"""A baseline file is hostile until it is checked: everything that can be wrong in it is refused with its reason."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.detectors.novelty.file import ARRAYS, baseline_bytes, load_baseline, parse_baseline, save_baseline
from netsift.errors import InputError
from netsift.models.archive import MANIFEST
from tests.detectors.novelty.networks import small_baseline

Manifest = dict[str, Any]


@cache
def good_bytes() -> bytes:
    """Return the bytes of a good file."""
    return baseline_bytes(small_baseline())


def members() -> tuple[Manifest, bytes]:
    """Return the manifest and the arrays of a good file."""
    with zipfile.ZipFile(io.BytesIO(good_bytes())) as archive:
        return json.loads(archive.read(MANIFEST)), archive.read(ARRAYS)


def packed(
    manifest: Manifest | bytes, block: bytes, more: dict[str, bytes] | None = None, *, honest: bool = True
) -> bytes:
    """Return a file of these members; the manifest has their hash where it is ``honest``."""
    if isinstance(manifest, dict) and honest:
        manifest = {**manifest, "arrays_sha256": hashlib.sha256(block).hexdigest()}
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {MANIFEST: text, ARRAYS: block, **(more or {})}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_array(name: str, change: Callable[[np.ndarray[Any, Any]], None]) -> bytes:
    """Return a good file in which one array was changed."""
    manifest, block = members()
    content = bytearray(block)
    offset = 0
    for entry in manifest["arrays"]:
        kind = np.dtype(entry["type"])
        size = int(np.prod(entry["shape"]))
        if entry["name"] == name:
            array = np.frombuffer(bytes(content[offset : offset + size * kind.itemsize]), kind).copy()
            change(array)
            content[offset : offset + array.nbytes] = array.tobytes()
            return packed(manifest, bytes(content))
        offset += size * kind.itemsize
    raise KeyError(name)


def put(place: int, value: float) -> Callable[[np.ndarray[Any, Any]], None]:
    """Return what writes a value into an array."""

    def change(array: np.ndarray[Any, Any]) -> None:
        array[place] = value

    return change


def test_a_good_file_is_read(tmp_path: Path) -> None:
    save_baseline(small_baseline(), tmp_path / "normal.netsift")
    assert load_baseline(tmp_path / "normal.netsift").learned == small_baseline().learned
    manifest, block = members()
    assert baseline_bytes(parse_baseline(packed(manifest, block))) == good_bytes()


def test_a_file_that_is_not_there_or_no_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_baseline(tmp_path / "nothing")
    (tmp_path / "text").write_text("no zip file")
    with pytest.raises(InputError, match="text: the file is not a netsift"):
        load_baseline(tmp_path / "text")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 2}, "format version 2"),
        ({"format_version": "1"}, "wrong at format_version"),
        ({"more": 1}, "wrong at more"),
        ({"days": 0}, "wrong at days"),
        ({"days": float("nan")}, "wrong at days"),
        ({"pair_key": "xyz"}, "wrong at pair_key"),
        ({"columns": ["duration_us", "src_ip"]}, "does not know: src_ip"),
        ({"columns": ["payload_bytes_fwd", "duration_us"]}, "twice or in another order"),
        ({"columns": []}, "twice or in another order"),
        ({"detectors": ["ecod", "ecod", "ecod"]}, "detectors"),
        ({"detectors": ["pickle"]}, "detectors"),
        ({"groups": []}, "wrong at groups"),
        ({"arrays": []}, "holds more than its arrays"),
    ],
)
def test_a_manifest_that_lies_is_refused(change: Manifest, reason: str) -> None:
    manifest, block = members()
    with pytest.raises(InputError, match=reason):
        parse_baseline(packed({**manifest, **change}, block))


def test_members_that_do_not_belong_there_are_refused() -> None:
    manifest, block = members()
    with pytest.raises(InputError, match="does not belong"):
        parse_baseline(packed(manifest, block, {"../evil": b""}))
    with pytest.raises(InputError, match="not what its manifest says"):
        parse_baseline(packed({**manifest, "arrays_sha256": "0" * 64}, block, honest=False))
    with pytest.raises(InputError, match="not valid JSON"):
        parse_baseline(packed(b"{", block))
    with pytest.raises(InputError, match="not valid JSON"):
        parse_baseline(packed(b"[" * 3_000, block))
    with pytest.raises(InputError, match="zip bomb"):
        parse_baseline(packed(manifest, bytes(64 << 20)))


def test_arrays_that_overlap_or_go_beyond_the_end_are_refused() -> None:
    manifest, block = members()
    entry = manifest["arrays"][0]
    with pytest.raises(InputError, match="stands twice"):
        parse_baseline(packed({**manifest, "arrays": [entry, *manifest["arrays"]]}, block))
    with pytest.raises(InputError, match="beyond the end"):
        parse_baseline(packed({**manifest, "arrays": [{**entry, "shape": [2**28, 2**28, 2**28]}]}, block))
    with pytest.raises(InputError, match="wrong at arrays"):
        parse_baseline(packed({**manifest, "arrays": [{**entry, "shape": [-1, 4]}]}, block))
    with pytest.raises(InputError, match="wrong at arrays"):
        parse_baseline(packed({**manifest, "arrays": [{**entry, "type": "object"}]}, block))
    with pytest.raises(InputError, match="more than its arrays"):
        parse_baseline(packed({**manifest, "arrays": manifest["arrays"][:-1]}, block))


@pytest.mark.parametrize(
    ("name", "place", "value", "reason"),
    [
        ("group_of_role", 0, 999, "group_of_role"),
        ("group_of_role", 0, -1, "group_of_role"),
        ("known", 0, 2**62, "known is not in order"),
        ("rarity", 0, np.inf, "rarity"),
        ("curve.levels", 0, -5, "alert curve"),
        ("curve.levels", 0, np.nan, "finite"),
        ("curve.alerts", 0, -1, "below 0"),
        ("group0.examples", 3, np.nan, "examples"),
        ("group0.ecod.scores", 0, 1e9, "not in order"),
        ("group0.ecod.scale", 0, 0, "no scale"),
        ("group0.ecod.model.values", 0, 1e9, "values is not in order"),
        ("group0.ecod.model.below", 0, 2, "shares"),
        ("group0.ecod.model.rows", 0, 0, "rows"),
        ("group0.isolation_forest.model.feature", 0, 1000, "feature"),
        ("group0.isolation_forest.model.left", 0, 0, "before their parents"),
        ("group0.isolation_forest.model.right", 0, 2**30, "right"),
        ("group0.isolation_forest.model.usual", 0, 0, "lengths"),
        ("group0.autoencoders.model.columns", 0, -1, "without columns"),
        ("group0.autoencoders.model.range", 0, 0, "ranges"),
        ("group0.autoencoders.model.ensemble_inward", 0, np.nan, "inward"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(name: str, place: int, value: float, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_baseline(with_array(name, put(place, value)))


@settings(max_examples=40)
@given(st.data())
def test_no_damage_does_more_than_refuse(data: st.DataObject) -> None:
    content = bytearray(good_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        with contextlib.suppress(InputError):
            assert baseline_bytes(parse_baseline(damaged)) == good_bytes()
