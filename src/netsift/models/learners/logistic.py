"""Logistic regression: the honest baseline that anything larger must beat. Cox, JRSS B 20 (1958)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

import numpy as np

from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import (
    ClassIndices,
    Trial,
    Values,
    check_every_class,
    class_weights,
    share_of_total,
)
from netsift.models.linear import LinearModel, linear_graph, logarithm, missing

MOST_ROWS: Final = 200_000
"""Rows learned from, drawn at random of more: so few coefficients gain nothing from more, and memory stays bounded."""

_SMALLEST_SPREAD: Final = 1e-3
"""Standard deviation of a logarithm below which a column is taken for constant, and not blown up."""


@dataclass(frozen=True, slots=True)
class LogisticSettings:
    """``l2`` is the weight of the squared coefficients beside the loss; ``iterations`` of the solver at most."""

    l2: float = 1.0
    iterations: int = 200
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Logistic:
    """A weighted sum per class over the standardised logarithms of the columns, made probabilities by softmax.

    Counts, bytes and times spread over many orders of magnitude, so a value x is seen as log(1 + x). A missing value is
    seen as the mean of those present, and a second column per feature says that it is missing, with a coefficient of
    its own. Categories are taken as numbers, which no linear model can do much with. Solver: L-BFGS, which is
    deterministic; ``seed`` draws the rows where there are more than 200,000.
    """

    name: ClassVar[str] = "logistic"
    settings: LogisticSettings = field(default_factory=LogisticSettings)

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> FittedLogistic:
        """Return coefficients fitted on (rows, features) and class indices (rows,)."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        found = np.unique(classes)
        matrix, classes = _some_rows(matrix, classes, self.settings.seed)
        plain = _standards(matrix, len(found))
        regression = LogisticRegression(
            C=1 / self.settings.l2, class_weight=class_weights(classes), max_iter=self.settings.iterations
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(plain.columns(matrix), classes)
        weights, intercept = regression.coef_.T, regression.intercept_
        if len(found) == 2:
            weights = np.column_stack([np.zeros(len(weights)), weights])
            intercept = np.append(0.0, intercept)
        return FittedLogistic(replace(plain, weights=weights, intercept=intercept), found, class_count)

    def proposed(self, trial: Trial) -> Logistic:
        """Return this learner with the weight of the squared coefficients that a trial proposes."""
        return Logistic(replace(self.settings, l2=trial.suggest_float("l2", 1e-3, 1e3, log=True)))


@dataclass(frozen=True, slots=True)
class FittedLogistic:
    """The coefficients, the classes (found,) that they tell apart, and how many the dataset has."""

    model: LinearModel
    found: ClassIndices
    class_count: int

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities; a class that had no row has probability 0."""
        probabilities = np.zeros((len(matrix), self.class_count))
        probabilities[:, self.found] = self.model.probabilities(matrix)
        return probabilities

    def graph(self, feature_names: Sequence[str]) -> bytes:
        """Return the serialised ONNX graph. Raises ValueError when a class had no row."""
        check_every_class(self.found, self.class_count)
        return linear_graph(self.model, feature_names)

    @property
    def importance(self) -> Values:
        """Mean absolute coefficient of each feature's two columns over the classes, as shares, (features,)."""
        per_column = np.abs(self.model.weights - self.model.weights.mean(axis=1, keepdims=True)).mean(axis=1)
        return share_of_total(per_column.reshape(2, -1).sum(axis=0))


def _some_rows(matrix: FeatureMatrix, classes: ClassIndices, seed: int) -> tuple[FeatureMatrix, ClassIndices]:
    """Return at most :data:`MOST_ROWS` rows at random, and of every class at least its first."""
    if len(matrix) <= MOST_ROWS:
        return matrix, classes
    drawn = np.random.default_rng(seed).choice(len(matrix), MOST_ROWS, replace=False)
    rows = np.union1d(drawn, np.unique(classes, return_index=True)[1])
    return matrix[rows], classes[rows]


def _standards(matrix: FeatureMatrix, classes: int) -> LinearModel:
    """Return the means and spreads of the columns, of present values only, with coefficients that are all 0."""
    features = matrix.shape[1]
    mean, spread, absent = np.zeros(features), np.ones(features), np.zeros(features)
    for column in range(features):
        one = matrix[:, column : column + 1].astype(np.float64)
        gone = missing(one)[:, 0]
        absent[column] = gone.mean()
        present = logarithm(one)[gone == 0, 0]
        if len(present):
            mean[column], deviation = present.mean(), present.std()
            spread[column] = deviation if deviation >= _SMALLEST_SPREAD else 1.0
    return LinearModel(mean, 1 / spread, absent, np.zeros((2 * features, classes)), np.zeros(classes))
