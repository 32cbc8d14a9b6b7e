"""Why a flow was flagged, in words: the columns that drove the score, beside what is usual for them."""

from __future__ import annotations

from typing import Final

import numpy as np

from netsift.alerts.schema import Evidence
from netsift.detectors.base import Detector
from netsift.models.features import BY_NAME, Feature, FeatureMatrix
from netsift.models.manifest import REFERENCE_PROBABILITIES, FeatureReference, Reference

MOST_COLUMNS: Final = 5
"""Columns named per finding."""

_LOW: Final = REFERENCE_PROBABILITIES.index(0.05)
_HIGH: Final = REFERENCE_PROBABILITIES.index(0.95)
_COMMON_SHARE: Final = 0.05
_TIME_STEPS: Final = ((3_600e6, "h"), (60e6, "min"), (1e6, "s"), (1e3, "ms"), (0.0, "µs"))
_COUNT_STEPS: Final = ((1e12, " T"), (1e9, " G"), (1e6, " M"))


def explain(detector: Detector, reference: Reference, matrix: FeatureMatrix) -> list[tuple[Evidence, ...]]:
    """Return for each row (rows, features) the columns that raised its score most, the strongest first.

    Columns that lowered the score or left it alone are not named.
    """
    parts = detector.contributions(matrix)
    names = detector.feature_names
    explained = []
    for row, contribution in zip(matrix, parts, strict=True):
        strongest = np.argsort(-contribution, kind="stable")[:MOST_COLUMNS]
        explained.append(
            tuple(
                evidence(
                    BY_NAME[names[column]], float(row[column]), reference.features[names[column]], contribution[column]
                )
                for column in strongest.tolist()
                if contribution[column] > 0
            )
        )
    return explained


def evidence(feature: Feature, value: float, usual: FeatureReference, contribution: float) -> Evidence:
    """Return one column's evidence; ``value`` as it stands in the feature matrix, below zero for none."""
    shown: float | str | None = None
    common: tuple[float, ...] | tuple[str, ...]
    if feature.categories:
        shown = feature.categories[int(value)] if value >= 0 else None
        common = _common_words(usual)
        direction = "within" if shown in common else "unusual"
        text, usual_text = str(shown), ", ".join(common)
    else:
        shown = value if value >= 0 else None
        common = _usual_range(usual)
        direction = _direction(value, common)
        text, usual_text = format_value(value, feature.unit), _range_text(common, feature.unit)
    if shown is None:
        text, direction = "absent", "absent"
    words = f"{feature.name} {text} (usual {usual_text})" if usual_text else f"{feature.name} {text} (usually absent)"
    return Evidence(feature.name, feature.unit, shown, common, direction, float(contribution), words)


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
        return ""
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
