"""Why a flow was flagged, in words: the columns that drove the score, beside what is usual for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.alerts.schema import Evidence
from netsift.detectors.base import Detector
from netsift.flows.schema import BY_NAME as COLUMN_BY_NAME
from netsift.flows.schema import Validity
from netsift.models.features import Feature, FeatureMatrix, feature_named
from netsift.models.manifest import FeatureReference, Reference

MOST_COLUMNS: Final = 5
"""Columns named per finding."""

_ABSENCES: Final[dict[Validity, str]] = {
    Validity.ICMP: "not ICMP",
    Validity.FORWARD: "no forward packet",
    Validity.BACKWARD: "no answer",
    Validity.GAPS: "a single packet",
    Validity.GAPS_FWD: "a single forward packet",
    Validity.GAPS_BWD: "not two backward packets",
    Validity.DURATION: "no duration",
    Validity.IDLE: "never idle",
    Validity.WINDOW_FWD: "no forward TCP header",
    Validity.WINDOW_BWD: "no TCP answer",
    Validity.PAYLOAD_KIND_FWD: "no forward payload",
    Validity.PAYLOAD_KIND_BWD: "no payload in answer",
    Validity.BULK_FWD: "no forward bulk",
    Validity.BULK_BWD: "no backward bulk",
    Validity.BULK_RATE_FWD: "no forward bulk that lasts",
    Validity.BULK_RATE_BWD: "no backward bulk that lasts",
}
"""What it says about a flow that its columns of this validity are absent."""

_LOW: Final = 1
_HIGH: Final = -2
"""Where the 5 % and 95 % quantiles stand in the references of every format version."""

_COMMON_SHARE: Final = 0.05
_TIME_STEPS: Final = ((3_600e6, "h"), (60e6, "min"), (1e6, "s"), (1e3, "ms"), (0.0, "µs"))
_COUNT_STEPS: Final = ((1e12, " T"), (1e9, " G"), (1e6, " M"))


def explain(detector: Detector, reference: Reference, matrix: FeatureMatrix) -> list[tuple[Evidence, ...]]:
    """Return for each row (rows, features) the columns that raised its score most, the strongest first.

    Columns that are absent for the same reason are one piece of evidence, whose contribution is that of all of them.
    Columns that lowered the score or left it alone are not named.
    """
    names = detector.feature_names
    explained = []
    for row, contribution in zip(matrix, detector.contributions(matrix), strict=True):
        strongest = _merged(names, row, contribution)[:MOST_COLUMNS]
        explained.append(
            tuple(
                evidence(feature_named(names[column]), float(row[column]), reference.features[names[column]], added)
                for column, added in strongest
            )
        )
    return explained


def _merged(
    names: Sequence[str], row: npt.NDArray[np.float32], contribution: npt.NDArray[np.float64]
) -> list[tuple[int, float]]:
    """Return (column, contribution) of what raised the score; of columns absent for one reason the strongest stays."""
    total: dict[str, float] = {}
    column_of: dict[str, int] = {}
    for column in np.argsort(-contribution, kind="stable").tolist():
        name = names[column]
        reason = _ABSENCES.get(_validity(name), name) if row[column] < 0 else name
        column_of.setdefault(reason, column)
        total[reason] = total.get(reason, 0.0) + float(contribution[column])
    raising = [(column_of[reason], added) for reason, added in total.items() if added > 0]
    return sorted(raising, key=lambda entry: -entry[1])


def _validity(name: str) -> Validity:
    column = COLUMN_BY_NAME.get(name)
    return column.validity if column else Validity.ALWAYS


def evidence(feature: Feature, value: float, usual: FeatureReference, contribution: float) -> Evidence:
    """Return one column's evidence; ``value`` as it stands in the feature matrix, below zero for none."""
    common: tuple[float, ...] | tuple[str, ...] = _common_words(usual) if feature.categories else _usual_range(usual)
    shown: float | str | None = None
    if value < 0:
        reason = _ABSENCES.get(_validity(feature.name), "absent")
        direction, words = "absent", f"{reason} (like {1 - usual.present:.0%} of benign flows)"
    elif feature.categories:
        shown = feature.categories[int(value)]
        direction = "within" if shown in common else "unusual"
        words = f"{feature.name} {shown} (usual {', '.join(map(str, common)) or 'none'})"
    else:
        shown = value
        numbers = _usual_range(usual)
        direction = _direction(value, numbers)
        words = f"{feature.name} {format_value(value, feature.unit)} (usual {_range_text(numbers, feature.unit)})"
    return Evidence(feature.name, feature.unit, shown, common, direction, contribution, words)


def _usual_range(usual: FeatureReference) -> tuple[float, ...]:
    return (usual.quantiles[_LOW], usual.quantiles[_HIGH]) if usual.quantiles else ()


def _common_words(usual: FeatureReference) -> tuple[str, ...]:
    """Return the words of at least 5 % of the benign flows, the most common first."""
    shares = usual.categories or {}
    common = [word for word, share in shares.items() if share >= _COMMON_SHARE]
    return tuple(sorted(common, key=lambda word: (-shares[word], word)))


def _direction(value: float, usual: tuple[float, ...]) -> str:
    if not usual:
        return "unusual"
    # Six digits are kept of the usual range: a value that differs less is within it.
    low, high = usual[0] * (1 - 1e-5), usual[1] * (1 + 1e-5)
    return "below" if value < low else "above" if value > high else "within"


def _range_text(usual: tuple[float, ...], unit: str) -> str:
    if not usual:
        return "none"
    low, high = (format_value(value, unit) for value in usual)
    return low if low == high else f"{low} to {high}"


def format_value(value: float, unit: str) -> str:
    """Return a number for a reader: times with the unit that fits, others with three digits or as whole numbers."""
    if unit == "µs":
        scale, name = next((step, name) for step, name in _TIME_STEPS if value >= step)
        return (
            f"{value / (scale or 1):.3g} {name}"
            if value < 1000 * (scale or 1)
            else f"{value / (scale or 1):,.0f} {name}"
        )
    for step, name in _COUNT_STEPS:
        if value >= step:
            return f"{value / step:.3g}{name}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
