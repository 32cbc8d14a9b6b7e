"""Protocols: how rows are cut into what is learned and what is tested. Each says what it can and cannot show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
"""Class index of every row, 0 for benign."""

Folds = npt.NDArray[np.int64]
"""Fold of every row: it is tested in that fold and learned from in all others."""


def stratified_folds(classes: Labels, folds: int, seed: int) -> Folds:
    """Return the fold of every row, each class spread evenly and at random.

    This flatters: flows of one scan, one host, one minute stand on both sides of the cut, so that the forest is tested
    on near copies of what it learned. It shows that the columns can tell the training traffic apart, nothing more.
    """
    random = np.random.default_rng(seed)
    fold = np.empty(len(classes), dtype=np.int64)
    dealt = 0
    for label in np.unique(classes):
        rows = random.permutation(np.flatnonzero(classes == label))
        # Dealing goes on where the last class stopped, so that classes with fewer rows than folds spread as well.
        fold[rows] = (dealt + np.arange(len(rows))) % folds
        dealt += len(rows)
    return fold


def grouped_folds(classes: Labels, groups: npt.NDArray[np.int64], folds: int) -> Folds | None:
    """Return the fold of every row such that no group (a capture, a file) is on both sides; None where that cannot be.

    This asks the question of the person who installs the model: how does it do on traffic from elsewhere? It cannot be
    asked when some fold would leave only benign traffic, or only attacks, to learn from. Large groups are dealt first,
    each to the fold that holds the fewest rows of its kind (benign or attack).
    """
    names = np.unique(groups)
    folds = min(folds, len(names))
    if folds < 2:
        return None
    position = np.searchsorted(names, groups)
    attack_rows = np.bincount(position, weights=classes > 0, minlength=len(names))
    rows = np.bincount(position, minlength=len(names))
    is_attack = attack_rows * 2 > rows
    held = np.zeros((2, folds))
    fold_of_group = np.empty(len(names), dtype=np.int64)
    for group in np.lexsort((names, -rows)).tolist():
        kind = int(is_attack[group])
        fold = int(np.lexsort((held.sum(axis=0), held[kind]))[0])
        fold_of_group[group] = fold
        held[0, fold] += rows[group] - attack_rows[group]
        held[1, fold] += attack_rows[group]
    totals = held.sum(axis=1, keepdims=True)
    return fold_of_group[position] if (totals - held > 0).all() else None


def inner_folds(classes: Labels, groups: npt.NDArray[np.int64] | None, folds: int, seed: int) -> Folds:
    """Return folds of a training side: such that no group is on both sides where that can be, at random otherwise."""
    fold = None if groups is None else grouped_folds(classes, groups, folds)
    return stratified_folds(classes, folds, seed) if fold is None else fold
