"""Does this traffic look like what the model learned from? Population stability and Kolmogorov-Smirnov, per column.

Attacks must not count as drift: they are what the model is for, and each campaign looks like itself alone. So flows
that the model takes for benign are compared with the benign reference in the bundle. Where these are too few, all flows
are compared with a mixture of the references of all classes, weighted by the share of flows taken for each class; that
is weaker evidence, and leads to distrust only where a column is in another unit.

Every column falls into bins: missing, and intervals between quantiles of its benign reference, or the common words.

- Population stability index: sum over bins of (now − was) × ln(now ÷ was). Below 0.1 a column is steady, from 0.25
  on it has shifted (Lewis, "An introduction to credit scoring", 1994; Siddiqi, "Credit risk scorecards", 2006).
  Without any change it is about (bins − 1) × (1/n + 1/m) for n and m rows (Yurdakul, "Statistical properties of
  population stability index", 2018), which is why few rows are not judged.
- Kolmogorov-Smirnov statistic: the greatest difference of the two cumulative distributions, looked at between bins, and
  missing values counting as below all others (Massey, JASA 46, 1951).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.base import Scores
from netsift.models.bundle import Bundle
from netsift.models.dataset import Reservoir
from netsift.models.features import FeatureMatrix
from netsift.models.manifest import FeatureEntry, FeatureReference, Manifest, Reference
from netsift.models.reference import cumulative_shares, distinct, whole_hundredths
from netsift.models.upgrade import PROBABILITIES_OF_VERSION_1

LEAST_ROWS: Final = 500
"""Flows that are needed for a verdict: with 17 bins, chance alone then gives an index of 0.03."""

SAMPLE_ROWS: Final = 20_000
"""Flows that are compared; a uniform random sample of more."""

LEAST_BIN: Final = 0.05
"""Share of the reference that a bin holds at least (Siddiqi 2006), so that no chance value fills an empty bin."""

STEADY_BELOW: Final = 0.1
SHIFTED_FROM: Final = 0.25
"""Usual borders of the population stability index (Lewis 1994, Siddiqi 2006)."""

DOUBTFUL_SHARE: Final = 0.25
DISTRUSTED_SHARE: Final = 0.6
"""From which share of the model's importance in shifted columns on the traffic is doubtful, or not to be trusted.

Chosen on traffic that is known to fit and not to fit; docs/drift.md has the measurements."""

ALIEN_FROM: Final = 0.9
"""Kolmogorov-Smirnov statistic, of values that are neither missing nor 0, from which on a column has next to nothing in
common with what it was: another unit, say. Missing and 0 are the same in every unit."""

ALIEN_SHARE: Final = 0.05
ALIEN_IMPORTANCE: Final = 0.001
"""Share of such values that a column needs on both sides to be judged so, and share of the model's importance."""

SCORE: Final = "score"
_EVEN: Final = 0.5
_BENIGN: Final = 0

Shares = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What the comparison comes to."""

    FITS = "fits"
    DOUBTFUL = "doubtful"
    DO_NOT_TRUST = "do not trust"
    TOO_FEW = "not judged"


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far one column, or the score, moved.

    ``stability`` is the population stability index, ``distance`` the Kolmogorov-Smirnov statistic (None for words),
    ``importance`` the column's share of the model's importance. ``was`` and ``now`` are medians or most frequent words,
    None where most values are missing. An ``alien`` column has next to nothing in common with what it was; a
    score is ``raised`` when its mean is above that of the reference.
    """

    name: str
    unit: str
    stability: float
    distance: float | None
    importance: float
    was: float | str | None
    now: float | str | None
    alien: bool = False
    raised: bool = False

    @property
    def shifted(self) -> bool:
        """Whether the column is far from what it was."""
        return self.stability >= SHIFTED_FROM


@dataclass(frozen=True, slots=True)
class Drift:
    """The comparison of ``compared`` flows, drawn from ``rows``, with the model's reference.

    ``suspicious_share`` is the share of flows that the model takes for attacks; ``ordinary`` says whether the compared
    flows are all others, and not a mixture.

    ``columns`` stand in the order of importance-weighted movement, the most moved first; ``score`` is None where the
    bundle has no distribution of scores. ``shifted_share`` is the share of the model's importance in shifted columns.
    """

    verdict: Verdict
    rows: int
    compared: int
    suspicious_share: float
    ordinary: bool
    shifted_share: float
    score: ColumnDrift | None
    columns: tuple[ColumnDrift, ...]

    @property
    def moved(self) -> tuple[ColumnDrift, ...]:
        """The columns that are not steady, the most moved first."""
        return tuple(column for column in self.columns if column.stability >= STEADY_BELOW)

    @property
    def reason(self) -> str:
        """The verdict's reason in words."""
        if self.verdict is Verdict.TOO_FEW:
            return f"{self.compared:,} flows can be compared and {LEAST_ROWS:,} are needed"
        told = self._told()
        return (
            told if self.ordinary else f"the model takes {self.suspicious_share:.0%} of the flows for attacks; {told}"
        )

    def _told(self) -> str:
        aliens = [column.name for column in self.columns if column.alien]
        shifted = sum(column.shifted for column in self.columns)
        share = f"{shifted} of {len(self.columns)} columns, with {self.shifted_share:.0%} of the model's importance"
        if aliens:
            others = f" and {len(aliens) - 3} more" if len(aliens) > 3 else ""
            return (
                f"{', '.join(aliens[:3])}{others} have next to nothing in common with the training traffic (another "
                f"meter or unit?); {share}, have shifted"
            )
        return f"{share}, have shifted" if shifted else "no column has shifted"

    def as_json(self) -> dict[str, Any]:
        """Return the comparison in a form that JSON can hold."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "flows": self.rows,
            "compared": self.compared,
            "suspicious_share": self.suspicious_share,
            "only_ordinary_flows": self.ordinary,
            "shifted_share": self.shifted_share,
            "thresholds": {
                "steady_below": STEADY_BELOW,
                "shifted_from": SHIFTED_FROM,
                "doubtful_share": DOUBTFUL_SHARE,
                "distrusted_share": DISTRUSTED_SHARE,
                "alien_from": ALIEN_FROM,
                "least_rows": LEAST_ROWS,
            },
            "score": None if self.score is None else _column_json(self.score),
            "columns": [_column_json(column) for column in self.columns],
        }


def _column_json(column: ColumnDrift) -> dict[str, Any]:
    return {
        "name": column.name,
        "unit": column.unit,
        "population_stability_index": round(column.stability, 4),
        "kolmogorov_smirnov": None if column.distance is None else round(column.distance, 4),
        "importance": round(column.importance, 4),
        "was": column.was,
        "now": column.now,
    }


class DriftWatch:
    """Collects a uniform sample of scored flows, in memory that does not grow with the traffic, and judges it.

    The same flows in the same order give the same sample. Costs about a copy of each feature matrix.
    """

    def __init__(self, bundle: Bundle, rows: int = SAMPLE_ROWS) -> None:
        """Watch for drift from the reference of ``bundle``, on a sample of at most ``rows`` flows."""
        self._bundle = bundle
        self._sample = Reservoir(rows, seed=0)

    def observe(self, scores: Scores) -> None:
        """Take in one batch after it was scored."""
        marks = np.where(scores.score >= _EVEN, scores.attack + 1, _BENIGN)
        self._sample.add(np.column_stack([scores.matrix, scores.score]), marks[:, None])

    def judge(self) -> Drift:
        """Compare what was seen so far with the reference."""
        if not self._sample.seen:
            return Drift(Verdict.TOO_FEW, 0, 0, 0.0, True, 0.0, None, ())
        matrix, marks = self._sample.rows()
        return _compare(self._bundle, matrix, marks[:, 0], self._sample.seen)


def _compare(bundle: Bundle, matrix: FeatureMatrix, labels: npt.NDArray[np.int64], rows: int) -> Drift:
    """Compare rows (rows, features and score) taken for classes ``labels`` with the bundle's reference."""
    reference, manifest = bundle.reference, bundle.manifest
    benign = labels == _BENIGN
    suspicious = float(1 - benign.mean())
    ordinary = int(benign.sum()) >= LEAST_ROWS or not reference.classes
    if ordinary:
        matrix, labels = matrix[benign], labels[benign]
    if len(matrix) < LEAST_ROWS:
        return Drift(Verdict.TOO_FEW, rows, len(matrix), suspicious, True, 0.0, None, ())
    weights = _weights(labels, manifest.classes)
    importance = _importance(manifest)
    columns = [
        _column_drift(
            entry, matrix[:, position], _parts(reference, entry.name, weights), importance.get(entry.name, 0.0)
        )
        for position, entry in enumerate(manifest.features)
    ]
    columns.sort(key=lambda column: (not column.alien, -column.stability * column.importance, -column.stability))
    score = _score_drift(reference, matrix[:, -1], weights)
    shifted = sum(column.importance for column in columns if column.shifted)
    verdict = _verdict(columns, score, shifted, ordinary=ordinary)
    return Drift(verdict, rows, len(matrix), suspicious, ordinary, shifted, score, tuple(columns))


def _verdict(
    columns: Sequence[ColumnDrift], score: ColumnDrift | None, shifted_share: float, *, ordinary: bool
) -> Verdict:
    if any(column.alien for column in columns) or (ordinary and shifted_share >= DISTRUSTED_SHARE):
        return Verdict.DO_NOT_TRUST
    if shifted_share >= DOUBTFUL_SHARE or (score is not None and score.shifted and score.raised):
        return Verdict.DOUBTFUL
    return Verdict.FITS


def _weights(labels: npt.NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    counts = np.bincount(labels, minlength=len(names)) / len(labels)
    return {name: share for name, share in zip(names, counts.tolist(), strict=True) if share > 0}


def _importance(manifest: Manifest) -> dict[str, float]:
    """Return each feature's share of the impurity that all remove together."""
    total = sum(max(entry.impurity, 0.0) for entry in manifest.importance) or 1.0
    return {entry.feature: max(entry.impurity, 0.0) / total for entry in manifest.importance}


Part = tuple[float, FeatureReference]
"""The weight and the distribution of one class in a mixture; the benign one comes first, with its weight or with 0."""


def _parts(reference: Reference, name: str, weights: Mapping[str, float]) -> list[Part]:
    benign = sum(weights.values()) - sum(weights.get(label, 0.0) for label in reference.classes)
    attacks = [(weights[label], entry.features[name]) for label, entry in reference.classes.items() if label in weights]
    return [(benign, reference.features[name]), *attacks]


def _score_drift(
    reference: Reference, values: npt.NDArray[np.float32], weights: Mapping[str, float]
) -> ColumnDrift | None:
    if reference.score is None:
        return None
    parts = [(weights.get(label, 0.0), entry.score) for label, entry in reference.classes.items()]
    benign = 1.0 - sum(weight for weight, _ in parts)
    known = [(benign, reference.score), *((weight, entry) for weight, entry in parts if entry is not None and weight)]
    steps = whole_hundredths(values)
    usual = sum(weight * (entry.mean or 0.0) for weight, entry in known)
    return replace(_number_drift(SCORE, "", steps, known, 0.0), raised=float(steps.mean()) > usual)


def _column_drift(
    entry: FeatureEntry, values: npt.NDArray[np.float32], parts: Sequence[Part], importance: float
) -> ColumnDrift:
    if entry.categories:
        return _word_drift(entry.name, entry.categories, values, parts, importance)
    return _number_drift(entry.name, entry.unit, values, parts, importance)


def _word_drift(
    name: str, words: Sequence[str], values: npt.NDArray[np.float32], parts: Sequence[Part], importance: float
) -> ColumnDrift:
    bins = np.where(values >= 0, values, len(words)).astype(np.int64)
    now = np.bincount(bins, minlength=len(words) + 1) / len(values)
    was = np.array(
        [
            *(
                sum(weight * one.present * (one.categories or {}).get(word, 0.0) for weight, one in parts)
                for word in words
            ),
            sum(weight * (1 - one.present) for weight, one in parts),
        ]
    )
    names = [*words, None]
    stability = stability_index(*_word_bins(was, now), len(values))
    return ColumnDrift(name, "", stability, None, importance, names[int(was.argmax())], names[int(now.argmax())])


def _number_drift(
    name: str, unit: str, values: npt.NDArray[np.float32], parts: Sequence[Part], importance: float
) -> ColumnDrift:
    benign = parts[0][1]
    edges = distinct(benign.quantiles or [])
    present = values[values >= 0].astype(np.float64)
    present_now = len(present) / len(values)
    observed = np.array(cumulative_shares(present, edges))
    now = _shares_up_to(present_now, observed)
    each = [_shares_up_to(one.present, _cumulative(one, edges, observed)) for _, one in parts]
    was = sum((weight * shares for (weight, _), shares in zip(parts, each, strict=True)), start=np.zeros(len(now)))
    alien = importance >= ALIEN_IMPORTANCE and _alien(each, now, edges, float((values > 0).mean()))
    return ColumnDrift(
        name=name,
        unit=unit,
        stability=stability_index(*_number_bins(was, now), len(values)),
        distance=float(np.abs(was - now).max()),
        importance=importance,
        was=_median_was(was, edges),
        now=_median_now(values),
        alien=alien,
    )


def _shares_up_to(present: float, cumulative: Shares) -> Shares:
    """Return the share of rows that are missing, or up to each edge, or up to the greatest value."""
    missing = 1 - present
    return np.concatenate([[missing], missing + present * cumulative, [1.0]])


def _alien(each: Sequence[Shares], now: Shares, edges: Sequence[float], positive_now: float) -> bool:
    """Return whether the values above 0 have next to nothing in common with those of any class in ``each``."""
    zero = 1 if edges and edges[0] <= 0 else 0
    known = [was for was in each if 1 - was[zero] >= ALIEN_SHARE]
    if positive_now < ALIEN_SHARE or not known:
        return False
    above = (now[zero:] - (1 - positive_now)) / positive_now
    apart = [np.abs((was[zero:] - was[zero]) / (1 - was[zero]) - above)[1:].max() for was in known]
    return bool(min(apart) >= ALIEN_FROM)


def _cumulative(one: FeatureReference, edges: Sequence[float], observed: Shares) -> Shares:
    """Return the share of the reference's values up to each edge.

    Format version 1 kept quantiles alone. They say no more than that the share lies between the probability of the
    quantile and that of the next; within these limits it is taken to be what was ``observed``.
    """
    if not one.quantiles:
        return np.zeros(len(edges))
    if one.cumulative is not None:
        return np.array(one.cumulative)
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
