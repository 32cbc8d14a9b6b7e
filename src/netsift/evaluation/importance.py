"""Which features matter: by what the learner made of them, and by shuffling.

The first overrates features of many values in trees; the second does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.metrics import attack_scores
from netsift.evaluation.splits import Labels
from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import Fitted
from netsift.models.manifest import Importance

MOST_ROWS: Final = 2_000
"""Rows on which features are shuffled."""

_FEATURES_AT_ONCE: Final = 8


def feature_importance(
    fitted: Fitted, matrix: FeatureMatrix, classes: Labels, names: Sequence[str], seed: int
) -> list[Importance]:
    """Return the importance of every feature, the greatest permutation importance first.

    ``matrix`` and ``classes`` are rows the model did not learn from; at most :data:`MOST_ROWS` of them are used.
    Impurity: mean decrease in impurity (Breiman 2001), or what stands for it in another learner. Permutation: ROC AUC
    lost when the feature's values are shuffled (Fisher, Rudin, Dominici, JMLR 20, 2019); features that the model does
    not ask lose nothing.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(matrix))[:MOST_ROWS])
    matrix, attack = matrix[rows], classes[rows] > 0
    impurity = fitted.importance
    lost = np.zeros(len(names))
    if attack.any() and not attack.all():
        asked = np.flatnonzero(impurity > 0)
        whole = _area(attack, attack_scores(fitted.probabilities(matrix)))
        for start in range(0, len(asked), _FEATURES_AT_ONCE):
            some = asked[start : start + _FEATURES_AT_ONCE]
            lost[some] = whole - _areas_without(fitted, matrix, attack, some, random)
    order = np.lexsort((np.arange(len(names)), -impurity, -lost))
    return [
        Importance(
            feature=names[column], impurity=round(float(impurity[column]), 6), permutation=round(float(lost[column]), 6)
        )
        for column in order.tolist()
    ]


def _areas_without(
    fitted: Fitted,
    matrix: FeatureMatrix,
    attack: npt.NDArray[np.bool_],
    features: npt.NDArray[np.int64],
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Return the ROC AUC with each of the features shuffled; all in one prediction."""
    copies = np.repeat(matrix[None], len(features), axis=0)
    for copy, feature in enumerate(features.tolist()):
        copies[copy, :, feature] = random.permutation(matrix[:, feature])
    scores = attack_scores(fitted.probabilities(copies.reshape(-1, matrix.shape[1])))
    return np.array([_area(attack, part) for part in scores.reshape(len(features), -1)])


def _area(attack: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(attack, score))
