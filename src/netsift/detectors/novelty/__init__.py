"""What is normal in one network, learned from its own unlabelled traffic: learners, roles, calibration, the file."""

from __future__ import annotations

from typing import Final

from netsift.detectors.novelty.autoencoders import AutoencoderLearner
from netsift.detectors.novelty.base import NoveltyLearner
from netsift.detectors.novelty.ecod import EcodLearner
from netsift.detectors.novelty.isolation_forest import IsolationForestLearner

LEARNERS: Final[dict[str, NoveltyLearner]] = {
    learner.name: learner for learner in (IsolationForestLearner(), EcodLearner(), AutoencoderLearner())
}
"""Every novelty learner by its name; a baseline has one model of each for every group of roles."""
