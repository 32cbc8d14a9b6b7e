"""From scored rows to the measures of a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.bootstrap import RESAMPLES, Part, drawn_units, intervals
from netsift.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    HEADLINE_RATE,
    Curve,
    Flags,
    Values,
    benign_rows_needed,
    brier_score,
    calibration_error,
    class_results,
    confusion_counts,
    curve_measures,
    curve_points,
    flag_measures,
    operating_point,
    recall_name,
    reliability,
    rounded,
)
from netsift.evaluation.protocols.base import Protocol
from netsift.evaluation.splits import Labels
from netsift.models.dataset import Dataset
from netsift.models.manifest import OperatingPoint, PartResult, ProtocolResult

_FLAGGED: Final = ("accuracy", "balanced_accuracy", "f1")


@dataclass(frozen=True, slots=True)
class Scored:
    """Every tested row with what came out: arrays of shape (tested,), a row once per split that tests it.

    ``rows`` are indices into the dataset, ``part`` into ``names``; ``predicted`` is the likeliest class, ``threshold``
    the one chosen on the training side.
    """

    rows: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    score: Values
    predicted: Labels
    threshold: Values
    names: tuple[str, ...]

    @property
    def flagged(self) -> Flags:
        """Whether each row's score reaches its threshold."""
        return self.score >= self.threshold


def protocol_result(
    protocol: Protocol, dataset: Dataset, scored: Scored, seed: int, resamples: int = RESAMPLES
) -> ProtocolResult:
    """Return every measure of a protocol; there must be benign and attack rows among the tested ones.

    The measures of an averaged protocol are means over those of its splits that test both kinds; thresholds,
    calibration and classes are taken over all tested rows in either case.
    """
    truth = dataset.classes[scored.rows]
    attack = truth > 0
    parts = [_part(scored, attack, scored.part == number) for number in range(len(scored.names))]
    compared = [part for part in parts if _both(part)] if protocol.averaged else []
    compared = compared or [_part(scored, attack, np.ones(len(attack), dtype=np.bool_))]
    figures = mean_figures(compared)
    bins = reliability(attack, scored.score)
    units = drawn_units(dataset)
    return ProtocolResult(
        protocol=protocol.name,
        meaning=protocol.meaning,
        honest=protocol.honest,
        averaged=protocol.averaged,
        rows=len(truth),
        attack_rows=int(attack.sum()),
        **{name: rounded(figures[name]) for name in ("roc_auc", "average_precision", *_FLAGGED)},
        threshold=rounded(scored.threshold.mean()),
        operating_points=list(_operating_points(attack, scored.score, compared, figures)),
        brier=rounded(brier_score(attack, scored.score)),
        calibration_error=rounded(calibration_error(bins)),
        reliability=bins,
        classes=class_results(dataset.names, truth, scored.predicted, scored.flagged),
        intervals=intervals(compared, units, _answered(compared), seed, resamples) if resamples else {},
        interval_unit=units.name if resamples else "",
        parts=[_part_result(name, part) for name, part in zip(scored.names, parts, strict=True)],
        curve=curve_points(Curve.of(attack, scored.score), scored.score),
        confusion=confusion_counts(truth, scored.predicted, len(dataset.names)),
    )


def _part(scored: Scored, attack: Flags, chosen: Flags) -> Part:
    return Part(scored.rows[chosen], attack[chosen], scored.score[chosen], scored.flagged[chosen])


def _both(part: Part) -> bool:
    return bool(part.attack.any() and not part.attack.all())


def mean_figures(parts: Sequence[Part]) -> dict[str, float]:
    """Return the mean over the parts of every measure by name; each part holds benign and attack rows."""
    measured = [_figures(part) for part in parts]
    return {name: float(np.mean([one[name] for one in measured])) for name in measured[0]}


def _figures(part: Part) -> dict[str, float]:
    once = np.ones((1, len(part.rows)))
    curve = Curve.of(part.attack, part.score)
    measured = {
        **curve_measures(curve, once, FALSE_POSITIVE_RATES),
        **flag_measures(part.attack, part.flagged, once),
    }
    return {name: float(value[0]) for name, value in measured.items()}


def _answered(parts: Sequence[Part]) -> list[float]:
    """Return the false-positive rates for which every part has benign rows enough."""
    fewest = min(int(np.count_nonzero(~part.attack)) for part in parts)
    return [rate for rate in FALSE_POSITIVE_RATES if fewest >= benign_rows_needed(rate)]


def _operating_points(
    attack: Flags, score: Values, parts: Sequence[Part], figures: dict[str, float]
) -> Iterator[OperatingPoint]:
    answered = _answered(parts)
    for rate in FALSE_POSITIVE_RATES:
        recall = rounded(figures[recall_name(rate)]) if rate in answered else None
        yield operating_point(attack, score, rate).model_copy(update={"recall": recall})


def _part_result(name: str, part: Part) -> PartResult:
    both = _both(part)
    figures = _figures(part) if both else {}
    enough = int(np.count_nonzero(~part.attack)) >= benign_rows_needed(HEADLINE_RATE)
    known: Callable[[str], float | None] = lambda key: rounded(figures[key]) if both else None  # noqa: E731
    return PartResult(
        name=name,
        rows=len(part.rows),
        attack_rows=int(part.attack.sum()),
        roc_auc=known("roc_auc"),
        average_precision=known("average_precision"),
        recall=known(recall_name(HEADLINE_RATE)) if enough else None,
        f1=known("f1"),
        flagged_attacks=_share(part.flagged[part.attack]),
        flagged_benign=_share(part.flagged[~part.attack]),
    )


def _share(flags: Flags) -> float | None:
    return rounded(flags.mean()) if len(flags) else None
