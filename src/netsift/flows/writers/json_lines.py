"""JSON lines."""

from __future__ import annotations

import json
from typing import IO, Final

import pyarrow as pa
import pyarrow.compute as pc

from netsift.flows.writers.base import FlowWriter

_SPECIAL: Final = r'["\\\x00-\x1f]'


class JsonLinesWriter(FlowWriter):
    """One JSON object per flow and line, every column in each."""

    def __init__(self, file: IO[bytes], _: pa.Schema) -> None:
        """Prepare; JSON lines have no header."""
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch and flush, so that a reader of the pipe sees them at once."""
        members = [_member(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
        lines = pc.binary_join_element_wise("{", pc.binary_join_element_wise(*members, ","), "}\n", "")
        self._file.write("".join(lines.to_pylist()).encode())
        self._file.flush()

    def close(self) -> None:
        """Do nothing; every line was whole."""


def _member(name: str, column: pa.Array) -> pa.Array:
    """Return ``"name":value`` for each row."""
    kind = column.type
    if pa.types.is_list(kind):
        values = pc.binary_join_element_wise("[", pc.binary_join(column.cast(pa.list_(pa.string())), ","), "]", "")
    elif pa.types.is_timestamp(kind):
        values = pc.binary_join_element_wise('"', pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ"), '"', "")
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        values = column.cast(pa.string())
    elif pa.types.is_floating(kind):
        values = pc.if_else(pc.is_finite(column), column.cast(pa.string()), None)
    else:
        values = _texts(column.cast(pa.string()))
    return pc.binary_join_element_wise(json.dumps(name) + ":", pc.fill_null(values, "null"), "")


def _texts(column: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(column, _SPECIAL)).as_py():
        texts = [None if text is None else json.dumps(text, ensure_ascii=False) for text in column.to_pylist()]
        return pa.array(texts, pa.string())
    return pc.binary_join_element_wise('"', column, '"', "")
