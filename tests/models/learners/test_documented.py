"""What docs/learners.md says about the learners is so."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any, Final

import numpy as np
import pytest

from netsift.cli.evaluate import evaluate
from netsift.cli.train import train
from netsift.models.features import MISSING, FeatureMatrix
from netsift.models.learners import DEFAULT, LEARNERS, make_learner, settings_of
from netsift.models.learners.base import ClassIndices, class_weights
from netsift.models.margins import attributed
from tests.conftest import ROOT
from tests.models.learners.test_learners import numbers

PAGE: Final = (ROOT / "docs" / "learners.md").read_text(encoding="utf-8")
DEFAULTS: Final = {
    "guarded-forest": (
        "{trees} trees, depth {depth}, {leaf_rows} rows per leaf, {guards} guards with {guard_share} of the say"
    ),
    "random-forest": "{trees} trees, depth {depth}, {leaf_rows} rows per leaf",
    "extra-trees": "as above",
    "lightgbm": (
        "{trees} rounds, {leaves} leaves, depth {depth}, {leaf_rows} rows per leaf, rate {learning_rate}, l2 {l2:g}, "
        "{column_share:.0%} of the columns per tree"
    ),
    "logistic": "l2 {l2:g}, at most {iterations} iterations",
}
WORDS: Final = {
    "trees": "rounds",
    "depth": "depth",
    "leaves": "leaves",
    "leaf_rows": "rows per leaf",
    "guard_share": "share of the guards",
    "learning_rate": "rate",
    "l2": "l2",
    "column_share": "share of columns",
}


def rows_of(header: str) -> dict[str, list[str]]:
    """Return the other cells of a table's rows by each name in the first cell."""
    table = PAGE[PAGE.index(header) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name: row[1:] for row in cells for name in re.findall(r"`([^`]+)`", row[0])}


def test_every_learner_is_there_with_its_defaults() -> None:
    described = rows_of("| `--learner`")
    assert list(described) == list(LEARNERS) == list(DEFAULTS)
    assert {name: row[1] for name, row in described.items()} == {
        name: text.format(**settings_of(LEARNERS[name])).replace("%", " %") for name, text in DEFAULTS.items()
    }
    assert settings_of(LEARNERS["extra-trees"]) == settings_of(LEARNERS["random-forest"])


def test_the_default_is_the_one_that_is_called_so_and_the_one_of_every_command() -> None:
    assert [name for name, row in rows_of("| `--learner`").items() if "the default" in row[2]] == [DEFAULT]
    for command in (train, evaluate):
        assert inspect.signature(command).parameters["learner"].default == DEFAULT
    for page in ("README.md", "docs/training.md", "docs/evaluation.md"):
        assert "guarded forest" in (ROOT / page).read_text(encoding="utf-8"), page


def test_what_is_searched_is_what_is_proposed() -> None:
    import optuna
    from optuna.distributions import FloatDistribution, IntDistribution

    searched = rows_of("| learner | searched |")
    for name, learner in LEARNERS.items():
        trial = optuna.create_study().ask()
        learner.proposed(trial)
        ranges = {
            setting: (one.low, one.high)
            for setting, one in trial.distributions.items()
            if isinstance(one, IntDistribution | FloatDistribution)
        }
        assert searched[name] == [
            ", ".join(f"{WORDS[setting]} {low:g} to {high:g}" for setting, (low, high) in ranges.items())
        ], name


def split_rows(missing: bool) -> tuple[FeatureMatrix, ClassIndices, FeatureMatrix]:
    """Return rows and classes to learn from, and other rows."""
    matrix, labels = numbers(3, 1500)
    matrix = matrix if missing else np.where(matrix == MISSING, np.float32(2), matrix)
    return matrix[:1000], labels[:1000], matrix[1000:]


@pytest.mark.parametrize("name", ["random-forest", "extra-trees"])
def test_the_plain_forests_are_those_of_scikit_learn(name: str) -> None:
    from sklearn import ensemble

    kinds: dict[str, Any] = {
        "random-forest": ensemble.RandomForestClassifier,
        "extra-trees": ensemble.ExtraTreesClassifier,
    }
    matrix, labels, others = split_rows(missing=True)
    theirs = kinds[name](100, max_depth=14, min_samples_leaf=3, class_weight=class_weights(labels), random_state=3).fit(
        matrix, labels
    )
    ours = make_learner(name, 3).fit(matrix, labels, 3)
    assert np.abs(ours.probabilities(others) - theirs.predict_proba(others)).max() < 1e-12


def test_the_logistic_regression_is_that_of_scikit_learn_on_standardised_logarithms() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    matrix, labels, others = split_rows(missing=False)
    theirs = make_pipeline(
        FunctionTransformer(lambda values: np.log1p(values.astype(np.float64))),
        StandardScaler(),
        LogisticRegression(C=1, class_weight=class_weights(labels), max_iter=200),
    ).fit(matrix, labels)
    ours = make_learner("logistic", 0).fit(matrix, labels, 3).probabilities(others)
    assert np.abs(ours - theirs.predict_proba(others)).max() < 1e-3
    assert (ours.argmax(axis=1) == theirs.predict(others)).mean() > 0.99


def test_with_two_classes_parts_of_the_score_are_in_proportion_to_those_of_the_log_odds() -> None:
    random = np.random.default_rng(0)
    base, parts = random.standard_normal(2), random.standard_normal((50, 6, 2))
    log_odds = parts[:, :, 1] - parts[:, :, 0]
    factor = attributed(base, parts) / log_odds
    assert (factor > 0).all()
    assert np.ptp(factor, axis=1).max() < 1e-9


ON_CORES: Final = """
import hashlib, os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
from netsift.models.learners import LEARNERS
from tests.models.learners.test_learners import NAMES, numbers
for name, learner in LEARNERS.items():
    print(name, hashlib.sha256(learner.fit(*numbers(3), 3).graph(NAMES)).hexdigest())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process is bound to cores another way there")
def test_the_number_of_cores_changes_no_byte() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", ON_CORES, str(cores)], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
        ).stdout
        for cores in (1, 8)
    ]
    assert said[0].count("\n") == len(LEARNERS)
    assert said[0] == said[1]
