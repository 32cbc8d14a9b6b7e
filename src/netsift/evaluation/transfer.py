"""Which columns travel: how much each helps inside the network a model was trained on, and how much on another one.

A column that names the laboratory (an initial window, a TTL) helps inside and not across. A model is fitted per
network; then each column's values are shuffled, among held-back rows of the same network and among rows of every other
one, and the ROC AUC that is lost is what the column was worth there (Fisher, Rudin, Dominici, JMLR 20, 2019). Columns
that say the same share what they are worth, so a column without worth is not proven useless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.evaluation.metrics import Curve, Flags, Values, attack_scores, curve_measures, rounded
from netsift.evaluation.protocols.unseen import network_of_row
from netsift.evaluation.running import Progress, Scoring
from netsift.evaluation.splits import stratified_folds
from netsift.models.dataset import Dataset
from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import Learner

LEARNED_ROWS: Final = 20_000
"""Rows that are learned from per network, at most."""

SHUFFLED_ROWS: Final = 2_000
"""Rows of each network on which columns are shuffled, at most."""

FEWEST_ROWS: Final = 20
"""Benign and attack rows that a network must have to be learned from and tested on."""

MOST_NETWORKS: Final = 8

WORTH: Final = 0.0005
"""ROC AUC below which a column is worth nothing; shuffling 2,000 rows twice differs by about this."""

_FOLDS: Final = 3
_COLUMNS_AT_ONCE: Final = 8


class Verdict(StrEnum):
    """What became of a column across networks."""

    TRAVELS = "travels"
    STAYS = "helps inside only"
    HURTS = "hurts across"
    UNUSED = "makes no difference"


@dataclass(frozen=True, slots=True)
class ColumnTransfer:
    """What a column is worth, as mean ROC AUC lost when it is shuffled; below 0 the model does better without it.

    ``worst_across`` is the least over all pairs of networks.
    """

    column: str
    inside: float
    across: float
    worst_across: float

    @property
    def verdict(self) -> Verdict:
        """Say what became of the column."""
        if self.across > WORTH:
            return Verdict.TRAVELS
        if self.across < -WORTH:
            return Verdict.HURTS
        return Verdict.STAYS if self.inside > WORTH else Verdict.UNUSED


@dataclass(frozen=True, slots=True)
class Areas:
    """Mean ROC AUC of models inside their own network and across to the others."""

    inside: float
    across: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """The columns, those first that help most inside and hurt most across, and what leaving some out does.

    ``selected`` are models of :attr:`travelling` columns alone, None where there are none or all; they were chosen on
    these very networks, so another one should decide.
    """

    networks: tuple[str, ...]
    columns: tuple[ColumnTransfer, ...]
    everything: Areas
    selected: Areas | None

    @property
    def travelling(self) -> tuple[str, ...]:
        """Columns that help across, or make no difference anywhere."""
        return travelling(self.columns)


def travelling(columns: Sequence[ColumnTransfer]) -> tuple[str, ...]:
    """Return the names of the columns that help across, or make no difference anywhere, in alphabetical order."""
    return tuple(sorted(one.column for one in columns if one.verdict in (Verdict.TRAVELS, Verdict.UNUSED)))


@dataclass(frozen=True, slots=True)
class _Network:
    """A network's rows: those learned from, and those held back on which columns are shuffled."""

    name: str
    learned: npt.NDArray[np.int64]
    held_back: npt.NDArray[np.int64]


def transfer(dataset: Dataset, learner: Learner, seed: int, progress: Progress) -> Transfer:
    """Fit per network, shuffle per column, test inside and across; deterministic by seed.

    Raises:
        InputError: there are fewer than two networks with 20 benign and 20 attack rows each.
    """
    networks = list(_networks(dataset, seed))
    if len(networks) < 2:
        raise InputError(
            f"two networks with at least {FEWEST_ROWS} benign and {FEWEST_ROWS} attack flows each are needed to see "
            "what travels; name them as name=PATH"
        )
    trials: list[_Trial] = []
    steps = len(networks) ** 2
    for home in networks:
        fitted = learner.fit(dataset.matrix[home.learned], dataset.classes[home.learned], len(dataset.names))
        for other in networks:
            progress(f"{home.name} → {other.name}", len(trials), steps)
            rows = other.held_back
            random = np.random.default_rng([seed, len(trials)])
            whole, lost = _worth(fitted, dataset.matrix[rows], dataset.classes[rows] > 0, random)
            trials.append(_Trial(other is home, whole, lost))
    columns = _ranked(dataset.feature_names, trials)
    kept = np.flatnonzero(np.isin(dataset.feature_names, travelling(columns)))
    selected = None
    if 0 < len(kept) < len(columns):
        progress("fitting on the columns that travel", steps - 1, steps)
        selected = _areas_of(dataset, networks, learner, kept)
    return Transfer(tuple(one.name for one in networks), columns, _mean_areas(trials), selected)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A model on the rows of one network: its own or another; ROC AUC and what each column is worth, (features,)."""

    inside: bool
    area: float
    lost: Values


def _mean_areas(trials: Sequence[_Trial]) -> Areas:
    inside, across = ([trial.area for trial in trials if trial.inside is own] for own in (True, False))
    return Areas(rounded(float(np.mean(inside))), rounded(float(np.mean(across))))


def _networks(dataset: Dataset, seed: int) -> Iterator[_Network]:
    names, network = network_of_row(dataset)
    sizes = np.bincount(network, minlength=len(names))
    for number in sorted(np.argsort(-sizes, kind="stable").tolist()[:MOST_NETWORKS]):
        rows = np.flatnonzero(network == number)
        classes = dataset.classes[rows]
        if min(np.count_nonzero(classes), np.count_nonzero(classes == 0)) < FEWEST_ROWS:
            continue
        held_back = stratified_folds(classes, _FOLDS, seed) == 0
        random = np.random.default_rng([seed, number])
        yield _Network(
            names[number],
            np.sort(random.permutation(rows[~held_back])[:LEARNED_ROWS]),
            np.sort(random.permutation(rows[held_back])[:SHUFFLED_ROWS]),
        )


def _worth(fitted: Scoring, matrix: FeatureMatrix, attack: Flags, random: np.random.Generator) -> tuple[float, Values]:
    """Return the ROC AUC, and what of it is lost when each column is shuffled, (features,)."""
    whole = _areas(attack, attack_scores(fitted.probabilities(matrix))[None])[0]
    lost = np.zeros(matrix.shape[1])
    asked = np.flatnonzero(matrix.min(axis=0) != matrix.max(axis=0))
    for start in range(0, len(asked), _COLUMNS_AT_ONCE):
        some = asked[start : start + _COLUMNS_AT_ONCE]
        copies = np.repeat(matrix[None], len(some), axis=0)
        for copy, column in enumerate(some.tolist()):
            copies[copy, :, column] = random.permutation(matrix[:, column])
        scores = attack_scores(fitted.probabilities(copies.reshape(-1, matrix.shape[1])))
        lost[some] = whole - _areas(attack, scores.reshape(len(some), -1))
    return whole, lost


def _areas(attack: Flags, scores: Values) -> Values:
    once = np.ones((1, len(attack)))
    return np.array([curve_measures(Curve.of(attack, score), once, ())["roc_auc"][0] for score in scores])


def _ranked(names: Sequence[str], trials: Sequence[_Trial]) -> tuple[ColumnTransfer, ...]:
    """Return the columns by what they are worth inside less what they are worth across."""
    inside, across = (np.array([trial.lost for trial in trials if trial.inside is own]) for own in (True, False))
    mean_inside, mean_across, worst = inside.mean(axis=0), across.mean(axis=0), across.min(axis=0)
    order = np.lexsort((np.arange(len(names)), mean_across - mean_inside))
    return tuple(
        ColumnTransfer(names[place], rounded(mean_inside[place]), rounded(mean_across[place]), rounded(worst[place]))
        for place in order.tolist()
    )


def _areas_of(
    dataset: Dataset, networks: Sequence[_Network], learner: Learner, columns: npt.NDArray[np.int64]
) -> Areas:
    """Return the ROC AUC of models of some columns only."""
    trials = []
    for home in networks:
        matrix = dataset.matrix[np.ix_(home.learned, columns)]
        fitted = learner.fit(matrix, dataset.classes[home.learned], len(dataset.names))
        for other in networks:
            attack = dataset.classes[other.held_back] > 0
            scores = attack_scores(fitted.probabilities(dataset.matrix[np.ix_(other.held_back, columns)]))
            trials.append(_Trial(other is home, float(_areas(attack, scores[None])[0]), np.zeros(0)))
    return _mean_areas(trials)
