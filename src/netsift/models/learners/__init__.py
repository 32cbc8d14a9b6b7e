"""Learners: each one file, all with the interface of :mod:`netsift.models.learners.base`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Final

from netsift.errors import UsageError
from netsift.models.learners.base import Learner
from netsift.models.learners.extra_trees import ExtraTrees
from netsift.models.learners.guarded_forest import GuardedForest
from netsift.models.learners.lightgbm import LightGBM
from netsift.models.learners.logistic import Logistic
from netsift.models.learners.random_forest import RandomForest

DEFAULT: Final = "guarded-forest"

LEARNERS: Final[Mapping[str, Learner]] = {
    "guarded-forest": GuardedForest(),
    "random-forest": RandomForest(),
    "extra-trees": ExtraTrees(),
    "lightgbm": LightGBM(),
    "logistic": Logistic(),
}
"""By the name on the command line: the learner with its default settings."""


def make_learner(name: str, seed: int, **settings: int | None) -> Learner:
    """Return a learner by its name on the command line; a setting that is None is as the learner has it by default.

    Raises:
        UsageError: there is no such learner, or it has no such setting.
    """
    if name not in LEARNERS:
        raise UsageError(f"there is no learner {name!r}; there are {', '.join(LEARNERS)}")
    learner: Any = LEARNERS[name]
    given = {setting: value for setting, value in settings.items() if value is not None}
    foreign = sorted(set(given) - {field.name for field in fields(learner.settings)})
    if foreign:
        raise UsageError(f"the learner {name} has no {' and no '.join(foreign)} to set")
    changed: Learner = replace(learner, settings=replace(learner.settings, seed=seed, **given))
    return changed


def settings_of(learner: Learner) -> dict[str, Any]:
    """Return the settings of a learner by name, as a manifest repeats them."""
    settings: Any = learner.settings
    return asdict(settings)
