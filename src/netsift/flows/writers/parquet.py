"""Parquet."""

from __future__ import annotations

import io
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet

from netsift.flows.writers.base import FlowWriter

_ROWS_PER_GROUP: Final = 65_536


class ParquetWriter(FlowWriter):
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
