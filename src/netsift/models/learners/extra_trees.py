"""Extremely randomised trees. Geurts, Ernst, Wehenkel, Machine Learning 63 (2006)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import ClassIndices, Trial
from netsift.models.learners.forests import FittedForest, ForestSettings, fitted_forest, proposed_settings


@dataclass(frozen=True, slots=True)
class ExtraTrees:
    """Trees on all rows, each split the best of some columns with a threshold drawn at random.

    Thresholds that are not fitted to the very values of the training network make smoother scores, and cost less to
    find than those of a random forest; the trees need more depth for the same fit.
    """

    name: ClassVar[str] = "extra trees"
    settings: ForestSettings = field(default_factory=ForestSettings)

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> FittedForest:
        """Return trees fitted on (rows, features) and class indices (rows,); deterministic for the same seed."""
        from sklearn.ensemble import ExtraTreesClassifier

        return fitted_forest(ExtraTreesClassifier, self.settings, matrix, classes, class_count)

    def proposed(self, trial: Trial) -> ExtraTrees:
        """Return this learner with the depth and the rows per leaf that a trial proposes."""
        return ExtraTrees(proposed_settings(self.settings, trial))
