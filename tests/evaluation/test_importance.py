"""Which features matter, alone and with those that stand in for them."""

from __future__ import annotations

import numpy as np

from netsift.evaluation.card import importance_groups, model_card
from netsift.evaluation.importance import correlated_groups, feature_importance
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from netsift.models.manifest import Importance
from tests.models.fitted import small_bundle


def test_columns_that_rise_and_fall_together_are_a_group() -> None:
    random = np.random.default_rng(0)
    signal = random.random(500)
    columns = [signal, random.random(500), np.exp(5 * signal), -signal, np.full(500, 3.0), random.random(500)]
    groups = correlated_groups(np.stack(columns, axis=1).astype(np.float32), np.arange(6))
    assert [group.tolist() for group in groups] == [[0, 2, 3]]


def test_a_chain_of_neighbours_is_no_group() -> None:
    random = np.random.default_rng(1)
    steps = random.normal(size=(6, 2000)).cumsum(axis=0)
    steps[0] *= 5
    chain = np.cumsum([steps[0], *(0.45 * 5 * random.normal(size=(5, 2000)))], axis=0).T.astype(np.float32)
    ranks = chain.argsort(axis=0).argsort(axis=0)
    correlation = np.abs(np.corrcoef(ranks.T))
    assert (np.diag(correlation, 1) > 0.85).all()
    assert correlation[0, -1] < 0.9
    for group in correlated_groups(chain, np.arange(6)):
        assert correlation[np.ix_(group, group)].min() > 0.9 - 1e-6


def test_the_twin_of_a_column_hides_what_it_matters() -> None:
    random = np.random.default_rng(2)
    signal = random.random(800)
    matrix = np.stack([signal, signal * 2, random.random(800)], axis=1).astype(np.float32)
    classes = (signal > 0.5).astype(np.int64)
    forest = RandomForest(ForestSettings(trees=20, depth=4, seed=0)).fit(matrix[:400], classes[:400], 2)
    entries = feature_importance(forest, matrix[400:], classes[400:], ["one", "other", "noise"], 0)
    by_name = {entry.feature: entry for entry in entries}
    assert by_name["one"].group == by_name["other"].group == entries[0].feature
    assert by_name["noise"].group is None
    together = by_name["one"].group_permutation
    assert together is not None
    assert together > 0.4
    assert together > by_name["one"].permutation + by_name["other"].permutation
    assert by_name["other"].group_permutation == together


def test_the_card_names_groups() -> None:
    entries = [
        Importance(feature="c", impurity=0.2, permutation=0.02, group="c", group_permutation=0.03),
        Importance(feature="a", impurity=0.5, permutation=0.01, group="a", group_permutation=0.25),
        Importance(feature="x", impurity=0.1, permutation=0.0),
        Importance(feature="b", impurity=0.1, permutation=0.0, group="a", group_permutation=0.25),
        Importance(feature="d", impurity=0.1, permutation=0.0, group="c", group_permutation=0.03),
    ]
    manifest = small_bundle().manifest.model_copy(update={"importance": entries})
    assert list(importance_groups(manifest)) == ["a", "c"]
    assert "- 0.2500: a, b\n- 0.0300: c, d\n" in model_card(manifest)
