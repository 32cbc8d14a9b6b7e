"""Measures of scores against labels, and the thresholds that keep to a false-positive rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.splits import Labels
from netsift.models.manifest import ClassResult, CurvePoints, OperatingPoint, ProtocolResult, ReliabilityBin

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FALSE_POSITIVE_RATES: Final = (0.05, 0.01, 0.001, 0.0001)
"""Rates for which a model holds thresholds."""

HEADLINE_RATE: Final = 0.01
"""The rate whose recall decides which protocol is the worst."""

RELIABILITY_BINS: Final = 10

_MOST_POINTS: Final = 200
_EVEN: Final = 0.5
_DIGITS: Final = 6
_ALMOST: Final = 1e-9


def rounded(value: float) -> float:
    """Return a measure to six digits: more would only say how the machine added. NaN stays NaN."""
    return round(float(value), _DIGITS)


@dataclass(frozen=True, slots=True)
class Curve:
    """Rows by falling score, equal scores as one step: what every measure that asks for an order is taken from.

    ``order`` (rows,) sorts the rows; ``ends`` (steps,) is the place of the last row of each step; ``attack`` (rows,) is
    in the sorted order.
    """

    order: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    attack: Flags

    @classmethod
    def of(cls, attack: Flags, score: Values) -> Curve:
        """Sort rows with labels and scores of shape (rows,)."""
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1) if len(ranked) else order
        return cls(order, ends, attack[order])

    def counts(self, weights: Values) -> tuple[Values, Values]:
        """Return weighted attack and benign rows at or above each step, (draws, steps) each.

        ``weights`` (draws, rows) says how often each row counts; ones are the rows as they are.
        """
        ranked = weights[:, self.order]
        attacks = np.cumsum(ranked * self.attack, axis=1)[:, self.ends]
        return attacks, np.cumsum(ranked, axis=1)[:, self.ends] - attacks


def curve_measures(curve: Curve, weights: Values, rates: Sequence[float]) -> dict[str, Values]:
    """Return ROC AUC, average precision and the recall at each false-positive rate, (draws,) each, by name.

    ``weights`` is (draws, rows). NaN where a draw lacks benign or attack rows. Equal scores count half in the area
    (Fawcett, "An introduction to ROC analysis", 2006); average precision is the step-wise sum that scikit-learn takes.
    """
    found, wrong = curve.counts(weights)
    attacks, benign = found[:, -1:], wrong[:, -1:]
    both = ((attacks > 0) & (benign > 0))[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        gained = np.diff(found, axis=1, prepend=0) / attacks
        area = (np.diff(wrong, axis=1, prepend=0) * (found - gained * attacks / 2)).sum(axis=1) / (attacks * benign)[
            :, 0
        ]
        flagged = found + wrong
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        values = {"roc_auc": area, "average_precision": (gained * precision).sum(axis=1)}
        for rate in rates:
            allowed = np.floor(rate * benign + _ALMOST)
            steps = (wrong <= allowed + _ALMOST).sum(axis=1)
            recall = np.take_along_axis(found, np.maximum(steps - 1, 0)[:, None], axis=1)[:, 0] / attacks[:, 0]
            values[recall_name(rate)] = np.where(steps > 0, recall, 0.0)
    return {name: np.where(both, np.clip(value, 0, 1), np.nan) for name, value in values.items()}


def flag_measures(attack: Flags, flagged: Flags, weights: Values) -> dict[str, Values]:
    """Return accuracy, balanced accuracy and F1 of flags (rows,) under weights (draws, rows), (draws,) each, by name.

    Balanced accuracy is the mean of the shares of attack rows flagged and of benign rows not flagged.
    """
    right = weights @ (attack & flagged)
    missed = weights @ (attack & ~flagged)
    wrong = weights @ (~attack & flagged)
    quiet = weights @ (~attack & ~flagged)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "accuracy": (right + quiet) / (right + missed + wrong + quiet),
            "balanced_accuracy": (right / (right + missed) + quiet / (quiet + wrong)) / 2,
            "f1": np.where(right + missed > 0, 2 * right / np.maximum(2 * right + wrong + missed, 1), np.nan),
        }


def recall_name(rate: float) -> str:
    """Return the name of the recall at a false-positive rate among the measures."""
    return f"recall_at_{rate:g}"


def benign_rows_needed(rate: float) -> int:
    """Return how many benign rows it takes until a single false alarm is not more than ``rate`` allows."""
    return int(np.ceil(1 / rate - _ALMOST))


def operating_point(attack: Flags, score: Values, rate: float) -> OperatingPoint:
    """Return the lowest threshold that flags at most the share ``rate`` of the benign rows, and the recall there.

    ``attack`` and ``score`` have shape (rows,), with at least one benign row. The threshold lies halfway between the
    highest score that must not be flagged and the next score above it, whatever its class, so that a new flow between
    the two is judged by which one it is nearer to. The recall is None where there are too few benign rows to tell.
    """
    benign = np.sort(score[~attack])[::-1]
    allowed = int(np.floor(rate * len(benign) + _ALMOST))
    highest_unflagged = float(benign[min(allowed, len(benign) - 1)])
    above = score[score > highest_unflagged]
    if len(above):
        threshold = (highest_unflagged + float(above.min())) / 2
    else:
        threshold = float(np.nextafter(np.float32(highest_unflagged), np.float32(2)))
    flagged = score[attack] >= threshold
    recall = float(flagged.mean()) if len(flagged) else 0.0
    needed = benign_rows_needed(rate)
    return OperatingPoint(
        false_positive_rate=rate,
        threshold=threshold,
        recall=rounded(recall) if len(benign) >= needed else None,
        benign_rows_needed=needed,
    )


def best_f1_threshold(attack: Flags, score: Values) -> float:
    """Return the threshold of the greatest F1, halfway to the next lower score; 0.5 where there is no attack row.

    ``attack`` and ``score`` (rows,) must be of the training side: the best threshold of the test rows is a figure that
    nobody can reach who does not know the answers.
    """
    if not attack.any():
        return _EVEN
    curve = Curve.of(attack, score)
    found, wrong = (counts[0] for counts in curve.counts(np.ones((1, len(score)))))
    best = int(np.argmax(2 * found / (found + wrong + found[-1])))
    steps = score[curve.order][curve.ends]
    lower = steps[best + 1] if best + 1 < len(steps) else 0.0
    return float(steps[best] + lower) / 2


def f1_score(attack: Flags, predicted: Flags) -> float:
    """Return F1 of the attack class: 2 TP ÷ (2 TP + FP + FN), and 0 where there is nothing to find or found."""
    right = int((attack & predicted).sum())
    wrong = int((attack != predicted).sum())
    return 2 * right / (2 * right + wrong) if right + wrong else 0.0


def f1_of_flagging_all(result: ProtocolResult) -> float | None:
    """Return the F1 of a model that flags every tested flow, taken as the result's F1 was; None where it is not known.

    Where most of the data is attacks, as in many public sets, it is high, and an F1 near it shows nothing.
    """
    parts = [(one.rows, one.attack_rows) for one in result.parts if one.f1 is not None and one.rows]
    if not parts or not result.averaged:
        if result.attack_rows is None or not result.rows:
            return None
        parts = [(result.rows, result.attack_rows)]
    return rounded(float(np.mean([2 * attacks / (rows + attacks) for rows, attacks in parts])))


def class_results(
    names: Sequence[str], truth: Labels, predicted: Labels, flagged: Flags | None = None
) -> list[ClassResult]:
    """Return precision and recall of every class that has rows, and the share of its rows that were flagged."""
    results = []
    for label, name in enumerate(names):
        is_class, said = truth == label, predicted == label
        if not is_class.any():
            continue
        right = float((is_class & said).sum())
        results.append(
            ClassResult(
                name=name,
                rows=int(is_class.sum()),
                precision=rounded(right / float(said.sum()) if said.any() else 0.0),
                recall=rounded(right / float(is_class.sum())),
                flagged=None if flagged is None else rounded(flagged[is_class].mean()),
            )
        )
    return results


def curve_points(curve: Curve, score: Values) -> CurvePoints:
    """Return at most 200 steps of a curve, close where false positives are few; both kinds of rows must be there."""
    found, wrong = (counts[0] / counts[0, -1] for counts in curve.counts(np.ones((1, len(score)))))
    grid = _MOST_POINTS // 2 - 1
    kept = np.concatenate(
        [
            np.searchsorted(wrong, np.geomspace(wrong[wrong > 0].min(), 1, grid), side="right") - 1,
            np.searchsorted(found, np.linspace(0, 1, grid)),
            [0, len(wrong) - 1],
        ]
    )
    steps = np.unique(np.clip(kept, 0, len(wrong) - 1))
    at = score[curve.order][curve.ends][steps]
    return CurvePoints(
        score=[rounded(value) for value in at],
        false_positive_rate=[rounded(value) for value in wrong[steps]],
        recall=[rounded(value) for value in found[steps]],
    )


def confusion_counts(truth: Labels, predicted: Labels, classes: int) -> list[list[int]]:
    """Return how many rows of each class (down) have which likeliest class (across)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def brier_score(attack: Flags, score: Values) -> float:
    """Return the mean squared distance of score and label (Brier 1950): 0 is perfect, 0.25 is a constant one half."""
    return float(np.mean((score - attack) ** 2))


def reliability(attack: Flags, score: Values, bins: int = RELIABILITY_BINS) -> list[ReliabilityBin]:
    """Return rows, mean score and share of attacks in each of ``bins`` equal ranges of the score that has rows."""
    place = np.minimum((score * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins)
    scores = np.bincount(place, weights=score, minlength=bins)
    attacks = np.bincount(place, weights=attack, minlength=bins)
    return [
        ReliabilityBin(
            rows=int(rows[one]), score=rounded(scores[one] / rows[one]), attacks=rounded(attacks[one] / rows[one])
        )
        for one in np.flatnonzero(rows).tolist()
    ]


def calibration_error(curve: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error: mean distance of score and share of attacks, weighted by rows.

    Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    rows = sum(one.rows for one in curve)
    return sum(one.rows * abs(one.score - one.attacks) for one in curve) / rows


def attack_scores(probabilities: Values) -> Values:
    """Return the score of each row, the sum of its attack probabilities; rounded, so that adding order is not seen."""
    scores: Values = np.round(np.clip(probabilities[:, 1:].sum(axis=1), 0, 1), 9)
    return scores


@dataclass(frozen=True, slots=True)
class InUse:
    """What an operating point means to the person who reads the alerts.

    ``precision`` is the share of alerts that are right, None where there are no alerts or the recall is not known.
    """

    false_positive_rate: float
    recall: float | None
    precision: float | None
    alerts_per_day: float
    false_alerts_per_day: float


def in_use(point: OperatingPoint, base_rate: float, flows_per_day: float) -> InUse:
    """Return precision and alerts per day on a network of ``flows_per_day`` flows, a share ``base_rate`` attacks.

    The false-positive rate is taken as promised, not as measured: a few thousand benign rows without a false alarm do
    not show that there are none (Axelsson, "The base-rate fallacy and its implications for intrusion detection", 1999).
    """
    false_alerts = flows_per_day * (1 - base_rate) * point.false_positive_rate
    right = flows_per_day * base_rate * (point.recall or 0.0)
    alerts = right + false_alerts
    return InUse(
        false_positive_rate=point.false_positive_rate,
        recall=point.recall,
        precision=rounded(right / alerts) if alerts > 0 and point.recall is not None else None,
        alerts_per_day=rounded(alerts),
        false_alerts_per_day=rounded(false_alerts),
    )


def worst(results: Sequence[ProtocolResult]) -> ProtocolResult:
    """Return the result that flatters least, the first of :func:`worst_first`."""
    return worst_first(results)[0]


def worst_first(results: Sequence[ProtocolResult]) -> list[ProtocolResult]:
    """Return the results with the headline first: honest ones before others, then by recall at 1 %, then by ROC AUC.

    Where one of them has too few benign rows for that recall, the ROC AUC alone decides. Among equals the last comes
    first: protocols are listed from the most flattering to those that ask the most.
    """
    recalls = [recall_at(result, HEADLINE_RATE) for result in results]
    known = all(recall is not None for recall in recalls)
    order = sorted(
        range(len(results)),
        key=lambda place: (
            results[place].honest is False,
            recalls[place] if known else 0.0,
            results[place].roc_auc,
            -place,
        ),
    )
    return [results[place] for place in order]


def thresholds_from(results: Sequence[ProtocolResult]) -> ProtocolResult:
    """Return the result that a model's thresholds come from: the first that is not averaged, of results worst first.

    The models of an averaged protocol lack a kind of attack or all other networks, and score benign flows unlike the
    model of everything.
    """
    return next((result for result in results if not result.averaged), results[0])


def recall_at(result: ProtocolResult, rate: float) -> float | None:
    """Return the recall of a result at one of :data:`FALSE_POSITIVE_RATES`, None where too few rows tell."""
    return next((point.recall for point in result.operating_points if point.false_positive_rate == rate), None)
