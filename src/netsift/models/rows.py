"""The different rows of a feature matrix: what is worked out for one serves all that are the same."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix

_FEW_ROWS: Final = 64
_PLACES_PER_ROW: Final = 2


def distinct(matrix: FeatureMatrix) -> tuple[FeatureMatrix, npt.NDArray[np.int64]]:
    """Return rows in which every row of ``matrix`` (rows, features) is found, and for each (rows,) which of them it is.

    Rows are the same when their bits are. Few rows come back as they are; of many some may stand there twice.
    """
    rows = len(matrix)
    if rows <= _FEW_ROWS:
        return matrix, np.arange(rows)
    from netsift.kernels.rows import EMPTY, distinct_rows

    table = np.full(1 << (_PLACES_PER_ROW * rows - 1).bit_length(), EMPTY, np.int64)
    first, number = np.empty(rows, np.int64), np.empty(rows, np.int64)
    found = distinct_rows(np.ascontiguousarray(matrix).view(np.uint32), table, first, number)
    return (matrix, number) if found == rows else (matrix[first[:found]], number)
