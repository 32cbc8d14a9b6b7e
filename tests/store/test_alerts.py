"""Alerts in a database: each once, pages that fit together, counts that add up."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from netsift.alerts.feedback import Verdict
from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import SEVERITIES, Alert, AlertColumn
from netsift.errors import InputError, UsageError
from netsift.store.alert_filter import AlertFilter, Order, State
from netsift.store.alerts import StoredAlert, Upserted, alert_of_text, alert_text
from netsift.store.opening import Store
from tests.alerts.made import MONDAY_NOON_NS, SCAN, SECOND, made
from tests.store.conftest import Ticking

DAY_NS = 86_400 * SECOND


def many(count: int = 120) -> list[Alert]:
    """Return alerts that differ in everything by which they can be found."""
    chance = random.Random(5)
    alerts = []
    for number in range(1, count + 1):
        start_ns = MONDAY_NOON_NS + chance.randrange(5) * DAY_NS + chance.randrange(1000) * SECOND
        alerts.append(
            made(
                number,
                start_ns=start_ns,
                end_ns=start_ns + chance.randrange(60) * SECOND,
                severity=chance.choice(SEVERITIES),
                confidence=chance.choice((0.25, 0.5, 0.7)),
                category=chance.choice(("scan", "flood", "c2")),
                sources=(f"10.{chance.randrange(3)}.0.{chance.randrange(4)}",),
                targets=(f"2001:db8::{chance.randrange(4):x}",),
                flows=chance.randrange(50),
                reason=f"something of kind {number % 7} was 100 % odd",
            )
        )
    return alerts


def walk(store: Store, wanted: AlertFilter, order: Order, limit: int) -> list[StoredAlert]:
    """Return all rows of all pages."""
    rows: list[StoredAlert] = []
    cursor = None
    while True:
        page = store.alerts.find(wanted, order, cursor, limit)
        assert len(page.rows) <= limit
        rows += page.rows
        if page.cursor is None:
            return rows
        assert len(page.rows) == limit
        cursor = page.cursor


def ids(rows: list[StoredAlert]) -> set[str]:
    """Return the ids of rows, each of which must be there once."""
    found = [row.alert.id for row in rows]
    assert len(found) == len(set(found))
    return set(found)


def test_an_alert_comes_back_exactly(store: Store) -> None:
    odd = replace(
        SCAN,
        start_ns=MONDAY_NOON_NS + 123_456_789,
        columns=(AlertColumn("rate", "1/s", float("inf"), (1.5, float("-inf")), "§ × 中"),),
        reason="a reason with 'quotes', \\ and a NUL \0 in it",
        evidence=(replace(SCAN.evidence[0], start_ns=MONDAY_NOON_NS + 987_654_321),),
    )
    store.alerts.upsert([odd])
    found = store.alerts.get(odd.id)
    assert found is not None
    assert found.alert == odd
    assert found.alert.evidence[0].id == odd.evidence[0].id
    assert found.state is State.OPEN
    assert store.alerts.get("nothing") is None


def test_a_replay_changes_nothing(store: Store) -> None:
    alerts = many()
    incidents = incidents_of(alerts)
    assert store.alerts.upsert([*incidents, *alerts]) == Upserted(new=len(alerts) + len(incidents))
    before = walk(store, AlertFilter(), Order.START, 50)
    again = store.alerts.upsert([*alerts, *incidents])
    assert again.new == 0
    after = walk(store, AlertFilter(), Order.START, 50)
    assert [(row.alert, row.first_seen) for row in after] == [(row.alert, row.first_seen) for row in before]


def test_a_grown_alert_replaces_its_shorter_self_and_not_the_other_way_round(store: Store) -> None:
    store.alerts.upsert([SCAN])
    first = store.alerts.get(SCAN.id)
    store.feedback.add(SCAN.id, Verdict.FALSE, "ours", author="ada")
    grown = replace(SCAN, end_ns=SCAN.end_ns + SECOND, flows=9, targets=("10.0.1.1", "10.0.9.9"), reason="more")
    assert store.alerts.upsert([grown]) == Upserted(replaced=1)
    assert store.alerts.upsert([SCAN]) == Upserted(passed_over=1)
    assert store.alerts.upsert([replace(grown, flows=10), grown]).replaced == 1
    found = store.alerts.get(SCAN.id)
    assert first is not None
    assert found is not None
    assert found.alert == replace(grown, flows=10)
    assert found.first_seen == first.first_seen < found.last_seen
    assert found.verdict is Verdict.FALSE
    assert ids(walk(store, AlertFilter(host="10.0.9.9"), Order.START, 5)) == {SCAN.id}
    assert not walk(store, AlertFilter(host="10.0.1.2"), Order.START, 5)


@pytest.mark.parametrize("order", list(Order))
def test_pages_fit_together_in_every_order(store: Store, order: Order) -> None:
    alerts = many()
    store.alerts.upsert(alerts)
    rows = walk(store, AlertFilter(), order, 7)
    assert ids(rows) == {alert.id for alert in alerts}
    values = [(_value(row, order), row.alert.id) for row in rows]
    assert values == sorted(values, reverse=order.descending)


def _value(row: StoredAlert, order: Order) -> object:
    name = order.value.removeprefix("-")
    if name == "last_seen":
        return row.last_seen
    return getattr(row.alert, {"start": "start_ns", "end": "end_ns"}.get(name, name))


def test_a_page_goes_on_behind_its_last_row_whatever_came_in_between(store: Store) -> None:
    alerts = [made(number, start_ns=MONDAY_NOON_NS + number) for number in range(1, 21)]
    store.alerts.upsert(alerts)
    first = store.alerts.find(AlertFilter(), Order.START_LAST, limit=10)
    store.alerts.upsert([made(99, start_ns=MONDAY_NOON_NS + 99)])
    second = store.alerts.find(AlertFilter(), Order.START_LAST, first.cursor, 10)
    assert [row.alert for row in (*first.rows, *second.rows)] == alerts[::-1]
    assert second.cursor is None


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        (AlertFilter(severities=("high", "low")), lambda one: one.severity in ("high", "low")),
        (AlertFilter(categories=("c2",)), lambda one: one.category == "c2"),
        (AlertFilter(host="10.1.0.2"), lambda one: one.sources == ("10.1.0.2",)),
        (AlertFilter(host="10.1.0.0/16"), lambda one: one.sources[0].startswith("10.1.")),
        (AlertFilter(host="2001:db8::2"), lambda one: one.targets == ("2001:db8::2",)),
        (AlertFilter(host="2001:DB8:0::/127"), lambda one: one.targets[0] in ("2001:db8::0", "2001:db8::1")),
        (AlertFilter(host="nobody"), lambda _: False),
        (AlertFilter(text="KIND 3"), lambda one: "kind 3" in one.reason),
        (AlertFilter(text="100 % odd"), lambda _: True),
        (AlertFilter(text="k%d"), lambda _: False),
        (AlertFilter(text="10.2.0.1"), lambda one: "10.2.0.1" in one.sources),
        (AlertFilter(begins_ns=MONDAY_NOON_NS + DAY_NS), lambda one: one.end_ns >= MONDAY_NOON_NS + DAY_NS),
        (AlertFilter(ends_ns=MONDAY_NOON_NS + DAY_NS), lambda one: one.start_ns < MONDAY_NOON_NS + DAY_NS),
        (AlertFilter(kind="incident"), lambda _: False),
        (AlertFilter(kind="alert", categories=("scan", "c2"), host="10.0.0.0/8", severities=("high",), text="odd"),
         lambda one: one.category in ("scan", "c2") and one.severity == "high"),
    ],
)  # fmt: skip
def test_filters_find_what_they_say(store: Store, wanted: AlertFilter, is_wanted: object) -> None:
    assert callable(is_wanted)
    alerts = many()
    store.alerts.upsert(alerts)
    expected = {alert.id for alert in alerts if is_wanted(alert)}
    assert ids(walk(store, wanted, Order.WEIGHT_LAST, 9)) == expected
    assert store.alerts.counts(wanted).total == len(expected)


def test_counts_are_those_of_the_rows(store: Store) -> None:
    alerts = many()
    store.alerts.upsert(alerts)
    store.feedback.add(alerts[0].id, Verdict.TRUE)
    counts = store.alerts.counts(AlertFilter(kind="alert"))
    assert counts.total == len(alerts)
    assert counts.severities == {name: sum(alert.severity == name for alert in alerts) for name in SEVERITIES}
    assert counts.categories == Counter(alert.category for alert in alerts)
    assert counts.states == {"open": len(alerts) - 1, "judged": 1, "suppressed": 0}
    day = date(2026, 3, 2)
    assert counts.days == Counter(day + timedelta(days=(alert.start_ns - MONDAY_NOON_NS) // DAY_NS) for alert in alerts)
    assert list(counts.days) == sorted(counts.days)
    assert store.alerts.counts(AlertFilter(text="nothing of the sort")).total == 0


def test_what_is_new_or_grown_is_found_by_the_time_it_was_seen(store: Store, clock: Ticking) -> None:
    store.alerts.upsert([made(1), made(2)])
    clock.skip(timedelta(hours=1))
    since = clock()
    store.alerts.upsert([made(2, end_ns=SCAN.end_ns + 1), made(3)])
    assert ids(walk(store, AlertFilter(seen_since=since), Order.LAST_SEEN, 5)) == {made(2).id, made(3).id}


def test_incidents_and_their_alerts_know_each_other(store: Store) -> None:
    alerts = [made(1), made(2, start_ns=SCAN.start_ns + SECOND), made(3, sources=("10.9.9.9",), targets=("10.8.8.8",))]
    incidents = incidents_of(alerts)
    store.alerts.upsert([*incidents, *alerts])
    both = next(one for one in incidents if len(one.members) == 2)
    assert [one.alert for one in store.alerts.members(both.id)] == alerts[:2]
    assert [one.alert for one in store.alerts.incidents(alerts[0].id)] == [both]
    assert store.alerts.members(alerts[0].id) == []
    assert ids(walk(store, AlertFilter(incident=both.id), Order.START, 1)) == set(both.members)


def test_an_incident_that_became_part_of_another_is_gone(store: Store) -> None:
    early = made(1, start_ns=SCAN.start_ns)
    late = made(2, start_ns=SCAN.start_ns + 50 * 60 * SECOND)
    (first,), (second,) = incidents_of([late]), incidents_of([early, late])
    assert first.id != second.id
    store.alerts.upsert([late, first])
    store.alerts.upsert([early, late, second])
    assert [row.alert for row in walk(store, AlertFilter(kind="incident"), Order.START, 5)] == [second]


def test_an_incident_that_gets_another_alert_is_open_again(store: Store) -> None:
    alerts = [made(1), made(2, start_ns=SCAN.start_ns + SECOND, end_ns=SCAN.end_ns + SECOND)]
    (one,), (both,) = incidents_of(alerts[:1]), incidents_of(alerts)
    store.alerts.upsert([alerts[0], one])
    store.feedback.add(one.id, Verdict.TRUE)
    store.alerts.upsert([alerts[0], one])
    assert [row.state for row in walk(store, AlertFilter(), Order.START, 5)] == [State.JUDGED] * 2
    store.alerts.upsert([*alerts, both])
    states = {row.alert.id: row.state for row in walk(store, AlertFilter(), Order.START, 5)}
    assert states == {one.id: State.OPEN, alerts[0].id: State.JUDGED, alerts[1].id: State.OPEN}


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "W10", "bnVsbA", "WyItd2VpZ2h0IiwgdHJ1ZSwgImEiXQ", "9" * 2000])
def test_a_made_up_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(UsageError, match="cursor"):
        store.alerts.find(AlertFilter(), Order.WEIGHT_LAST, cursor)


def test_a_cursor_of_another_order_is_refused(store: Store) -> None:
    store.alerts.upsert([made(1), made(2)])
    cursor = store.alerts.find(AlertFilter(), Order.START, limit=1).cursor
    with pytest.raises(UsageError, match="ordered by 'start', not by '-start'"):
        store.alerts.find(AlertFilter(), Order.START_LAST, cursor)


@pytest.mark.parametrize(
    ("wanted", "limit", "says"),
    [
        (AlertFilter(severities=("grave",)), 10, "'grave' is none of low, medium, high, critical"),
        (AlertFilter(text="x" * 201), 10, "at most 200"),
        (AlertFilter(), 0, "1 to 1,000 rows"),
        (AlertFilter(), 1001, "1 to 1,000 rows"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Store, wanted: AlertFilter, limit: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        store.alerts.find(wanted, limit=limit)


def test_hostile_text_is_data(store: Store) -> None:
    nasty = "'; DROP TABLE alerts; -- <script>alert(1)</script> %_\\ \x00 \N{PILE OF POO}"
    alert = made(1, reason=nasty, sources=(nasty, "not an address" * 100), category="scan")
    store.alerts.upsert([alert])
    for wanted in (AlertFilter(text="<script>"), AlertFilter(text="%_\\"), AlertFilter(host=nasty)):
        assert [row.alert for row in walk(store, wanted, Order.START, 5)] == [alert]
    assert not walk(store, AlertFilter(host="'; DROP TABLE alerts; --", text="\0'"), Order.START, 5)


def test_an_alert_that_no_database_takes_is_refused_and_nothing_of_its_lot_is_stored(store: Store) -> None:
    for bad in (made(2, reason="half \ud800"), replace(SCAN, id="x" * 65), made(2, severity="grave")):
        with pytest.raises(InputError, match="cannot be stored"):
            store.alerts.upsert([made(1), bad])
    assert store.alerts.counts(AlertFilter()).total == 0


def test_numbers_beyond_the_database_are_kept_in_the_alert(store: Store) -> None:
    absurd = made(1, end_ns=2**63 - 1, packets=2**70, start_ns=-(2**63))
    store.alerts.upsert([absurd])
    assert [row.alert for row in walk(store, AlertFilter(), Order.START, 5)] == [absurd]
    assert store.alerts.counts(AlertFilter()).total == 1


def test_what_was_not_seen_for_long_is_forgotten(store: Store, clock: Ticking) -> None:
    alerts = [made(1), made(2)]
    store.alerts.upsert([*alerts, *incidents_of(alerts)])
    store.feedback.add(alerts[0].id, Verdict.TRUE)
    clock.skip(timedelta(days=100))
    store.alerts.upsert([made(3)])
    assert store.alerts.forget(clock() - timedelta(days=50)) == 3
    assert ids(walk(store, AlertFilter(), Order.START, 5)) == {made(3).id}
    assert not walk(store, AlertFilter(host="10.0.1.1", incident=incidents_of(alerts)[0].id), Order.START, 5)
    assert [said.feedback.alert for said in store.feedback.of(alerts[0].id)] == alerts[:1]


def test_text_of_an_alert_is_read_back() -> None:
    assert alert_of_text(alert_text(SCAN)) == SCAN


def test_what_others_stand_for_is_withdrawn_with_its_incident_but_not_a_verdict(store: Store) -> None:
    first, second, third = (made(number) for number in range(3))
    alone = replace(made(8), kind="incident", members=(first.id,))
    both = replace(made(9), kind="incident", members=(second.id, third.id))
    store.alerts.upsert([first, second, third, alone, both])
    store.feedback.add(third.id, Verdict.TRUE)
    assert store.alerts.withdraw([first.id, second.id, third.id, "unknown"]) == 4
    assert [one.alert.id for one in store.alerts.every()] == [third.id]
