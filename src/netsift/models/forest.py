"""The learner: scikit-learn's random forest with settings that travel into a small graph.

Breiman, "Random forests", Machine Learning 45 (2001). Trained on the same float32 rows that are scored later.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """Size and randomness of the forest.

    ``depth`` and ``leaf_rows`` keep single flows of the training traffic from being learned by heart.
    """

    trees: int = 100
    depth: int = 14
    leaf_rows: int = 3
    seed: int = 0


def fit_forest(
    matrix: FeatureMatrix, classes: npt.NDArray[np.int64], settings: ForestSettings
) -> RandomForestClassifier:
    """Return a forest fitted on (rows, features) and class indices (rows,); deterministic for the same seed.

    Classes are weighted by the inverse of the square root of their frequency: a flood of a hundred thousand like flows
    does not drown the twenty flows of a brute force, and benign traffic keeps most of the weight.
    """
    from sklearn.ensemble import RandomForestClassifier

    found, counts = np.unique(classes, return_counts=True)
    forest = RandomForestClassifier(
        n_estimators=settings.trees,
        max_depth=settings.depth,
        min_samples_leaf=settings.leaf_rows,
        class_weight={
            label: float(np.sqrt(len(classes) / count)) for label, count in zip(found.tolist(), counts, strict=True)
        },
        random_state=settings.seed,
        n_jobs=-1,
    )
    # Its threads save and restore the process's warning filters across each other, and may leave none behind.
    with warnings.catch_warnings():
        forest.fit(matrix, classes)
    # Threads add up the trees in the order in which they finish, which changes the last digits from run to run.
    forest.set_params(n_jobs=1)
    return forest


def class_probabilities(forest: RandomForestClassifier, matrix: FeatureMatrix, classes: int) -> npt.NDArray[np.float64]:
    """Return (rows, classes) probabilities; a class that the forest never saw has probability 0."""
    probabilities = np.zeros((len(matrix), classes))
    if len(matrix):
        probabilities[:, forest.classes_] = forest.predict_proba(matrix)
    return probabilities
