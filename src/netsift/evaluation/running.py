"""Runs protocols: fits on each training side, chooses a threshold there, and scores the rows that were held back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from typing import Protocol as Interface

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.evaluation.bootstrap import RESAMPLES
from netsift.evaluation.metrics import Values, attack_scores, best_f1_threshold, worst_first
from netsift.evaluation.protocols import Cut, Options, Protocol, Refused
from netsift.evaluation.protocols.base import FEWEST_OF_A_KIND, Mask, both_kinds
from netsift.evaluation.results import Scored, protocol_result
from netsift.evaluation.splits import Labels, inner_folds
from netsift.evaluation.tuning import Tuning
from netsift.models.dataset import Dataset
from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import Fitted, Learner
from netsift.models.manifest import ProtocolResult

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many of its steps are done, and of how many."""

Steps = Callable[[int, int], None]
"""Told how many steps are done, and of how many."""

ROWS_AT_ONCE: Final = 50_000
"""Rows scored at once, so that the test side is never copied whole."""

INNER_ROWS: Final = 10_000
"""Training rows, drawn at random, that are cut again to choose a threshold."""

_INNER_FOLDS: Final = 2
_EVEN: Final = 0.5


class Scoring(Interface):
    """What gives rows probabilities: something fitted, or a model from a file."""

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every protocol that the data allows.

    ``results`` have the headline first; ``scored`` are the scores behind them by protocol; ``refused`` says by protocol
    why the data did not allow it.
    """

    results: tuple[ProtocolResult, ...]
    scored: dict[str, Scored]
    refused: dict[str, str]

    @property
    def headline(self) -> ProtocolResult:
        """The result to quote: the worst honest one, or the worst of all where no honest one could be had."""
        return self.results[0]


def evaluate(
    dataset: Dataset,
    protocols: Sequence[Protocol],
    learner: Learner,
    options: Options,
    progress: Progress,
    resamples: int = RESAMPLES,
    tuning: Tuning | None = None,
) -> Evaluation:
    """Train afresh inside each protocol and measure; deterministic for the same rows and seed.

    With ``tuning``, the settings of the learner are chosen anew on each training side.

    Holds the matrix, one training subset of it and a few numbers per tested row.

    Raises:
        InputError: the data allows none of the protocols; the sentence says why of each.
    """
    results, scored, refused = [], {}, {}
    for protocol in protocols:
        cut = protocol.cut(dataset, options)
        if isinstance(cut, Refused):
            refused[protocol.name] = cut.reason
            continue
        steps = _named(progress, f"evaluating: {protocol.name}")
        found = score_cut(dataset, cut, learner, options.seed, steps, tuning)
        scored[protocol.name] = found
        results.append(protocol_result(protocol, dataset, found, options.seed, resamples))
    if not results:
        listed = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise InputError(f"the data allows none of the protocols ({listed})")
    return Evaluation(tuple(worst_first(results)), scored, refused)


def _named(progress: Progress, stage: str) -> Steps:
    return lambda done, total: progress(stage, done, total)


def score_cut(
    dataset: Dataset,
    cut: Cut,
    learner: Learner,
    seed: int,
    progress: Steps,
    tuning: Tuning | None = None,
) -> Scored:
    """Return the scores of all tested rows, each by a model of its split's training side.

    Splits that follow each other with the same training side share one fit.
    """
    parts = []
    fitted: Fitted | None = None
    threshold = _EVEN
    learned: Mask | None = None
    for number, split in enumerate(cut.splits):
        within = _within(progress, number, len(cut.splits))
        within(0, 1)
        if fitted is None or learned is not split.train:
            chosen = learner if tuning is None else tuning.tuned(learner, dataset, split.train, cut.groups, within)
            threshold = training_threshold(dataset, split.train, cut.groups, chosen, seed)
            fitted = _fitted(chosen, dataset, split.train)
            learned = split.train
        rows = np.flatnonzero(split.test)
        score, predicted = scores_of(fitted, dataset.matrix, rows)
        parts.append((rows, np.full(len(rows), number), score, predicted, np.full(len(rows), threshold)))
    rows, part, score, predicted, thresholds = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Scored(rows, part, score, predicted, thresholds, tuple(split.name for split in cut.splits))


def _within(progress: Steps, number: int, count: int) -> Steps:
    """Return what tells the progress of one of ``count`` equal steps as part of all."""
    return lambda done, total: progress(number * total + done, count * total)


def _fitted(learner: Learner, dataset: Dataset, rows: Mask | Labels) -> Fitted:
    return learner.fit(dataset.matrix[rows], dataset.classes[rows], len(dataset.names))


def scores_of(fitted: Scoring, matrix: FeatureMatrix, rows: npt.NDArray[np.int64]) -> tuple[Values, Labels]:
    """Return score and likeliest class of some rows of a matrix, (rows,) each; copies some thousand rows at a time."""
    score, predicted = np.empty(len(rows)), np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        probabilities = fitted.probabilities(matrix[rows[block]])
        score[block], predicted[block] = attack_scores(probabilities), probabilities.argmax(axis=1)
    return score, predicted


def training_threshold(dataset: Dataset, train: Mask, groups: Labels | None, learner: Learner, seed: int) -> float:
    """Return the threshold of the greatest F1 on the training side, whose rows are scored by models of its other rows.

    At most :data:`INNER_ROWS` of them are drawn, and dealt to two folds that keep ``groups`` whole where that leaves
    benign and attack rows in both; at random otherwise. 0.5 where there are fewer than two of a kind.
    """
    rows = np.flatnonzero(train)
    if len(rows) > INNER_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, INNER_ROWS, replace=False))
    classes = dataset.classes[rows]
    if not both_kinds(classes, np.ones(len(rows), dtype=np.bool_), fewest=FEWEST_OF_A_KIND):
        return _EVEN
    fold = inner_folds(classes, None if groups is None else groups[rows], _INNER_FOLDS, seed)
    score = np.empty(len(rows))
    for number in range(_INNER_FOLDS):
        held_back = fold == number
        if not both_kinds(classes, ~held_back):
            return _EVEN
        fitted = _fitted(learner, dataset, rows[~held_back])
        score[held_back] = scores_of(fitted, dataset.matrix, rows[held_back])[0]
    return best_f1_threshold(classes > 0, score)
