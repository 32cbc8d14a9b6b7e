"""Flow batch in, feature matrix out: which columns a model may see, and how each becomes a float32 number.

A missing value becomes :data:`MISSING`, which lies below every legal value of every feature, so that a tree can ask
"is there a value at all" with one split. Categories become their fixed index in the schema. Addresses, exact ports,
times and everything else that the schema marks as identity never become features; of the ports only the service class
remains (:mod:`netsift.models.services`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.context.schema import CONTEXT_COLUMNS
from netsift.errors import InputError
from netsift.flows import schema
from netsift.kernels.context_layout import AGE
from netsift.models.services import SERVICES, service_codes

FeatureMatrix = npt.NDArray[np.float32]
"""One row per flow, one column per feature, contiguous by row."""

MISSING: Final = -1.0
"""Stands for a missing value; no feature has a legal value below zero."""

SERVICE: Final = "service"
"""Name of the one feature that is not a column of the schema."""

_NO_FEATURES: Final = (schema.Kind.INT32_LIST, schema.Kind.FLOAT64_LIST, schema.Kind.SET)
_GREATEST: Final = float(np.finfo(np.float32).max)
_EXACT: Final = float(2**53)
"""Up to here float64 holds every integer; beyond, rounding to it and then to float32 is not rounding once."""
_PIECE_ROWS: Final = 2048
_FEW_ROWS: Final = 64
_MOST_READERS: Final = 16
_MOST_SCHEMAS: Final = 4


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature matrix; ``categories`` is empty for a number."""

    name: str
    unit: str
    categories: tuple[str, ...] = ()


FLOW_FEATURES: Final = (
    *(
        Feature(column.name, column.unit, column.categories)
        for column in schema.COLUMNS
        if not column.identity and column.kind not in _NO_FEATURES
    ),
    Feature(SERVICE, "", SERVICES),
)
"""Every feature that a flow has by itself, in the order of the schema."""

CONTEXT_FEATURES: Final = tuple(
    Feature(name, each.column.unit) for name, each in CONTEXT_COLUMNS.items() if each.place != AGE
)
"""Every feature that the flows around a flow give it; ages, which depend on when a capture began, are none."""

FEATURES: Final = (*FLOW_FEATURES[:-1], *CONTEXT_FEATURES, FLOW_FEATURES[-1])
"""Every feature a model may use, the service last."""

BY_NAME: Final[dict[str, Feature]] = {feature.name: feature for feature in FEATURES}


_FOREIGN_NAME: Final = re.compile(r"[a-z0-9_]{1,40}\.[a-z0-9_]{1,80}")


def is_foreign(name: str) -> bool:
    """Return whether a name is that of another tool's column: a number that netsift's meter does not measure."""
    return _FOREIGN_NAME.fullmatch(name) is not None


def feature_named(name: str) -> Feature:
    """Return a feature of the schema, or a foreign number. Raises KeyError for a name that is neither."""
    return Feature(name, "") if is_foreign(name) else BY_NAME[name]


def available_features(columns: Iterable[str]) -> list[str]:
    """Return the features that can be made from these columns: the schema's in its order, then foreign ones by name."""
    present = set(columns)
    own = [feature.name for feature in FEATURES if present.issuperset(required_columns([feature.name]))]
    return own + sorted(name for name in present if is_foreign(name))


def required_columns(feature_names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the flow batch that the features are made from."""
    columns = [name for name in feature_names if name != SERVICE]
    return (*columns, "src_port", "dst_port") if SERVICE in feature_names else tuple(columns)


def feature_matrix(batch: pa.RecordBatch, feature_names: Sequence[str]) -> FeatureMatrix:
    """Return the features of a flow batch, shape (rows, features), in the order of the names.

    The order of the batch's columns does not matter and columns that are not asked for are not looked at.

    Raises:
        InputError: a column is missing (all missing ones are named), stands there twice, or holds what is not a number.
    """
    return _reader(tuple(feature_names)).matrix(batch)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the features are found in batches of one schema.

    ``columns`` has one column of the batch per feature, in their order, and behind them the two ports where the service
    is asked for; a float64 stands in for what is no plain number. It is empty where there is no float64, which alone
    makes Arrow turn every number to one. ``wide`` are the places of 64-bit integers, ``apart`` of features that are
    read one by one, ``services`` of the service made from the two ports at the end.
    """

    schema: pa.Schema
    columns: tuple[int, ...]
    wide: npt.NDArray[np.intp]
    apart: tuple[int, ...]
    services: tuple[int, ...]


class _Reader:
    """Makes feature matrices for one list of features, and remembers the last schemas that it met."""

    def __init__(self, feature_names: tuple[str, ...]) -> None:
        self._names = feature_names
        self._plans: tuple[_Plan, ...] = ()

    def matrix(self, batch: pa.RecordBatch) -> FeatureMatrix:
        plan = self._plan(batch.schema)
        matrix = np.empty((batch.num_rows, len(self._names)), dtype=np.float32)
        apart = plan.apart
        if plan.columns:
            # Arrow turns columns to rows as one block of float64; in pieces, it stays in the processor's cache.
            numbers = batch.select(plan.columns)
            starts = range(0, batch.num_rows, _PIECE_ROWS)
            exact = [
                self._read_piece(numbers.slice(first, _PIECE_ROWS), plan, matrix[first : first + _PIECE_ROWS])
                for first in starts
            ]
            apart = plan.apart if all(exact) else (*plan.apart, *plan.wide.tolist())
        for place in apart:
            matrix[:, place] = _values(batch, self._names[place])
        return matrix

    def _read_piece(self, piece: pa.RecordBatch, plan: _Plan, matrix: FeatureMatrix) -> bool:
        """Fill the matrix; return whether no integer was too large for float64 to be exact."""
        numbers = piece.to_tensor(null_to_nan=True).to_numpy()
        features = len(self._names)
        with np.errstate(over="ignore"):
            matrix[:] = numbers[:, :features]
        _clean(matrix)
        if plan.services:
            ports = _clean(numbers[:, features:].astype(np.float32)).astype(np.int64)
            codes = service_codes(ports[:, 0], ports[:, 1])
            for place in plan.services:
                matrix[:, place] = codes
        return not (np.abs(numbers.take(plan.wide, axis=1)) > _EXACT).any()

    def _plan(self, columns: pa.Schema) -> _Plan:
        plans = self._plans
        for plan in plans:
            if plan.schema.equals(columns):
                return plan
        plan = _plan(columns, self._names)
        self._plans = (plan, *plans[: _MOST_SCHEMAS - 1])
        return plan


@lru_cache(maxsize=_MOST_READERS)
def _reader(feature_names: tuple[str, ...]) -> _Reader:
    return _Reader(feature_names)


def _plan(columns: pa.Schema, feature_names: tuple[str, ...]) -> _Plan:
    required = required_columns(feature_names)
    _check_columns(columns.names, required)
    place_of = {name: columns.get_field_index(name) for name in required if _is_plain(columns.field(name).type)}
    exact = next((place for place in place_of.values() if pa.types.is_float64(columns.field(place).type)), None)
    if exact is None:
        return _Plan(columns, (), np.array([], dtype=np.intp), tuple(range(len(feature_names))), ())
    has_ports = place_of.keys() >= {"src_port", "dst_port"}
    apart, services = [], []
    for place, name in enumerate(feature_names):
        if name == SERVICE and has_ports:
            services.append(place)
        elif name not in place_of or feature_named(name).categories:
            apart.append(place)
    found = [place_of.get(name, exact) for name in feature_names]
    ports = [place_of["src_port"], place_of["dst_port"]] if services else []
    wide = [place for place, number in enumerate(found) if _is_wide(columns.field(number).type)]
    return _Plan(columns, (*found, *ports), np.array(wide, dtype=np.intp), tuple(apart), tuple(services))


def _check_columns(present: Sequence[str], required: Sequence[str]) -> None:
    counts = Counter(present)
    missing = [name for name in required if not counts[name]]
    if missing:
        raise InputError(f"the flows lack {len(missing)} of the columns that the model needs: {', '.join(missing)}")
    repeated = [name for name in required if counts[name] > 1]
    if repeated:
        raise InputError(f"the flows have the column {repeated[0]} {counts[repeated[0]]} times")


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind))


def _is_wide(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind) or pa.types.is_uint64(kind))


def _clean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Replace in place what is no number or infinite."""
    np.minimum(values, _GREATEST, out=values)
    np.copyto(values, MISSING, where=np.logical_not(values >= -_GREATEST))
    return values


def _values(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.float32]:
    if name == SERVICE:
        return service_codes(_ports(batch, "src_port"), _ports(batch, "dst_port")).astype(np.float32)
    column = batch.column(name)
    categories = feature_named(name).categories
    return _category_codes(column, categories) if categories else _numbers(column, name)


def _ports(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    values = _numbers(batch.column(name), name)
    return values.astype(np.int64)


def _numbers(column: pa.Array, name: str) -> npt.NDArray[np.float32]:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        try:
            column = pc.cast(column, pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"column {name} holds {column.type}, not numbers") from error
    # Arrow's own conversion gives NaN for null, and is much quicker for single rows than its compute functions.
    with np.errstate(over="ignore"):
        return _clean(column.to_numpy(zero_copy_only=False).astype(np.float32))


def _category_codes(column: pa.Array, categories: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Return the index of each value in ``categories``; unknown words count as missing."""
    few = _codes_of_few(column, categories) if len(column) <= _FEW_ROWS else None
    if few is not None:
        return few
    values = pa.array(categories)
    if not pa.types.is_dictionary(column.type):
        codes = pc.index_in(pc.cast(column, pa.string()), value_set=values)
        return _filled(codes)
    code_of_entry = _filled(pc.index_in(pc.cast(column.dictionary, pa.string()), value_set=values))
    indices = pc.fill_null(pc.cast(column.indices, pa.int64()), len(code_of_entry)).to_numpy(zero_copy_only=False)
    coded: npt.NDArray[np.float32] = np.append(code_of_entry, np.float32(MISSING))[indices]
    return coded


def _codes_of_few(column: pa.Array, categories: tuple[str, ...]) -> npt.NDArray[np.float32] | None:
    """Return the same without Arrow's compute functions, which take longer to start than a few rows last.

    None where the column is not text, or not text that Python can read.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not pa.types.is_string(kind):
        return None
    numbers = _numbers_of_categories(categories)
    try:
        words = column.to_pylist()
    except UnicodeDecodeError:
        return None
    return np.array([numbers.get(word, MISSING) for word in words], dtype=np.float32)


@cache
def _numbers_of_categories(categories: tuple[str, ...]) -> dict[str | None, float]:
    return {word: float(number) for number, word in enumerate(categories)}


def _filled(codes: pa.Array) -> npt.NDArray[np.float32]:
    filled = pc.fill_null(pc.cast(codes, pa.float32()), MISSING)
    values: npt.NDArray[np.float32] = filled.to_numpy(zero_copy_only=False)
    return values
