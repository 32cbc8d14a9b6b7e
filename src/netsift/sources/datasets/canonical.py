"""Columns of a data set into a flow batch: what follows from what, what has no value where, and the Arrow types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.flows.columns import arrow_schema
from netsift.flows.schema import BY_NAME, Column, Kind, Validity
from netsift.sources.datasets.dialect import LABEL_COLUMNS, Columns
from netsift.sources.datasets.rows import Numbers

Mask = npt.NDArray[np.bool_]

US_PER_S: Final = 1e6
_NS_PER_US: Final = 1000
_LONGEST_NS: Final = 2.0**53
"""A hundred days; float64 counts exactly up to here."""
_PROTOCOLS_WITH_PORTS: Final = (6.0, 17.0, 33.0, 132.0, 136.0)
"""TCP, UDP, DCCP, SCTP, UDP-Lite (IANA protocol numbers)."""

_DTYPES: Final[dict[Kind, Any]] = {
    Kind.FLOAT64: np.float64, Kind.FLOAT32: np.float32, Kind.UINT64: np.uint64, Kind.UINT32: np.uint32,
    Kind.UINT16: np.uint16, Kind.UINT8: np.uint8, Kind.SET: np.uint32,
}  # fmt: skip

_NEEDS: Final[dict[Validity, tuple[str, float]]] = {
    Validity.FORWARD: ("packets_fwd", 1),
    Validity.BACKWARD: ("packets_bwd", 1),
    Validity.GAPS: ("packets", 2),
    Validity.GAPS_FWD: ("packets_fwd", 2),
    Validity.GAPS_BWD: ("packets_bwd", 2),
    Validity.WINDOW_FWD: ("packets_fwd", 1),
    Validity.WINDOW_BWD: ("packets_bwd", 1),
}
"""A value exists only where this column is at least so much."""


def flow_batch(columns: Columns) -> pa.RecordBatch:
    """Return a flow batch of the given columns and of those that follow from them.

    The schema's columns come first in its order and types, then foreign ones, then ``label`` and ``attack``. A value is
    null where netsift's meter would have none, and where it lies outside what its column can hold.
    """
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.dtype == np.float64 and "." not in name:
            columns[name] = np.where(values >= 0, values, np.nan)
    complete(columns)
    known = [field for field in arrow_schema() if field.name in columns]
    foreign = [name for name in columns if "." in name]
    arrays = [_array(BY_NAME[field.name], columns) for field in known]
    arrays += [pa.array(columns[name], mask=~np.isfinite(columns[name])) for name in foreign]
    fields = [*known, *(pa.field(name, pa.float64()) for name in foreign)]
    for name in LABEL_COLUMNS:
        if name in columns:
            arrays.append(columns[name])
            fields.append(pa.field(name, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata=arrow_schema().metadata))


def complete(columns: Columns) -> None:
    """Add what follows from the columns: sums over both directions, means, rates, ratios, the end time."""
    for what in ("packets", "bytes", "payload_bytes"):
        _add(columns, what, (f"{what}_fwd", f"{what}_bwd"), np.add)
    for side in ("", "_fwd", "_bwd"):
        _add(columns, f"length{side}_mean", (f"bytes{side}", f"packets{side}"), ratio)
        _add(columns, f"payload{side}_mean", (f"payload_bytes{side}", f"packets{side}"), ratio)
        if "packets" in columns:
            for what in ("packets", "bytes"):
                _add(columns, f"rate_{what}{side}_s", (f"{what}{side}", "duration_us"), _per_second)
    if "packets" in columns:
        _add(columns, "rate_payload_bytes_s", ("payload_bytes", "duration_us"), _per_second)
    for what in ("packets", "bytes"):
        _add(columns, f"{what}_ratio", (f"{what}_bwd", f"{what}_fwd"), ratio)
    _add(columns, "end_time", ("start_time", "duration_us"), _later)
    if "src_ip" in columns and "ip_version" not in columns:
        columns["ip_version"] = _ip_version(columns["src_ip"])


def _add(columns: Columns, name: str, parts: tuple[str, str], rule: Callable[[Any, Any], Any]) -> None:
    if name not in columns and all(part in columns for part in parts):
        columns[name] = rule(*(columns[part] for part in parts))


def ratio(above: Numbers, below: Numbers) -> Numbers:
    """Return one column divided by another, NaN where that is zero."""
    divided: Numbers = np.divide(above, below, out=np.full(len(below), np.nan), where=below != 0)
    return divided


def _per_second(count: Numbers, duration_us: Numbers) -> Numbers:
    return ratio(count * US_PER_S, duration_us)


def _later(start: npt.NDArray[np.datetime64], duration_us: Numbers) -> npt.NDArray[np.datetime64]:
    lasted_ns = np.clip(np.nan_to_num(duration_us) * _NS_PER_US, 0, _LONGEST_NS)
    end: npt.NDArray[np.datetime64] = start + np.rint(lasted_ns).astype("timedelta64[ns]")
    return end


def _ip_version(addresses: pa.Array) -> Numbers:
    is_v6 = pc.match_substring(addresses, ":").to_numpy(zero_copy_only=False)
    is_v4 = pc.match_substring(addresses, ".").to_numpy(zero_copy_only=False)
    return np.where(is_v6 == True, 6.0, np.where(is_v4 == True, 4.0, np.nan))  # noqa: E712 - None where null


def _array(column: Column, columns: Columns) -> pa.Array:
    values = columns[column.name]
    kind = arrow_schema().field(column.name).type
    if column.kind is Kind.TIME:
        return pa.array(values, pa.timestamp("ns")).cast(kind)
    if column.kind is Kind.ADDRESS:
        return values
    if column.kind is Kind.CATEGORY:
        categories = pa.array(column.categories, pa.string())
        return pa.DictionaryArray.from_arrays(pc.index_in(values, categories).cast(pa.int8()), categories)
    return _number_array(column, values, _exists(column, columns), kind)


def _number_array(column: Column, values: Numbers, exists: Mask, kind: pa.DataType) -> pa.Array:
    dtype = np.dtype(_DTYPES[column.kind])
    if dtype.kind == "u":
        values = np.rint(values)
        possible = exists & (values >= 0) & (values < 2.0 ** (8 * dtype.itemsize))
    else:
        possible = exists & (values >= 0) & (values <= float(np.finfo(dtype).max))
    return pa.array(np.where(possible, values, 0).astype(dtype), kind, mask=~possible)


def _exists(column: Column, columns: Columns) -> Mask:
    """Return where the meter would have a value, as far as the other columns tell."""
    rows = len(columns[column.name])
    if column.validity in _NEEDS:
        name, least = _NEEDS[column.validity]
        if name in columns:
            return ~np.asarray(columns[name] < least)
    if column.validity is Validity.DURATION and "duration_us" in columns:
        return np.asarray(columns["duration_us"] > 0)
    if column.validity is Validity.PORTS and "protocol" in columns:
        return np.isin(columns["protocol"], _PROTOCOLS_WITH_PORTS)
    return np.ones(rows, dtype=np.bool_)
