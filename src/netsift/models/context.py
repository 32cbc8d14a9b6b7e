"""Context columns for the models that need them, where the flows do not bring them along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from netsift.context.schema import CONTEXT_COLUMNS


def with_needed_context(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield flow batches with those context columns among ``columns`` that they lack, computed over the whole stream.

    Batches that lack none come out as they are, and without any context column in ``columns`` no kernel is loaded.

    Raises:
        InputError: context is needed, and the flows lack columns that it is made of; all of them are named.
    """
    wanted = tuple(name for name in dict.fromkeys(columns) if name in CONTEXT_COLUMNS)
    if not wanted:
        yield from batches
        return
    from netsift.context.tracker import ContextTracker

    tracker: ContextTracker | None = None
    for batch in batches:
        if tracker is None and set(wanted) <= set(batch.schema.names):
            yield batch
            continue
        tracker = tracker or ContextTracker(tuple(name for name in wanted if name not in batch.schema.names))
        yield from tracker.with_context([batch])
