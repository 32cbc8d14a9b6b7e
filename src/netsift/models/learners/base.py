"""What every learner is: labelled rows in, a fitted model out that can be asked and written down as a graph.

A learner is one file of this package. What it writes must have a form in :data:`netsift.models.audit.FORMS` under its
name, which is also where a bundle gets its explanations from: nothing but the graph is kept of a fitted model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix

Values = npt.NDArray[np.float64]
"""Numbers; the shape is said where it is used."""

ClassIndices = npt.NDArray[np.int64]
"""Class of every row, 0 for benign; shape (rows,)."""


class Settings(Protocol):
    """A frozen dataclass of numbers and words, which a bundle's manifest repeats; ``seed`` is in all of them."""

    @property
    def seed(self) -> int:
        """Seed of everything random in a fit."""


class Trial(Protocol):
    """One try of a search over settings, as Optuna makes them; see :mod:`netsift.evaluation.tuning`."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from ``low`` to ``high``."""


class Fitted(Protocol):
    """What a learner returns."""

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities for all classes of the dataset, 0 for those it never saw."""

    def graph(self, feature_names: Sequence[str]) -> bytes:
        """Return the serialised ONNX graph, whose scores are those of :meth:`probabilities` within 1e-5.

        The graph's ``doc_string`` holds the names of its input columns in their order, one per line. The same model
        gives the same bytes.

        Raises:
            ValueError: a class had no row, so that the graph could not give it a probability.
        """

    @property
    def importance(self) -> Values:
        """Share that each feature has in what was learned, (features,); none is below 0, and the sum is 1 or 0."""


class Learner(Protocol):
    """How to learn, with its settings; see ``tests/models/learners/contract.py`` for what all of them must keep to."""

    @property
    def name(self) -> str:
        """Name in manifests and in the allow-list of graphs."""

    @property
    def settings(self) -> Settings:
        """Everything that decides, beside the rows, what is learned."""

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> Fitted:
        """Return what was learned from (rows, features) and class indices below ``class_count``.

        Rows of at least two classes are needed. Deterministic for the same rows, settings and seed, whatever the number
        of threads.
        """

    def proposed(self, trial: Trial) -> Learner:
        """Return this learner with the settings that a trial proposes; those that are no matter of search stay."""


def class_weights(classes: ClassIndices) -> dict[int, float]:
    """Return the weight of a row of each class that has rows: the inverse of the square root of its frequency.

    A flood of a hundred thousand like flows does not drown the twenty flows of a brute force, and benign traffic keeps
    most of the weight.
    """
    found, counts = np.unique(classes, return_counts=True)
    return {label: float(np.sqrt(len(classes) / count)) for label, count in zip(found.tolist(), counts, strict=True)}


def share_of_total(amounts: npt.NDArray[np.floating]) -> Values:
    """Return amounts (features,) as shares of their sum; all 0 where there is nothing to share."""
    total = float(amounts.sum())
    return amounts.astype(np.float64) / total if total > 0 else np.zeros(len(amounts))


def check_every_class(found: ClassIndices, class_count: int) -> None:
    """Raise ValueError unless every class had a row: a graph has a column for each."""
    if not np.array_equal(found, np.arange(class_count)):
        raise ValueError(f"a graph needs rows of all {class_count} classes")
