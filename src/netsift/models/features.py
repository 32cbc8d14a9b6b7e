"""Flow batch in, feature matrix out: which columns a model may see, and how each becomes a float32 number.

A missing value becomes :data:`MISSING`, which lies below every legal value of every feature, so that a tree can ask
"is there a value at all" with one split. Categories become their fixed index in the schema. Addresses, exact ports,
times and everything else that the schema marks as identity never become features; of the ports only the service class
remains (:mod:`netsift.models.services`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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

_LISTS: Final = (schema.Kind.INT32_LIST, schema.Kind.FLOAT64_LIST)
_GREATEST: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature matrix; ``categories`` is empty for a number."""

    name: str
    unit: str
    categories: tuple[str, ...] = ()


def _features() -> tuple[Feature, ...]:
    columns = [column for column in schema.COLUMNS if not column.identity and column.kind not in _LISTS]
    return (
        *(Feature(column.name, column.unit, column.categories) for column in columns),
        *(Feature(name, each.column.unit) for name, each in CONTEXT_COLUMNS.items() if each.place != AGE),
        Feature(SERVICE, "", SERVICES),
    )


FEATURES: Final = _features()
"""Every feature a model may use, in the order of the schema."""

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
        InputError: a column is missing (all missing ones are named), or holds what is not a number.
    """
    present = set(batch.schema.names)
    missing = [name for name in required_columns(feature_names) if name not in present]
    if missing:
        raise InputError(f"the flows lack {len(missing)} of the columns that the model needs: {', '.join(missing)}")
    matrix = np.empty((batch.num_rows, len(feature_names)), dtype=np.float32)
    for position, name in enumerate(feature_names):
        matrix[:, position] = _values(batch, name)
    return matrix


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
        values: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return np.nan_to_num(values, copy=False, nan=MISSING, posinf=_GREATEST, neginf=MISSING)


def _category_codes(column: pa.Array, categories: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Return the index of each value in ``categories``; unknown words count as missing."""
    values = pa.array(categories)
    if not pa.types.is_dictionary(column.type):
        codes = pc.index_in(pc.cast(column, pa.string()), value_set=values)
        return _filled(codes)
    code_of_entry = _filled(pc.index_in(pc.cast(column.dictionary, pa.string()), value_set=values))
    indices = pc.fill_null(pc.cast(column.indices, pa.int64()), len(code_of_entry)).to_numpy(zero_copy_only=False)
    coded: npt.NDArray[np.float32] = np.append(code_of_entry, np.float32(MISSING))[indices]
    return coded


def _filled(codes: pa.Array) -> npt.NDArray[np.float32]:
    filled = pc.fill_null(pc.cast(codes, pa.float32()), MISSING)
    values: npt.NDArray[np.float32] = filled.to_numpy(zero_copy_only=False)
    return values
