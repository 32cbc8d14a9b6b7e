"""The one way in: flow batches from captures, flow files, public data sets and standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from netsift.capture.streams import expand_inputs
from netsift.errors import InputError, UsageError
from netsift.sources.captures import CaptureSettings, capture_flows
from netsift.sources.statistics import ReadStatistics
from netsift.sources.suffixes import may_be_table

if TYPE_CHECKING:
    from netsift.sources.datasets.reading import Recognised


def read_flows(
    inputs: str | Path | Sequence[str | Path],
    settings: CaptureSettings | None = None,
    statistics: ReadStatistics | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield flow batches from captures, flow files, data sets, directories of them, or standard input (``-``).

    All captures together are one stream ordered by time; flow files follow one after another. ``statistics`` is
    filled while the batches are taken and complete when they are exhausted.

    Raises:
        InputError: a path does not exist, or nothing at all could be read.
        UsageError: captures and flow files are mixed.
    """
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    names = expand_inputs([str(name) for name in given])
    settings = settings or CaptureSettings()
    statistics = statistics if statistics is not None else ReadStatistics()
    tables = [name for name in names if is_flow_table(name)]
    if not tables:
        return capture_flows(names, settings, statistics)
    if len(tables) < len(names):
        other = next(name for name in names if name not in tables)
        raise UsageError(f"captures and flow files cannot be read together: {other} beside {tables[0]}")
    return _table_flows(tables, statistics)


def is_flow_table(name: str) -> bool:
    """Return whether a path holds flows already: a flow file by its suffix, or a data set whose header is known.

    Raises:
        InputError: an archive that cannot be opened, or holds other than one file.
    """
    if not may_be_table(Path(name)):
        return False
    from netsift.sources.datasets.reading import recognise
    from netsift.sources.tables import is_flow_file

    return is_flow_file(name) or recognise(Path(name)) is not None


def _table_flows(names: list[str], statistics: ReadStatistics) -> Iterator[pa.RecordBatch]:
    statistics.bytes_total = sum(Path(name).stat().st_size for name in names if Path(name).is_file())
    for name in names:
        try:
            for batch in _file_flows(name, statistics):
                statistics.flows += batch.num_rows
                yield batch
        except InputError as error:
            statistics.capture.inputs_refused += 1
            statistics.capture.report(str(error))
        else:
            statistics.capture.inputs_read += 1
            statistics.bytes_taken += Path(name).stat().st_size
    if statistics.capture.inputs_read == 0:
        raise InputError("; ".join(statistics.capture.problems))


def _file_flows(name: str, statistics: ReadStatistics) -> Iterator[pa.RecordBatch]:
    from netsift.sources.datasets.reading import recognise
    from netsift.sources.tables import flow_file

    recognised = recognise(Path(name))
    return flow_file(name) if recognised is None else _dataset_flows(recognised, statistics)


def _dataset_flows(recognised: Recognised, statistics: ReadStatistics) -> Iterator[pa.RecordBatch]:
    from netsift.sources.datasets.reading import DatasetCounts, dataset_flows

    statistics.notes += recognised.sentences()
    counts = DatasetCounts()
    yield from dataset_flows(recognised, counts)
    name = recognised.path
    for count, what in ((counts.repeated_headers, "repeated header lines"), (counts.empty_rows, "empty lines")):
        if count:
            statistics.notes.append(f"{name.name}: {count:,} {what} were left out")
    if counts.broken_rows:
        counts.damage.append(f"{counts.broken_rows:,} rows cannot be read")
    if counts.damage:
        statistics.capture.report(f"{name}: damaged: {', '.join(counts.damage)}")
