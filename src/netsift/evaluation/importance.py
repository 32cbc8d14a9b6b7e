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

SAME: Final = 0.9
"""Rank correlation from which on features stand in for each other."""

_SETS_AT_ONCE: Final = 8
_ROUNDING: Final = 1e-9


def feature_importance(
    fitted: Fitted, matrix: FeatureMatrix, classes: Labels, names: Sequence[str], seed: int
) -> list[Importance]:
    """Return the importance of every feature, the greatest permutation importance first.

    ``matrix`` and ``classes`` are rows the model did not learn from; at most :data:`MOST_ROWS` of them are used.
    Impurity: mean decrease in impurity (Breiman 2001), or what stands for it in another learner. Permutation: ROC AUC
    lost when the feature's values are shuffled (Fisher, Rudin, Dominici, JMLR 20, 2019); features that the model does
    not ask lose nothing. Features of which every two have a rank correlation of at least :data:`SAME` are a group,
    and are shuffled together as well.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(matrix))[:MOST_ROWS])
    matrix, attack = matrix[rows], classes[rows] > 0
    impurity = fitted.importance
    asked = np.flatnonzero(impurity > 0)
    groups = correlated_groups(matrix, asked)
    lost, lost_together = np.zeros(len(names)), np.zeros(len(groups))
    if attack.any() and not attack.all():
        shuffled = [*asked[:, None], *groups]
        areas = _areas_lost(fitted, matrix, attack, shuffled, random)
        lost[asked], lost_together = areas[: len(asked)], areas[len(asked) :]
    order = np.lexsort((np.arange(len(names)), -impurity, -lost)).tolist()
    group_of = {column: number for number, group in enumerate(groups) for column in group.tolist()}
    leader = {group_of[column]: names[column] for column in reversed(order) if column in group_of}
    return [
        Importance(
            feature=names[column],
            impurity=round(float(impurity[column]), 6),
            permutation=round(float(lost[column]), 6),
            group=leader[group_of[column]] if column in group_of else None,
            group_permutation=round(float(lost_together[group_of[column]]), 6) if column in group_of else None,
        )
        for column in order
    ]


def correlated_groups(matrix: FeatureMatrix, columns: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Return groups of two or more of ``columns``, every two of which have a rank correlation of at least :data:`SAME`.

    Spearman's coefficient, by its magnitude; complete linkage, so that a chain of neighbours is not a group.
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(columns) < 2 or len(matrix) < 2:
        return []
    ranks = np.stack([_ranks(matrix[:, column]) for column in columns.tolist()])
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    ranks /= np.where(length > 0, length, 1)
    distance = 1 - np.clip(np.abs(ranks @ ranks.T), 0, 1)
    np.fill_diagonal(distance, 0)
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=1 - SAME + _ROUNDING
    )
    label = clustering.fit_predict(distance)
    groups = [columns[label == number] for number in range(int(label.max()) + 1)]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: int(group[0]))


def _ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the rank of each value, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: npt.NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def _areas_lost(
    fitted: Fitted,
    matrix: FeatureMatrix,
    attack: npt.NDArray[np.bool_],
    shuffled: Sequence[npt.NDArray[np.int64]],
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Return the ROC AUC lost when the features of each set are shuffled, together within a set; (sets,)."""
    whole = _area(attack, attack_scores(fitted.probabilities(matrix)))
    areas: list[float] = []
    for start in range(0, len(shuffled), _SETS_AT_ONCE):
        sets = shuffled[start : start + _SETS_AT_ONCE]
        copies = np.repeat(matrix[None], len(sets), axis=0)
        for copy, features in zip(copies, sets, strict=True):
            copy[:, features] = matrix[random.permutation(len(matrix))][:, features]
        scores = attack_scores(fitted.probabilities(copies.reshape(-1, matrix.shape[1])))
        areas += [_area(attack, part) for part in scores.reshape(len(sets), -1)]
    return whole - np.array(areas)


def _area(attack: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(attack, score))
