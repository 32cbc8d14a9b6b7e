"""Logs of one JSON object per line, as raw batches of text columns."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from netsift.sources.datasets.opening import TextLines

_ROWS_PER_BATCH: Final = 16_384


class LinesOfObjects:
    """Reads objects from whole lines; ``broken`` and ``empty`` count the lines that hold none."""

    def __init__(self, lines: TextLines) -> None:
        """Read on from where ``lines`` stands."""
        self._lines = io.BufferedReader(lines)
        self.broken = 0
        self.empty = 0

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield batches of the named fields as text, null where an object does not have one."""
        while rows := self._rows():
            arrays = [pa.array([as_text(row.get(name)) for row in rows], pa.string()) for name in names]
            yield pa.RecordBatch.from_arrays(arrays, names=list(names))

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while len(rows) < _ROWS_PER_BATCH and (line := self._lines.readline()):
            row = parsed(line)
            if row is not None:
                rows.append(row)
            elif line.strip():
                self.broken += 1
            else:
                self.empty += 1
        return rows


def parsed(line: bytes) -> dict[str, Any] | None:
    """Return the object that a line holds, None when it holds none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def as_text(value: Any) -> str | None:
    """Return a JSON value as the text that a table would have, in valid Unicode."""
    if value is None:
        return None
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode("utf-8")
