"""Settings are chosen on the training side alone, the same way twice, and only where they do better."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from netsift.evaluation.protocols import Options
from netsift.evaluation.protocols.folds import RANDOM_SPLIT
from netsift.evaluation.running import evaluate
from netsift.evaluation.training import train
from netsift.evaluation.tuning import Tuning, final_groups
from netsift.models.bundle import bundle_bytes
from netsift.models.features import FeatureMatrix
from netsift.models.learners.base import ClassIndices, Trial
from netsift.models.learners.forests import FittedForest, ForestSettings
from netsift.models.learners.random_forest import RandomForest
from tests.evaluation.rows import learnable
from tests.models.fitted import silent, small_dataset

STUMP = RandomForest(ForestSettings(trees=3, depth=1, leaf_rows=200))


@dataclass(frozen=True)
class Recorder:
    """A forest that notes the rows it is given, told by their first column, and how many it was proposed."""

    name: ClassVar[str] = "random forest"
    settings: ForestSettings = field(default_factory=lambda: STUMP.settings)
    seen: list[set[float]] = field(default_factory=list)

    def fit(self, matrix: FeatureMatrix, classes: ClassIndices, class_count: int) -> FittedForest:
        """Note the rows and learn."""
        self.seen.append(set(matrix[:, 0].tolist()))
        return RandomForest(self.settings).fit(matrix, classes, class_count)

    def proposed(self, trial: Trial) -> Recorder:
        """Return a forest of other depth with the same notes."""
        return replace(self, settings=replace(self.settings, depth=trial.suggest_int("depth", 2, 6), leaf_rows=1))


def nothing(done: int, total: int) -> None:
    """Show no progress."""


def test_no_tested_row_has_a_say() -> None:
    dataset = learnable(300)
    dataset.matrix[:, 0] = np.arange(300)
    side = np.arange(300) < 200
    recorder = Recorder()
    chosen = Tuning(4).tuned(recorder, dataset, side, None, nothing)
    assert len(recorder.seen) == 3 * (1 + 4)
    assert set().union(*recorder.seen) == set(range(200))
    again = learnable(300)
    again.matrix[:, 0] = np.arange(300)
    again.classes[200:] = 1 - (again.classes[200:] > 0)
    assert Tuning(4).tuned(Recorder(), again, side, None, nothing).settings == chosen.settings


def test_groups_stay_whole() -> None:
    dataset = learnable(300)
    dataset.matrix[:, 0] = np.arange(300)
    groups = np.arange(300) // 10
    recorder = Recorder()
    Tuning(1).tuned(recorder, dataset, np.ones(300, dtype=np.bool_), groups, nothing)
    for seen in recorder.seen:
        inside = {int(row) // 10 for row in seen}
        assert len(inside) * 10 == len(seen)


def test_better_settings_are_taken_and_worse_ones_are_not() -> None:
    dataset = small_dataset()
    everything = np.ones(len(dataset.classes), dtype=np.bool_)
    assert Tuning(3).tuned(STUMP, dataset, everything, None, nothing).settings != STUMP.settings
    perfect = RandomForest(ForestSettings(trees=30, depth=8))
    assert Tuning(2).tuned(perfect, dataset, everything, None, nothing) == perfect


def test_what_cannot_be_cut_is_left_alone() -> None:
    dataset = learnable(300)
    attacks = np.flatnonzero(dataset.classes > 0)
    side = dataset.classes == 0
    side[attacks[0]] = True
    assert Tuning(2).tuned(STUMP, dataset, side, None, nothing) is STUMP


def test_evaluating_tunes_every_training_side_and_says_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    recorder = Recorder()

    def tell(_: str, done: int, total: int) -> None:
        told.append((done, total))

    evaluate(learnable(300), [RANDOM_SPLIT], recorder, Options(folds=2), tell, 2, Tuning(2))
    assert len(recorder.seen) == 2 * (3 * 3 + 2 + 1)
    assert told == sorted(told, key=lambda step: step[0] / step[1])
    assert {done / total for done, total in told} >= {0, 0.125, 0.25, 0.5, 0.625, 0.75}


def test_what_was_chosen_is_in_the_manifest_and_the_same_twice() -> None:
    first, second = (
        train(small_dataset(), STUMP, 2, silent, (RANDOM_SPLIT,), resamples=2, trials=3).bundle for _ in range(2)
    )
    assert bundle_bytes(first) == bundle_bytes(second)
    settings = first.manifest.learner.settings
    assert settings["trees"] == 3
    assert settings["leaf_rows"] != 200


def test_the_final_model_is_tuned_by_whole_inputs_where_there_are_enough() -> None:
    dataset = small_dataset()
    assert final_groups(dataset) is dataset.groups
    one = replace(dataset, groups=np.zeros_like(dataset.groups))
    pairs = final_groups(one)
    assert pairs is not None
    assert np.array_equal(pairs, dataset.circumstances.host_pair)
