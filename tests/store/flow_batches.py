"""Flow batches for tests: of the columns that stores look at, made without a meter."""

from __future__ import annotations

import random
from typing import Any, Final

import pyarrow as pa

from netsift.flows.columns import arrow_schema

SECOND: Final = 1_000_000_000
HOUR: Final = 3_600 * SECOND
NOON: Final = 1_772_452_800 * SECOND
"""2026-03-02 12:00:00 UTC."""

Row = dict[str, Any]


def flow(start_ns: int, **changes: Any) -> Row:
    """Return a flow of one second as values by column; times are in ns."""
    return {
        "start_time": start_ns, "end_time": start_ns + SECOND, "src_ip": "10.0.0.1", "src_port": 40_000,
        "dst_ip": "10.0.1.1", "dst_port": 443, "protocol": 6, "duration_us": 1e6, "packets": 3, "bytes": 300,
        "packets_fwd": 2, "packets_bwd": 1, "bytes_fwd": 200, "bytes_bwd": 100, "conn_state": "SF", "part": 0,
        "end_reason": "fin", "payload_kind_fwd": "tls", "tunnel": "none",
    } | changes  # fmt: skip


def some_flows(count: int, hours: int = 3, seed: int = 3) -> list[Row]:
    """Return flows that differ in everything by which they can be found, in order of their ends."""
    chance = random.Random(seed)
    rows = [
        flow(
            NOON + chance.randrange(hours * 3_600) * SECOND + chance.randrange(SECOND),
            src_ip=f"10.{chance.randrange(3)}.0.{chance.randrange(5)}",
            dst_ip=chance.choice(("192.0.2.1", "198.51.100.7", "2001:db8::1")),
            src_port=chance.randrange(1024, 1030),
            dst_port=chance.choice((22, 53, 443, None)),
            protocol=chance.choice((6, 17, 1)),
            packets=chance.randrange(1, 9),
            bytes=chance.randrange(40, 90),
            duration_us=float(chance.randrange(5)),
            conn_state=chance.choice(("SF", "S0", "REJ")),
            payload_kind_fwd=chance.choice(("tls", "dns", None)),
        )
        for _ in range(count)
    ]
    return sorted(rows, key=lambda row: row["end_time"])


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    """Return rows as a flow batch; columns that they do not name are null."""
    schema = arrow_schema()
    names = [name for name in schema.names if name in rows[0]]
    return pa.RecordBatch.from_pylist(rows, pa.schema([schema.field(name) for name in names]))
