"""The plain random forest of scikit-learn. Breiman, "Random forests", Machine Learning 45 (2001)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import ClassIndices, Trial
from netsift.models.learners.forests import FittedForest, ForestSettings, fitted_forest, proposed_settings


@dataclass(frozen=True, slots=True)
class RandomForest:
    """Trees on rows drawn with replacement, each split the best of some columns drawn at random.

    It needs no scaling, copes with columns that are missing, and rarely does badly; it is large, and it cannot go
    beyond the values it has seen. Trained on the same float32 rows that are scored later. Memory: the rows, and per
    core a few numbers a row.
    """

    name: ClassVar[str] = "random forest"
    settings: ForestSettings = field(default_factory=ForestSettings)

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> FittedForest:
        """Return a forest fitted on (rows, features) and class indices (rows,); deterministic for the same seed."""
        from sklearn.ensemble import RandomForestClassifier

        return fitted_forest(RandomForestClassifier, self.settings, matrix, classes, class_count)

    def proposed(self, trial: Trial) -> RandomForest:
        """Return this learner with the depth and the rows per leaf that a trial proposes."""
        return RandomForest(proposed_settings(self.settings, trial))
