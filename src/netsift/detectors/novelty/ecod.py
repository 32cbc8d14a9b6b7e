"""ECOD: how far out in the tails of every column's own distribution a row lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.novelty.base import Arrays, Strangeness, floats, integers, require_rows
from netsift.errors import InputError
from netsift.models.features import FeatureMatrix

MOST_VALUES: Final = 512
"""Distinct values kept of a column; of more, those at evenly spaced ranks."""

_SYMMETRIC: Final = 1.0
"""Below this skewness both tails count, as in the authors' own program."""


@dataclass(frozen=True, slots=True)
class EcodModel:
    """The empirical distribution of every column, compressed.

    ``values`` (columns, MOST_VALUES) are in order, padded with their last; ``below`` is the share of rows not greater
    than each and ``above`` of rows not smaller; ``both`` (columns,) says of which columns both tails count. ``rows`` is
    how many rows there were: a value beyond all of them lies in a tail of 1 / (rows + 1).
    """

    values: npt.NDArray[np.float32]
    below: npt.NDArray[np.float32]
    above: npt.NDArray[np.float32]
    both: npt.NDArray[np.int32]
    rows: int

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each column adds to the score, shape (rows, columns)."""
        parts = np.empty(matrix.shape)
        least = 1 / (self.rows + 1)
        for place, known in enumerate(self.values):
            column = matrix[:, place]
            left = np.searchsorted(known, column, side="right") - 1
            right = np.searchsorted(known, column, side="left")
            share_left = np.where(left >= 0, self.below[place, np.maximum(left, 0)], 0)
            share_right = np.where(right < len(known), self.above[place, np.minimum(right, len(known) - 1)], 0)
            tail_left = -np.log(np.maximum(share_left, least))
            tail_right = -np.log(np.maximum(share_right, least))
            parts[:, place] = tail_left + tail_right if self.both[place] else np.maximum(tail_left, tail_right)
        return parts

    def score(self, matrix: FeatureMatrix) -> Strangeness:
        """Return the sum of the contributions, shape (rows,)."""
        total: Strangeness = self.contributions(matrix).sum(axis=1)
        return total

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the distributions by name."""
        rows = np.array([self.rows], np.int32)
        return {"values": self.values, "below": self.below, "above": self.above, "both": self.both, "rows": rows}


@dataclass(frozen=True, slots=True)
class EcodLearner:
    """Empirical-cumulative-distribution outlier detection, without a parameter and without chance.

    What it assumes: what is strange lies at the end of some column's distribution, and columns speak independently.
    The score is the sum over the columns of −log of the share of ordinary rows that lie as far out or further; where a
    column is not skewed, of both tails. It fails on what is strange only as a combination of usual values, and on
    values in a gap between two usual ones. Cost: a sort of every column to learn, a binary search per value to score.
    The score is a sum over columns, so it is its own explanation.

    Paper: Li, Zhao, Hu, Botta, Ionescu, Chen, "ECOD: unsupervised outlier detection using empirical cumulative
    distribution functions", IEEE TKDE 35(12), 2023; the tails are chosen column by column, as in the authors' PyOD.

    Example:
        >>> import numpy as np
        >>> from netsift.detectors.novelty.ecod import EcodLearner
        >>> ordinary = np.arange(99, dtype=np.float32)[:, None]
        >>> [round(float(one), 2) for one in EcodLearner().fit(ordinary, 0).score(np.float32([[49], [500]]))]
        [1.39, 4.61]
    """

    name: str = "ecod"

    def fit(self, matrix: FeatureMatrix, seed: int, before: object = None) -> EcodModel:  # noqa: ARG002 - the contract
        """Return the distributions of the rows' columns."""
        require_rows(matrix)
        rows, columns = matrix.shape
        values = np.empty((columns, MOST_VALUES), np.float32)
        below, above = np.empty_like(values), np.empty_like(values)
        for place in range(columns):
            values[place], below[place], above[place] = _distribution(matrix[:, place])
        return EcodModel(values, below, above, (np.abs(_skewness(matrix)) < _SYMMETRIC).astype(np.int32), rows)

    def load(self, arrays: Arrays, columns: int) -> EcodModel:
        """Return the model that the arrays hold."""
        shape = (columns, MOST_VALUES)
        values, below, above = (floats(arrays, name, shape) for name in ("values", "below", "above"))
        if (np.diff(values, axis=1) < 0).any():
            raise InputError("the baseline's array values is not in order")
        if min(below.min(), above.min()) < 0 or max(below.max(), above.max()) > 1:
            raise InputError("the baseline's shares below and above are not from 0 to 1")
        both = integers(arrays, "both", (columns,), 0, 1)
        rows = integers(arrays, "rows", (1,), 1, np.iinfo(np.int32).max)
        return EcodModel(values, below, above, both, int(rows[0]))


def _distribution(column: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
    """Return distinct values of a column with the shares of rows up to and from each, MOST_VALUES long."""
    distinct, counts = np.unique(column, return_counts=True)
    up_to = np.cumsum(counts)
    down_to = len(column) - up_to + counts
    if len(distinct) > MOST_VALUES:
        ranks = np.linspace(0, len(column) - 1, MOST_VALUES)
        kept = np.searchsorted(up_to, ranks, side="right")
    else:
        kept = np.minimum(np.arange(MOST_VALUES), len(distinct) - 1)
    return (
        distinct[kept], (up_to[kept] / len(column)).astype(np.float32), (down_to[kept] / len(column)).astype(np.float32)
    )  # fmt: skip


def _skewness(matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
    """Return the skewness of the population of every column, 0 where it does not vary."""
    values = matrix.astype(np.float64)
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    skewness: npt.NDArray[np.float64] = (centred**3).mean(axis=0) / np.maximum(spread, 1e-12) ** 3
    return skewness
