"""The audit log: lines in order, found by who, what and to what, forgotten only by age."""

from __future__ import annotations

from datetime import timedelta

from netsift.store.audit import LONGEST_DETAIL
from netsift.store.opening import Store
from tests.store.conftest import Ticking


def test_lines_are_found_the_latest_first(store: Store) -> None:
    for number in range(25):
        store.audit.record(f"user{number % 2}", "judged", f"alert{number}", address="127.0.0.1", detail={"n": number})
    first = store.audit.find(limit=10)
    second = store.audit.find(limit=10, cursor=first.cursor)
    third = store.audit.find(limit=10, cursor=second.cursor)
    rows = [*first.rows, *second.rows, *third.rows]
    assert [row.detail["n"] for row in rows] == list(range(24, -1, -1))
    assert third.cursor is None
    assert rows[0].time > rows[1].time
    assert (rows[0].actor, rows[0].action, rows[0].target, rows[0].address) == (
        "user0",
        "judged",
        "alert24",
        "127.0.0.1",
    )
    assert len(store.audit.find(actor="user1", limit=50).rows) == 12
    assert [row.target for row in store.audit.find(actor="user1", action="judged", target="alert3").rows] == ["alert3"]
    assert not store.audit.find(action="removed").rows


def test_hostile_text_is_data_and_bounded(store: Store) -> None:
    store.audit.record("x" * 500, "login", "\0'; DROP TABLE audit_log; --", detail={"name": "y" * 100_000})
    (row,) = store.audit.find().rows
    assert len(row.actor) == 64
    assert row.target == "'; DROP TABLE audit_log; --"
    assert len(row.detail["cut"]) < LONGEST_DETAIL


def test_old_lines_are_forgotten(store: Store, clock: Ticking) -> None:
    store.audit.record("ada", "old")
    clock.skip(timedelta(days=400))
    store.audit.record("ada", "new")
    assert store.audit.forget(clock() - timedelta(days=365)) == 1
    assert [row.action for row in store.audit.find().rows] == ["new"]
