"""Measures of scores against labels, and the thresholds that keep to a false-positive rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.splits import Labels
from netsift.models.manifest import ClassResult, OperatingPoint, ProtocolResult

Values = npt.NDArray[np.float64]

FALSE_POSITIVE_RATES: Final = (0.05, 0.01, 0.001)
"""Rates for which a model holds thresholds."""

HEADLINE_RATE: Final = 0.01
"""The rate whose recall decides which protocol is the worst."""

_EVEN: Final = 0.5
_DIGITS: Final = 6


def operating_point(attack: npt.NDArray[np.bool_], score: Values, rate: float) -> OperatingPoint:
    """Return the lowest threshold that flags at most the share ``rate`` of the benign rows, and the recall there.

    ``attack`` and ``score`` have shape (rows,), with at least one benign row. The threshold lies halfway between the
    highest score that must not be flagged and the next score above it, whatever its class, so that a new flow between
    the two is judged by which one it is nearer to.
    """
    benign = np.sort(score[~attack])[::-1]
    allowed = int(np.floor(rate * len(benign) + 1e-9))
    highest_unflagged = float(benign[min(allowed, len(benign) - 1)])
    above = score[score > highest_unflagged]
    if len(above):
        threshold = (highest_unflagged + float(above.min())) / 2
    else:
        threshold = float(np.nextafter(np.float32(highest_unflagged), np.float32(2)))
    flagged = score[attack] >= threshold
    recall = float(flagged.mean()) if len(flagged) else 0.0
    return OperatingPoint(false_positive_rate=rate, threshold=threshold, recall=round(recall, _DIGITS))


def f1_score(attack: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> float:
    """Return F1 of the attack class: 2 TP ÷ (2 TP + FP + FN), and 0 where there is nothing to find or found."""
    right = int((attack & predicted).sum())
    wrong = int((attack != predicted).sum())
    return 2 * right / (2 * right + wrong) if right + wrong else 0.0


def class_results(names: Sequence[str], truth: Labels, predicted: Labels) -> list[ClassResult]:
    """Return precision and recall of every class that has rows."""
    results = []
    for label, name in enumerate(names):
        is_class, said = truth == label, predicted == label
        if not is_class.any():
            continue
        right = float((is_class & said).sum())
        precision = right / float(said.sum()) if said.any() else 0.0
        recall = right / float(is_class.sum())
        results.append(
            ClassResult(
                name=name, rows=int(is_class.sum()), precision=round(precision, _DIGITS), recall=round(recall, _DIGITS)
            )
        )
    return results


def protocol_result(
    protocol: str, meaning: str, names: Sequence[str], truth: Labels, probabilities: Values
) -> ProtocolResult:
    """Return every measure of a protocol from its out-of-fold class probabilities, shape (rows, classes).

    ROC AUC and average precision are scikit-learn's. Both benign and attack rows are needed.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    attack = truth > 0
    score = attack_scores(probabilities)
    predicted = score >= _EVEN
    return ProtocolResult(
        protocol=protocol,
        meaning=meaning,
        rows=len(truth),
        accuracy=round(float((attack == predicted).mean()), _DIGITS),
        f1=round(f1_score(attack, predicted), _DIGITS),
        roc_auc=round(float(roc_auc_score(attack, score)), _DIGITS),
        average_precision=round(min(1.0, float(average_precision_score(attack, score))), _DIGITS),
        operating_points=[operating_point(attack, score, rate) for rate in FALSE_POSITIVE_RATES],
        classes=class_results(names, truth, probabilities.argmax(axis=1)),
    )


def attack_scores(probabilities: Values) -> Values:
    """Return the score of each row, the sum of its attack probabilities; rounded, so that adding order is not seen."""
    scores: Values = np.round(np.clip(probabilities[:, 1:].sum(axis=1), 0, 1), 9)
    return scores


def worst(results: Sequence[ProtocolResult]) -> ProtocolResult:
    """Return the result that flatters least: lowest recall at 1 % false positives, then lowest ROC AUC.

    Among equals it is the last: protocols are listed from the most flattering to the most honest.
    """
    return min(reversed(results), key=lambda result: (recall_at(result, HEADLINE_RATE), result.roc_auc))


def recall_at(result: ProtocolResult, rate: float) -> float:
    """Return the recall of a result at one of :data:`FALSE_POSITIVE_RATES`."""
    return next(point.recall for point in result.operating_points if point.false_positive_rate == rate)
