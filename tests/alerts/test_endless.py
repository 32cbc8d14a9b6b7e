"""A search that is asked again and again, and forgets, finds what one that sees everything at once finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import MOST_PAST, Detected, IncidentSearch, _newest, detect
from netsift.alerts.pipeline import ModelSearch
from netsift.alerts.schema import Alert
from netsift.detectors.model import ModelDetector
from tests.alerts.test_ledger import alert
from tests.detectors.behaviour.cases import guesses, kept_connection, slow_requests, syn_scan
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch

HOUR_NS = 3_600 * 10**9
START = 1_772_438_400 * 10**9


def model() -> ModelSearch:
    """Return a search with the small model of the tests."""
    bundle = small_bundle()
    return ModelSearch(ModelDetector(bundle), bundle.reference, 0.5)


def later(batch: pa.RecordBatch, hours: float) -> pa.RecordBatch:
    """Return flows that much later."""
    for name in ("start_time", "end_time"):
        place = batch.schema.get_field_index(name)
        field = batch.schema.field(place)
        times = pa.compute.add(batch.column(place).cast(pa.int64()), round(hours * HOUR_NS))
        batch = batch.set_column(place, field, times.cast(field.type))
    return batch


def days(folder: Path) -> Iterator[pa.RecordBatch]:
    """Yield three days of flows: scans and guesses every few hours, some within an hour of each other."""
    made = [*syn_scan(30).batches(folder), *guesses(40).batches(folder)]
    random = [later(random_batch(60, seed)[0], 0) for seed in (30, 31)]
    first_ns = min(int(batch.column("start_time")[0].cast(pa.int64()).as_py()) for batch in random)
    offset = (START - first_ns) / HOUR_NS
    for hours in (0, 0.5, 1.2, 9, 17, 17.9, 30, 31.5, 48, 71):
        yield from (later(batch, hours) for batch in made)
        yield from (later(batch, hours + offset) for batch in random)


def asked_often(batches: list[pa.RecordBatch], memory_ns: int) -> tuple[Detected, dict[str, Alert], int]:
    """Return what is found at the end, every alert that there was on the way, and how many episodes are left."""
    behaviours = BehaviourSearch()
    search = IncidentSearch(behaviours, model())
    seen: dict[str, Alert] = {}
    for batch in batches:
        search.add(batch)
        found = search.found()
        seen |= {one.id: one for one in (*found.alerts, *found.incidents)}
        search.forget(int(pa.compute.max(batch.column("end_time")).cast(pa.int64()).as_py()) - memory_ns, found)
    return search.found(), seen, sum(len(list(one.episodes())) for one in behaviours._episodes)


def without_others(incident: Alert) -> Alert:
    """Return an incident without what it says of others: how far these went is not known yet on the way."""
    timeline = tuple(line.partition("; usual here")[0] for line in incident.timeline)
    reason = incident.reason.partition("; usual here")[0]
    return replace(incident, reason=reason, timeline=timeline, columns=(), normal=None)


def test_what_was_found_on_the_way_is_what_a_file_holds(tmp_path: Path) -> None:
    batches = list(days(tmp_path))
    at_once = detect(batches, BehaviourSearch(), model())
    found, seen, left = asked_often(batches, HOUR_NS)
    names = {one.id for one in (*at_once.alerts, *at_once.incidents)}
    assert names <= set(seen)
    assert [without_others(one) for one in at_once.incidents] == [
        without_others(seen[one.id]) for one in at_once.incidents
    ]
    assert (found.flows, found.packets, found.flagged) == (at_once.flows, at_once.packets, at_once.flagged)
    assert found.too_few + found.unconfirmed == at_once.too_few + at_once.unconfirmed
    assert 0 < len(found.incidents) < len(at_once.incidents)
    assert found.forgotten > 0
    assert left < sum(1 for _ in at_once.alerts)


def test_asking_changes_nothing(tmp_path: Path) -> None:
    batches = list(days(tmp_path))
    at_once = detect(batches, BehaviourSearch(), model())
    found, _, _ = asked_often(batches, 10_000 * HOUR_NS)
    assert found == at_once


@pytest.mark.parametrize("batch_rows", [1, 7, 1_000])
def test_cut_otherwise_the_same_is_found(batch_rows: int, tmp_path: Path) -> None:
    batches = [*syn_scan(30).batches(tmp_path), *guesses(40).batches(tmp_path)]
    whole = pa.Table.from_batches(batches)
    cut = detect(whole.to_batches(max_chunksize=batch_rows), BehaviourSearch(), None)
    assert cut.alerts == detect(batches, BehaviourSearch(), None).alerts


def test_flows_that_run_raise_alerts_that_are_not_counted_and_go(tmp_path: Path) -> None:
    flows = slow_requests(60).batches(tmp_path)
    search = IncidentSearch(BehaviourSearch(), None, fresh=lambda: IncidentSearch(BehaviourSearch(), None))
    search.add_running(flows)
    early = search.found()
    assert early.flows == 0
    assert early.alerts
    assert all("(still running)" in one.reason for one in early.alerts)
    for batch in flows:
        search.add(batch)
    both = search.found()
    assert [one.id for one in both.alerts] == [one.id for one in detect(flows, BehaviourSearch(), None).alerts]
    assert {one.id for one in early.alerts} == {one.id for one in both.alerts}
    search.add_running([])
    assert search.found() == detect(flows, BehaviourSearch(), None)


def test_a_snapshot_replaces_the_one_before(tmp_path: Path) -> None:
    search = IncidentSearch(BehaviourSearch(), None, fresh=lambda: IncidentSearch(BehaviourSearch(), None))
    search.add_running(slow_requests(60).batches(tmp_path))
    assert search.found().alerts
    search.add_running(kept_connection(1).batches(tmp_path))
    assert not search.found().alerts


def test_the_past_is_bounded() -> None:
    past = [replace(alert(str(number)), end_ns=number) for number in range(MOST_PAST + 3)]
    assert _newest(past) == past[3:]
    assert _newest(past[:5]) == past[:5]
