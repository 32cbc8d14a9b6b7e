"""The forest keeps the detector contract, and learns what there is to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netsift.detectors.base import Detector
from netsift.detectors.forest import ForestDetector
from netsift.evaluation.training import train
from netsift.models.bundle import load_bundle, save_bundle
from tests.detectors.contract import check_detector
from tests.models.fitted import SMALL, silent, small_bundle, small_dataset
from tests.models.traffic import random_batch


def test_the_forest_keeps_the_contract(tmp_path: Path) -> None:
    bundles = []

    def make() -> Detector:
        bundles.append(train(small_dataset(), SMALL, 2, silent).bundle)
        return ForestDetector(bundles[-1])

    def save_and_load(_: Detector) -> Detector:
        save_bundle(bundles[0], tmp_path / "model.netsift")
        return ForestDetector(load_bundle(tmp_path / "model.netsift"))

    check_detector(make, save_and_load, random_batch(200, 9)[0])


def test_the_forest_finds_what_stands_out() -> None:
    batch, classes = random_batch(300, 11)
    detector = ForestDetector(small_bundle())
    scores = detector.score(batch)
    attack = np.array(classes) != "benign"
    assert scores.score[attack].min() > scores.score[~attack].max()
    names = np.array(detector.attacks)[scores.attack]
    assert (names[attack] == np.array(classes)[attack]).all()
