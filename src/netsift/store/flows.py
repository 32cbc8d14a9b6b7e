"""Flows kept in Parquet files by the hour and asked with DuckDB.

What a question costs follows from how many hours it looks at, because only their files are opened, and within a file
flows are in order of their start, so that the statistics of row groups skip what lies outside of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netsift.errors import UsageError
from netsift.flows.columns import arrow_schema
from netsift.store.clock import Clock, utc_now
from netsift.store.flow_files import HOUR_NS, Damaged, FlowFolder
from netsift.store.flow_filter import FlowFilter, FlowOrder
from netsift.store.flow_queries import FlowQueries
from netsift.store.flow_results import FACETS, SHOWN, Facet, FlowSettings, Series, Talkers, Totals
from netsift.store.flow_upkeep import Removed, compact, retain
from netsift.store.pages import Page


class FlowStore:
    """Flows in a folder, which any number of processes may use at a time; one of them does the upkeep.

    >>> import tempfile
    >>> from netsift.flows.columns import empty_batch
    >>> with tempfile.TemporaryDirectory() as folder, FlowStore(folder) as store:
    ...     store.append(empty_batch())
    ...     store.totals(FlowFilter()).flows
    0
    """

    def __init__(self, folder: str | Path, settings: FlowSettings | None = None, clock: Clock = utc_now) -> None:
        """Open the folder; make it where there is none. Raises StoreError."""
        self._settings = settings or FlowSettings()
        self._clock = clock
        self._files = FlowFolder(Path(folder))
        self._queries = FlowQueries(self._files, self._settings)
        self._held: list[pa.RecordBatch] = []
        self._held_since = 0.0
        self._lock = threading.Lock()
        self.dropped = 0
        """Flows that were given up because they could not be written for too long."""
        self.mark = ""
        """What files get into their names by which they are to be known again (:mod:`netsift.store.unfinished`)."""

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._files.path

    @property
    def held(self) -> int:
        """How many flows are held in memory, which no question sees."""
        return sum(batch.num_rows for batch in self._held)

    def append(self, batch: pa.RecordBatch) -> None:
        """Take flows; they are written when enough are held or for long enough.

        Columns of the schema that the batch lacks are null; others are left out.

        Raises:
            UsageError: the batch has no start_time, or a column of another type.
            OutputError, StoreError: a file cannot be written. The flows are held on and the next call tries again;
                beyond twice as many as may be held, the oldest are dropped and counted in :attr:`dropped`.
        """
        if not batch.num_rows:
            return
        with self._lock:
            if not self._held:
                self._held_since = monotonic()
            self._held.append(_in_schema(batch))
            while self.held > 2 * self._settings.held_rows and len(self._held) > 1:
                self.dropped += self._held.pop(0).num_rows
            if self.held >= self._settings.held_rows or monotonic() - self._held_since >= self._settings.held_s:
                self._write_held()

    def flush(self) -> None:
        """Write what is held. Raises OutputError or StoreError when a file cannot be written; the flows are held on."""
        with self._lock:
            self._write_held()

    def find(
        self,
        wanted: FlowFilter,
        order: FlowOrder = FlowOrder.START_LAST,
        cursor: str | None = None,
        limit: int = 50,
        columns: Sequence[str] = SHOWN,
    ) -> Page[dict[str, Any]]:
        """Return a page of flows as values by column, times in ns; give its cursor to get the next one.

        Flows that agree in start, addresses, ports, protocol and part count as one where a page ends between them.

        Raises:
            UsageError: the filter, cursor, limit or a column makes no sense.
            StoreError: the files cannot be read, or it takes too long.
        """
        return self._queries.find(wanted, order, cursor, limit, columns)

    def totals(self, wanted: FlowFilter) -> Totals:
        """Return how many flows there are, and sums. Raises as :meth:`find` does."""
        return self._queries.totals(wanted)

    def series(self, wanted: FlowFilter, step_s: int | None = None) -> Series:
        """Return flows, packets and bytes by time, in steps that make at most 600 points unless given.

        Raises as :meth:`find` does, and UsageError where there would be more than 2,000 points.
        """
        return self._queries.series(wanted, step_s)

    def facets(self, wanted: FlowFilter, columns: Sequence[str] = FACETS, top: int = 10) -> dict[str, list[Facet]]:
        """Return the commonest values of columns (of FACETS), the commonest first. Raises as :meth:`find` does."""
        return self._queries.facets(wanted, columns, top)

    def talkers(self, wanted: FlowFilter, top: int = 20) -> list[Talkers]:
        """Return the pairs of hosts with most bytes, the most first. Raises as :meth:`find` does."""
        return self._queries.talkers(wanted, top)

    def compact(self) -> int:
        """Join the small files of hours that are over; return how many files fewer there are.

        Raises OutputError or StoreError when a file cannot be written.
        """
        return compact(self._files, self._clock())

    def retain(self, max_age: timedelta | None = None, max_bytes: int | None = None) -> Removed:
        """Delete what is older than may be, and the oldest of what is too much."""
        return retain(self._files, self._clock(), max_age, max_bytes)

    def damaged(self) -> list[Damaged]:
        """Return the files that were set aside because they cannot be read, the latest first."""
        return self._files.damaged()

    def size(self) -> int:
        """Return how many bytes the files have."""
        return sum(file.size for file in self._files.files())

    def close(self) -> None:
        """Write what is held and close DuckDB. Raises as :meth:`flush` does."""
        try:
            self.flush()
        finally:
            self._queries.close()

    def __enter__(self) -> FlowStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_held(self) -> None:
        """Write what is held, a file for every hour; what cannot be written is held on."""
        if not self._held:
            return
        table = pa.Table.from_batches(self._held).unify_dictionaries().sort_by("start_time")
        parts = list(_by_hour(table, self._settings.most_hours))
        written = 0
        try:
            for hour, part in parts:
                self._files.write(part, hour, self.mark)
                written += 1
        finally:
            left = [part for _, part in parts[written:]]
            self._held = pa.concat_tables(left).combine_chunks().to_batches() if left else []


def _by_hour(table: pa.Table, most_hours: int) -> Iterator[tuple[int | None, pa.Table]]:
    """Yield the flows of each hour in order; those of hours beyond the largest ``most_hours`` together."""
    hours = table.column("start_time").cast(pa.int64()).to_numpy() // HOUR_NS
    numbers, starts, counts = np.unique(hours, return_index=True, return_counts=True)
    large = set(numbers[np.argsort(-counts, kind="stable")[:most_hours]].tolist())
    rest: list[pa.Table] = []
    for hour, start, count in zip(numbers.tolist(), starts.tolist(), counts.tolist(), strict=True):
        part = table.slice(start, count)
        if hour in large:
            yield hour, part
        else:
            rest.append(part)
    if rest:
        yield None, pa.concat_tables(rest)


def _in_schema(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with exactly the columns of the schema; rows without a start are left out."""
    if "start_time" not in batch.schema.names:
        raise UsageError("flows without start_time cannot be stored")
    columns = []
    for field in arrow_schema():
        if field.name not in batch.schema.names:
            columns.append(pa.nulls(batch.num_rows, field.type))
            continue
        try:
            columns.append(batch.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise UsageError(f"the column {field.name} cannot be stored: {str(error).splitlines()[0]}") from None
    made = pa.RecordBatch.from_arrays(columns, schema=arrow_schema())
    return made.filter(pc.is_valid(made.column("start_time"))) if made.column("start_time").null_count else made
