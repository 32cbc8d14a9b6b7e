"""What every novelty learner is: rows of ordinary traffic in, a model that says how strange another row is out.

A model is nothing but named arrays: they are what is stored, and what is stored is checked before it is used. Nothing
is pickled, and nothing that is loaded can be executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.models.features import FeatureMatrix

Strangeness = npt.NDArray[np.float64]
"""One number per row; higher is stranger, and only the order of numbers of one model means anything."""

Arrays = Mapping[str, npt.NDArray[np.generic]]

LEAST_ROWS: Final = 16
"""Rows that a learner needs at least."""


class NoveltyModel(Protocol):
    """What a learner made of ordinary rows."""

    def score(self, matrix: FeatureMatrix) -> Strangeness:
        """Return how strange every row is, from rows of shape (rows, columns); each row is judged by itself."""

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return everything that the model knows, as arrays by name."""


class NoveltyLearner(Protocol):
    """Makes models; one file of this package each."""

    @property
    def name(self) -> str:
        """Name of the method, as alerts and files say it."""

    def fit(self, matrix: FeatureMatrix, seed: int, before: NoveltyModel | None = None) -> NoveltyModel:
        """Learn from rows of shape (rows, columns), of which a few may be strange; the same seed gives the same model.

        ``before`` is an earlier model of the same columns, from which a learner that can go on goes on.

        Raises:
            InputError: there are fewer than :data:`LEAST_ROWS` rows.
        """

    def load(self, arrays: Arrays, columns: int) -> NoveltyModel:
        """Return the model that the arrays hold, for rows of so many columns.

        Raises:
            InputError: the arrays are not those of such a model; the sentence says which.
        """


def require_rows(matrix: FeatureMatrix) -> None:
    """Raise InputError where there are too few rows to learn from."""
    if len(matrix) < LEAST_ROWS:
        raise InputError(f"{len(matrix)} flows are too few to learn from; {LEAST_ROWS} are needed")


def taken(arrays: Arrays, name: str, kind: type[np.generic], shape: tuple[int | None, ...]) -> npt.NDArray[np.generic]:
    """Return an array after checking its type, its shape (None for any length above 0) and that it is finite.

    Raises:
        InputError: it is missing or is not as it must be.
    """
    if name not in arrays:
        raise InputError(f"the baseline lacks the array {name}")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        actual == wanted if wanted is not None else actual > 0
        for actual, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype != kind or not fits:
        raise InputError(f"the baseline's array {name} has the wrong type or shape")
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise InputError(f"the baseline's array {name} holds what is no finite number")
    return array


def floats(arrays: Arrays, name: str, shape: tuple[int | None, ...]) -> npt.NDArray[np.float32]:
    """Return a checked array of float32, as :func:`taken` does."""
    return taken(arrays, name, np.float32, shape)  # type: ignore[return-value]


def integers(arrays: Arrays, name: str, shape: tuple[int | None, ...], least: int, most: int) -> npt.NDArray[np.int32]:
    """Return a checked array of int32 whose values lie from ``least`` to ``most``, as :func:`taken` does."""
    array: npt.NDArray[np.int32] = taken(arrays, name, np.int32, shape)  # type: ignore[assignment]
    if array.size and (int(array.min()) < least or int(array.max()) > most):
        raise InputError(f"the baseline's array {name} holds numbers outside {least} to {most}")
    return array
