"""How far a column moved from what it was in the training traffic: stability index, distance, and where they differ.

Every column falls into bins: missing, and intervals between quantiles of its benign reference, or the common words.

- Population stability index: sum over bins of (now − was) × ln(now ÷ was). Below 0.1 a column is steady, from 0.25
  on it has shifted (Lewis, "An introduction to credit scoring", 1994; Siddiqi, "Credit risk scorecards", 2006).
  Without any change it is about (bins − 1) × (1/n + 1/m) for n and m rows (Yurdakul, "Statistical properties of
  population stability index", 2018), which is why few rows are not judged.
- Kolmogorov-Smirnov statistic: the greatest difference of the two cumulative distributions, looked at between bins, and
  missing values counting as below all others (Massey, JASA 46, 1951).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.models.manifest import FeatureEntry, FeatureReference
from netsift.models.reference import cumulative_shares, distinct
from netsift.models.upgrade import PROBABILITIES_OF_VERSION_1

LEAST_BIN: Final = 0.05
"""Share of the reference that a bin holds at least (Siddiqi 2006), so that no chance value fills an empty bin."""

STEADY_BELOW: Final = 0.1
SHIFTED_FROM: Final = 0.25
"""Usual borders of the population stability index (Lewis 1994, Siddiqi 2006)."""

ALIEN_FROM: Final = 0.9
"""Kolmogorov-Smirnov statistic, of values that are neither missing nor 0, from which on a column has next to nothing in
common with what it was: another unit, say. Missing and 0 are the same in every unit."""

ALIEN_SHARE: Final = 0.05
ALIEN_IMPORTANCE: Final = 0.001
"""Share of such values that a column needs on both sides to be judged so, and share of the model's importance."""

_EVEN: Final = 0.5

Shares = npt.NDArray[np.float64]
Part = tuple[float, FeatureReference]
"""The weight of a distribution in a mixture, and the distribution."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What a column's values should look like: the weighted ``parts``, of which the first is of benign flows.

    ``benign`` is the distribution over all benign training flows: its quantiles are the borders at which is compared.
    """

    benign: FeatureReference
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a column differs most: the shares of flows that have a word, a number up to ``at``, or no value (None)."""

    at: float | str | None
    was: float
    now: float


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far one column, or the score, moved.

    ``stability`` is the population stability index, ``distance`` the Kolmogorov-Smirnov statistic (None for words),
    ``importance`` the column's share of the model's importance. ``was`` and ``now`` are medians or most frequent words,
    None where most values are missing; ``most`` says where the two differ most. An ``alien`` column has next to nothing
    in common with what it was; a score is ``raised`` when its mean is above that of the reference.
    """

    name: str
    unit: str
    stability: float
    distance: float | None
    importance: float
    was: float | str | None
    now: float | str | None
    most: Difference
    alien: bool = False
    raised: bool = False

    @property
    def shifted(self) -> bool:
        """Whether the column is far from what it was."""
        return self.stability >= SHIFTED_FROM


def mixture(benign: FeatureReference, parts: Sequence[Part]) -> FeatureReference:
    """Return the distribution of a mixture whose weights add up to 1; all are described at the borders of ``benign``.

    Its mean is 0 where the parts have none.
    """
    present = min(1.0, sum(weight * one.present for weight, one in parts))
    scale = present or 1.0
    if benign.categories is not None:
        words = {word for _, one in parts for word in one.categories or {}}
        return FeatureReference(
            present=present,
            categories={
                word: min(1.0, sum(w * one.present * (one.categories or {}).get(word, 0.0) for w, one in parts) / scale)
                for word in sorted(words)
            },
        )
    edges = distinct(benign.quantiles or [])
    shares = np.zeros(len(edges))
    for weight, one in parts:
        shares += weight * one.present / scale * np.array(one.cumulative or np.zeros(len(edges)))
    return FeatureReference(
        present=present,
        mean=sum(weight * one.present * (one.mean or 0.0) for weight, one in parts) / scale,
        quantiles=benign.quantiles,
        cumulative=np.minimum(shares, 1.0).tolist(),
    )


def column_drift(
    entry: FeatureEntry, values: npt.NDArray[np.float32], usual: Usual, importance: float = 0.0
) -> ColumnDrift:
    """Return how far a column's values (rows,), below zero where missing, are from what they should look like."""
    if entry.categories:
        return _word_drift(entry.name, entry.categories, values, usual, importance)
    return _number_drift(entry.name, entry.unit, values, usual, importance)


def _word_drift(
    name: str, words: Sequence[str], values: npt.NDArray[np.float32], usual: Usual, importance: float
) -> ColumnDrift:
    bins = np.where(values >= 0, values, len(words)).astype(np.int64)
    now = np.bincount(bins, minlength=len(words) + 1) / len(values)
    known = [
        sum(weight * one.present * (one.categories or {}).get(word, 0.0) for weight, one in usual.parts)
        for word in words
    ]
    was = np.array([*known, sum(weight * (1 - one.present) for weight, one in usual.parts)])
    names = [*words, None]
    most = int(np.abs(was - now).argmax())
    return ColumnDrift(
        name=name,
        unit="",
        stability=stability_index(*_word_bins(was, now), len(values)),
        distance=None,
        importance=importance,
        was=names[int(was.argmax())],
        now=names[int(now.argmax())],
        most=Difference(names[most], float(was[most]), float(now[most])),
    )


def _number_drift(
    name: str, unit: str, values: npt.NDArray[np.float32], usual: Usual, importance: float
) -> ColumnDrift:
    edges = distinct(usual.benign.quantiles or [])
    present = values[values >= 0].astype(np.float64)
    observed = np.array(cumulative_shares(present, edges))
    now = _shares_up_to(len(present) / len(values), observed)
    each = [_shares_up_to(one.present, _cumulative(one, edges, observed)) for _, one in usual.parts]
    was = sum(
        (weight * shares for (weight, _), shares in zip(usual.parts, each, strict=True)), start=np.zeros(len(now))
    )
    everything = _shares_up_to(usual.benign.present, _cumulative(usual.benign, edges, observed))
    most = int(np.abs(was - now).argmax())
    return ColumnDrift(
        name=name,
        unit=unit,
        stability=stability_index(*_number_bins(was, now), len(values)),
        distance=float(np.abs(was - now).max()),
        importance=importance,
        was=_median_was(was, edges),
        now=_median_now(values),
        most=Difference(edges[most - 1] if 0 < most <= len(edges) else None, float(was[most]), float(now[most])),
        alien=importance >= ALIEN_IMPORTANCE and _alien([everything, *each], now, edges, float((values > 0).mean())),
    )


def _shares_up_to(present: float, cumulative: Shares) -> Shares:
    """Return the share of rows that are missing, or up to each edge, or up to the greatest value."""
    missing = 1 - present
    return np.concatenate([[missing], missing + present * cumulative, [1.0]])


def _alien(each: Sequence[Shares], now: Shares, edges: Sequence[float], positive_now: float) -> bool:
    """Return whether the values above 0 have next to nothing in common with those of any distribution in ``each``.

    The first two are those of all benign flows, and of benign flows in the mix of services at hand. What these services
    hardly ever have, though others do, cannot be judged.
    """
    zero = 1 if edges and edges[0] <= 0 else 0
    enough = [1 - was[zero] >= ALIEN_SHARE for was in each]
    if positive_now < ALIEN_SHARE or not any(enough) or (enough[0] and not enough[1]):
        return False
    above = (now[zero:] - (1 - positive_now)) / positive_now
    known = [was for was, is_enough in zip(each, enough, strict=True) if is_enough]
    apart = [np.abs((was[zero:] - was[zero]) / (1 - was[zero]) - above)[1:].max() for was in known]
    return bool(min(apart) >= ALIEN_FROM)


def _cumulative(one: FeatureReference, edges: Sequence[float], observed: Shares) -> Shares:
    """Return the share of the reference's values up to each edge.

    Format version 1 kept quantiles alone. They say no more than that the share lies between the probability of the
    quantile and that of the next; within these limits it is taken to be what was ``observed``.
    """
    if one.cumulative is not None:
        return np.array(one.cumulative)
    if not one.quantiles:
        return np.zeros(len(edges))
    quantiles = np.array(one.quantiles)
    lowest = np.searchsorted(quantiles, edges, "right") - 1
    limits = np.append(PROBABILITIES_OF_VERSION_1, 1.0)
    return np.clip(observed, limits[lowest], limits[lowest + 1])


def _number_bins(was: Shares, now: Shares) -> tuple[Shares, Shares]:
    """Return the shares of missing values and of bins that held :data:`LEAST_BIN` each, from cumulative shares.

    A bin goes on to the right until it is large enough; what remains joins the last.
    """
    ends: list[int] = []
    start = was[0]
    for place in range(1, len(was)):
        if was[place] - start >= LEAST_BIN:
            ends.append(place)
            start = was[place]
    ends = [0, *(ends[:-1] if was[-1] - start < LEAST_BIN else ends)]
    ends = ends if ends[-1] == len(was) - 1 else [*ends, len(was) - 1]
    return np.diff(was[ends], prepend=0.0), np.diff(now[ends], prepend=0.0)


def _word_bins(was: Shares, now: Shares) -> tuple[Shares, Shares]:
    """Return the shares of the words that were common, of all others together, and of missing values."""
    common = np.flatnonzero(was[:-1] >= LEAST_BIN)
    return tuple(  # type: ignore[return-value]
        np.concatenate([shares[common], [shares[:-1].sum() - shares[common].sum()], shares[-1:]])
        for shares in (was, now)
    )


def stability_index(was: Shares, now: Shares, rows: int) -> float:
    """Return the population stability index of two sets of bin shares; half a row in every bin keeps it finite."""
    smooth_was = (np.maximum(was, 0) * rows + 0.5) / (rows + 0.5 * len(was))
    smooth_now = (np.maximum(now, 0) * rows + 0.5) / (rows + 0.5 * len(now))
    return float(((smooth_now - smooth_was) * np.log(smooth_now / smooth_was)).sum())


def _median_was(cumulative: Shares, edges: Sequence[float]) -> float | None:
    """Return the lowest edge up to which half of the rows lie; None when half of them are missing."""
    place = int(np.searchsorted(cumulative, _EVEN))
    return None if place == 0 or not edges else edges[min(place - 1, len(edges) - 1)]


def _median_now(values: npt.NDArray[np.float32]) -> float | None:
    median = float(np.median(values))
    return float(f"{median:.6g}") if median >= 0 else None
