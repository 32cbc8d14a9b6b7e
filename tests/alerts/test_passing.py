"""Alerts of flows that still ran: once these have ended, another alert stands for them, or they say that it is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import STILL_RUNNING, IncidentSearch
from netsift.alerts.passing import ENDED, Passing
from tests.detectors.behaviour.cases import slow_requests


def search() -> IncidentSearch:
    """Return a search that looks at running flows, too."""
    return IncidentSearch(BehaviourSearch(), None, fresh=lambda: IncidentSearch(BehaviourSearch(), None))


def test_an_alert_of_the_ended_flows_stands_for_that_of_the_running_ones(tmp_path: Path) -> None:
    flows = slow_requests(60).batches(tmp_path)
    live, passing = search(), Passing()
    live.add_running(flows)
    early = live.found().alerts
    assert early
    assert passing.gone(early) == ([], [])
    for batch in flows:
        live.add(batch)
    live.add_running(())
    late = live.found().alerts
    said, over = passing.gone(late)
    assert sorted(said) == sorted({one.id for one in early} - {one.id for one in late})
    assert over == []
    assert passing.gone(late) == ([], [])


def test_what_another_id_says_is_withdrawn(tmp_path: Path) -> None:
    live, passing = search(), Passing()
    live.add_running(slow_requests(60).batches(tmp_path))
    [early] = live.found().alerts
    passing.gone([early])
    late = replace(early, id="another", reason=early.reason.removesuffix(STILL_RUNNING))
    assert passing.gone([late]) == ([early.id], [])


def test_what_nothing_bears_out_says_so(tmp_path: Path) -> None:
    live, passing = search(), Passing()
    live.add_running(slow_requests(60).batches(tmp_path))
    [early] = live.found().alerts
    passing.gone([early])
    live.add_running(())
    said, [over] = passing.gone(live.found().alerts)
    assert said == []
    assert over == replace(early, reason=early.reason.removesuffix(STILL_RUNNING) + ENDED)
    assert passing.gone([]) == ([], [])
