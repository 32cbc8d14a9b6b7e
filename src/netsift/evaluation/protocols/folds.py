"""Protocols that deal rows or whole groups of rows to K folds."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.protocols.base import Cut, Options, Protocol, Refused, of_folds, usable
from netsift.evaluation.splits import Labels, grouped_folds, stratified_folds
from netsift.models.dataset import UNKNOWN, Dataset

CAMPAIGN_GAP_NS: Final = 3_600_000_000_000
"""An attacker who pauses longer than an hour begins a new campaign."""

DAY_NS: Final = 86_400_000_000_000


def _random(dataset: Dataset, options: Options) -> Cut | Refused:
    """Stratified K-fold: every class spread evenly and at random.

    It flatters. Flows of one scan, one host and one minute stand on both sides of the cut, so that the model is tested
    on near copies of what it learned. It is here because nearly every published figure is made like this, and because
    its distance from the honest protocols is what a reader should see.
    """
    attacks = int(np.count_nonzero(dataset.classes > 0))
    folds = min(options.folds, attacks, len(dataset.classes) - attacks)
    if folds < 2:
        return Refused("there are fewer than two benign or two attack flows")
    splits = usable(dataset, of_folds(stratified_folds(dataset.classes, folds, options.seed)))
    return Cut(splits) if splits else Refused("there are too few flows to hold some back")


def _by_host_pair(dataset: Dataset, options: Options) -> Cut | Refused:
    """Grouped K-fold by the two hosts of a flow, whichever began.

    Most near copies of a flow are between the same two hosts. When no such pair is on both sides, a model cannot score
    by recognising a conversation that it has seen before; a single attacker may still be seen with other victims.
    """
    pairs = host_pairs(dataset)
    if pairs is None:
        return Refused("the flows have no addresses")
    return _grouped(dataset, pairs, options, "pair of hosts")


def _by_input(dataset: Dataset, options: Options) -> Cut | Refused:
    """Grouped K-fold by input: a capture or a file.

    It asks the question of the person who installs the model: how does it do on traffic from elsewhere? How far
    elsewhere is, depends on the inputs; ten captures of one laboratory are one elsewhere.
    """
    if len(np.unique(dataset.groups)) < 2:
        return Refused("there is only one input, so no figure says how the model does on traffic from elsewhere")
    return _grouped(dataset, dataset.groups, options, "input")


def _by_campaign(dataset: Dataset, options: Options) -> Cut | Refused:
    """Grouped K-fold by campaign: one source's run of one kind of attack, ended by a pause or by the day's end.

    The flows of one run of one tool are copies of each other. Two runs of the same kind are what a model should have
    learned the kind from. Benign flows have no campaign and stay together by pair of hosts, or by input where the
    addresses are not known.
    """
    known = dataset.circumstances
    if (known.source == UNKNOWN).all() and (known.start_ns == UNKNOWN).all():
        return Refused("the flows have neither addresses nor times, so campaigns cannot be told apart")
    groups = campaigns(dataset)
    if len(np.unique(groups[dataset.classes > 0])) < 2:
        return Refused("all attack flows belong to one campaign")
    return _grouped(dataset, groups, options, "campaign")


def _grouped(dataset: Dataset, groups: Labels, options: Options, noun: str) -> Cut | Refused:
    fold = grouped_folds(dataset.classes, groups, options.folds)
    splits = usable(dataset, of_folds(fold)) if fold is not None else ()
    if not splits:
        return Refused(f"leaving out whole groups by {noun} leaves only benign or only attack flows to learn from")
    return Cut(splits, groups)


def host_pairs(dataset: Dataset) -> Labels | None:
    """Return one number per pair of hosts, (rows,); the rows of an input without addresses are one group of it.

    None where no row has addresses.
    """
    pairs = dataset.circumstances.host_pair
    if (pairs == UNKNOWN).all():
        return None
    return np.where(pairs == UNKNOWN, -2 - dataset.groups, pairs)


def campaigns(dataset: Dataset) -> Labels:
    """Return the group of every row, (rows,): campaigns from 0 on, and below 0 what benign rows stay together by."""
    known = dataset.circumstances
    attack = np.flatnonzero(dataset.classes > 0)
    who = np.where(known.source == UNKNOWN, -2 - dataset.groups, known.source)[attack]
    kind, start = dataset.classes[attack], known.start_ns[attack]
    order = np.lexsort((start, who, kind))
    new = np.ones(len(order), dtype=np.int64)
    new[1:] = (
        _differs(kind[order])
        | _differs(who[order])
        | (np.diff(start[order]) > CAMPAIGN_GAP_NS)
        | _differs(start[order] // DAY_NS)
    )
    groups = np.empty(len(dataset.classes), dtype=np.int64)
    groups[attack[order]] = np.cumsum(new) - 1
    benign = dataset.classes == 0
    pairs = host_pairs(dataset)
    together = dataset.groups if pairs is None else pairs
    groups[benign] = -1 - np.unique(together[benign], return_inverse=True)[1]
    return groups


def _differs(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    changed: npt.NDArray[np.bool_] = values[1:] != values[:-1]
    return changed


RANDOM_SPLIT: Final = Protocol(
    "random split", "flatters: near copies of a flow stand on both sides of the cut", honest=False, cut=_random
)
BY_HOST_PAIR: Final = Protocol(
    "by host pair", "honest: no two hosts whose flows are tested were seen together in training", True, _by_host_pair
)
BY_INPUT: Final = Protocol(
    "by input", "honest: every input is scored by a model that saw none of its flows", True, _by_input
)
BY_CAMPAIGN: Final = Protocol(
    "by campaign",
    "honest: every run of an attack is scored by a model that saw none of its flows",
    honest=True,
    cut=_by_campaign,
)
