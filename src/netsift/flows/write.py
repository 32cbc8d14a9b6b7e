"""Flow batches into files and pipes: CSV, JSON lines, Arrow and Parquet."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from netsift.errors import UsageError
from netsift.files import whole_file

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


class FlowWriter(Protocol):
    """Takes flow batches one after another."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch."""
        ...

    def close(self) -> None:
        """Write what is held back and the end of the file."""
        ...


def format_of(path: Path) -> str:
    """Return the format that a path's suffix stands for. Raises UsageError for any other suffix."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: the suffix must be one of {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


@contextlib.contextmanager
def flow_output(path: Path | None, file_format: str, schema: pa.Schema) -> Iterator[FlowWriter]:
    """Yield a writer to ``path`` (whole or not there), or to standard output when it is None."""
    if path is None:
        with _open_writer(sys.stdout.buffer, file_format, schema) as writer:
            yield writer
        return
    with whole_file(path) as temporary, temporary.open("wb") as file, _open_writer(file, file_format, schema) as writer:
        yield writer


@contextlib.contextmanager
def _open_writer(file: IO[bytes], file_format: str, schema: pa.Schema) -> Iterator[FlowWriter]:
    writer = _WRITERS[file_format](file, schema)
    yield writer
    writer.close()
    file.flush()


class CsvWriter:
    """Comma-separated values with a header; lists are numbers with a space between, null is an empty field."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Write the header."""
        self._file = file
        self._options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
        self._header = ",".join(schema.names).encode() + b"\n"

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch and flush, so that a reader of the pipe sees them at once."""
        self._begin()
        flat = pa.RecordBatch.from_arrays([_plain(column) for column in batch.columns], names=batch.schema.names)
        pa.csv.write_csv(flat, self._file, self._options)
        self._file.flush()

    def close(self) -> None:
        """Write the header if no row did."""
        self._begin()

    def _begin(self) -> None:
        self._file.write(self._header)
        self._header = b""


class JsonLinesWriter:
    """One JSON object per flow and line; a null column is left out of its object."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Prepare; JSON lines have no header."""
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch and flush, so that a reader of the pipe sees them at once."""
        members = [
            _json_member(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        joined = pc.binary_join_element_wise(*members, ",", null_handling="skip")
        for line in pc.binary_join_element_wise("{", joined, "}\n", "").to_pylist():
            self._file.write(line.encode())
        self._file.flush()

    def close(self) -> None:
        """Do nothing; every line was whole."""


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


class ParquetWriter:
    """Parquet with zstd, in row groups of 65,536 flows however the batches were cut."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        """Open the file."""
        self._writer = pa.parquet.ParquetWriter(file, schema, compression="zstd")
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
    """Return ``"name":value`` for each row, null where the value is; text here is never in need of escapes."""
    kind = column.type
    quoted = pa.types.is_string(kind) or pa.types.is_dictionary(kind) or pa.types.is_timestamp(kind)
    if pa.types.is_list(kind):
        values = pc.binary_join_element_wise("[", pc.binary_join(column.cast(pa.list_(pa.string())), ","), "]", "")
    elif pa.types.is_timestamp(kind):
        values = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    else:
        values = column.cast(pa.string())
    mark = '"' if quoted else ""
    return pc.binary_join_element_wise(f'"{name}":{mark}', values, mark, "")
