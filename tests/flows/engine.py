"""The engine and its slow twin side by side: the same captures in, rows that can be compared out."""

from __future__ import annotations

import gzip
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from netsift.flows.schema import COLUMNS, Kind
from netsift.flows.settings import MeterSettings
from netsift.sources.captures import CaptureSettings, capture_flows
from netsift.sources.statistics import ReadStatistics
from tests.naive import Record, Settings, decode_all, meter

Row = dict[str, object]
Result = tuple[list[Row], Counter[str]]

TINY = MeterSettings(idle_timeout_s=2, active_timeout_s=5, linger_s=0.1, max_flows=16, first_packets=3)
"""Settings under which every way for a flow to end comes up within seconds."""


def rows_of(batches: Iterable[pa.RecordBatch]) -> list[Row]:
    """Return flow batches as dictionaries of plain values; times are integers in ns."""
    rows: list[Row] = []
    for batch in batches:
        columns = [
            column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in batch.columns
        ]
        names = batch.schema.names
        values = [column.to_pylist() for column in columns]
        rows.extend(dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))
    return rows


def engine(
    paths: Path | Sequence[Path], settings: MeterSettings | None = None, *, inner: bool = False, threads: int = 1
) -> Result:
    """Return the rows that the engine makes of captures, and what it skipped by reason."""
    names = [str(path) for path in ([paths] if isinstance(paths, Path) else paths)]
    statistics = ReadStatistics()
    capture = CaptureSettings(meter=settings or MeterSettings(), inner_tunnels=inner, threads=threads)
    rows = rows_of(capture_flows(names, capture, statistics))
    check_counts(statistics, rows)
    return rows, statistics.capture.skipped


def check_counts(statistics: ReadStatistics, rows: list[Row]) -> None:
    """Hold the counts of a finished run against each other and against its rows."""
    capture = statistics.capture
    assert capture.packets_read == capture.packets_decoded + capture.skipped.total()
    assert capture.packets_decoded == statistics.packets_metered
    assert statistics.flows == len(rows) == sum(statistics.flows_by_end_reason.values())
    packets: Any = [row["packets"] for row in rows]
    assert sum(packets) == statistics.packets_metered
    ends = Counter(str(row["end_reason"]) for row in rows)
    assert ends == Counter(statistics.flows_by_end_reason)


def naive(records: Sequence[Record], settings: MeterSettings | None = None, *, inner: bool = False) -> Result:
    """Return the rows that the slow twin makes of records, and what it skipped by reason."""
    packets, skipped = decode_all(records, "inner" if inner else "outer")
    return meter(packets, Settings(**asdict(settings or MeterSettings()))), skipped


def first_difference(actual: Result, expected: Result) -> str:
    """Return one sentence about the first thing in which two results differ, and nothing when they are the same."""
    rows, skipped = actual
    expected_rows, expected_skipped = expected
    if skipped != expected_skipped:
        return f"skipped {dict(skipped)}, expected {dict(expected_skipped)}"
    for number, (row, expected_row) in enumerate(zip(rows, expected_rows, strict=False)):
        for name, value in expected_row.items():
            if row[name] != value:
                return f"row {number} of {len(expected_rows)}, {name}: {row[name]}, expected {value}; {expected_row}"
    if len(rows) != len(expected_rows):
        return f"{len(rows)} rows, expected {len(expected_rows)}"
    return ""


def nan_columns(rows: list[Row]) -> list[str]:
    """Return the columns in which any row holds a NaN or an infinity."""
    names = [column.name for column in COLUMNS if column.kind in (Kind.FLOAT32, Kind.FLOAT64)]
    bad: list[str] = []
    for name in names:
        values: list[Any] = [row[name] for row in rows if row[name] is not None]
        if any(not -1e300 < value < 1e300 for value in values):
            bad.append(name)
    return bad


def uncompressed(path: Path) -> bytes:
    """Return a capture's bytes, unpacked if it is a gzip file."""
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def first_records(data: bytes, count: int) -> bytes:
    """Return a well-formed pcap or pcapng file cut behind its first ``count`` records (pcapng: blocks)."""
    if data.startswith(b"\x0a\x0d\x0d\x0a"):
        return _first_blocks(data, count)
    order = "<" if data[0] in (0xD4, 0x4D, 0x34) else ">"
    header = 24 if data[:4] in (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34") else 16
    position = 24
    for _ in range(count):
        if position + header > len(data):
            return data
        position += header + int(struct.unpack_from(order + "I", data, position + 8)[0])
    return data[:position]


def _first_blocks(data: bytes, count: int) -> bytes:
    order, position = "<", 0
    for _ in range(count):
        if position + 12 > len(data):
            return data
        if data[position : position + 4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if data[position + 8 : position + 12] == b"\x1a\x2b\x3c\x4d" else "<"
        position += int(struct.unpack_from(order + "I", data, position + 4)[0])
    return data[:position]
