"""Flow batches into files and pipes: CSV, JSON lines, Arrow and Parquet."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from netsift.errors import InputError, UsageError
from netsift.files import whole_file
from netsift.flows.schema import BY_NAME

FORMATS: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".parquet": "parquet",
}
"""File suffixes and the format each stands for."""

_ROWS_PER_GROUP: Final = 65_536
_LIST_SEPARATOR: Final = " "
_CSV_SPECIAL: Final = r'[",\r\n]'
_JSON_SPECIAL: Final = r'["\\\x00-\x1f]'


class FlowWriter(Protocol):
    """Takes flow batches one after another."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch."""
        ...

    def close(self) -> None:
        """Write what is held back and the end of the file."""
        ...

    def abandon(self) -> None:
        """Give up: write nothing more."""
        ...


def format_of(path: Path) -> str:
    """Return the format that a path's suffix stands for. Raises UsageError for any other suffix."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: the suffix must be one of {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


@contextlib.contextmanager
def flow_output(path: Path | None, file_format: str, schema: pa.Schema) -> Iterator[FlowWriter]:
    """Yield a writer to ``path`` (whole or not there), or to standard output when it is None.

    The first batch decides what columns there are; ``schema`` does when there is none. A later batch with others raises
    InputError; OutputError says why a file cannot be written.
    """
    if path is None:
        with _writing(sys.stdout.buffer, file_format, schema) as writer:
            yield writer
        return
    with whole_file(path) as temporary, temporary.open("wb") as file, _writing(file, file_format, schema) as writer:
        yield writer


@contextlib.contextmanager
def _writing(file: IO[bytes], file_format: str, schema: pa.Schema) -> Iterator[FlowWriter]:
    writer = _LazyWriter(file, file_format, schema)
    try:
        yield writer
        writer.close()
        file.flush()
    finally:
        writer.abandon()


class _LazyWriter:
    """Opens the format's writer when the first batch says what columns there are."""

    def __init__(self, file: IO[bytes], file_format: str, schema: pa.Schema) -> None:
        self._file = file
        self._format = file_format
        self._schema = schema
        self._writer: FlowWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._schema = batch.schema
            self._writer = _WRITERS[self._format](self._file, self._schema)
        elif not batch.schema.equals(self._schema):
            batch = self._alike(batch)
        self._writer.write(batch)

    def close(self) -> None:
        self._writer = self._writer or _WRITERS[self._format](self._file, self._schema)
        self._writer.close()

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abandon()

    def _alike(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        try:
            return batch.cast(self._schema)
        except ValueError:
            raise InputError("the inputs have different columns, so their flows do not fit into one output") from None


class CsvWriter:
    """Comma-separated values with a header; lists are numbers with a space between, null is an empty field."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Prepare the header."""
        self._file = file
        self._header = ",".join(_csv_text(name) for name in schema.names).encode() + b"\n"

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch and flush, so that a reader of the pipe sees them at once."""
        self._begin()
        flat = pa.RecordBatch.from_arrays([_plain(column) for column in batch.columns], names=batch.schema.names)
        # Arrow quotes all texts or none; no column of netsift's own is ever in need of it.
        quoting = "needed" if any(_has(_CSV_SPECIAL, column) for column in _foreign_texts(flat)) else "none"
        pa.csv.write_csv(flat, self._file, pa.csv.WriteOptions(include_header=False, quoting_style=quoting))
        self._file.flush()

    def close(self) -> None:
        """Write the header if no row did."""
        self._begin()

    def abandon(self) -> None:
        """Do nothing; nothing is held back."""

    def _begin(self) -> None:
        self._file.write(self._header)
        self._header = b""


class JsonLinesWriter:
    """One JSON object per flow and line, every column in each."""

    def __init__(self, file: IO[bytes], _: pa.Schema) -> None:
        """Prepare; JSON lines have no header."""
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch and flush, so that a reader of the pipe sees them at once."""
        members = [_json_member(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
        lines = pc.binary_join_element_wise("{", pc.binary_join_element_wise(*members, ","), "}\n", "")
        self._file.write("".join(lines.to_pylist()).encode())
        self._file.flush()

    def close(self) -> None:
        """Do nothing; every line was whole."""

    def abandon(self) -> None:
        """Do nothing; nothing is held back."""


class ArrowWriter:
    """Arrow IPC: the file format on disk, the stream format in a pipe."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Write the schema."""
        if file is sys.stdout.buffer:
            self._writer = pa.ipc.new_stream(file, schema)
        else:
            self._writer = pa.ipc.new_file(file, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch."""
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()

    def abandon(self) -> None:
        """Do nothing; nothing is held back."""


class ParquetWriter:
    """Parquet with zstd, in row groups of 65,536 flows however the batches were cut."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Open the file."""
        self._sink = _Sink(file)
        self._writer = pa.parquet.ParquetWriter(self._sink, schema, compression="zstd")
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Hold the batch until a row group is full."""
        self._held.append(batch)
        self._rows += batch.num_rows
        while self._rows >= _ROWS_PER_GROUP:
            table = pa.Table.from_batches(self._held)
            self._writer.write_table(table.slice(0, _ROWS_PER_GROUP))
            self._held = table.slice(_ROWS_PER_GROUP).to_batches()
            self._rows -= _ROWS_PER_GROUP

    def close(self) -> None:
        """Write the last row group and the footer."""
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held))
        self._writer.close()

    def abandon(self) -> None:
        """Give up; Arrow would write the end of the file when it frees the writer, as if the file were whole."""
        self._sink.open = False
        self._writer.close()


class _Sink(io.RawIOBase):
    """A file for Arrow that takes nothing more once it is not ``open``."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.open = True

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._file.write(data) if self.open else len(data)

    def flush(self) -> None:
        if self.open:
            self._file.flush()


_WRITERS: Final[dict[str, Any]] = {
    "csv": CsvWriter,
    "jsonl": JsonLinesWriter,
    "arrow": ArrowWriter,
    "parquet": ParquetWriter,
}


def _plain(column: pa.Array) -> pa.Array:
    """Return a column as something CSV can hold."""
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_list(column.type):
        return pc.binary_join(column.cast(pa.list_(pa.string())), _LIST_SEPARATOR)
    return column


def _json_member(name: str, column: pa.Array) -> pa.Array:
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
        values = _json_texts(column.cast(pa.string()))
    return pc.binary_join_element_wise(json.dumps(name) + ":", pc.fill_null(values, "null"), "")


def _json_texts(column: pa.Array) -> pa.Array:
    if _has(_JSON_SPECIAL, column):
        texts = [None if text is None else json.dumps(text, ensure_ascii=False) for text in column.to_pylist()]
        return pa.array(texts, pa.string())
    return pc.binary_join_element_wise('"', column, '"', "")


def _foreign_texts(batch: pa.RecordBatch) -> Iterator[pa.Array]:
    """Yield the texts that are not netsift's own: a label, say, that a flow file brought along."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in BY_NAME and pa.types.is_string(column.type):
            yield column


def _has(pattern: str, column: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _csv_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(_CSV_SPECIAL, text) else text
