"""Flagged flows become few groups, whatever their order, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.grouping import MANY_SOURCES, FindingGroups, FlaggedFlows, Group
from netsift.alerts.settling import in_order

SECOND_NS = 1_000_000_000
GAP_NS = 600 * SECOND_NS


@dataclass(frozen=True)
class Flow:
    """One flagged flow; times in seconds."""

    start: int = 0
    end: int = 0
    source: str = "10.0.0.1"
    target: str = "10.0.0.2"
    port: int = 80
    attack: int = 0
    score: float = 0.9


def flagged(flows: list[Flow]) -> FlaggedFlows:
    """Return the flows as arrays; each flow's features are its start and its score."""
    return FlaggedFlows(
        start_ns=np.array([flow.start for flow in flows], dtype=np.int64) * SECOND_NS,
        end_ns=np.array([flow.end for flow in flows], dtype=np.int64) * SECOND_NS,
        source=[flow.source for flow in flows],
        target=[flow.target for flow in flows],
        port=np.array([flow.port for flow in flows], dtype=np.int64),
        packets=np.ones(len(flows), dtype=np.int64),
        attack=np.array([flow.attack for flow in flows], dtype=np.int64),
        score=np.array([flow.score for flow in flows], dtype=np.float32),
        matrix=np.array([[flow.start, flow.score] for flow in flows], dtype=np.float32).reshape(-1, 2),
    )


def grouped(flows: list[Flow], groups: FindingGroups | None = None, batch: int = 3) -> list[Group]:
    """Return the groups of flows that arrive in batches."""
    groups = groups or FindingGroups(GAP_NS)
    for start in range(0, len(flows), batch):
        groups.add(flagged(flows[start : start + batch]))
    return in_order(groups.groups())


def test_a_scan_is_one_group() -> None:
    flows = [Flow(start=second, end=second, port=second) for second in range(5000)]
    (group,) = grouped(flows, batch=512)
    assert (group.flows, group.packets, group.start_ns, group.end_ns) == (5000, 5000, 0, 4999 * SECOND_NS)
    assert group.ports == set(range(5000))
    assert group.targets == {"10.0.0.2"}


def test_sources_and_attacks_are_kept_apart() -> None:
    flows = [Flow(), Flow(source="10.0.0.9"), Flow(attack=1)]
    assert {(min(group.sources), group.attack) for group in grouped(flows)} == {
        ("10.0.0.1", 0), ("10.0.0.9", 0), ("10.0.0.1", 1),
    }  # fmt: skip


def test_a_gap_of_ten_minutes_joins_and_a_longer_one_parts() -> None:
    assert len(grouped([Flow(end=100), Flow(start=700, end=700)])) == 1
    assert len(grouped([Flow(end=100), Flow(start=701, end=701)])) == 2


def test_a_late_flow_joins_two_groups() -> None:
    (group,) = grouped([Flow(), Flow(start=1000, end=1000), Flow(start=500, end=500)], batch=1)
    assert (group.flows, group.end_ns) == (3, 1000 * SECOND_NS)


def test_the_highest_score_speaks_for_the_group() -> None:
    (group,) = grouped([Flow(score=0.7), Flow(start=5, end=5, score=0.95), Flow(start=9, end=9, score=0.8)], batch=1)
    assert group.score == np.float32(0.95)
    assert group.features[0] == 5


def test_many_flows_of_high_score_come_first() -> None:
    many = [Flow(start=second, end=second, source="10.0.0.7", score=0.9) for second in range(100)]
    groups = grouped([Flow(score=0.95), Flow(source="10.0.0.8", score=0.7), *many])
    assert [min(group.sources) for group in groups] == ["10.0.0.7", "10.0.0.1", "10.0.0.8"]


def test_many_sources_of_one_target_are_one_group() -> None:
    flood = [Flow(source=f"198.51.100.{host}", start=host, end=host) for host in range(MANY_SOURCES)]
    (group,) = grouped(flood)
    assert len(group.sources) == group.flows == MANY_SOURCES
    assert len(grouped(flood[1:])) == MANY_SOURCES - 1
    elsewhere = [replace(flow, target=f"10.0.0.{number}") for number, flow in enumerate(flood)]
    assert len(grouped(elsewhere)) == MANY_SOURCES


def test_sources_far_apart_in_time_stay_apart() -> None:
    flood = [Flow(source=f"198.51.100.{host}", start=host * 601, end=host * 601) for host in range(MANY_SOURCES)]
    assert len(grouped(flood)) == MANY_SOURCES


def test_a_flood_of_forged_sources_needs_no_more_room() -> None:
    flood = [Flow(source=f"198.51.{host // 250}.{host % 250}") for host in range(3000)]
    groups = FindingGroups(GAP_NS, max_groups=50)
    (group,) = grouped(flood, groups, batch=100)
    assert group.flows == 3000
    assert groups.overflow_flows == 0


def test_flows_without_room_are_counted() -> None:
    groups = FindingGroups(GAP_NS, max_groups=5)
    flows = [Flow(source=f"10.1.0.{host}", target=f"10.2.0.{host}") for host in range(9)]
    assert len(grouped(flows, groups)) == 5
    assert groups.overflow_flows == 4


def test_members_are_bounded_and_a_cut_is_told() -> None:
    groups = FindingGroups(GAP_NS, max_members=10)
    (group,) = grouped([Flow(target=f"10.2.0.{host}", port=-1) for host in range(50)], groups)
    assert group.truncated
    assert len(group.sources) + len(group.targets) + len(group.ports) == 10
    assert group.flows == 50


flow_lists = st.lists(
    st.builds(
        lambda start, length, source, attack, target: Flow(start, start + length, source, target, attack=attack),
        st.integers(0, 5000),
        st.integers(0, 300),
        st.sampled_from([f"10.0.0.{host}" for host in range(MANY_SOURCES + 2)]),
        st.integers(0, 1),
        st.sampled_from(["10.9.0.1", "10.9.0.2"]),
    ),
    max_size=60,
)


@given(flow_lists, st.randoms(use_true_random=False), st.integers(1, 20))
def test_order_and_batches_do_not_matter(flows: list[Flow], random: Random, batch: int) -> None:
    shuffled = list(flows)
    random.shuffle(shuffled)

    def summary(groups: list[Group]) -> list[tuple[object, ...]]:
        return sorted(
            (sorted(one.sources), one.attack, one.start_ns, one.end_ns, one.flows, sorted(one.targets))
            for one in groups
        )

    assert summary(grouped(flows, batch=batch)) == summary(grouped(shuffled))


@given(flow_lists)
def test_every_flow_is_in_one_group(flows: list[Flow]) -> None:
    groups = FindingGroups(GAP_NS, max_groups=4)
    found = grouped(flows, groups)
    assert sum(group.flows for group in found) + groups.overflow_flows == len(flows)
    assert len(found) <= 4
