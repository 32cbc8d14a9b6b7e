"""Flow batches into files and pipes: CSV, JSON lines, Arrow and Parquet."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa

from netsift.errors import InputError, UsageError
from netsift.files import whole_file
from netsift.flows.writers.base import FlowWriter

FORMATS: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".parquet": "parquet",
}
"""File suffixes and the format each stands for."""

_WRITERS: Final = {
    "csv": ("netsift.flows.writers.csv", "CsvWriter"),
    "jsonl": ("netsift.flows.writers.json_lines", "JsonLinesWriter"),
    "arrow": ("netsift.flows.writers.arrow", "ArrowWriter"),
    "parquet": ("netsift.flows.writers.parquet", "ParquetWriter"),
}


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


class _LazyWriter(FlowWriter):
    """Opens the format's writer when the first batch says what columns there are."""

    def __init__(self, file: IO[bytes], file_format: str, schema: pa.Schema) -> None:
        self._file = file
        self._format = file_format
        self._schema = schema
        self._writer: FlowWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._schema = batch.schema
            self._writer = self._opened()
        elif not batch.schema.equals(self._schema):
            batch = self._alike(batch)
        self._writer.write(batch)

    def close(self) -> None:
        self._writer = self._writer or self._opened()
        self._writer.close()

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abandon()

    def _opened(self) -> FlowWriter:
        module, name = _WRITERS[self._format]
        return cast("FlowWriter", getattr(importlib.import_module(module), name)(self._file, self._schema))

    def _alike(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        try:
            return batch.cast(self._schema)
        except ValueError:
            raise InputError("the inputs have different columns, so their flows do not fit into one output") from None
