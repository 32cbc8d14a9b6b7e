"""Flows with labels: what a model is trained on.

Three kinds of input: a flow file with a ``label`` column (and, if it tells kinds of attack apart, ``attack``); a
capture with a label file beside it (``x.pcap`` and ``x.labels.csv``); and anything whose every flow has the same label,
which the caller names. A flow without a label is left out and counted.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from netsift.errors import InputError
from netsift.flows import schema
from netsift.models.features import required_columns

BENIGN: Final = "benign"
"""Class of ordinary traffic; every other class is an attack."""

BENIGN_WORDS: Final = frozenset({"benign", "normal", "background", "legitimate", "clean", "0", "-", "none", "false"})
"""What data sets call ordinary traffic, in lower case."""

LABEL_FILE_COLUMNS: Final = (
    "start_time_ns", "end_time_ns", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "label", "attack",
)  # fmt: skip
"""Header of a label file."""

_FLOW_FORMATS: Final = {".parquet": "parquet", ".csv": "csv", ".arrow": "ipc", ".feather": "ipc", ".jsonl": "json"}
_PACKED: Final = frozenset({".gz", ".zst"})
_JOIN_COLUMNS: Final = ("start_time", "end_time", "src_ip", "dst_ip", "src_port", "dst_port", "protocol")
_LONGEST_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class LabelledInput:
    """One input; ``label`` names the class of its every flow, None means that it brings its own labels."""

    path: Path
    label: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """A flow batch with the class of every flow; None where a flow has no label."""

    batch: pa.RecordBatch
    classes: Sequence[str | None]


def labelled_batches(source: LabelledInput, feature_names: Sequence[str]) -> Iterator[LabelledBatch]:
    """Yield the flows of one input with their classes.

    Raises:
        InputError: the input cannot be read, or has no labels.
    """
    if not source.path.exists():
        raise InputError(f"{source.path}: no such file")
    if source.label is not None:
        name = class_name(source.label, None)
        yield from (LabelledBatch(batch, [name] * batch.num_rows) for batch in _flows(source.path))
    elif source.path.suffix in _FLOW_FORMATS:
        yield from _labelled_file(source.path, feature_names)
    else:
        labels = FlowLabels.read(label_file_of(source.path))
        yield from (LabelledBatch(batch, labels.classes(batch)) for batch in _flows(source.path))


def _flows(path: Path) -> Iterator[pa.RecordBatch]:
    from netsift.sources.flows import read_flows

    yield from read_flows([path])


def class_name(label: str | None, attack: str | None) -> str | None:
    """Return the class of a label: benign, or the kind of attack in lower case with underscores; None for no label."""
    if label is None or not label.strip():
        return None
    if label.strip().casefold() in BENIGN_WORDS:
        return BENIGN
    kind = attack if attack and attack.strip() else label
    return re.sub(r"[^a-z0-9]+", "_", kind.casefold()).strip("_") or "attack"


def label_file_of(capture: Path) -> Path:
    """Return the path of the label file that belongs beside a capture: its name with ``.labels.csv`` for the suffix."""
    stem = capture.with_suffix("") if capture.suffix in _PACKED else capture
    return stem.with_suffix(".labels.csv")


def _labelled_file(path: Path, feature_names: Sequence[str]) -> Iterator[LabelledBatch]:
    import pyarrow.dataset

    wanted = required_columns(feature_names)
    try:
        dataset = pyarrow.dataset.dataset(path, format=_file_format(path, wanted))
        present = dataset.schema.names
        if "label" not in present:
            raise InputError(f"{path}: there is no label column; name the file with --benign or --attack instead")
        columns = [name for name in (*wanted, "label", "attack") if name in present]
        for batch in dataset.to_batches(columns=columns):
            labels = pc.cast(batch.column("label"), pa.string()).to_pylist()
            attacks = (
                pc.cast(batch.column("attack"), pa.string()).to_pylist()
                if "attack" in columns
                else [None] * len(labels)
            )
            yield LabelledBatch(batch, [class_name(*pair) for pair in zip(labels, attacks, strict=True)])
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a readable flow file: {str(error).splitlines()[0]}") from error


def _file_format(path: Path, wanted: Sequence[str]) -> Any:
    """Return the pyarrow format of a flow file, with the schema's types where the format itself has none."""
    import pyarrow.csv
    import pyarrow.dataset
    import pyarrow.json

    kind = _FLOW_FORMATS[path.suffix]
    types = {name: _plain_type(name) for name in wanted} | {"label": pa.string(), "attack": pa.string()}
    if kind == "csv":
        options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
        return pyarrow.dataset.CsvFileFormat(convert_options=options)
    if kind == "json":
        # A column of an explicit schema that the file lacks would come back as nulls instead of missing.
        present = _keys_of_first_line(path)
        fields = [(name, data_type) for name, data_type in types.items() if name in present]
        parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema(fields), unexpected_field_behavior="infer")
        return pyarrow.dataset.JsonFileFormat(parse_options=parse)
    return kind


def _keys_of_first_line(path: Path) -> frozenset[str]:
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline(_LONGEST_LINE))
        except ValueError as error:
            raise InputError(f"{path}: the first line is not JSON") from error
    if not isinstance(first, dict):
        raise InputError(f"{path}: the first line is not a JSON object")
    return frozenset(first)


def _plain_type(name: str) -> pa.DataType:
    kind = schema.BY_NAME[name].kind
    return pa.string() if kind in (schema.Kind.CATEGORY, schema.Kind.ADDRESS) else pa.float64()


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
                    class_name(line["label"], line["attack"]),
                )
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}: line {reader.line_num} is not a label: {error}") from error
            intervals.setdefault(key, []).append(interval)
        return cls(intervals)

    def classes(self, batch: pa.RecordBatch) -> list[str | None]:
        """Return the class of every flow: that of the labelled interval which it overlaps most; None without any."""
        columns = [_python_values(batch, name) for name in _JOIN_COLUMNS]
        return [
            self._class(start, end, _key(source, source_port or 0, target, target_port or 0, protocol))
            for start, end, source, target, source_port, target_port, protocol in zip(*columns, strict=True)
        ]

    def _class(self, start: int, end: int, key: _Key) -> str | None:
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
