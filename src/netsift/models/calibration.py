"""Thresholds fitted to the ordinary traffic of the network that a model is used on; the model itself stays as it is.

A model's thresholds keep to their false-positive rates on traffic like the benign part of its training data. Here they
are set anew as split-conformal quantiles of the scores that the model gives to unlabelled, mostly ordinary traffic of
another network: with n scores, the threshold of a rate r lies above the ⌈(n + 1)(1 - r)⌉-th smallest, and a further
flow like these is flagged with probability at most r, whatever the distribution of the scores (Vovk, Gammerman, Shafer,
"Algorithmic learning in a random world", 2005; Lei et al., "Distribution-free predictive inference for regression",
2018). The guarantee wants flows that could as well have come in another order. Flows of one pair of hosts resemble each
other, so a pair counts as at most :data:`PAIR_SHARE` of the flows that the rate allows: no pair alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.errors import InputError
from netsift.models.dataset import UNKNOWN, Circumstances, Reservoir, circumstances_of
from netsift.models.manifest import CalibratedThreshold, Calibration, CalibrationInput, Manifest, Period, Threshold

DEFAULT_TRIM: Final = 0.001
"""Share of the flows that may be set aside as incidents.

Small enough that the usual rate of 1 % becomes at most 1.1 % should all of them be ordinary after all, and large enough
for a few incidents among a day's flows.
"""

MAX_FLOWS: Final = 2_000_000
"""Flows that are kept; of more, a uniform random sample."""

PAIR_SHARE: Final = 0.5
"""A pair of hosts counts as at most this share of the flows that a rate allows to be flagged."""

_ALMOST: Final = 1e-9
_SEED: Final = 0
_MOST_STEPS: Final = 100

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredTraffic:
    """Flows in the order of their start; arrays of shape (flows,), UNKNOWN where a flow has no addresses or time.

    ``seen`` is how many flows there were in all; these are a random sample of them.
    """

    score: Values
    host_pair: npt.NDArray[np.int64]
    start_ns: npt.NDArray[np.int64]
    seen: int

    def part(self, rows: slice | npt.NDArray[np.bool_]) -> ScoredTraffic:
        """Return some of the flows."""
        return ScoredTraffic(self.score[rows], self.host_pair[rows], self.start_ns[rows], self.seen)


@dataclass(slots=True)
class TrafficSample:
    """Collects the scores of a stream of flow batches, :data:`MAX_FLOWS` of them at most."""

    _reservoir: Reservoir = field(default_factory=lambda: Reservoir(MAX_FLOWS, _SEED))

    def add(self, batch: pa.RecordBatch, score: npt.NDArray[np.float32]) -> None:
        """Add the flows of a batch with their scores, shape (rows,)."""
        self._reservoir.add(score[:, None], np.column_stack(circumstances_of(batch)))

    def traffic(self) -> ScoredTraffic:
        """Return the flows. Raises InputError where there are none."""
        if not self._reservoir.seen:
            raise InputError("the inputs hold no flow to calibrate with")
        matrix, marks = self._reservoir.rows()
        order = np.argsort(marks[:, 0], kind="stable")
        circumstances = Circumstances(*np.ascontiguousarray(marks[order].T))
        score = matrix[order, 0].astype(np.float64)
        return ScoredTraffic(score, circumstances.host_pair, circumstances.start_ns, self._reservoir.seen)


@dataclass(frozen=True, slots=True)
class ConformalThreshold:
    """What :func:`conformal_threshold` found; ``threshold`` is None where ``counted`` flows are too few for the rate.

    ``counted`` is the number of flows after those of talkative pairs were taken for fewer, ``set_aside`` the number of
    flows taken for incidents.
    """

    threshold: float | None
    counted: int
    set_aside: int


def conformal_threshold(traffic: ScoredTraffic, rate: float, sure_from: float, trim: float) -> ConformalThreshold:
    """Return the threshold that a further flow like these reaches with probability at most ``rate``.

    Flows with a score of at least ``sure_from`` are set aside, the highest first, up to the share ``trim`` of all flows
    and never more than ``rate``: if they were ordinary after all, the share flagged is still below twice the rate.
    """
    order = np.argsort(-traffic.score, kind="stable")
    score = traffic.score[order]
    most = int(np.floor(min(trim, rate) * len(score) + _ALMOST))
    set_aside = min(most, int((score >= sure_from).sum()))
    weight = _weights(traffic.host_pair[order][set_aside:], rate)
    counted = float(weight.sum())
    allowed = rate * (counted + 1) - 1
    if allowed < -_ALMOST:
        return ConformalThreshold(None, int(counted), set_aside)
    rest = score[set_aside:]
    above = np.cumsum(weight) - weight
    # Equal scores are flagged together or not at all: of each, the first says how much lies above it.
    first = np.flatnonzero(np.append(True, rest[1:] != rest[:-1]))
    place = first[np.flatnonzero(above[first] <= allowed + _ALMOST)[-1]]
    highest_unflagged = float(rest[place])
    higher = score[score > highest_unflagged]
    if len(higher):
        threshold = (highest_unflagged + float(higher[-1])) / 2
    else:
        threshold = float(np.nextafter(np.float32(highest_unflagged), np.float32(2)))
    return ConformalThreshold(threshold, int(counted), set_aside)


def _weights(host_pair: npt.NDArray[np.int64], rate: float) -> Values:
    """Return what each flow counts; a pair counts at least as one flow, a flow without addresses as its own pair."""
    _, pair, flows = np.unique(host_pair, return_inverse=True, return_counts=True)
    most = float(len(host_pair))
    # What a pair may count depends on what all of them count together: this falls to where both agree.
    for _ in range(_MOST_STEPS):
        counted = np.where(host_pair == UNKNOWN, 1.0, np.minimum(1.0, most / flows)[pair])
        allowed = max(1.0, PAIR_SHARE * rate * float(counted.sum()))
        if allowed >= most - _ALMOST:
            break
        most = allowed
    return counted


def calibrated(
    manifest: Manifest, traffic: ScoredTraffic, inputs: Sequence[CalibrationInput], trim: float = DEFAULT_TRIM
) -> Manifest:
    """Return the manifest with thresholds for this traffic and a record of how they were found.

    A rate for which the flows are too few keeps the threshold of training. Of a manifest that was calibrated before,
    that calibration is forgotten. What is sure is judged by the training threshold of the smallest rate.

    Raises:
        InputError: the model learned from one of the inputs, so that its scores there are not those of new traffic.
    """
    refuse_learned(manifest, inputs)
    trained = trained_thresholds(manifest)
    sure_from = min(trained, key=lambda entry: entry.false_positive_rate).threshold
    entries = []
    for entry in trained:
        found = conformal_threshold(traffic, entry.false_positive_rate, sure_from, trim)
        entries.append(
            CalibratedThreshold(
                false_positive_rate=entry.false_positive_rate,
                trained=entry.threshold,
                calibrated=found.threshold,
                flows_counted=found.counted,
                flows_set_aside=found.set_aside,
                later_share=_later_share(traffic, entry.false_positive_rate, sure_from, trim),
            )
        )
    record = Calibration(
        inputs=list(inputs),
        flows=traffic.seen,
        flows_used=len(traffic.score),
        host_pairs=len(np.unique(traffic.host_pair[traffic.host_pair != UNKNOWN])),
        period=_period(traffic.start_ns),
        trim=trim,
        sure_from=sure_from,
        flows_sure=int((traffic.score >= sure_from).sum()),
        thresholds=entries,
    )
    thresholds = [
        Threshold(
            false_positive_rate=entry.false_positive_rate,
            threshold=entry.trained if entry.calibrated is None else entry.calibrated,
        )
        for entry in entries
    ]
    return manifest.model_copy(update={"thresholds": thresholds, "calibration": record})


def trained_thresholds(manifest: Manifest) -> list[Threshold]:
    """Return the thresholds as training chose them, whether or not the model was calibrated since."""
    if manifest.calibration is None:
        return list(manifest.thresholds)
    return [
        Threshold(false_positive_rate=entry.false_positive_rate, threshold=entry.trained)
        for entry in manifest.calibration.thresholds
    ]


def refuse_learned(manifest: Manifest, inputs: Sequence[CalibrationInput]) -> None:
    """Raise InputError where the model learned from one of the inputs, told by their SHA-256."""
    learned = {source.sha256 for source in manifest.training}
    names = [source.name for source in inputs if source.sha256 in learned]
    if names:
        raise InputError(
            f"the model learned from {', '.join(names[:5])}: what it remembers says nothing about new traffic; "
            "calibrate it on other captures"
        )


def _later_share(traffic: ScoredTraffic, rate: float, sure_from: float, trim: float) -> float | None:
    """Return the share of the later half that is flagged when only the earlier half sets the threshold."""
    middle = len(traffic.score) // 2
    found = conformal_threshold(traffic.part(slice(middle)), rate, sure_from, trim) if middle else None
    if found is None or found.threshold is None or (traffic.start_ns == UNKNOWN).any():
        return None
    return round(float((traffic.score[middle:] >= found.threshold).mean()), 6)


def _period(start_ns: npt.NDArray[np.int64]) -> Period | None:
    known = start_ns[start_ns != UNKNOWN]
    return Period(start_ns=int(known.min()), end_ns=int(known.max())) if len(known) else None


def conformal_p_values(score: Values, ordinary: Values) -> Values:
    """Return the split-conformal p-value of scores: (1 + ordinary scores that are not smaller) ÷ (1 + all of them).

    ``ordinary``, scores of held-back ordinary traffic, are in order. Where a score could as well be one of them, its
    p-value is at most p with probability at most p.
    """
    smaller = np.searchsorted(ordinary, score, side="left")
    return (1 + len(ordinary) - smaller) / (1 + len(ordinary))
