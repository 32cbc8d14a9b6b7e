"""The usual values of each feature in benign traffic, kept in the bundle so that explanations can say what is usual."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix, feature_named
from netsift.models.manifest import REFERENCE_PROBABILITIES, FeatureReference, Reference


def benign_reference(matrix: FeatureMatrix, feature_names: tuple[str, ...]) -> Reference:
    """Return the reference of benign rows, shape (rows, features)."""
    features = {
        name: _feature(matrix[:, position], feature_named(name).categories)
        for position, name in enumerate(feature_names)
    }
    return Reference(rows=len(matrix), probabilities=list(REFERENCE_PROBABILITIES), features=features)


def _feature(values: npt.NDArray[np.float32], categories: tuple[str, ...]) -> FeatureReference:
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
    quantiles = np.quantile(present, REFERENCE_PROBABILITIES)
    return FeatureReference(
        present=_rounded(share),
        mean=_rounded(float(present.mean())),
        quantiles=[_rounded(value) for value in quantiles.tolist()],
    )


def _rounded(value: float) -> float:
    """Return the value to six significant digits: more would only say how the machine added."""
    return float(f"{value:.6g}")
