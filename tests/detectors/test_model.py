"""A model of every learner keeps the detector contract, and the forest learns what there is to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netsift.detectors.base import Detector
from netsift.detectors.model import ModelDetector
from netsift.evaluation.protocols.folds import RANDOM_SPLIT
from netsift.evaluation.training import train
from netsift.models.bundle import load_bundle, save_bundle
from netsift.models.learners import LEARNERS, make_learner
from tests.detectors.contract import check_detector
from tests.models.fitted import silent, small_bundle, small_dataset
from tests.models.traffic import random_batch


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_keeps_the_contract(name: str, tmp_path: Path) -> None:
    bundles = []

    learner = make_learner(name, seed=5)

    def make() -> Detector:
        bundles.append(train(small_dataset(), learner, 2, silent, (RANDOM_SPLIT,), resamples=2).bundle)
        return ModelDetector(bundles[-1])

    def save_and_load(_: Detector) -> Detector:
        save_bundle(bundles[0], tmp_path / "model.netsift")
        return ModelDetector(load_bundle(tmp_path / "model.netsift"))

    check_detector(make, save_and_load, random_batch(200, 9)[0])


def test_the_forest_finds_what_stands_out() -> None:
    batch, classes = random_batch(300, 11)
    detector = ModelDetector(small_bundle())
    scores = detector.score(batch)
    attack = np.array(classes) != "benign"
    assert scores.score[attack].min() > scores.score[~attack].max()
    names = np.array(detector.attacks)[scores.attack]
    assert (names[attack] == np.array(classes)[attack]).all()
