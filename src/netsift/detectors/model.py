"""The model of a bundle as a detector, whichever learner it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.detectors.base import Scores
from netsift.models.bundle import Bundle
from netsift.models.features import FeatureMatrix, feature_matrix
from netsift.models.rows import distinct

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class ModelDetector:
    """Scores flows with the model of a bundle, through onnxruntime; as a rule a forest.

    What it assumes: the flows come from a meter with the column definitions of the flow schema, and the attacks look
    like some that the model was trained on. It fails on attacks whose single flows look like ordinary ones (few, slow,
    encrypted), and on networks whose ordinary traffic looks like nothing in training; both show in the evaluation by
    source in the bundle's manifest. A score is the model's attack probability, the sum over all attack classes; in a
    forest, that of the share of trees' leaves. Cost of a forest: about trees times depth comparisons per flow on one
    thread; nothing is kept between batches. Breiman, "Random forests", 2001.

    Example:
        >>> from netsift.detectors.model import ModelDetector
        >>> ModelDetector.__name__
        'ModelDetector'
    """

    def __init__(self, bundle: Bundle) -> None:
        """Make a detector of a checked bundle; the runtime sees the graph at the first score."""
        self._bundle = bundle
        self._feature_names = bundle.manifest.feature_names
        self._session: InferenceSession | None = None

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attack classes, without benign."""
        return tuple(self._bundle.manifest.classes[1:])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the model's input."""
        return self._feature_names

    @property
    def base(self) -> float:
        """The score before anything is known: in a forest, the attack share of the training rows as it weighs them."""
        return self._bundle.explanation.base

    def score(self, batch: pa.RecordBatch) -> Scores:
        """Score a flow batch of any number of rows.

        Raises:
            InputError: the batch lacks columns; all of them are named.
        """
        return self.score_matrix(feature_matrix(batch, self._feature_names))

    def score_matrix(self, matrix: FeatureMatrix) -> Scores:
        """Score rows (rows, features) that are already features, in the order of ``feature_names``."""
        probabilities = self.probabilities(matrix)[:, 1:]
        score = np.clip(probabilities.sum(axis=1, dtype=np.float64), 0, 1).astype(np.float32)
        return Scores(score, probabilities.argmax(axis=1), matrix)

    def contributions(self, matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature added to each score, shape (rows, features)."""
        return self._bundle.explanation.contributions(matrix)

    def probabilities(self, matrix: FeatureMatrix) -> npt.NDArray[np.float32]:
        """Return (rows, classes) probabilities of features in the order of :attr:`feature_names`."""
        if not len(matrix):
            return np.zeros((0, len(self._bundle.manifest.classes)), dtype=np.float32)
        if self._session is None:
            self._session = _session(self._bundle.graph)
        # The flows of a flood or a scan are hardly ever different.
        different, number = distinct(matrix)
        probabilities: npt.NDArray[np.float32] = self._session.run(["probabilities"], {"features": different})[0]
        return probabilities[number]


def _session(graph: bytes) -> InferenceSession:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # One thread adds up the trees in one order, so that a score is the same on every machine.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
