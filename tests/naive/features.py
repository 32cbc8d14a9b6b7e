"""The feature matrix column by column, as the definition of a feature reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.models.features import MISSING, SERVICE, FeatureMatrix, feature_named
from netsift.models.services import service_codes

_GREATEST = float(np.finfo(np.float32).max)


def feature_matrix(batch: pa.RecordBatch, feature_names: Sequence[str]) -> FeatureMatrix:
    """Return the features of a flow batch that has all their columns, shape (rows, features)."""
    matrix = np.empty((batch.num_rows, len(feature_names)), dtype=np.float32)
    for position, name in enumerate(feature_names):
        matrix[:, position] = _values(batch, name)
    return matrix


def _values(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.float32]:
    if name == SERVICE:
        ports = [_numbers(batch.column(port)).astype(np.int64) for port in ("src_port", "dst_port")]
        return service_codes(*ports).astype(np.float32)
    categories = feature_named(name).categories
    return _category_codes(batch.column(name), categories) if categories else _numbers(batch.column(name))


def _numbers(column: pa.Array) -> npt.NDArray[np.float32]:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        column = pc.cast(column, pa.float64(), safe=False)
    with np.errstate(over="ignore"):
        values: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return np.nan_to_num(values, copy=False, nan=MISSING, posinf=_GREATEST, neginf=MISSING)


def _category_codes(column: pa.Array, categories: tuple[str, ...]) -> npt.NDArray[np.float32]:
    words = pc.cast(column.dictionary_decode() if pa.types.is_dictionary(column.type) else column, pa.string())
    codes = [categories.index(word) if word in categories else MISSING for word in words.to_pylist()]
    return np.array(codes, dtype=np.float32)
