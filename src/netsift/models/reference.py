"""The usual values of each feature, per class of the training traffic, and per service of its benign flows.

They are kept in the bundle so that explanations can say what is usual, and so that drift can be seen: services are
described one by one so that another mix of them is not taken for another kind of traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.models.features import SERVICE, FeatureMatrix, feature_named
from netsift.models.manifest import REFERENCE_PROBABILITIES, ClassReference, FeatureReference, Reference
from netsift.models.services import SERVICES

LEAST_SERVICE_ROWS: Final = 100
"""Benign training flows that a service needs to be described: shares of fewer are too uncertain to compare with."""

RARE: Final = "rare"
"""Stands for all services together that had fewer."""

_BENIGN: Final = 0
_SERVICE_DIGITS: Final = 4


def training_reference(
    matrix: FeatureMatrix,
    classes: npt.NDArray[np.int64],
    names: Sequence[str],
    feature_names: Sequence[str],
    scores: npt.NDArray[np.float64],
) -> Reference:
    """Return the reference of training rows (rows, features) whose classes (rows,) are indices into ``names``.

    ``scores`` (rows,) are those that evaluation gave each row by a model that did not learn from it, below zero for a
    row that was not scored.
    """
    benign = _class_reference(matrix, classes == _BENIGN, feature_names, scores, None)
    attacks = {
        name: _class_reference(matrix, classes == label, feature_names, scores, benign)
        for label, name in enumerate(names)
        if label != _BENIGN
    }
    return Reference(
        rows=benign.rows,
        features=benign.features,
        score=benign.score,
        probabilities=list(REFERENCE_PROBABILITIES),
        classes=attacks,
        services=_service_references(matrix, classes == _BENIGN, feature_names, scores, benign),
    )


def _service_references(
    matrix: FeatureMatrix,
    chosen: npt.NDArray[np.bool_],
    feature_names: Sequence[str],
    scores: npt.NDArray[np.float64],
    benign: ClassReference,
) -> dict[str, ClassReference]:
    """Return the reference of every service with enough of the ``chosen`` rows by its name, and one of the others."""
    if SERVICE not in feature_names:
        return {}
    codes = matrix[:, feature_names.index(SERVICE)]
    rows_of = {name: chosen & (codes == code) for code, name in enumerate(SERVICES)}
    common = {name: rows for name, rows in rows_of.items() if rows.sum() >= LEAST_SERVICE_ROWS}
    rare = chosen & ~np.logical_or.reduce([np.zeros_like(chosen), *common.values()])
    if common and rare.sum() >= LEAST_SERVICE_ROWS:
        common[RARE] = rare
    described = {}
    for name, rows in common.items():
        whole = _class_reference(matrix, rows, feature_names, scores, benign)
        features = {feature: _shares_alone(entry) for feature, entry in whole.features.items()}
        described[name] = ClassReference(rows=whole.rows, features=features, score=whole.score)
    return described


def _shares_alone(entry: FeatureReference) -> FeatureReference:
    """Return a distribution without the quantiles and the mean, which nothing asks of a service."""
    shares = entry.cumulative and [round(share, _SERVICE_DIGITS) for share in entry.cumulative]
    return FeatureReference(present=entry.present, cumulative=shares, categories=entry.categories)


def _class_reference(
    matrix: FeatureMatrix,
    chosen: npt.NDArray[np.bool_],
    feature_names: Sequence[str],
    scores: npt.NDArray[np.float64],
    benign: ClassReference | None,
) -> ClassReference:
    rows = np.flatnonzero(chosen)
    features = {}
    for position, name in enumerate(feature_names):
        edges = _edges(benign.features[name]) if benign else None
        features[name] = feature_reference(matrix[rows, position], feature_named(name).categories, edges)
    edges = _edges(benign.score) if benign and benign.score else None
    scored = whole_hundredths(scores[rows][scores[rows] >= 0])
    score = feature_reference(scored, (), edges) if len(scored) else None
    return ClassReference(rows=len(rows), features=features, score=score)


def _edges(benign: FeatureReference) -> list[float]:
    return distinct(benign.quantiles or [])


def whole_hundredths(scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Return scores (rows,) in steps of 0.01: smaller differences say more about a forest than about its traffic."""
    return np.round(scores.astype(np.float64), 2).astype(np.float32)


def distinct(quantiles: Sequence[float]) -> list[float]:
    """Return the quantiles without repetitions, ascending: the borders at which distributions are compared."""
    return sorted(set(quantiles))


def feature_reference(
    values: npt.NDArray[np.float32], categories: tuple[str, ...], edges: Sequence[float] | None = None
) -> FeatureReference:
    """Return the distribution of one feature's values (rows,), below zero where missing.

    ``edges`` are where the cumulative shares are taken, the values' own quantiles unless given.
    """
    present = values[values >= 0].astype(np.float64)
    share = len(present) / len(values) if len(values) else 0.0
    if categories:
        counts = np.bincount(present.astype(np.int64), minlength=len(categories))
        words = {
            name: _rounded(count / len(present))
            for name, count in zip(categories, counts.tolist(), strict=True)
            if count
        }
        return FeatureReference(present=_rounded(share), categories=words)
    if not len(present):
        return FeatureReference(present=0.0)
    quantiles = [
        _rounded(value) for value in np.quantile(present, REFERENCE_PROBABILITIES, method="inverted_cdf").tolist()
    ]
    return FeatureReference(
        present=_rounded(share),
        mean=_rounded(float(present.mean())),
        quantiles=quantiles,
        cumulative=cumulative_shares(present, distinct(quantiles) if edges is None else edges),
    )


def cumulative_shares(values: npt.NDArray[np.float64], edges: Sequence[float]) -> list[float]:
    """Return the share of the values (rows,) that is not above each edge, give or take the rounding of edges."""
    if not len(values):
        return [0.0] * len(edges)
    # An edge is kept with six digits, so the value it was made from may lie a little above it.
    raised = np.asarray(edges, dtype=np.float64) * (1 + 1e-5)
    return [_rounded(share) for share in (np.searchsorted(np.sort(values), raised, "right") / len(values)).tolist()]


def _rounded(value: float) -> float:
    """Return the value to six significant digits: more would only say how the machine added."""
    return float(f"{value:.6g}")
