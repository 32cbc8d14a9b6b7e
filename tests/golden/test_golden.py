"""Real captures give the rows that were written down when they were last checked (``python tools/golden.py``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import shared_data
from tools.golden import CAPTURES, FOLDER, file_of, golden, text


def test_every_golden_file_belongs_to_a_capture() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {file_of(name).name for name in CAPTURES}


@pytest.mark.parametrize("name", CAPTURES, ids=lambda name: Path(name).name)
def test_rows_are_as_written(name: str) -> None:
    path = shared_data() / name
    expected: dict[str, Any] = json.loads(file_of(name).read_text(encoding="utf-8"))
    actual: dict[str, Any] = json.loads(text(golden(path, name)))
    assert actual == expected
