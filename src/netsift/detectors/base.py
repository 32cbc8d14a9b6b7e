"""What every detector is: flow batch in, one score per flow out, and an account of each score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.models.features import FeatureMatrix


@dataclass(frozen=True, slots=True)
class Scores:
    """Result of scoring a batch: what each flow was seen as, and what came out.

    ``score`` (rows,) lies in 0 to 1, higher is more suspicious; ``attack`` (rows,) is the index into the detector's
    ``attacks`` of the likeliest attack, whatever the score; ``matrix`` (rows, features) is what the detector saw.
    """

    score: npt.NDArray[np.float32]
    attack: npt.NDArray[np.int64]
    matrix: FeatureMatrix


class Detector(Protocol):
    """A detector; see ``tests/detectors/contract.py`` for what all of them must keep to."""

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks that it tells apart."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of ``Scores.matrix``."""

    def score(self, batch: pa.RecordBatch) -> Scores:
        """Score a flow batch; learns nothing from it.

        Raises:
            InputError: the batch lacks columns; all of them are named.
        """

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature added to each score, shape (rows, features); with ``base`` they make the score."""

    @property
    def base(self) -> float:
        """The score before anything is known about a flow."""
