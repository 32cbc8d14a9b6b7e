"""Ended flows into Arrow record batches in the canonical schema, without a copy of the numbers."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from netsift.flows.schema import COLUMNS, SCHEMA_VERSION, Column, Kind, Validity
from netsift.kernels import columns as kernels
from netsift.kernels.columns import ROW

Array = np.ndarray[Any, Any]

ARROW_TYPES: Final[dict[Kind, pa.DataType]] = {
    Kind.TIME: pa.timestamp("ns", tz="UTC"),
    Kind.ADDRESS: pa.string(),
    Kind.FLOAT64: pa.float64(),
    Kind.FLOAT32: pa.float32(),
    Kind.UINT64: pa.uint64(),
    Kind.UINT32: pa.uint32(),
    Kind.UINT16: pa.uint16(),
    Kind.UINT8: pa.uint8(),
    Kind.SET: pa.uint32(),
    Kind.CATEGORY: pa.dictionary(pa.int8(), pa.string()),
    Kind.INT32_LIST: pa.list_(pa.int32()),
    Kind.FLOAT64_LIST: pa.list_(pa.float64()),
}

_ROWS_PER_TILE: Final = 128
_LONGEST_ADDRESS: Final = 39
_VALIDITIES: Final = tuple(Validity)


@cache
def arrow_schema() -> pa.Schema:
    """Return the Arrow schema of a flow batch, with units and definitions as field metadata."""
    fields = [
        pa.field(column.name, ARROW_TYPES[column.kind], metadata={"unit": column.unit, "definition": column.definition})
        for column in COLUMNS
    ]
    return pa.schema(fields, metadata={"netsift_schema_version": str(SCHEMA_VERSION)})


def empty_batch() -> pa.RecordBatch:
    """Return a flow batch without rows."""
    schema = arrow_schema()
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def _row_offset(column: Column) -> tuple[int, int]:
    """Return (byte offset in ROW, width in bytes) of a column that has a number in the row."""
    name, side = column.name, None
    for direction in ("fwd", "bwd"):
        if f"_{direction}" in name:
            name, side = name.replace(f"_{direction}", "", 1), direction
    fields: Any = ROW.fields
    if side is None and name in fields:
        dtype, offset = fields[name][:2]
        return int(offset), dtype.itemsize
    record, base = fields[side or "total"][:2]
    dtype, offset = record.fields[name][:2]
    return int(base) + int(offset), dtype.itemsize


@cache
def _places() -> tuple[dict[int, Array], dict[str, tuple[int, int]]]:
    """Return for each width the word places to gather, and for each column (width, number among that width)."""
    by_width: dict[int, list[int]] = {8: [], 4: [], 2: [], 1: []}
    where: dict[str, tuple[int, int]] = {}
    for column in COLUMNS:
        if column.kind in (Kind.ADDRESS, Kind.INT32_LIST, Kind.FLOAT64_LIST):
            continue
        offset, width = _row_offset(column)
        where[column.name] = (width, len(by_width[width]))
        by_width[width].append(offset // width)
    return {width: np.array(places, np.int64) for width, places in by_width.items()}, where


_WORDS: Final = {8: np.uint64, 4: np.uint32, 2: np.uint16, 1: np.uint8}


class ColumnWriter:
    """Turns the ended flows of one meter into record batches; holds the scratch memory between them."""

    def __init__(self) -> None:
        """Allocate one tile of rows; everything that a batch keeps is allocated per batch."""
        self._rows = np.zeros(_ROWS_PER_TILE, ROW)
        self._views = {
            width: self._rows.view(np.uint8).view(word).reshape(_ROWS_PER_TILE, -1) for width, word in _WORDS.items()
        }

    def batch(
        self, ended: Array, flows: Array, details: Array, first_lengths: Array, first_gaps_us: Array, settings: Array
    ) -> pa.RecordBatch:
        """Return the flows in slots ``ended`` (int32, in this order) as a record batch of the canonical schema."""
        count = len(ended)
        places, where = _places()
        numbers = {width: np.empty((len(place), count), _WORDS[width]) for width, place in places.items()}
        valid = np.empty(count, np.uint32)
        by_width = [part for width in _WORDS for part in (self._views[width], places[width], numbers[width])]
        kernels.write_columns(
            ended, flows, details, first_lengths, first_gaps_us, settings, self._rows, valid, *by_width
        )
        validity = _Validity(valid)
        lists = _first_packets(ended, flows, details, first_lengths, first_gaps_us)
        arrays: list[pa.Array] = []
        for column in COLUMNS:
            if column.kind is Kind.ADDRESS:
                arrays.append(_addresses(ended, flows, destination=column.name == "dst_ip"))
            elif column.kind in (Kind.INT32_LIST, Kind.FLOAT64_LIST):
                arrays.append(lists[column.name])
            else:
                width, number = where[column.name]
                arrays.append(_numbers(column, numbers[width][number], validity.buffer(column.validity)))
        return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema())


class _Validity:
    """Arrow validity bitmaps, one per condition, shared by all columns under it."""

    def __init__(self, valid: Array) -> None:
        self._valid = valid
        self._buffers: dict[Validity, pa.Buffer | None] = {Validity.ALWAYS: None}

    def buffer(self, condition: Validity) -> pa.Buffer | None:
        if condition not in self._buffers:
            bit = np.uint32(1 << _VALIDITIES.index(condition))
            self._buffers[condition] = pa.py_buffer(np.packbits((self._valid & bit) != 0, bitorder="little"))
        return self._buffers[condition]


def _numbers(column: Column, words: Array, validity: pa.Buffer | None) -> pa.Array:
    buffers = [validity, pa.py_buffer(words)]
    if column.kind is Kind.CATEGORY:
        codes = pa.Array.from_buffers(pa.int8(), len(words), buffers)
        return pa.DictionaryArray.from_arrays(codes, _texts(column.categories), safe=False)
    return pa.Array.from_buffers(ARROW_TYPES[column.kind], len(words), buffers)


def _addresses(ended: Array, flows: Array, *, destination: bool) -> pa.Array:
    text = np.empty(len(ended) * _LONGEST_ADDRESS, np.uint8)
    offsets = np.empty(len(ended) + 1, np.int32)
    written = kernels.write_addresses(ended, flows, destination, text, offsets)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text[:written].copy())]
    return pa.Array.from_buffers(pa.string(), len(ended), buffers)


def _first_packets(
    ended: Array, flows: Array, details: Array, first_lengths: Array, first_gaps_us: Array
) -> dict[str, pa.Array]:
    room = kernels.count_first_packets(ended, flows, details, first_lengths.shape[1])
    lengths, gaps_us = np.empty(room, np.int32), np.empty(room, np.float64)
    offsets = np.empty(len(ended) + 1, np.int32)
    kernels.gather_first_packets(ended, flows, details, first_lengths, first_gaps_us, offsets, lengths, gaps_us)
    return {
        "first_lengths": _lists(offsets, pa.int32(), lengths),
        "first_iats_us": _lists(offsets, pa.float64(), gaps_us),
    }


def _lists(offsets: Array, kind: pa.DataType, values: Array) -> pa.Array:
    # Built from buffers because pa.array() of a NumPy array imports pandas, which takes a third of a second.
    children = [pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])]
    return pa.Array.from_buffers(pa.list_(kind), len(offsets) - 1, [None, pa.py_buffer(offsets)], children=children)


@cache
def _texts(values: tuple[str, ...]) -> pa.Array:
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *(len(value) for value in encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)
