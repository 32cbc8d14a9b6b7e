"""Flow batches for tests of the context: made by hand, by Hypothesis, and from captures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import strategies as st

from netsift.context.tracker import ContextTracker
from netsift.flows.schema import CONNECTION_STATES
from netsift.sources.captures import CaptureSettings
from netsift.sources.flows import read_flows

SECOND_NS: Final = 1_000_000_000
START_NS: Final = 1_700_000_000 * SECOND_NS

FIELDS: Final = {
    "start_time": pa.timestamp("ns"), "end_time": pa.timestamp("ns"), "src_ip": pa.string(), "dst_ip": pa.string(),
    "dst_port": pa.uint16(), "protocol": pa.uint8(), "packets": pa.uint32(), "packets_bwd": pa.uint32(),
    "bytes_fwd": pa.uint64(), "bytes_bwd": pa.uint64(), "part": pa.uint32(),
    "conn_state": pa.dictionary(pa.int8(), pa.string()), "icmp_type": pa.uint8(), "payload_packets": pa.uint32(),
    "packets_fwd": pa.uint32(), "syn_packets_fwd": pa.uint32(),
}  # fmt: skip
OPTIONAL: Final = ("part", "conn_state", "icmp_type", "payload_packets", "packets_fwd", "syn_packets_fwd")

_USUAL: Final[dict[str, Any]] = {
    "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "dst_port": 443, "protocol": 6, "packets": 4, "packets_bwd": 2,
    "bytes_fwd": 300, "bytes_bwd": 500, "part": 0, "conn_state": "SF", "icmp_type": None,
    "payload_packets": 2, "packets_fwd": 2, "syn_packets_fwd": 1,
}  # fmt: skip


def flow(start_s: float = 0.0, duration_s: float = 0.0, **given: Any) -> dict[str, Any]:
    """Return one row; what is not given is an ordinary connection from 10.0.0.1 to port 443 of 10.0.0.2."""
    start_ns = START_NS + round(start_s * SECOND_NS)
    times = {"start_time": start_ns, "end_time": start_ns + round(duration_s * SECOND_NS)}
    return {**times, **_USUAL, **given}


def flow_batch(rows: Sequence[dict[str, Any]], names: Iterable[str] = tuple(FIELDS)) -> pa.RecordBatch:
    """Return rows as a flow batch with the named columns."""
    schema = pa.schema([(name, FIELDS[name]) for name in names])
    return pa.RecordBatch.from_arrays(
        [pa.array([row[field.name] for row in rows], field.type) for field in schema], schema=schema
    )


def flow_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return a flow batch as rows of what the context is made of, times in ns."""
    columns = {name: batch.column(name) for name in FIELDS if name in batch.schema.names}
    for name in ("start_time", "end_time"):
        columns[name] = columns[name].cast(pa.int64())
    lists = [column.to_pylist() for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def tracked(batch: pa.RecordBatch, tracker: ContextTracker | None = None) -> dict[str, npt.NDArray[np.float32]]:
    """Return every context column of a batch by name."""
    tracker = tracker or ContextTracker()
    return dict(zip(tracker.names, tracker.add(batch), strict=True))


def capture_batch(path: Path) -> pa.RecordBatch:
    """Return all flows of a capture as one batch."""
    table = pa.Table.from_batches(list(read_flows(path, CaptureSettings(threads=1)))).combine_chunks()
    return table.to_batches()[0] if table.num_rows else table.slice(0, 0).to_batches(1)[0]


_ADDRESSES: Final = ("10.0.0.1", "10.0.0.2", "2001:db8::1", "ff02::1", "239.1.2.3", "10.0.0.255", "255.255.255.255",
                     "", "ff", "not an address", None)  # fmt: skip
_STEPS: Final = (0, 1, 1_000_000, SECOND_NS, 5 * SECOND_NS, 61 * SECOND_NS, 700 * SECOND_NS, 4000 * SECOND_NS)


@st.composite
def nasty_rows(draw: st.DrawFn, *, jumps: bool) -> list[dict[str, Any]]:
    """Rows with equal, late and missing times, nulls, later parts, all kinds of addresses; ``jumps``: clocks too."""
    steps = [*_STEPS, *(-step for step in _STEPS[:6])]
    steps += [9000 * SECOND_NS, -9000 * SECOND_NS, -(10**17)] if jumps else []
    now, latest, rows = START_NS, START_NS, []
    for _ in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from(steps))
        now = now if jumps else max(now, latest - 6000 * SECOND_NS)
        end = draw(st.sampled_from((now, now, now + 3 * SECOND_NS, now + 200 * SECOND_NS, now - SECOND_NS, None)))
        latest = max(latest, now, end or now)
        start = now if draw(st.integers(0, 19)) else None
        rows.append({"start_time": start, "end_time": end, **draw(_rest())})
    return rows


def _rest() -> st.SearchStrategy[dict[str, Any]]:
    count = st.sampled_from((0, 1, 3, 40, None))
    size = st.sampled_from((0, 40, 1500, 10**9, 2**50, None))
    return st.fixed_dictionaries(
        {
            "src_ip": st.sampled_from(_ADDRESSES), "dst_ip": st.sampled_from(_ADDRESSES),
            "dst_port": st.sampled_from((0, 8, 53, 65535, None)), "protocol": st.sampled_from((6, 17, 1, 58, 0, None)),
            "packets": count, "packets_bwd": count, "bytes_fwd": size, "bytes_bwd": size,
            "part": st.sampled_from((0, 0, 0, 1, None)), "conn_state": st.sampled_from((*CONNECTION_STATES, None)),
            "icmp_type": st.sampled_from((0, 8, None)), "payload_packets": st.sampled_from((0, 0, 3, None)),
            "packets_fwd": st.sampled_from((0, 1, 2, None)), "syn_packets_fwd": st.sampled_from((0, 1, None)),
        }
    )  # fmt: skip
