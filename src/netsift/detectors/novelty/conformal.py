"""From scores to p-values: how often ordinary traffic is as strange.

The split-conformal p-value of a score is the share of held-back ordinary scores, itself included, that are not smaller
(:func:`netsift.models.calibration.conformal_p_values`). With n held-back scores it cannot fall below 1 ÷ (n + 1), so
that all that is stranger than everything held back would be equally strange. Beyond the greatest held-back score the
tail is continued as a generalised Pareto distribution (peaks over threshold: Siffer et al., "Anomaly detection in
streams with extreme value theory", KDD 2017) with the mean excess over the 95 % quantile as scale and shape 1: so heavy
that ten times as far out is ten times as rare. With the usual shape 0 the few ordinary flows of another kind that every
role has came out as one in 10^20. The continuation only ranks; what an alert budget promises does not rest on it
(:mod:`netsift.detectors.novelty.budget`).

Several detectors look at every flow. Their p-values are combined by the procedure of Benjamini and Hochberg ("Controlling
the false discovery rate", 1995): of m p-values the smallest adjusted one, m ÷ rank × p, is the p-value of the flow, and
those detectors agree that the procedure rejects at the level of the alert.
"""  # noqa: E501 - the title of a paper

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.models.calibration import conformal_p_values

Values = npt.NDArray[np.float64]

MOST_SCORES: Final = 20_000
"""Held-back scores kept of a detector; of more, those at evenly spaced ranks, and the greatest."""

_TAIL: Final = 0.95
_SURE: Final = 12.0
"""So many scales beyond the 95 % quantile a held-back score may be set aside as part of an attack."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Held-back scores of one detector in order, shape (scores,), and the scale of their tail, above 0."""

    scores: Values
    scale: float

    def surprise(self, scores: Values) -> Values:
        """Return −log10 of the p-value of scores, continued beyond the greatest held-back score."""
        decades = -np.log10(conformal_p_values(scores, self.scores))
        surprise: Values = decades + np.log10(1 + np.maximum(scores - self.scores[-1], 0) / self.scale)
        return surprise


def calibration_of(scores: Values, trim: float) -> Calibration:
    """Return the calibration that held-back scores give.

    Scores far beyond the tail are set aside as attacks that nobody noticed, at most the share ``trim`` of all.
    """
    ordered = np.sort(scores)
    start = float(np.quantile(ordered, _TAIL))
    excess = ordered[ordered > start] - start
    # The median is not moved by a few attacks; that of an exponential tail is log 2 times its mean.
    scale = float(np.median(excess)) / np.log(2) if len(excess) else 0.0
    scale = max(scale, 1e-6 * max(abs(start), 1e-3))
    sure = int((ordered > start + _SURE * scale).sum())
    kept = ordered[: len(ordered) - min(sure, int(trim * len(ordered)))]
    # The greatest of n exponential excesses is about log n scales large: a longer tail has a larger scale.
    scale = max(scale, (float(kept[-1]) - start) / np.log(2 + len(excess)))
    if len(kept) > MOST_SCORES:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_SCORES).astype(np.int64)]
    return Calibration(kept, scale)


def combined(surprises: Values) -> Values:
    """Return −log10 of the p-value of flows from that of each detector, shape (detectors, rows)."""
    detectors = len(surprises)
    ordered = -np.sort(-surprises, axis=0)
    adjust = np.log10(detectors / np.arange(1, detectors + 1))[:, None]
    best: Values = (ordered - adjust).max(axis=0)
    np.maximum(best, 0, out=best)
    return best


def agreeing(surprises: Values, level: float) -> npt.NDArray[np.bool_]:
    """Return which detectors the procedure rejects at a level (−log10), shape (detectors,), for those of one flow."""
    order = np.argsort(-surprises, kind="stable")
    bounds = level + np.log10(len(surprises) / np.arange(1, len(surprises) + 1))
    passed = np.flatnonzero(surprises[order] >= bounds - 1e-9)
    rejected = np.zeros(len(surprises), np.bool_)
    rejected[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return rejected
