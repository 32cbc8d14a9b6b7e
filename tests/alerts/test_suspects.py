"""Episodes: what waits apart until it is seen again gives the same episodes as what does not, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.episodes import Episodes
from netsift.alerts.suspects import SingleFlows
from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity

SECOND_NS = 10**9


@dataclass(frozen=True)
class Everything:
    """Suspects every flow; three flows are an alert."""

    scope: Scope = Scope.PAIR
    needs_several: bool = False
    gap_s: float = 60
    name: str = "everything"
    category: str = "scan"
    technique: str = "T1046"
    severity: Severity = Severity.LOW
    context: tuple[str, ...] = ()
    scale: str = ""
    facts: tuple[str, ...] = ("bytes",)

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
        """Return the key."""
        return " ".join(episode.key)


def view(seed: int, start_s: int, hosts: int = 40, rows: int = 60) -> FlowView:
    """Return random flows between some hosts, within two minutes from a time on."""
    random = np.random.default_rng(seed)
    start_ns = (start_s + random.integers(0, 120, rows)) * SECOND_NS
    columns = {
        "start_time": start_ns,
        "end_time": start_ns + random.integers(0, 30, rows) * SECOND_NS,
        "src_ip": [f"10.0.0.{number}" for number in random.integers(0, hosts, rows)],
        "dst_ip": [f"10.0.1.{number}" for number in random.integers(0, 3, rows)],
        "src_port": random.integers(1024, 65536, rows),
        "dst_port": random.integers(1, 50, rows),
        "protocol": np.full(rows, 6),
        "packets": random.integers(1, 9, rows),
        "bytes": random.integers(1, 9, rows),
    }
    return FlowView(pa.record_batch(columns), {})


def collected(behaviour: Everything, views: int = 12) -> list[Episode]:
    """Return the episodes of several batches that are an alert, in the order of their keys and times."""
    episodes = Episodes(behaviour)
    for number in range(views):
        episodes.add(view(number, number * 90))
    found = [one for one in episodes.episodes() if behaviour.strength(one) >= 1]
    return sorted(found, key=lambda one: (one.key, one.start_ns))


@pytest.mark.parametrize("scope", list(Scope))
def test_flows_that_wait_make_the_same_episodes(scope: Scope) -> None:
    at_once = collected(Everything(scope))
    assert at_once
    assert collected(Everything(scope, needs_several=True)) == at_once


def test_single_flows_of_many_sources_make_no_episodes_and_take_bounded_room() -> None:
    behaviour = Everything(Scope.SOURCE, needs_several=True)
    episodes = Episodes(behaviour, max_episodes=10)
    for number in range(50):
        columns = view(number, 0).batch.to_pydict() | {"src_ip": [f"2001:db8::{number:x}:{row:x}" for row in range(60)]}
        episodes.add(FlowView(pa.record_batch(columns), {}))
    assert list(episodes.episodes()) == []
    assert episodes.overflow_flows == 0
    assert len(episodes._single._batch_of) <= 40


def test_the_oldest_single_flows_are_forgotten_first() -> None:
    from netsift.alerts.suspects import Suspects

    single, behaviour = SingleFlows(100), Everything(Scope.SOURCE)
    for number in range(3):
        columns = view(number, 0).batch.to_pydict() | {"src_ip": [f"10.{number}.0.{row}" for row in range(60)]}
        flows = Suspects.of(FlowView(pa.record_batch(columns), {}), np.arange(60), behaviour)
        single.add(flows)
        last = flows.hashes.tolist()
    assert single.among(set(last)) == set(last)
    found = single.pop(last[7])
    assert found is not None
    assert found[0].key(found[1]) == ("10.2.0.7",)
    assert single.pop(last[7]) is None
    assert len(single._batch_of) == 59


def test_times_of_other_centuries_do_not_upset_runs() -> None:
    behaviour = Everything(Scope.SOURCE)
    columns = view(1, 0).batch.to_pydict()
    columns["end_time"][5] = 2**62
    columns["start_time"][9] = -(2**62)
    episodes = Episodes(behaviour)
    episodes.add(FlowView(pa.record_batch(columns), {}))
    assert sum(one.flows for one in episodes.episodes()) == 60
