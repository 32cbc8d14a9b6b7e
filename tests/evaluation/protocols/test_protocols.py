"""Every protocol keeps to its promise on whatever rows it is given, or says why it cannot be asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.errors import UsageError
from netsift.evaluation.protocols import PROTOCOLS, Cut, Options, Protocol, Refused, chosen
from netsift.evaluation.protocols.folds import (
    BY_CAMPAIGN,
    BY_HOST_PAIR,
    BY_INPUT,
    RANDOM_SPLIT,
    campaigns,
    host_pairs,
)
from netsift.evaluation.protocols.ordered import BY_DAY, TIME_ORDERED, best_cut, gap_ns
from netsift.evaluation.protocols.unseen import (
    CROSS_NETWORK,
    LEAVE_ONE_ATTACK_OUT,
    LEAVE_ONE_NETWORK_OUT,
    network_of_row,
)
from netsift.models.dataset import UNKNOWN, Dataset
from tests.evaluation.rows import DAY_S, learnable, rows

GAP_S = 600
OPTIONS = Options(folds=3, seed=1, gap_s=GAP_S)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Rows of any kinds, times, hosts, inputs and networks, some of them unknown."""
    count = draw(st.integers(1, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = draw(st.integers(1, 4))
    days = draw(st.integers(1, 5))
    hosts = draw(st.integers(1, 6))
    classes = random.integers(0, draw(st.integers(1, 4)), count)
    unknown = draw(st.sampled_from(["nothing", "times", "hosts", "some"]))

    def column(low: int, high: int, what: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        values = random.integers(low, high, count)
        if unknown == what:
            values[:] = UNKNOWN
        elif unknown == "some":
            values[random.random(count) < 0.3] = UNKNOWN
        return values

    return rows(
        classes,
        groups=random.permutation(np.arange(count) % inputs),
        times_s=column(0, days * DAY_S, "times"),
        sources=column(0, hosts, "hosts"),
        destinations=column(hosts, 2 * hosts, "hosts"),
        networks=tuple(f"network{number % 3}" for number in range(inputs)),
    )


def cut_of(protocol: Protocol, dataset: Dataset) -> Cut | None:
    """Return the splits, or None after looking at the reason why there are none."""
    cut = protocol.cut(dataset, OPTIONS)
    if isinstance(cut, Refused):
        assert len(cut.reason) > 20
        assert not cut.reason.endswith(".")
        return None
    return cut


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda one: one.name)
@given(dataset=datasets())
@settings(max_examples=60)
def test_no_row_is_on_both_sides_and_both_kinds_are_learned_and_tested(protocol: Protocol, dataset: Dataset) -> None:
    cut = cut_of(protocol, dataset)
    if cut is None:
        return
    tested = np.zeros(len(dataset.classes), dtype=np.int64)
    for split in cut.splits:
        assert not (split.train & split.test).any()
        assert split.test.any()
        learned = dataset.classes[split.train]
        assert min((learned == 0).sum(), (learned > 0).sum()) >= 2
        tested += split.test
    assert (dataset.classes[tested > 0] == 0).any()
    assert (dataset.classes[tested > 0] > 0).any()
    if not protocol.averaged:
        assert tested.max() == 1
    if protocol is LEAVE_ONE_ATTACK_OUT:
        assert tested[dataset.classes > 0].max() == 1


@pytest.mark.parametrize("protocol", [BY_HOST_PAIR, BY_INPUT, BY_CAMPAIGN], ids=lambda one: one.name)
@given(dataset=datasets())
@settings(max_examples=60)
def test_groups_are_never_on_both_sides(protocol: Protocol, dataset: Dataset) -> None:
    cut = cut_of(protocol, dataset)
    if cut is None:
        return
    pairs = host_pairs(dataset)
    groups = {BY_HOST_PAIR: pairs, BY_INPUT: dataset.groups, BY_CAMPAIGN: campaigns(dataset)}[protocol]
    assert groups is not None
    for split in cut.splits:
        assert not set(groups[split.train].tolist()) & set(groups[split.test].tolist())


@given(dataset=datasets())
def test_time_runs_one_way_with_a_gap(dataset: Dataset) -> None:
    start = dataset.circumstances.start_ns
    for protocol in (TIME_ORDERED, BY_DAY):
        cut = cut_of(protocol, dataset)
        for split in () if cut is None else cut.splits:
            assert start[split.train].min() != UNKNOWN
            gap = gap_ns(start[start != UNKNOWN], GAP_S)
            assert gap > 0
            assert start[split.train].max() + gap < start[split.test].min()


@given(dataset=datasets())
def test_a_kind_or_network_that_is_tested_was_not_learned(dataset: Dataset) -> None:
    cut = cut_of(LEAVE_ONE_ATTACK_OUT, dataset)
    for split in () if cut is None else cut.splits:
        (kind,) = set(dataset.classes[split.test & (dataset.classes > 0)].tolist())
        assert split.name == dataset.names[kind]
        assert kind not in dataset.classes[split.train]
    _, network = network_of_row(dataset)
    for protocol in (LEAVE_ONE_NETWORK_OUT, CROSS_NETWORK):
        cut = cut_of(protocol, dataset)
        for split in () if cut is None else cut.splits:
            assert len(np.unique(network[split.test])) == 1
            assert not set(network[split.train].tolist()) & set(network[split.test].tolist())


def test_many_networks_are_left_out_in_groups() -> None:
    inputs = np.arange(400) % 20
    dataset = rows(np.arange(400) // 20 % 2, groups=inputs, networks=tuple(f"network{number}" for number in range(20)))
    cut = cut_of(LEAVE_ONE_NETWORK_OUT, dataset)
    assert cut is not None
    assert len(cut.splits) == OPTIONS.folds
    for split in cut.splits:
        assert len(np.unique(inputs[split.test])) > 1
        assert not set(inputs[split.train].tolist()) & set(inputs[split.test].tolist())
    assert np.sum([split.test for split in cut.splits], axis=0).tolist() == [1] * 400


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda one: one.name)
def test_the_same_seed_cuts_alike_and_rich_data_allows_all(protocol: Protocol) -> None:
    dataset = learnable(600)
    first, again = cut_of(protocol, dataset), cut_of(protocol, dataset)
    assert first is not None
    assert again is not None
    for one, other in zip(first.splits, again.splits, strict=True):
        assert np.array_equal(one.train, other.train)
        assert np.array_equal(one.test, other.test)


@pytest.mark.parametrize(
    ("protocol", "dataset", "reason"),
    [
        (RANDOM_SPLIT, rows([0, 0, 0, 1]), "fewer than two benign or two attack"),
        (BY_HOST_PAIR, rows([0, 0, 1, 1]), "no addresses"),
        (BY_HOST_PAIR, rows([0, 0, 1, 1], sources=[1] * 4, destinations=[2] * 4), "by pair of hosts"),
        (BY_INPUT, rows([0, 0, 1, 1]), "only one input"),
        (BY_INPUT, rows([0, 0, 1, 1], groups=[0, 0, 1, 1]), "by input"),
        (BY_CAMPAIGN, rows([0, 0, 1, 1]), "neither addresses nor times"),
        (BY_CAMPAIGN, rows([0, 0, 1, 1], sources=[1, 2, 3, 3]), "one campaign"),
        (TIME_ORDERED, rows([0, 0, 1, 1]), "no times"),
        (TIME_ORDERED, rows([0, 0, 1, 1], times_s=[0, 1, 5000, 5001]), "no cut in time with a gap of 250.05 s"),
        (BY_DAY, rows([0, 0, 1, 1]), "no times"),
        (BY_DAY, rows([0, 0, 1, 1], times_s=[0, 1, 2, DAY_S]), "fewer than three days"),
        (LEAVE_ONE_ATTACK_OUT, rows([0] * 9 + [1] * 9), "only one kind of attack"),
        (LEAVE_ONE_NETWORK_OUT, rows([0, 1] * 9), "one network"),
        (CROSS_NETWORK, rows([0, 1] * 9, groups=[0] * 9 + [1] * 9, networks=("a", "b")), "three networks"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_reason(protocol: Protocol, dataset: Dataset, reason: str) -> None:
    cut = protocol.cut(dataset, OPTIONS)
    assert isinstance(cut, Refused)
    assert reason in cut.reason


def test_a_pause_another_day_another_source_and_another_kind_begin_a_campaign() -> None:
    hour = 3600
    dataset = rows(
        [1, 1, 1, 1, 1, 2, 0, 0],
        times_s=[0, hour, 3 * hour, DAY_S - 10, DAY_S + 10, DAY_S + 10, 0, 0],
        sources=[1, 1, 1, 1, 1, 1, 5, 6],
        destinations=[9] * 8,
    )
    found = campaigns(dataset).tolist()
    assert found[0] == found[1]
    assert len(set(found)) == 7
    other = rows([1, 1], times_s=[0, 1], sources=[1, 2])
    assert len(set(campaigns(other).tolist())) == 2


def test_the_cut_in_time_leaves_most_of_the_rarest_kind_on_either_side() -> None:
    start = np.arange(20) * 10
    attack = np.isin(np.arange(20), [2, 3, 8, 9, 15, 16])
    cut = best_cut(start, attack, gap=5)
    assert cut is not None
    assert (start[attack] <= cut).sum() == 3
    assert best_cut(start, np.arange(20) < 2, gap=5) is None


def test_protocols_are_chosen_by_name() -> None:
    assert chosen([]) == PROTOCOLS
    assert chosen(["Time ordered", "random_split"]) == (RANDOM_SPLIT, TIME_ORDERED)
    with pytest.raises(UsageError, match="there is no protocol 'magic'; there are: random split, by host pair"):
        chosen(["magic"])


def test_only_the_random_split_is_not_honest() -> None:
    assert [protocol.name for protocol in PROTOCOLS if not protocol.honest] == ["random split"]
    assert all(protocol.cut.__doc__ for protocol in PROTOCOLS)
