"""Episodes: what belongs to one, what makes room, and that neither order nor batches matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.episodes import SAMPLES, Episodes
from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity

SECOND_NS = 1_000_000_000

Flow = tuple[int, int, str, str, int, int]
"""Start and end in seconds, source, target, port, measure."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Every flow is suspicious, and three of them are an alert."""

    gap_s: float = 10
    scope: Scope = Scope.PAIR
    name: str = "anything"
    category: str = "other"
    technique: str = "T1000"
    severity: Severity = Severity.LOW
    context: tuple[str, ...] = ()
    scale: str = ""
    facts: tuple[str, ...] = ("dst_port", "bytes")

    def suspects(self, view: FlowView) -> Rows:
        """Return all flows."""
        return np.ones(view.rows, np.bool_)

    def measure(self, view: FlowView) -> Numbers:
        """Return the bytes."""
        return view.number("bytes")

    def strength(self, episode: Episode) -> float:
        """Return flows ÷ 3."""
        return episode.flows / 3

    def reason(self, episode: Episode) -> str:
        """Say how many."""
        return f"{episode.flows} flows"


def view(flows: list[Flow]) -> FlowView:
    """Return flows as a detector sees them."""
    columns: list[tuple[Any, ...]] = list(zip(*flows, strict=True)) if flows else [()] * 6
    return FlowView(
        pa.RecordBatch.from_pydict(
            {
                "start_time": pa.array([SECOND_NS * time for time in columns[0]], pa.timestamp("ns")),
                "end_time": pa.array([SECOND_NS * time for time in columns[1]], pa.timestamp("ns")),
                "src_ip": pa.array(columns[2], pa.string()),
                "src_port": pa.array([1_024] * len(flows), pa.uint16()),
                "dst_ip": pa.array(columns[3], pa.string()),
                "dst_port": pa.array(columns[4], pa.uint16()),
                "protocol": pa.array([6] * len(flows), pa.uint8()),
                "packets": pa.array([2] * len(flows), pa.uint64()),
                "bytes": pa.array(columns[5], pa.uint64()),
            }
        ),
        {},
    )


def collected(batches: list[list[Flow]], behaviour: Anything | None = None, **room: Any) -> Episodes:
    """Return the episodes of flows that come in batches."""
    episodes = Episodes(behaviour or Anything(), **room)
    for batch in batches:
        episodes.add(view(batch))
    return episodes


def at(*starts: int, target: str = "b") -> list[Flow]:
    """Return flows of one second from a to a target."""
    return [(start, start + 1, "a", target, 80, 100) for start in starts]


def test_a_pause_up_to_the_gap_is_within_an_episode() -> None:
    assert len(list(collected([at(0, 11)]).episodes())) == 1
    assert len(list(collected([at(0, 12)]).episodes())) == 2
    assert len(list(collected([at(0), at(11)]).episodes())) == 1
    assert len(list(collected([at(0), at(12)]).episodes())) == 2


def test_a_late_flow_joins_what_lies_around_it() -> None:
    (episode,) = collected([at(0, 40), at(20, 60), [(5, 55, "a", "b", 443, 900)]]).episodes()
    assert (episode.flows, episode.packets, episode.bytes) == (5, 10, 1_300)
    assert (episode.start_ns, episode.end_ns) == (0, 61 * SECOND_NS)
    assert episode.ports == {80, 443}
    assert episode.peak == 900
    assert episode.facts == {"dst_port": 443.0, "bytes": 900.0}
    assert [sample["start_time"] // SECOND_NS for sample in episode.samples] == [0, 5, 20, 40, 60]


@pytest.mark.parametrize(
    ("scope", "keys"),
    [
        (Scope.SOURCE, [("a",), ("c",)]),
        (Scope.TARGET, [("b",), ("d",)]),
        (Scope.PAIR, [("a", "b"), ("a", "d"), ("c", "b")]),
        (Scope.NETWORK, [()]),
    ],
)
def test_the_scope_says_whose_flows_make_an_episode(scope: Scope, keys: list[tuple[str, ...]]) -> None:
    flows = [(0, 1, "a", "b", 80, 1), (0, 1, "a", "d", 80, 1), (0, 1, "c", "b", 80, 1)]
    found = collected([flows], Anything(scope=scope)).episodes()
    assert sorted(episode.key for episode in found) == keys


FLOWS = st.lists(
    st.tuples(
        st.integers(0, 200), st.integers(0, 20), st.sampled_from("ab"), st.sampled_from("bc"), st.integers(1, 3),
        st.integers(0, 5),
    ).map(lambda flow: (flow[0], flow[0] + flow[1], *flow[2:])),
    max_size=30,
)  # fmt: skip


@given(FLOWS, st.randoms(use_true_random=False), st.integers(1, 7))
def test_neither_order_nor_batches_matter(flows: list[Flow], random: Random, rows: int) -> None:
    turned = list(flows)
    random.shuffle(turned)
    batches = [turned[start : start + rows] for start in range(0, len(turned), rows)]
    assert facts_of(collected([flows])) == facts_of(collected(batches))


def facts_of(episodes: Episodes) -> list[Any]:
    """Return what does not depend on which of equal flows came first."""
    return sorted(
        (one.key, one.start_ns, one.end_ns, one.flows, one.packets, one.bytes, one.peak, one.peak_ns,
         sorted(one.sources), sorted(one.targets), sorted(one.ports), [s["start_time"] for s in one.samples])
        for one in episodes.episodes()
    )  # fmt: skip


@given(FLOWS)
def test_episodes_of_a_key_are_further_apart_than_the_gap(flows: list[Flow]) -> None:
    by_key: dict[tuple[str, ...], list[Episode]] = {}
    for episode in collected([[flow] for flow in flows]).episodes():
        by_key.setdefault(episode.key, []).append(episode)
    for of_key in by_key.values():
        for first, second in pairwise(of_key):
            assert second.start_ns - first.end_ns > 10 * SECOND_NS


def test_what_came_to_nothing_makes_room() -> None:
    episodes = collected([at(0, 0, 0, target="alert"), at(1, target="old"), at(50, target="new")], max_episodes=3)
    episodes.add(view(at(60, target="next")))
    assert [one.key[1] for one in episodes.episodes()] == ["alert", "new", "next"]
    assert episodes.overflow_flows == 0


def test_alerts_are_never_forgotten_and_what_finds_no_room_is_counted() -> None:
    episodes = collected([at(0, 0, 0, target="x"), at(0, 0, 0, target="y")], max_episodes=2)
    episodes.add(view(at(9, 9, target="z")))
    assert [one.key[1] for one in episodes.episodes()] == ["x", "y"]
    assert episodes.overflow_flows == 2
    episodes.add(view(at(9, target="x")))
    assert [one.flows for one in episodes.episodes()] == [4, 3]


def test_members_are_bounded_and_what_is_missing_is_said() -> None:
    ports = [(0, 1, "a", "b", port, 1) for port in range(1, 50)]
    (episode,) = collected([ports], max_members=12).episodes()
    assert len(episode.ports) == 10
    assert episode.truncated
    assert episode.flows == 49
    assert not next(iter(collected([ports]).episodes())).truncated


def test_what_is_forgotten_gives_its_members_back() -> None:
    episodes = collected([at(0, target="x"), at(0, target="y")], max_episodes=2, max_members=6)
    episodes.add(view([(90, 91, "a", "z", port, 1) for port in range(3)]))
    kept = {one.key[1]: one for one in episodes.episodes()}
    assert len(kept) == 2
    assert not kept["z"].truncated or len(kept["z"].ports) == 1


def test_samples_are_the_first_flows_whenever_they_come() -> None:
    late, early = at(*range(40, 70)), at(*range(30, 60))
    (episode,) = collected([late, early], replace(Anything(), gap_s=100)).episodes()
    assert [one["start_time"] // SECOND_NS for one in episode.samples][:3] == [30, 31, 32]
    assert len(episode.samples) == SAMPLES


def test_times_and_addresses_that_are_missing_are_no_error() -> None:
    episodes = Episodes(Anything())
    batch = view(at(0)).batch
    nothing = pa.RecordBatch.from_arrays([pa.nulls(1, one.type) for one in batch.schema], schema=batch.schema)
    episodes.add(FlowView(nothing, {}))
    (episode,) = episodes.episodes()
    assert episode.key == ("?", "?")
    assert episode.ports == set()
