"""Every row is tested once, and nothing that must not stand on both sides of a cut does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.evaluation.splits import grouped_folds, stratified_folds

labels = st.lists(st.integers(0, 3), min_size=4, max_size=80).map(np.array)


@given(labels, st.integers(2, 6), st.integers(0, 9))
def test_classes_are_spread_evenly(classes: np.ndarray[tuple[int], np.dtype[np.int64]], folds: int, seed: int) -> None:
    fold = stratified_folds(classes, folds, seed)
    assert np.array_equal(fold, stratified_folds(classes, folds, seed))
    for label in np.unique(classes):
        counts = np.bincount(fold[classes == label], minlength=folds)
        assert len(counts) == folds
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=80), st.integers(2, 6))
def test_groups_stay_whole_and_both_kinds_are_learned(rows: list[tuple[int, int]], folds: int) -> None:
    classes, groups = np.array(rows).T
    fold = grouped_folds(classes, groups, folds)
    if fold is None:
        return
    for group in np.unique(groups):
        assert len(np.unique(fold[groups == group])) == 1
    for number in np.unique(fold):
        learned = classes[fold != number]
        assert (learned == 0).any()
        assert (learned > 0).any()


def test_captures_of_one_kind_are_dealt_to_all_folds() -> None:
    groups = np.repeat(np.arange(10), 20)
    classes = (groups % 2).astype(np.int64)
    fold = grouped_folds(classes, groups, 5)
    assert fold is not None
    for number in range(5):
        assert set(classes[fold == number].tolist()) == {0, 1}


def test_what_cannot_be_asked_is_not() -> None:
    one_of_each = np.repeat([0, 1], 10)
    assert grouped_folds(one_of_each, one_of_each, 5) is None
    assert grouped_folds(one_of_each, np.zeros(20, dtype=np.int64), 5) is None
