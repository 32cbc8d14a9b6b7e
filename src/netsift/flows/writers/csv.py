"""Comma-separated values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from netsift.flows.schema import BY_NAME
from netsift.flows.writers.base import FlowWriter

_LIST_SEPARATOR: Final = " "
_SPECIAL: Final = r'[",\r\n]'


class CsvWriter(FlowWriter):
    """Comma-separated values with a header; lists are numbers with a space between, null is an empty field."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Prepare the header."""
        self._file = file
        self._header = ",".join(_quoted(name) for name in schema.names).encode() + b"\n"

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch and flush, so that a reader of the pipe sees them at once."""
        self._begin()
        flat = pa.RecordBatch.from_arrays([_plain(column) for column in batch.columns], names=batch.schema.names)
        # Arrow quotes all texts or none; no column of netsift's own is ever in need of it.
        quoting = "needed" if any(_has_special(column) for column in _foreign_texts(flat)) else "none"
        pa.csv.write_csv(flat, self._file, pa.csv.WriteOptions(include_header=False, quoting_style=quoting))
        self._file.flush()

    def close(self) -> None:
        """Write the header if no row did."""
        self._begin()

    def _begin(self) -> None:
        self._file.write(self._header)
        self._header = b""


def _plain(column: pa.Array) -> pa.Array:
    """Return a column as something CSV can hold."""
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_list(column.type):
        return pc.binary_join(column.cast(pa.list_(pa.string())), _LIST_SEPARATOR)
    return column


def _foreign_texts(batch: pa.RecordBatch) -> Iterator[pa.Array]:
    """Yield the texts that are not netsift's own: a label, say, that a flow file brought along."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in BY_NAME and pa.types.is_string(column.type):
            yield column


def _has_special(column: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, _SPECIAL)).as_py())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(_SPECIAL, text) else text
