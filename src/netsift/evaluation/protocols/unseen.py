"""Protocols that test on what no training flow was like: a kind of attack, or a network, that was never seen."""

from __future__ import annotations

from typing import Final

import numpy as np

from netsift.evaluation.protocols.base import (
    FEWEST_OF_A_KIND,
    MOST_SPLITS,
    Cut,
    Mask,
    Options,
    Protocol,
    Refused,
    Split,
    both_kinds,
    of_folds,
    usable,
)
from netsift.evaluation.protocols.folds import campaigns, host_pairs
from netsift.evaluation.splits import Labels, grouped_folds
from netsift.models.dataset import Dataset

MOST_NETWORKS: Final = 12
"""Networks that are left out one by one; each costs a fit."""

_FEWEST_BENIGN_GROUPS: Final = 9
_HELD_BACK: Final = 3
"""One in so many benign groups is held back."""


def _leave_one_attack_out(dataset: Dataset, options: Options) -> Cut | Refused:
    """For each kind of attack: learn without it, test on it and on benign flows that were held back.

    The attack that matters is the one that nobody labelled before. The same benign flows are held back for every kind,
    whole pairs of hosts where addresses are known. The figures are means over the kinds, so that one flood of a hundred
    thousand flows does not outweigh the rest. With more than 30 kinds, those of the most rows are left out in turn.
    """
    counts = np.bincount(dataset.classes, minlength=len(dataset.names))
    kinds = [kind for kind in np.argsort(-counts, kind="stable").tolist() if kind > 0 and counts[kind]]
    if len(kinds) < 2:
        return Refused("there is only one kind of attack, and without it nothing is left to learn from")
    benign = held_back_benign(dataset, options.seed)
    splits = []
    for kind in kinds[:MOST_SPLITS]:
        left_out = dataset.classes == kind
        splits.append(Split(dataset.names[kind], ~left_out & ~benign, left_out | benign))
    kept = usable(dataset, splits)
    if not kept or not benign.any():
        return Refused("there are too few benign flows to hold some back")
    return Cut(kept, np.where(dataset.classes > 0, dataset.classes, campaigns(dataset)))


def held_back_benign(dataset: Dataset, seed: int) -> Mask:
    """Return a third of the benign rows, (rows,): whole pairs of hosts where there are nine or more, else at random."""
    benign = np.flatnonzero(dataset.classes == 0)
    pairs = host_pairs(dataset)
    groups = np.arange(len(benign)) if pairs is None else np.unique(pairs[benign], return_inverse=True)[1]
    if len(np.unique(groups)) < _FEWEST_BENIGN_GROUPS:
        groups = np.arange(len(benign))
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    before = np.cumsum(sizes[order]) - sizes[order]
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    chosen[order] = before < len(benign) // _HELD_BACK
    held_back = np.zeros(len(dataset.classes), dtype=np.bool_)
    held_back[benign[chosen[groups]]] = True
    return held_back


def network_of_row(dataset: Dataset) -> tuple[tuple[str, ...], Labels]:
    """Return the names of the networks in order, and the index of every row's network, (rows,)."""
    names = tuple(sorted(set(dataset.networks)))
    number = np.array([names.index(name) for name in dataset.networks], dtype=np.int64)
    return names, number[dataset.groups]


def _leave_one_network_out(dataset: Dataset, options: Options) -> Cut | Refused:
    """Every network is tested by a model of others.

    It is the question of everybody who installs a model that was trained elsewhere, and the one that published figures
    do not answer. More than 12 networks are left out in K groups instead of one by one.
    """
    names, network = network_of_row(dataset)
    present = np.unique(network).tolist()
    if len(present) < 2:
        return Refused("all flows are of one network; name the networks as name=PATH")
    if len(present) <= MOST_NETWORKS:
        splits = [Split(names[one], network != one, network == one) for one in present]
    else:
        fold = grouped_folds(dataset.classes, network, options.folds)
        splits = [] if fold is None else of_folds(fold, "networks")
    kept = usable(dataset, splits)
    if not kept:
        return Refused("without one network there are only benign or only attack flows to learn from")
    return Cut(kept, network if len(present) > 2 else campaigns(dataset))


def _cross_network(dataset: Dataset, _options: Options) -> Cut | Refused:
    """Train on one network, test on one other, for every ordered pair.

    It shows which network teaches something and which is only like itself. Networks need benign and attack flows of
    their own; with two of them it would be the same as leaving one out.
    """
    names, network = network_of_row(dataset)
    whole = [
        one for one in range(len(names)) if both_kinds(dataset.classes, np.equal(network, one), fewest=FEWEST_OF_A_KIND)
    ]
    if len(whole) < 2 or len(np.unique(network)) < 3:
        return Refused("it needs three networks, two of them with benign and attack flows; name them as name=PATH")
    masks = {one: np.equal(network, one) for one in whole}
    pairs = [(one, other) for one in whole for other in whole if one != other][:MOST_SPLITS]
    splits = [Split(f"{names[one]} → {names[other]}", masks[one], masks[other]) for one, other in pairs]
    return Cut(usable(dataset, splits), campaigns(dataset))


LEAVE_ONE_ATTACK_OUT: Final = Protocol(
    "leave-one-attack-out",
    "honest: every kind of attack is scored by models that never saw it; means over the kinds",
    honest=True,
    cut=_leave_one_attack_out,
    averaged=True,
)
LEAVE_ONE_NETWORK_OUT: Final = Protocol(
    "leave-one-network-out",
    "honest: every network is scored by a model that saw none of its flows",
    honest=True,
    cut=_leave_one_network_out,
)
CROSS_NETWORK: Final = Protocol(
    "cross-network",
    "honest: learned from one network, tested on one other; means over the pairs",
    honest=True,
    cut=_cross_network,
    averaged=True,
)
