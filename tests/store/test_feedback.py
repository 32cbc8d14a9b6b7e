"""Verdicts: kept with the alert as it was, on incidents as on each of their alerts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netsift.alerts.feedback import Verdict, label_rules
from netsift.alerts.incidents import incidents_of
from netsift.errors import InputError, UsageError
from netsift.store.alert_filter import AlertFilter, State
from netsift.store.opening import Store
from tests.alerts.made import SCAN, SECOND, made


def test_a_verdict_is_kept_with_the_alert_as_it_was(store: Store) -> None:
    store.alerts.upsert([SCAN])
    store.feedback.add(SCAN.id, Verdict.FALSE, "our scanner", author="ada")
    store.alerts.upsert([replace(SCAN, end_ns=SCAN.end_ns + SECOND, reason="grown")])
    store.feedback.add(SCAN.id, Verdict.TRUE, author="bob")
    latest, first = store.feedback.of(SCAN.id)
    assert (first.author, first.feedback.verdict, first.feedback.note) == ("ada", Verdict.FALSE, "our scanner")
    assert first.feedback.alert == SCAN
    assert (latest.author, latest.feedback.alert.reason) == ("bob", "grown")
    assert first.feedback.time < latest.feedback.time
    assert store.feedback.last() == {SCAN.id: latest.feedback}
    found = store.alerts.get(SCAN.id)
    assert found is not None
    assert (found.verdict, found.state) == (Verdict.TRUE, State.JUDGED)


def test_a_verdict_on_an_incident_is_one_on_each_of_its_alerts(store: Store) -> None:
    alerts = [made(1), made(2, start_ns=SCAN.start_ns + SECOND)]
    (incident,) = incidents_of(alerts)
    store.alerts.upsert([incident, *alerts])
    said = store.feedback.add(incident.id, Verdict.TRUE)
    assert [(one.alert, one.incident) for one in said] == [(alert, incident.id) for alert in alerts]
    assert len(store.feedback.of(incident.id)) == 2
    assert len(store.feedback.of(alerts[1].id)) == 1
    assert {one.verdict for one in store.alerts.find(AlertFilter()).rows} == {Verdict.TRUE}
    assert len(store.alerts.find(AlertFilter(verdicts=(Verdict.TRUE,))).rows) == 3
    assert not store.alerts.find(AlertFilter(verdicts=(Verdict.FALSE, Verdict.BENIGN))).rows


def test_labels_follow_from_what_was_said(store: Store) -> None:
    store.alerts.upsert([SCAN, made(2, sources=("10.0.0.9",))])
    store.feedback.add(SCAN.id, Verdict.TRUE)
    store.feedback.add(made(2).id, Verdict.BENIGN)
    rules = label_rules(store.feedback.last().values()).rule
    assert {rule.label for rule in rules} == {"scan", "benign"}


def test_what_makes_no_sense_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="there is no incident or alert 'nothing'"):
        store.feedback.add("nothing", Verdict.TRUE)
    store.alerts.upsert([SCAN, *incidents_of([made(7)])])
    with pytest.raises(UsageError, match="1000 characters"):
        store.feedback.add(SCAN.id, Verdict.TRUE, "x" * 1_001)
    with pytest.raises(InputError, match="are not stored"):
        store.feedback.add(incidents_of([made(7)])[0].id, Verdict.TRUE)
    assert store.feedback.of(SCAN.id) == []
