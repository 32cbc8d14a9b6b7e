"""A column that means the same everywhere travels; one that names the laboratory does not."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.errors import InputError
from netsift.evaluation.transfer import ColumnTransfer, Verdict, transfer
from netsift.models.dataset import Dataset
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from tests.evaluation.rows import rows
from tests.models.fitted import silent

LEARNER = RandomForest(ForestSettings(trees=20, depth=6))


def two_networks() -> Dataset:
    """Return rows of two networks: one column helps in both, one tells attacks here and denies them there."""
    random = np.random.default_rng(0)
    count = 1200
    classes = random.integers(0, 2, count)
    network = np.arange(count) % 2
    matrix = random.random((count, 4)).astype(np.float32)
    matrix[:, 0] += 0.5 * classes
    matrix[:, 1] += 0.7 * np.where(network == 0, classes, 1 - classes)
    matrix[:, 3] = 5
    names = ("packets", "window_fwd_initial", "bytes", "fragments")
    return rows(classes, matrix, groups=network, networks=("here", "there"), feature_names=names)


def test_what_travels_is_told_from_what_names_the_laboratory() -> None:
    found = transfer(two_networks(), LEARNER, 0, silent)
    verdicts = {one.column: one.verdict for one in found.columns}
    assert verdicts["packets"] is Verdict.TRAVELS
    assert verdicts["window_fwd_initial"] is Verdict.HURTS
    assert verdicts["fragments"] is Verdict.UNUSED
    assert found.columns[0].column == "window_fwd_initial"
    assert found.networks == ("here", "there")
    assert "packets" in found.travelling
    assert "window_fwd_initial" not in found.travelling
    assert found.selected is not None
    assert found.selected.across > found.everything.across + 0.1
    assert transfer(two_networks(), LEARNER, 0, silent) == found


@pytest.mark.parametrize(
    ("inside", "across", "verdict"),
    [
        (0.1, 0.1, "travels"),
        (0.1, 0.0, "helps inside only"),
        (0.1, -0.1, "hurts across"),
        (0, 0, "makes no difference"),
    ],
)
def test_a_verdict_says_what_became_of_a_column(inside: float, across: float, verdict: str) -> None:
    assert ColumnTransfer("bytes", inside, across, across).verdict == verdict


def test_one_network_shows_nothing() -> None:
    with pytest.raises(InputError, match="two networks"):
        transfer(rows(np.tile([0, 1], 100)), LEARNER, 0, silent)


def test_networks_without_both_kinds_are_passed_over() -> None:
    dataset = two_networks()
    dataset.classes[dataset.groups == 1] = 1
    with pytest.raises(InputError, match="two networks"):
        transfer(dataset, LEARNER, 0, silent)
