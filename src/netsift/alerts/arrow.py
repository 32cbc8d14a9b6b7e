"""Alerts as Arrow record batches, and back: what ``netsift detect -o alerts.parquet`` writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from netsift.alerts.schema import Alert, AlertColumn, FlowReference

SUFFIXES: Final = frozenset({".parquet", ".arrow", ".feather"})
"""Names of files that hold alerts as Arrow batches."""

ALERTS_PER_BATCH: Final = 1_024

_TIME: Final = pa.timestamp("ns", "UTC")
_COLUMN: Final = pa.struct(
    [
        ("column", pa.string()),
        ("unit", pa.string()),
        ("number", pa.float64()),
        ("text", pa.string()),
        ("usual_numbers", pa.list_(pa.float64())),
        ("usual_texts", pa.list_(pa.string())),
        ("words", pa.string()),
    ]
)
_FLOW: Final = pa.struct(
    [
        ("id", pa.string()),
        ("start", _TIME),
        ("end", _TIME),
        ("src_ip", pa.string()),
        ("src_port", pa.int32()),
        ("dst_ip", pa.string()),
        ("dst_port", pa.int32()),
        ("protocol", pa.int32()),
    ]
)
_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("start", _TIME, nullable=False),
        pa.field("end", _TIME, nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tactic", pa.string(), nullable=False),
        pa.field("technique", pa.string(), nullable=False),
        pa.field("sources", pa.list_(pa.string()), nullable=False),
        pa.field("targets", pa.list_(pa.string()), nullable=False),
        pa.field("ports", pa.list_(pa.int32()), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("detectors", pa.list_(pa.string()), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("columns", pa.list_(_COLUMN), nullable=False),
        pa.field("flows", pa.int64(), nullable=False),
        pa.field("packets", pa.int64(), nullable=False),
        pa.field("evidence", pa.list_(_FLOW), nullable=False),
        pa.field("normal", _FLOW),
        pa.field("members", pa.list_(pa.string()), nullable=False),
        pa.field("timeline", pa.list_(pa.string()), nullable=False),
        pa.field("stages", pa.list_(pa.string()), nullable=False),
        pa.field("suppressed", pa.string()),
    ]
)


def arrow_schema() -> pa.Schema:
    """Return the schema of alerts: the keys of their JSON form, times in nanoseconds.

    A column's value and what is usual are a number or a text, so each has a field for either.
    """
    return _SCHEMA


def alert_batches(alerts: Iterable[Alert]) -> Iterator[pa.RecordBatch]:
    """Yield alerts as batches of :func:`arrow_schema`, in their order."""
    rows = map(_row, alerts)
    while some := list(islice(rows, ALERTS_PER_BATCH)):
        yield pa.RecordBatch.from_pylist(some, _SCHEMA)


def alert_objects(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield the alerts of a batch as objects of the fields of :class:`Alert`, times as integers.

    Raises:
        ValueError: the batch has another schema.
    """
    if batch.schema.names != _SCHEMA.names:
        raise ValueError("its columns are others than those of alerts")
    batch = batch.cast(_WITH_INTEGER_TIMES)
    for row in batch.to_pylist():
        row["columns"] = [_read_column(one) for one in row["columns"] or ()]
        row["evidence"] = [_read_times(one) for one in row["evidence"] or ()]
        row["normal"] = _read_times(row["normal"]) if row["normal"] else None
        yield _read_times(row) | {"suppressed": row["suppressed"] or ""}


def file_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a Parquet or Arrow file, which may hold anything.

    Raises:
        ValueError, OSError: the file cannot be read.
    """
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet

        with closing(pyarrow.parquet.ParquetFile(path)) as file:
            yield from file.iter_batches(ALERTS_PER_BATCH)
        return
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def _row(alert: Alert) -> dict[str, Any]:
    return alert.as_json() | {
        "start": alert.start_ns,
        "end": alert.end_ns,
        "confidence": alert.confidence,
        "columns": [_column(one) for one in alert.columns],
        "evidence": [_flow(one) for one in alert.evidence],
        "normal": _flow(alert.normal) if alert.normal else None,
    }


def _flow(one: FlowReference) -> dict[str, Any]:
    return one.as_json() | {"start": one.start_ns, "end": one.end_ns}


def _column(one: AlertColumn) -> dict[str, Any]:
    is_text = isinstance(one.value, str)
    return {
        "column": one.column,
        "unit": one.unit,
        "number": None if is_text else one.value,
        "text": one.value if is_text else None,
        "usual_numbers": [value for value in one.usual if not isinstance(value, str)],
        "usual_texts": [value for value in one.usual if isinstance(value, str)],
        "words": one.words,
    }


def _read_column(one: dict[str, Any]) -> dict[str, Any]:
    value = one["number"] if one["text"] is None else one["text"]
    return one | {"value": value, "usual": [*(one["usual_numbers"] or ()), *(one["usual_texts"] or ())]}


def _read_times(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"start_ns": one["start"], "end_ns": one["end"]}


def _with_integers(kind: pa.DataType) -> pa.DataType:
    """Return a type with integers where it has times: Python has no times of nanoseconds."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_with_integers(kind.value_type))
    return pa.struct([(one.name, _with_integers(one.type)) for one in kind]) if pa.types.is_struct(kind) else kind


_WITH_INTEGER_TIMES: Final = pa.schema([(field.name, _with_integers(field.type)) for field in _SCHEMA])
