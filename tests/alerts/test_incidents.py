"""Incidents: which alerts belong together, what is said of them, and that nothing is lost or counted twice."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.incidents import MANY_SOURCES, MOST_ACTORS, MOST_EVIDENCE, MOST_TIMELINE, in_order, incidents_of
from netsift.alerts.schema import Alert
from tests.alerts.made_up import MINUTE_NS, made


def test_one_alert_is_an_incident_that_says_the_same() -> None:
    alert = made("scan", "a", "b")
    (incident,) = incidents_of([alert])
    assert incident.kind == "incident"
    assert incident.members == (alert.id,)
    assert incident.reason == alert.reason
    assert incident.severity == alert.severity
    assert incident.confidence == pytest.approx(alert.confidence)
    assert incident.timeline == ("1970-01-01T00:00:00.000000Z a did scan to b",)


def test_scan_guesses_and_theft_of_one_host_are_one_incident_with_a_timeline() -> None:
    chain = [
        made("scan", "a", "b c d", 0),
        made("brute_force", "a", "b", 20, severity="high"),
        made("exfiltration", "b", "z", 50, severity="high", confidence=0.9),
    ]
    (incident,) = incidents_of(chain)
    assert incident.members == tuple(alert.id for alert in chain)
    assert [line.split("Z ")[1] for line in incident.timeline] == [alert.reason for alert in chain]
    assert incident.severity == "critical", "three stages are graver than each"
    assert incident.category == "exfiltration"
    assert incident.reason.startswith("scan → brute force → exfiltration, 3 alerts; the gravest: b did exfiltration")
    assert (incident.start_ns, incident.end_ns) == (0, 51 * MINUTE_NS)
    assert (incident.flows, incident.packets) == (15, 27)
    assert incident.sources == ("a", "b")


def test_an_hour_between_two_alerts_of_a_host_is_too_long() -> None:
    assert len(incidents_of([made("scan", "a", "b", 0), made("scan", "a", "c", 61)])) == 1
    assert len(incidents_of([made("scan", "a", "b", 0), made("scan", "a", "c", 62)])) == 2


def test_what_a_host_did_before_it_was_attacked_is_another_matter() -> None:
    assert len(incidents_of([made("c2", "b", "z", 0), made("scan", "a", "b", 30)])) == 2


def test_many_sources_at_one_target_are_one_incident() -> None:
    few = [made("scan", f"s{number}", "b", number) for number in range(MANY_SOURCES - 1)]
    assert len(incidents_of(few)) == len(few)
    many = [*few, made("scan", "last", "b", 40)]
    (incident,) = incidents_of(many)
    assert len(incident.sources) == MANY_SOURCES


def test_two_floods_of_one_target_are_one_incident() -> None:
    floods = [made("flood", "a", "b", 0), made("flood", "c", "b", 5), made("flood", "a d", "x", 5)]
    assert len(incidents_of(floods)) == 1, "c and a attack b, a attacks x as well"
    assert len(incidents_of([made("flood", "a", "b", 0), made("flood", "c", "x", 5)])) == 2


def test_a_host_that_begins_to_do_what_was_done_to_it_spreads() -> None:
    (incident,) = incidents_of([made("brute_force", "a", "b c", 0), made("brute_force", "b", "d e", 12)])
    assert incident.severity == "critical"
    assert incident.category == "infiltration"
    assert "spreading" in incident.detectors
    assert "b began guessing credentials 12 min after a had done so to it" in incident.reason
    assert len(incident.members) == 3


def test_a_host_that_scanned_before_does_not_spread() -> None:
    found = incidents_of([made("scan", "b", "x", 0), made("scan", "a", "b", 5), made("scan", "b", "y", 10)])
    assert not any("spreading" in incident.detectors for incident in found)


def test_forged_sources_connect_nothing() -> None:
    forged = " ".join(f"s{number}" for number in range(MOST_ACTORS + 1))
    found = incidents_of([made("flood", forged, "b", 0), made("scan", "s1", "c", 5)])
    assert len(found) == 2
    hidden = replace(made("flood", "s1", "b", 0), truncated=True)
    assert len(incidents_of([hidden, made("scan", "s1", "c", 5)])) == 2


def test_a_scan_of_more_ports_than_are_listed_still_has_its_actor() -> None:
    scans = [replace(made("scan", "a", f"t{number}", number), truncated=True) for number in range(5)]
    assert len(incidents_of(scans)) == 1


def test_agreeing_detectors_make_surer_and_repeats_do_not() -> None:
    twice = [made("scan", "a", "b", confidence=0.5), made("scan", "a", "c", 1, confidence=0.5)]
    assert incidents_of(twice)[0].confidence == pytest.approx(0.5)
    agreed = [made("scan", "a", "b", confidence=0.5), made("scan", "a", "b", confidence=0.6, detectors=("other",))]
    assert incidents_of(agreed)[0].confidence == pytest.approx(0.8)


def test_a_storm_is_one_incident_of_bounded_size() -> None:
    storm = [made("scan", "a", f"t{number}", number * 0.1) for number in range(3_000)]
    (incident,) = incidents_of(storm)
    assert len(incident.members) == 3_000
    assert len(incident.timeline) == MOST_TIMELINE
    assert len(incident.evidence) <= MOST_EVIDENCE
    assert "3000 alerts" in incident.reason


def test_the_gravest_come_first() -> None:
    alerts = [
        made("scan", "a", "b", severity="low", confidence=0.99),
        made("scan", "c", "d", severity="high", confidence=0.5),
        made("scan", "e", "f", severity="high", confidence=0.7),
    ]  # fmt: skip
    assert [alert.sources[0] for alert in in_order(alerts)] == ["e", "c", "a"]
    assert [incident.sources[0] for incident in incidents_of(alerts)] == ["e", "c", "a"]


HOSTS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3, unique=True).map(" ".join)
ALERTS = st.lists(
    st.builds(
        made,
        st.sampled_from(["scan", "flood", "brute_force", "c2", "exfiltration", "exploit", "other"]),
        HOSTS,
        HOSTS,
        st.integers(0, 300),
        st.integers(0, 90),
        severity=st.sampled_from(["low", "medium", "high", "critical"]),
        confidence=st.floats(0, 1),
    ),
    max_size=14,
    unique_by=lambda alert: alert.id,
)


@given(ALERTS, st.randoms(use_true_random=False))
def test_every_alert_is_in_exactly_one_incident_in_any_order(alerts: list[Alert], order: random.Random) -> None:
    found = incidents_of(alerts)
    members = [member for incident in found for member in incident.members]
    assert len(members) == len(set(members))
    assert {alert.id for alert in alerts} <= set(members)
    assert len({incident.id for incident in found}) == len(found)
    turned = list(alerts)
    order.shuffle(turned)
    assert incidents_of(turned) == found
    for incident in found:
        assert 0 <= incident.confidence <= 1
        assert incident.start_ns <= incident.end_ns
        assert len(incident.timeline) == min(len(incident.members), MOST_TIMELINE)
