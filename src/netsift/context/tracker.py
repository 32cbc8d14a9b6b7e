"""Flow batches in, the same flows with what the flows around them say: one pass, bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.context.schema import CONTEXT_COLUMNS, ContextColumn
from netsift.errors import InputError, UsageError
from netsift.flows.schema import CONNECTION_STATES
from netsift.kernels import context as kernels
from netsift.kernels import context_layout as layout

REQUIRED_COLUMNS: Final = (
    "start_time", "end_time", "src_ip", "dst_ip", "dst_port", "protocol", "packets", "bytes_fwd", "bytes_bwd",
    "packets_bwd",
)  # fmt: skip
"""Columns without which there is no context; ``conn_state``, ``payload_packets``,
``packets_fwd``, ``syn_packets_fwd``, ``icmp_type`` and ``part`` are used where they are."""

FAILED_STATES: Final = ("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR")
"""States of a TCP connection that never came about."""
RESET_STATES: Final = ("REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH")

_TCP: Final = 6
_ICMP: Final = 1
_ICMPV6: Final = 58
_FARTHEST_NS: Final = 2**62
"""Times are taken to lie within 146 years of 1970, so that their differences fit 64 bits."""

MOST: Final = 1e12
"""No flow counts more packets or bytes than this."""

_KEYS_AT_A_TIME: Final = 512
"""So many flows are looked at before the first of them is taken, so that their memory is fetched ahead."""

_ROWS_AT_A_TIME: Final = 16
"""So many rows are written at a time: a cache line of each column."""

_LINE_BYTES: Final = 64

_DEFAULT_KEY: Final = (0x6E65747369667420, 0x636F6E7465787420)


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """How much is remembered: the greatest number of each kind of entity, rounded up to a power of two.

    ``hash_key`` decides which entities share a bucket. The default gives the same numbers in every run even where
    entities had to make room; a sensor that strangers can send to should draw its own.
    """

    hosts: int = 32_768
    pairs: int = 131_072
    services: int = 65_536
    triples: int = 1_048_576
    hash_key: tuple[int, int] = _DEFAULT_KEY

    def __post_init__(self) -> None:
        """Refuse sizes that make no table."""
        for name in ("hosts", "pairs", "services", "triples"):
            if not 8 <= getattr(self, name) <= 2**28:
                raise UsageError(f"{name} must be from 8 to 2^28, not {getattr(self, name)}")


@dataclass(slots=True)
class ContextCounts:
    """What the tables had no room for: entities and triples that were forgotten before their time, and flows seen."""

    flows: int = 0
    entities_evicted: int = 0
    triples_evicted: int = 0

    @property
    def evicted(self) -> int:
        """All that made room."""
        return self.entities_evicted + self.triples_evicted


@dataclass(slots=True)
class _Tables:
    shape: npt.NDArray[np.int64]
    tags: npt.NDArray[np.uint64]
    last_ns: npt.NDArray[np.int64]
    entries: npt.NDArray[np.void]
    triple_tags: npt.NDArray[np.uint64]
    triple_last_ns: npt.NDArray[np.int64]


def _tables(settings: ContextSettings) -> _Tables:
    sizes = (settings.hosts, settings.hosts, settings.pairs, settings.services, settings.services, settings.triples)
    buckets = [1 << max(-(-size // layout.WAYS) - 1, 0).bit_length() for size in sizes]
    shape = np.zeros((len(sizes), 2), np.int64)
    shape[:, 1] = buckets
    shape[: layout.ENTITIES, 0] = np.cumsum([0, *buckets[: layout.ENTITIES - 1]])
    places = sum(buckets[: layout.ENTITIES]) * layout.WAYS
    triples = buckets[layout.TRIPLES] * layout.WAYS
    return _Tables(
        shape, _aligned(places, np.dtype(np.uint64)), _aligned(places, np.dtype(np.int64)),
        _aligned(places, layout.ENTRY), _aligned(triples, np.dtype(np.uint64)), _aligned(triples, np.dtype(np.int64)),
    )  # fmt: skip


def _aligned(count: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return zeros that begin with a line of the processor's cache, so that no bucket touches one line more."""
    memory = np.zeros(count * kind.itemsize + _LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    return memory[start : start + count * kind.itemsize].view(kind)


def _places(columns: Sequence[ContextColumn]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what of each entity and window is asked for, and the place of each column among the statistics of all."""
    shape = layout.ENTITIES, len(layout.WINDOWS_S), layout.STATISTICS
    asked = np.zeros(shape[:2], np.int64)
    for one in columns:
        if one.place != layout.AGE:
            needed = layout.SUMS if one.place < layout.SIZE_MEAN else layout.MEANS
            asked[one.kind, one.window] = max(asked[one.kind, one.window], needed)
    places = [np.ravel_multi_index((one.kind, one.window, one.place), shape) for one in columns]
    return asked, np.array(places, np.int64)


def _scratch(columns: int) -> tuple[npt.NDArray[Any], ...]:
    """Return what the kernel works in: decays, times, places, keys of flows to come, statistics, rows of columns."""
    return (
        np.empty((layout.ENTITIES + 3, len(layout.WINDOWS_S))), np.empty(layout.ENTITIES + 1, np.int64),
        np.empty(layout.ENTITIES, np.int64), np.empty((_KEYS_AT_A_TIME, layout.ENTITIES + 1), np.uint64),
        np.empty((layout.ENTITIES, len(layout.WINDOWS_S), layout.STATISTICS), np.float32),
        np.empty((_ROWS_AT_A_TIME, columns), np.float32),
    )  # fmt: skip


@dataclass(slots=True)
class ContextTracker:
    """Remembers hosts, pairs and services, and gives every flow the context columns asked for.

    A flow counts itself. Flows are taken in the order in which they come, and how they are cut into batches changes
    nothing. Memory is that of the tables, whatever comes (about 190 MB with the default settings when all are full).
    Numbers that a flow lacks count as 0, a flow without ``packets_bwd`` as answered; a flow without a start has no
    context and is part of none.

    Example:
        >>> from netsift.context.tracker import ContextTracker
        >>> tracker = ContextTracker(("pair_ports_1min",))
        >>> tracker.counts.flows
        0
    """

    names: Sequence[str] = tuple(CONTEXT_COLUMNS)
    settings: ContextSettings = field(default_factory=ContextSettings)
    counts: ContextCounts = field(default_factory=ContextCounts)
    _memory: _Tables = field(init=False)
    _asked: npt.NDArray[np.int64] = field(init=False)
    _wanted: npt.NDArray[np.int64] = field(init=False)
    _scratch: tuple[npt.NDArray[Any], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Reserve the tables; memory is used as they fill."""
        unknown = [name for name in self.names if name not in CONTEXT_COLUMNS]
        if unknown:
            raise UsageError(f"no such context columns: {', '.join(unknown)}")
        self._asked, self._wanted = _places([CONTEXT_COLUMNS[name] for name in self.names])
        self._memory = _tables(self.settings)
        self._scratch = _scratch(len(self.names))

    @property
    def memory_bytes(self) -> int:
        """Bytes of all tables; the system gives them as they are first used."""
        memory = self._memory
        tables = memory.tags, memory.last_ns, memory.entries, memory.triple_tags, memory.triple_last_ns
        return sum(table.nbytes for table in tables)

    def add(self, batch: pa.RecordBatch) -> npt.NDArray[np.float32]:
        """Take a flow batch; return (columns, rows) context values in the order of ``names``, NaN for no value.

        Raises:
            InputError: the batch lacks columns that the context is made of; all of them are named.
        """
        timed = pc.is_valid(batch.column("start_time")) if "start_time" in batch.schema.names else None
        if timed is not None and batch.column("start_time").null_count:
            columns = np.full((len(self.names), batch.num_rows), np.nan, np.float32)
            columns[:, timed.to_numpy(zero_copy_only=False)] = self._columns(batch.filter(timed))
            return columns
        return self._columns(batch)

    def _columns(self, batch: pa.RecordBatch) -> npt.NDArray[np.float32]:
        flows = _context_flows(batch, self.settings.hash_key)
        # Rows a power of two apart would share a few lines of the processor's cache.
        columns = np.empty((len(self.names), len(flows) | 16), np.float32)[:, : len(flows)]
        memory, state = self._memory, np.zeros(2, np.int64)
        kernels.context_columns(
            flows, memory.tags, memory.last_ns, memory.entries, memory.shape, memory.triple_tags,
            memory.triple_last_ns, state, *self._scratch, self._asked, self._wanted, columns,
        )  # fmt: skip
        self.counts.flows += len(flows)
        self.counts.entities_evicted += int(state[0])
        self.counts.triples_evicted += int(state[1])
        return columns

    def with_context(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield each batch with the context columns behind its own; NaN becomes null."""
        for batch in batches:
            columns = self.add(batch)
            fields = [pa.field(name, pa.float32()) for name in self.names]
            arrays = [_nullable(values) for values in columns]
            schema = pa.schema([*batch.schema, *fields], metadata=batch.schema.metadata)
            yield pa.RecordBatch.from_arrays([*batch.columns, *arrays], schema=schema)


def _nullable(values: npt.NDArray[np.float32]) -> pa.Array:
    missing = np.isnan(values)
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(pa.float32(), len(values), [validity, pa.py_buffer(np.ascontiguousarray(values))])


def _context_flows(batch: pa.RecordBatch, hash_key: tuple[int, int]) -> npt.NDArray[np.void]:
    missing = [name for name in REQUIRED_COLUMNS if name not in batch.schema.names]
    if missing:
        raise InputError(f"the flows lack columns that their context is made of: {', '.join(missing)}")
    flows = np.zeros(batch.num_rows, layout.FLOW)
    group = np.zeros(batch.num_rows, np.uint8)
    for name, column in (("source", "src_ip"), ("destination", "dst_ip")):
        flows[name] = address_hashes(batch.column(column), group, hash_key)
    flows["start_ns"] = _times(batch, "start_time")
    flows["end_ns"] = np.maximum(flows["start_ns"], _times(batch, "end_time"))
    for name in ("packets", "bytes_fwd", "bytes_bwd"):
        flows[name] = np.clip(_numbers(batch, name), 0, MOST)
    protocol = _integers(batch, "protocol")
    flows["service"] = _services(batch, protocol)
    if "part" in batch.schema.names:
        flows["continued"] = _integers(batch, "part") > 0
    state = _states(batch)
    flows["failed"] = (_IS_FAILED[state] | _came_to_nothing(batch, state)) & (protocol == _TCP)
    flows["reset"] = _IS_RESET[state]
    # Nobody answers a group address, so that no answer means nothing there.
    flows["unanswered"] = (_integers(batch, "packets_bwd") == 0) & (group == 0)
    return flows


def _came_to_nothing(batch: pa.RecordBatch, state: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which connections were accepted, but reset or never acknowledged before anybody said a word."""
    silent = _integers(batch, "payload_packets") == 0
    forward = _integers(batch, "packets_fwd")
    only_asked = (forward == _integers(batch, "syn_packets_fwd")) & (forward > 0)
    nothing: npt.NDArray[np.bool_] = silent & (_IS_CUT[state] | (_IS_ESTABLISHED[state] & only_asked))
    return nothing


def _services(batch: pa.RecordBatch, protocol: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return protocol and destination port, of ICMP the type, as one number; -1 & 0x1FFFF stands for an unknown one."""
    port = _integers(batch, "dst_port")
    if "icmp_type" in batch.schema.names:
        kind = _integers(batch, "icmp_type")
        port = np.where(((protocol == _ICMP) | (protocol == _ICMPV6)) & (kind >= 0), kind, port)
    services: npt.NDArray[np.int64] = (protocol & 0x1FF) << 17 | (port & 0x1FFFF)
    return services


def _states_in(states: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return whether each code of a connection state is one of these; the last, -1, is not known and none."""
    return np.array([*(state in states for state in CONNECTION_STATES), False])


_IS_FAILED: Final = _states_in(FAILED_STATES)
_IS_RESET: Final = _states_in(RESET_STATES)
_IS_CUT: Final = _states_in(("RSTO", "RSTR"))
_IS_ESTABLISHED: Final = _states_in(("S1",))


def address_hashes(
    addresses: pa.Array, group: npt.NDArray[np.uint8], hash_key: tuple[int, int] = _DEFAULT_KEY
) -> npt.NDArray[np.uint64]:
    """Return keyed hashes (rows,) of address texts; ``group`` (rows,) gets a 1 for multicast and broadcast ones."""
    texts = pc.fill_null(pc.cast(addresses, pa.string()), "")
    if texts.offset:
        texts = pa.concat_arrays([texts])
    _, offsets, data = texts.buffers()
    hashes = np.empty(len(texts), np.uint64)
    text = np.frombuffer(data or b"", np.uint8)
    bounds = np.frombuffer(offsets, np.int32)[: len(texts) + 1] if offsets else np.zeros(1, np.int32)
    kernels.hash_addresses(bounds, text, np.uint64(hash_key[0]), np.uint64(hash_key[1]), hashes, group)
    return hashes


def _integers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    """Return a column as int64, −1 for null and where there is no such column."""
    if name not in batch.schema.names:
        return np.full(batch.num_rows, -1, np.int64)
    values: npt.NDArray[np.int64] = pc.fill_null(pc.cast(batch.column(name), pa.int64(), safe=False), -1).to_numpy(
        zero_copy_only=False
    )
    return values


def _times(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    """Return times in ns since 1970, the earliest of all for null."""
    column = batch.column(name)
    if pa.types.is_timestamp(column.type) and column.type.unit != "ns":
        column = pc.cast(column, pa.timestamp("ns", column.type.tz), safe=False)
    times = pc.fill_null(pc.cast(column, pa.int64(), safe=False), -_FARTHEST_NS).to_numpy(zero_copy_only=False)
    clipped: npt.NDArray[np.int64] = np.clip(times, -_FARTHEST_NS, _FARTHEST_NS)
    return clipped


def _numbers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.float64]:
    values = pc.fill_null(pc.cast(batch.column(name), pa.float64(), safe=False), 0)
    numbers: npt.NDArray[np.float64] = np.nan_to_num(values.to_numpy(zero_copy_only=False), posinf=0, neginf=0)
    return numbers


def _states(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the code of each connection's state, −1 where it is unknown."""
    if "conn_state" not in batch.schema.names:
        return np.full(batch.num_rows, -1, np.int64)
    column = batch.column("conn_state")
    known = pa.array(CONNECTION_STATES)
    if not pa.types.is_dictionary(column.type):
        codes = pc.fill_null(pc.index_in(pc.cast(column, pa.string()), value_set=known), -1)
        return np.asarray(codes.to_numpy(zero_copy_only=False), np.int64)
    entries = pc.fill_null(pc.index_in(pc.cast(column.dictionary, pa.string()), value_set=known), -1)
    places = pc.fill_null(pc.cast(column.indices, pa.int64()), len(entries)).to_numpy(zero_copy_only=False)
    states: npt.NDArray[np.int64] = np.append(entries.to_numpy(zero_copy_only=False).astype(np.int64), -1)[places]
    return states
