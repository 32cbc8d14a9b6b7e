"""Keeps a flow folder tidy: few files for hours that are over, and no more than may be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from netsift.store.flow_files import FlowFile, FlowFolder, is_sound, rows_of
from netsift.store.unfinished import unfinished_marks

MOST_JOINED_ROWS: Final = 262_144
"""Flows of a joined file at most; a file of more than half as many is left as it is."""
CLOSED_AFTER: Final = timedelta(minutes=10)
"""A file is joined with others so long after its hour and after it was written."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted."""

    files: int = 0
    bytes: int = 0


def compact(folder: FlowFolder, now: datetime) -> int:
    """Join the small files of hours that are over; return how many files fewer there are.

    One process at a time does this. Whatever is asked meanwhile has each flow once, and so it is after a kill at any
    moment. Raises StoreError or OutputError when a file cannot be written.
    """
    folder.finish_replacing()
    fewer = 0
    unfinished = unfinished_marks(folder.path)
    closed = [file for file in folder.files() if file.age_from + CLOSED_AFTER < now and file.mark not in unfinished]
    for hour, files in groupby(closed, key=lambda file: file.hour):
        for some in _lots(folder, list(files)):
            folder.replace(some, joined([file.path for file in some]), hour)
            fewer += len(some) - 1
    return fewer


def retain(folder: FlowFolder, now: datetime, max_age: timedelta | None, max_bytes: int | None) -> Removed:
    """Delete files that are older than may be, then the oldest ones until the rest is small enough.

    The age of a file counts from the end of its hour, or from when it was written where that is later: flows of an old
    capture that was brought in today are new today.
    """
    files = sorted(folder.files(), key=lambda file: (file.age_from, file.hour or 0, file.path.name))
    total = sum(file.size for file in files)
    count = freed = 0
    for file in files:
        too_old = max_age is not None and file.age_from < now - max_age
        too_much = max_bytes is not None and total > max_bytes
        if not too_old and not too_much:
            continue
        folder.delete(file)
        total -= file.size
        freed += file.size
        count += 1
    return Removed(count, freed)


def joined(paths: list[Path]) -> pa.Table:
    """Return the flows of files in order of start."""
    tables = [pq.read_table(path, partitioning=None, page_checksum_verification=True) for path in paths]
    table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    return table.sort_by("start_time")


def _lots(folder: FlowFolder, files: list[FlowFile]) -> Iterator[list[FlowFile]]:
    """Yield lots of small files of an hour, each of two or more, that make a file that is not too large."""
    lot: list[FlowFile] = []
    rows = 0
    for file in files:
        if not is_sound(file.path):
            folder.set_aside(file.path)
            continue
        count = rows_of(file.path)
        if count > MOST_JOINED_ROWS // 2:
            continue
        if rows + count > MOST_JOINED_ROWS:
            if len(lot) > 1:
                yield lot
            lot, rows = [], 0
        lot.append(file)
        rows += count
    if len(lot) > 1:
        yield lot
