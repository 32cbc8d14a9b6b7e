"""Flows with labels: what a model is trained on.

Four kinds of input: a public data set in a dialect that is known; a flow file with a ``label`` column (and, if it
tells kinds of attack apart, ``attack``); a capture with a label file beside it (``x.pcap`` and ``x.labels.csv``); and
anything whose every flow has the same label, which the caller names. A flow without a label is left out and counted.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from netsift.capture.streams import expand_inputs
from netsift.errors import InputError
from netsift.models.context import with_needed_context
from netsift.models.taxonomy import BENIGN as BENIGN  # noqa: PLC0414 - also where labels are read
from netsift.models.taxonomy import classify
from netsift.sources.captures import CaptureSettings
from netsift.sources.datasets.reading import header_of_table
from netsift.sources.flows import is_flow_table, read_flows
from netsift.sources.statistics import ReadStatistics

LABEL_FILE_COLUMNS: Final = (
    "start_time_ns", "end_time_ns", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "label", "attack",
)  # fmt: skip
"""Header of a label file."""

LABEL_FILE_SUFFIX: Final = ".labels.csv"
"""A capture's label file has this in the place of the capture's suffix."""

_SHOWN: Final = 200
_PACKED: Final = frozenset({".gz", ".zst"})
_JOIN_COLUMNS: Final = ("start_time", "end_time", "src_ip", "dst_ip", "src_port", "dst_port", "protocol")


@dataclass(frozen=True, slots=True)
class LabelledInput:
    """One input; ``label`` names the class of its every flow, None means that it brings its own labels.

    ``network`` says whose traffic it is: inputs of one network are never on both sides of a cut between networks.
    """

    path: Path
    label: str | None = None
    network: str = ""


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """A flow batch with the class of every flow and the label that it comes from; None where a flow has no label."""

    batch: pa.RecordBatch
    classes: Sequence[str | None]
    labels: Sequence[str | None]


def expand_labelled(source: LabelledInput) -> list[LabelledInput]:
    """Return one input per file: a directory stands for every file below it that is not a label file.

    Raises:
        InputError: a directory without files.
    """
    files = expand_inputs([str(source.path)])
    network = source.network or source.path.name
    return [LabelledInput(Path(name), source.label, network) for name in files if not name.endswith(LABEL_FILE_SUFFIX)]


def labelled_batches(
    source: LabelledInput,
    statistics: ReadStatistics,
    settings: CaptureSettings | None = None,
    columns: Sequence[str] = (),
) -> Iterator[LabelledBatch]:
    """Yield the flows of one file with their classes; ``statistics`` is filled on the way.

    ``settings`` say how a capture is read and metered. Context columns that ``columns`` names and the file lacks are
    worked out from its flows.

    Raises:
        InputError: the file cannot be read, or has no labels.
    """
    batches = with_needed_context(read_flows([source.path], settings, statistics), columns)
    labels = _labels_of(source)
    for batch in batches:
        texts = labels(batch)
        yield LabelledBatch(batch, [None if text is None else classify(text).name for text in texts], texts)


def _labels_of(source: LabelledInput) -> Callable[[pa.RecordBatch], Sequence[str | None]]:
    """Return what finds the label of every flow of a batch."""
    if source.label is not None:
        return lambda batch: [source.label] * batch.num_rows
    if is_flow_table(str(source.path)):
        return lambda batch: _own_labels(batch, source.path)
    header = header_of_table(source.path)
    if header is not None:
        raise InputError(
            f"{source.path}: is no data set that is known (docs/data-sets.md); it begins {header[:_SHOWN]!r}"
        )
    # Read with the first flows, so that a file which is missing or no capture is said to be that, not to lack labels.
    beside = cache(lambda: FlowLabels.read(label_file_of(source.path)))
    return lambda batch: beside().labels(batch)


def label_text(label: str | None, attack: str | None) -> str | None:
    """Return the label that counts: benign as it is, of an attack its kind where it has one; None for no label."""
    if label is None or not label.strip():
        return None
    if classify(label).name == BENIGN or not attack or not attack.strip():
        return label.strip()
    return attack.strip()


def label_file_of(capture: Path) -> Path:
    """Return the path of the label file that belongs beside a capture: its name with ``.labels.csv`` for the suffix."""
    stem = capture.with_suffix("") if capture.suffix in _PACKED else capture
    return stem.with_suffix(LABEL_FILE_SUFFIX)


def _own_labels(batch: pa.RecordBatch, path: Path) -> list[str | None]:
    present = batch.schema.names
    if "label" not in present:
        raise InputError(f"{path}: there is no label column; name the file with --benign or --attack instead")
    labels = _texts(batch.column("label"))
    attacks = _texts(batch.column("attack")) if "attack" in present else [None] * len(labels)
    return [label_text(*pair) for pair in zip(labels, attacks, strict=True)]


def _texts(column: pa.Array) -> list[str | None]:
    texts: list[str | None] = pc.cast(column, pa.string()).to_pylist()
    return texts


_Key = tuple[tuple[str, int], tuple[str, int], int]
_Interval = tuple[int, int, str | None]


class FlowLabels:
    """The labels of a capture's conversations, found again by both endpoints, protocol and overlap in time."""

    def __init__(self, intervals: dict[_Key, list[_Interval]]) -> None:
        """Take the labelled time intervals of each conversation."""
        self._intervals = intervals

    @classmethod
    def read(cls, path: Path) -> FlowLabels:
        """Read a label file.

        Raises:
            InputError: it is missing, lacks a column, or a line is not what the header says.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return cls._parsed(path, csv.DictReader(file))
        except FileNotFoundError as error:
            raise InputError(
                f"{path}: no such label file; place it beside the capture, or name that with --benign or --attack"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not a text file") from error

    @classmethod
    def _parsed(cls, path: Path, reader: csv.DictReader[str]) -> FlowLabels:
        missing = [name for name in LABEL_FILE_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: the label file lacks the columns {', '.join(missing)}")
        intervals: dict[_Key, list[_Interval]] = {}
        for line in reader:
            try:
                key = _key(
                    line["src_ip"],
                    _port(line["src_port"]),
                    line["dst_ip"],
                    _port(line["dst_port"]),
                    int(line["protocol"]),
                )
                interval = (
                    int(line["start_time_ns"]),
                    int(line["end_time_ns"]),
                    label_text(line["label"], line["attack"]),
                )
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}: line {reader.line_num} is not a label: {error}") from error
            intervals.setdefault(key, []).append(interval)
        return cls(intervals)

    def labels(self, batch: pa.RecordBatch) -> list[str | None]:
        """Return the label of every flow: that of the labelled interval which it overlaps most; None without any."""
        columns = [_python_values(batch, name) for name in _JOIN_COLUMNS]
        return [
            self._label(start, end, _key(source, source_port or 0, target, target_port or 0, protocol))
            for start, end, source, target, source_port, target_port, protocol in zip(*columns, strict=True)
        ]

    def _label(self, start: int, end: int, key: _Key) -> str | None:
        best, longest = None, -1
        for first, last, name in self._intervals.get(key, ()):
            overlap = min(end, last) - max(start, first)
            if overlap > longest:
                best, longest = name, overlap
        return best


def _python_values(batch: pa.RecordBatch, name: str) -> list[Any]:
    column = batch.column(name)
    values: list[Any] = (pc.cast(column, pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return values


def _port(text: str) -> int:
    return int(text) if text else 0


def _key(source: str, source_port: int, target: str, target_port: int, protocol: int) -> _Key:
    first, second = sorted(((source, source_port), (target, target_port)))
    return first, second, protocol
