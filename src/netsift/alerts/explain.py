"""Why a flow was flagged, in words: the columns that drove the score, beside what is usual for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.alerts.finding import Evidence
from netsift.alerts.phrases import phrase
from netsift.detectors.base import Detector
from netsift.flows.schema import BY_NAME as COLUMN_BY_NAME
from netsift.flows.schema import Validity
from netsift.models.features import Feature, FeatureMatrix, feature_named
from netsift.models.manifest import FeatureReference, Reference

MOST_COLUMNS: Final = 5
"""Columns named per finding."""

_LEAST_OF_STRONGEST: Final = 0.1
"""A column that added less than this share of what the strongest added did not drive the score."""

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

_COMMON_SHARE: Final = 0.1
"""A word, or no value at all, is unusual where fewer benign flows have it: as many lie outside a number's range."""
_TIME_STEPS: Final = ((3_600e6, "h"), (60e6, "min"), (1e6, "s"), (1e3, "ms"), (0.0, "µs"))
_COUNT_STEPS: Final = ((1e12, " T"), (1e9, " G"), (1e6, " M"))


def explain(detector: Detector, reference: Reference, matrix: FeatureMatrix) -> list[tuple[Evidence, ...]]:
    """Return for each row (rows, features) the columns that raised its score most.

    Columns whose value is unusual come first, and the strongest first among them and among the others. Columns that
    are absent for the same reason are one piece of evidence, whose contribution is that of all of them. Columns that
    lowered the score, left it alone or raised it by next to nothing are not named.
    """
    names = detector.feature_names
    explained = []
    for row, contribution in zip(matrix, detector.contributions(matrix), strict=True):
        found = [
            evidence(feature_named(names[column]), float(row[column]), reference.features[names[column]], added)
            for column, added in _merged(names, row, contribution)
        ]
        explained.append(tuple(sorted(found, key=lambda one: not one.unusual)[:MOST_COLUMNS]))
    return explained


def reasons(found: Sequence[Evidence], most: int) -> list[str]:
    """Return at most ``most`` lines that say why: the unusual columns, or that only the whole was unusual."""
    unusual = [one.words for one in found if one.unusual]
    if unusual or not found:
        return unusual[:most]
    return [f"no single column is unusual; together: {', '.join(one.short for one in found[:most])}"]


def _merged(
    names: Sequence[str], row: npt.NDArray[np.float32], contribution: npt.NDArray[np.float64]
) -> list[tuple[int, float]]:
    """Return (column, contribution) of what raised the score; of columns absent for one reason the strongest stays."""
    total: dict[str, float] = {}
    column_of: dict[str, int] = {}
    values, added_by = row.tolist(), contribution.tolist()
    for column in np.argsort(-contribution, kind="stable").tolist():
        name = names[column]
        reason = _ABSENCES.get(_validity(name), name) if values[column] < 0 else name
        column_of.setdefault(reason, column)
        total[reason] = total.get(reason, 0.0) + added_by[column]
    least = _LEAST_OF_STRONGEST * max(total.values(), default=0.0)
    raising = [(column_of[reason], added) for reason, added in total.items() if added > 0 and added >= least]
    return sorted(raising, key=lambda entry: -entry[1])


def _validity(name: str) -> Validity:
    column = COLUMN_BY_NAME.get(name)
    return column.validity if column else Validity.ALWAYS


def evidence(feature: Feature, value: float, usual: FeatureReference, contribution: float) -> Evidence:
    """Return one column's evidence; ``value`` as it stands in the feature matrix, below zero for none."""
    common: tuple[float, ...] | tuple[str, ...] = _common_words(usual) if feature.categories else _usual_range(usual)
    name = phrase(feature.name)
    shown: float | str | None = None
    if value < 0:
        direction, unusual = "absent", 1 - usual.present < _COMMON_SHARE
        short = _ABSENCES.get(_validity(feature.name), f"no {name}")
        words = f"{short} ({_share_text(1 - usual.present)})"
    elif feature.categories:
        shown = feature.categories[int(value)]
        unusual = shown not in common
        direction = "unusual" if unusual else "within"
        short = f"{name}: {shown}"
        words = f"{short} ({_share_text(_share_of_word(usual, shown))})"
    else:
        shown = value
        numbers = _usual_range(usual)
        direction = _direction(value, numbers, feature)
        unusual = direction != "within"
        short = f"{name}: {_value_text(value, feature)}"
        words = f"{short} (usual {_range_text(numbers, feature)})"
    return Evidence(feature.name, feature.unit, shown, common, direction, unusual, contribution, words, short)


def _usual_range(usual: FeatureReference) -> tuple[float, ...]:
    return (usual.quantiles[_LOW], usual.quantiles[_HIGH]) if usual.quantiles else ()


def _share_of_word(usual: FeatureReference, word: str) -> float:
    """Return the share of all benign flows that have a word; the reference holds that of those with any."""
    return usual.present * (usual.categories or {}).get(word, 0.0)


def _common_words(usual: FeatureReference) -> tuple[str, ...]:
    """Return the words that are not unusual, the most common first."""
    shares = usual.categories or {}
    common = [word for word in shares if _share_of_word(usual, word) >= _COMMON_SHARE]
    return tuple(sorted(common, key=lambda word: (-shares[word], word)))


def _share_text(share: float) -> str:
    if share <= 0:
        return "no benign flow"
    return "less than 1 % of benign flows" if share < 0.01 else f"{share * 100:.0f} % of benign flows"


def _direction(value: float, usual: tuple[float, ...], feature: Feature) -> str:
    """Return where a value lies; one that differs from the border by less than is shown is within."""
    if not usual:
        return "unusual"
    low, high = usual
    if low <= value <= high or _value_text(value, feature) in (_value_text(low, feature), _value_text(high, feature)):
        return "within"
    return "below" if value < low else "above"


def _value_text(value: float, feature: Feature) -> str:
    text = format_value(value, feature.unit)
    return f"{text} bytes" if feature.unit == "bytes" and "bytes" not in phrase(feature.name) else text


def _range_text(usual: tuple[float, ...], feature: Feature) -> str:
    if not usual:
        return "none"
    low, high = (format_value(value, feature.unit) for value in usual)
    last = _value_text(usual[1], feature)
    return last if low == high else f"{low} to {last}"


def format_value(value: float, unit: str) -> str:
    """Return a number for a reader: times with the unit that fits, others with three digits or as whole numbers."""
    if unit == "µs":
        rounded = float(f"{value:.3g}")
        scale, name = next((step or 1.0, name) for step, name in _TIME_STEPS if rounded >= step)
        return f"{value / scale:.3g} {name}" if rounded < 1000 * scale else f"{value / scale:,.0f} {name}"
    for step, name in _COUNT_STEPS:
        if value >= step:
            return f"{value / step:.3g}{name}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
