"""Upkeep: everything that is kept has an end, and what cannot be done now does not stop the rest."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netsift.errors import OutputError, StoreError
from netsift.store.alert_filter import AlertFilter
from netsift.store.flow_filter import FlowFilter
from netsift.store.flow_upkeep import Removed
from netsift.store.flows import FlowStore
from netsift.store.opening import Store
from netsift.store.settings import StoreSettings
from netsift.store.upkeep import Upkeep, claim_hour, look_after
from tests.alerts.made import made
from tests.store.conftest import Ticking
from tests.store.flow_batches import NOON, batch_of, flow


def flows_of_two_days(folder: Path, clock: Ticking) -> FlowStore:
    """Return a store with two files of a day, written then, and two of the day three weeks later."""
    store = FlowStore(folder, clock=clock)
    for days in (0, 0, 21, 21):
        before = set(folder.rglob("*.parquet"))
        start_ns = NOON + days * 86_400 * 10**9
        store.append(batch_of([flow(start_ns)]))
        store.flush()
        (path,) = set(folder.rglob("*.parquet")) - before
        os.utime(path, ns=(start_ns, start_ns))
    return store


def test_what_is_old_goes_and_what_is_small_is_joined(store: Store, clock: Ticking, tmp_path: Path) -> None:
    store.alerts.upsert([made(1)])
    store.audit.record("ada", "old")
    clock.skip(timedelta(days=22))
    store.alerts.upsert([made(2)])
    store.audit.record("ada", "new")
    settings = StoreSettings(alert_days=10, audit_days=10, flow_days=10)
    with flows_of_two_days(tmp_path / "flows", clock) as flows:
        done = look_after(store, flows, settings, clock())
        assert (done.alerts_deleted, done.audit_lines_deleted, done.flow_files_joined) == (1, 1, 1)
        assert done.flows_deleted.files == 2
        assert done.troubles == []
        assert look_after(store, flows, settings, clock()) == Upkeep()
        assert flows.totals(FlowFilter()).flows == 2
    assert store.alerts.counts(AlertFilter()).total == 1


def test_nothing_goes_where_everything_is_kept(store: Store, clock: Ticking, tmp_path: Path) -> None:
    store.alerts.upsert([made(1)])
    store.audit.record("ada", "old")
    clock.skip(timedelta(days=10_000))
    settings = StoreSettings(alert_days=None, audit_days=None, flow_days=None, flow_bytes=None)
    with flows_of_two_days(tmp_path / "flows", clock) as flows:
        done = look_after(store, flows, settings, clock())
        assert done.flows_deleted == Removed()
        assert flows.totals(FlowFilter()).flows == 4
    assert look_after(store, None, settings, clock()) == Upkeep()
    assert store.alerts.counts(AlertFilter()).total == 1


def test_what_cannot_be_done_is_said(
    store: Store, clock: Ticking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: FlowStore) -> int:
        raise OutputError("flows: cannot be written: No space left on device")

    monkeypatch.setattr(FlowStore, "compact", refuse)
    store.audit.record("ada", "old")
    clock.skip(timedelta(days=22))
    with flows_of_two_days(tmp_path / "flows", clock) as flows:
        done = look_after(store, flows, StoreSettings(audit_days=10, flow_days=10), clock())
    assert done.troubles == ["flows: cannot be written: No space left on device"]
    assert (done.audit_lines_deleted, done.flows_deleted.files) == (1, 2)


def test_an_hour_is_looked_after_by_one_process_only(tmp_path: Path) -> None:
    now = datetime(2026, 3, 2, 8, 59, tzinfo=UTC)
    assert [claim_hour(tmp_path, now) for _ in range(3)] == [True, False, False]
    assert claim_hour(tmp_path, now + timedelta(minutes=1))
    assert [path.name for path in tmp_path.iterdir()] == [".upkeep-20260302T09"]
    with pytest.raises(StoreError, match="File exists"):
        claim_hour(tmp_path / ".upkeep-20260302T09", now)
