"""What a protocol is: a reasoned way to cut labelled rows into what is learned from and what is tested.

A protocol returns its splits, or says in one sentence why the data does not allow it. It never changes the rows, and
looks at the circumstances of a flow (when, between whom, on whose network), which no model sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.splits import Labels
from netsift.models.dataset import Dataset

Mask = npt.NDArray[np.bool_]
"""Which rows: shape (rows,)."""

FEWEST_OF_A_KIND: Final = 2
"""Benign and attack rows that a training side must hold at least."""

MOST_SPLITS: Final = 30
"""Splits of one protocol; each costs a fit."""


@dataclass(frozen=True, slots=True)
class Split:
    """One cut: the rows that are learned from and those that are tested, which never overlap."""

    name: str
    train: Mask
    test: Mask


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the data does not allow a protocol, as one sentence without its full stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The splits of a protocol over a dataset.

    ``groups`` (rows,) are what stays whole when the training side is cut again to choose a threshold there; None where
    any two rows may be parted.
    """

    splits: tuple[Split, ...]
    groups: Labels | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How a protocol cuts: number of folds, seed of what is random, time between training and test."""

    folds: int = 5
    seed: int = 0
    gap_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named protocol.

    ``honest`` is False for one whose figures must not be quoted. The figures of an ``averaged`` protocol are means over
    its splits; those of the others are taken over all tested rows together, each of which is tested once.
    """

    name: str
    meaning: str
    honest: bool
    cut: Callable[[Dataset, Options], Cut | Refused] = field(repr=False)
    averaged: bool = False


def both_kinds(classes: Labels, rows: Mask, fewest: int = 1) -> bool:
    """Return whether there are at least ``fewest`` benign and as many attack rows among ``rows``."""
    attacks = int(np.count_nonzero(classes[rows] > 0))
    return attacks >= fewest and int(np.count_nonzero(rows)) - attacks >= fewest


def usable(dataset: Dataset, splits: Sequence[Split]) -> tuple[Split, ...]:
    """Return the splits that can be learned from, and none at all where benign or attack rows are never tested."""
    kept = tuple(
        split
        for split in splits
        if split.test.any() and both_kinds(dataset.classes, split.train, fewest=FEWEST_OF_A_KIND)
    )
    tested = np.zeros(len(dataset.classes), dtype=np.bool_)
    for split in kept:
        tested |= split.test
    return kept if both_kinds(dataset.classes, tested) else ()


def of_folds(fold: npt.NDArray[np.int64], name: str = "fold") -> list[Split]:
    """Return one split per fold: it is tested there and learned from in all others."""
    numbers = np.unique(fold).tolist()
    return [Split(f"{name} {place + 1}", fold != number, fold == number) for place, number in enumerate(numbers)]
