"""The search for settings, inside a training side: no row that is tested later has a say in it.

The rows of the training side are cut again, groups kept whole where that can be, and settings are judged by the mean
average precision over these inner folds. The first to be judged are the learner's own settings, which stay unless
others do better. New ones are proposed by the tree-structured Parzen estimator (Bergstra et al., "Algorithms for
hyper-parameter optimization", NIPS 2011) of Optuna, in memory and from a fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.evaluation.metrics import Curve, attack_scores, curve_measures
from netsift.evaluation.splits import Folds, Labels, grouped_folds, inner_folds
from netsift.models.dataset import UNKNOWN, Dataset
from netsift.models.learners.base import Learner, Trial

MOST_ROWS: Final = 20_000
"""Training rows, drawn at random, on which settings are judged."""

_FOLDS: Final = 3


@dataclass(frozen=True, slots=True)
class Tuning:
    """How long to search, and from which seed."""

    trials: int
    seed: int = 0

    def tuned(
        self,
        learner: Learner,
        dataset: Dataset,
        train: npt.NDArray[np.bool_],
        groups: Labels | None,
        progress: Callable[[int, int], None],
    ) -> Learner:
        """Return the learner with the best settings found on the rows of ``train``; its own where none are better.

        ``groups`` (rows,) are what the inner folds keep whole. Its own settings stay as well where the rows cannot be
        cut such that both sides hold benign and attack rows.

        Raises:
            InputError: Optuna is not installed.
        """
        optuna = _optuna()
        rows = np.flatnonzero(train)
        if len(rows) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, MOST_ROWS, replace=False))
        fold = inner_folds(dataset.classes[rows], None if groups is None else groups[rows], _FOLDS, self.seed)
        best, found = learner, _judged(learner, dataset, rows, fold)
        if found is None:
            return learner
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.seed))
        for number in range(self.trials):
            progress(number + 1, self.trials + 2)
            trial: Trial = study.ask()
            proposed = learner.proposed(trial)
            value = _judged(proposed, dataset, rows, fold)
            study.tell(trial, value)
            if value is not None and value > found:
                best, found = proposed, value
        return best


def final_groups(dataset: Dataset) -> Labels | None:
    """Return what is kept whole when all rows are cut to tune the final model: inputs, or else pairs of hosts."""
    pairs = dataset.circumstances.host_pair
    for groups in (dataset.groups, pairs if (pairs != UNKNOWN).any() else dataset.groups):
        if grouped_folds(dataset.classes, groups, _FOLDS) is not None:
            return groups
    return None


def _judged(learner: Learner, dataset: Dataset, rows: Labels, fold: Folds) -> float | None:
    """Return the mean average precision over the folds that hold both kinds of rows on both sides; None without any."""
    values = []
    for number in np.unique(fold).tolist():
        learned, tested = rows[fold != number], rows[fold == number]
        attack = dataset.classes[tested] > 0
        if len(np.unique(dataset.classes[learned] > 0)) < 2 or not attack.any() or attack.all():
            continue
        fitted = learner.fit(dataset.matrix[learned], dataset.classes[learned], len(dataset.names))
        curve = Curve.of(attack, attack_scores(fitted.probabilities(dataset.matrix[tested])))
        values.append(float(curve_measures(curve, np.ones((1, len(tested))), ())["average_precision"][0]))
    return float(np.mean(values)) if values else None


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError("Optuna is not installed, which --tune needs: pip install 'netsift[learners]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
