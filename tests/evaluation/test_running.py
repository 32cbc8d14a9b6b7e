"""Rows are scored by models that never saw them, and thresholds never see a tested row."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from netsift.errors import InputError
from netsift.evaluation import running
from netsift.evaluation.metrics import Values, best_f1_threshold, f1_score
from netsift.evaluation.protocols import PROTOCOLS, Cut, Options, Split
from netsift.evaluation.protocols.folds import RANDOM_SPLIT
from netsift.evaluation.protocols.unseen import LEAVE_ONE_ATTACK_OUT
from netsift.evaluation.running import evaluate, score_cut, training_threshold
from netsift.evaluation.splits import Labels
from netsift.models.dataset import Dataset
from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import Trial
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from tests.evaluation.rows import learnable, rows
from tests.models.fitted import silent

FOREST = RandomForest(ForestSettings(trees=8, depth=5))


@dataclass
class Witness:
    """A learner that remembers which rows it saw, told by their first column, and says how sure it is of each class."""

    name: ClassVar[str] = "witness"
    settings: ForestSettings = field(default_factory=ForestSettings)
    seen: list[set[float]] = field(default_factory=list)
    judged: list[tuple[int, set[float]]] = field(default_factory=list)

    def fit(self, matrix: FeatureMatrix, classes: Labels, class_count: int) -> _Judge:
        """Remember the rows."""
        assert classes.max() < class_count
        assert len(matrix) == len(classes)
        self.seen.append(set(matrix[:, 0].tolist()))
        return _Judge(self, len(self.seen) - 1)

    def proposed(self, trial: Trial) -> Witness:
        """Ask for something, and stay the same."""
        trial.suggest_int("depth", 1, 5)
        return self


@dataclass
class _Judge:
    witness: Witness
    number: int

    @property
    def importance(self) -> Values:
        """Return that both columns matter alike."""
        return np.array([0.5, 0.5])

    def graph(self, feature_names: Sequence[str]) -> bytes:
        """Return a graph of nothing."""
        return "".join(feature_names).encode()

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        self.witness.judged.append((self.number, set(matrix[:, 0].tolist())))
        share = matrix[:, 1].astype(np.float64)
        return np.column_stack([1 - share, share])


def numbered(classes: npt.NDArray[np.int64]) -> Dataset:
    """Return rows whose first column is their number and whose second is noise."""
    matrix = np.random.default_rng(0).random((len(classes), 2)).astype(np.float32)
    matrix[:, 0] = np.arange(len(classes))
    return rows(classes, matrix)


def test_no_model_scores_a_row_that_it_learned_from() -> None:
    dataset = numbered(np.tile([0, 1], 50))
    for protocol in PROTOCOLS:
        witness = Witness()
        cut = protocol.cut(dataset, Options(folds=4))
        if not isinstance(cut, Cut):
            continue
        score_cut(dataset, cut, witness, 0, lambda *_: None)
        for number, judged in witness.judged:
            assert not witness.seen[number] & judged


def test_the_threshold_of_a_split_never_sees_a_tested_row() -> None:
    dataset = numbered(np.tile([0, 1], 50))
    train = np.arange(100) < 60
    witness = Witness()
    training_threshold(dataset, train, None, witness, 0)
    touched = set().union(*witness.seen, *(judged for _, judged in witness.judged))
    assert touched == set(range(60))


def test_the_threshold_is_the_same_whatever_the_tested_rows_are() -> None:
    dataset = learnable(300)
    train = np.arange(300) < 200
    first = training_threshold(dataset, train, None, FOREST, 0)
    dataset.matrix[200:] = 9
    dataset.classes[200:] = 1 - (dataset.classes[200:] > 0)
    assert training_threshold(dataset, train, None, FOREST, 0) == first


def test_groups_stay_whole_within_the_training_side() -> None:
    dataset = numbered(np.tile([0, 1], 50))
    groups = np.arange(100) // 10
    witness = Witness()
    training_threshold(dataset, np.ones(100, dtype=np.bool_), groups, witness, 0)
    for seen in witness.seen:
        inside = {int(row) // 10 for row in seen}
        outside = {int(row) // 10 for row in set(range(100)) - {int(row) for row in seen}}
        assert not inside & outside


def test_only_so_many_rows_are_cut_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "INNER_ROWS", 20)
    dataset = numbered(np.tile([0, 1], 50))
    witness = Witness()
    training_threshold(dataset, np.ones(100, dtype=np.bool_), None, witness, 0)
    assert sum(len(judged) for _, judged in witness.judged) == 20


def test_too_few_of_a_kind_give_one_half() -> None:
    dataset = numbered(np.array([0] * 9 + [1]))
    assert training_threshold(dataset, np.ones(10, dtype=np.bool_), None, Witness(), 0) == 0.5


def test_the_best_threshold_is_that_of_trying_all() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        attack, score = random.random(30) < 0.4, np.round(random.random(30), 1)
        if not attack.any():
            continue
        best = max(f1_score(attack, score >= threshold) for threshold in np.unique(score))
        assert f1_score(attack, score >= best_f1_threshold(attack, score)) == pytest.approx(best)
    assert best_f1_threshold(np.array([False]), np.array([0.3])) == 0.5


def test_scoring_in_blocks_is_scoring_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = learnable(200)
    mask = np.arange(200) < 100
    cut = Cut((Split("one", mask, ~mask),))
    whole = score_cut(dataset, cut, FOREST, 0, lambda *_: None)
    monkeypatch.setattr(running, "ROWS_AT_ONCE", 7)
    parts = score_cut(dataset, cut, FOREST, 0, lambda *_: None)
    assert np.array_equal(whole.score, parts.score)
    assert whole.rows.tolist() == list(range(100, 200))


def test_splits_with_one_training_side_share_a_fit() -> None:
    dataset = numbered(np.tile([0, 1], 50))
    mask = np.arange(100) < 40
    witness = Witness()
    splits = (Split("one", mask, np.arange(100) >= 70), Split("two", mask, (np.arange(100) < 70) & ~mask))
    score_cut(dataset, Cut(splits), witness, 0, lambda *_: None)
    assert witness.seen.count(set(range(40))) == 1


def test_rich_data_is_asked_everything_and_the_worst_honest_one_leads() -> None:
    found = evaluate(learnable(500), PROTOCOLS, FOREST, Options(folds=3), silent, resamples=20)
    assert {result.protocol for result in found.results} == {protocol.name for protocol in PROTOCOLS}
    assert found.refused == {}
    assert found.headline is found.results[0]
    assert [result.honest for result in found.results][-1] is False
    for result in found.results:
        interval = result.intervals["roc_auc"]
        assert interval.low <= interval.high
        assert result.reliability
        assert sum(one.rows for one in result.reliability) == result.rows


def test_an_averaged_protocol_is_the_mean_of_its_parts() -> None:
    found = evaluate(learnable(500), [LEAVE_ONE_ATTACK_OUT], FOREST, Options(folds=3), silent, resamples=0).headline
    assert {part.name for part in found.parts} == {"attack1", "attack2"}
    assert found.roc_auc == pytest.approx(np.mean([part.roc_auc for part in found.parts if part.roc_auc]), abs=1e-6)
    assert found.f1 == pytest.approx(np.mean([part.f1 for part in found.parts if part.f1 is not None]), abs=1e-6)
    assert found.intervals == {}


def test_data_that_allows_nothing_is_refused_with_every_reason() -> None:
    with pytest.raises(InputError, match=r"allows none of the protocols \(random split: .*; by host pair: "):
        evaluate(rows([0, 0, 0, 1]), PROTOCOLS, FOREST, Options(), silent)


class _Mean(Witness):
    """A learner that keeps nothing of the rows but their mean."""

    def fit(self, matrix: FeatureMatrix, classes: Labels, class_count: int) -> _Judge:
        """Look at the rows and forget them."""
        self.seen = [{float(matrix.mean() + classes.mean())}]
        return _Forgetful(self, class_count)


class _Forgetful(_Judge):
    def probabilities(self, matrix: FeatureMatrix) -> Values:
        share = (matrix[:, 0] > 0.5).astype(np.float64)
        return np.column_stack([1 - share, share])


def test_no_more_is_held_than_one_training_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ROWS_AT_ONCE", 1000)
    monkeypatch.setattr(running, "INNER_ROWS", 1000)
    count = 20_000
    matrix = np.random.default_rng(0).random((count, 100)).astype(np.float32)
    dataset = rows(np.tile([0, 1], count // 2), matrix)
    cut = RANDOM_SPLIT.cut(dataset, Options(folds=2))
    assert isinstance(cut, Cut)
    tracemalloc.start()
    score_cut(dataset, cut, _Mean(), 0, lambda *_: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.matrix.nbytes / 2 <= peak < dataset.matrix.nbytes
