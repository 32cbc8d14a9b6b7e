"""Flows in files by the hour: what goes in comes out, once, whatever is asked, joined, deleted, damaged or killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from netsift.errors import OutputError, StoreError, UsageError
from netsift.flows.schema import COLUMNS
from netsift.sources.flows import read_flows
from netsift.store import flow_upkeep
from netsift.store.flow_files import FlowFolder, folder_name, hour_number
from netsift.store.flow_filter import FlowFilter, FlowOrder
from netsift.store.flow_results import FACETS, FlowSettings
from netsift.store.flows import FlowStore
from tests.conftest import ROOT
from tests.store.flow_batches import HOUR, NOON, SECOND, Row, batch_of, flow, some_flows

ROWS = some_flows(200)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FlowStore]:
    """Yield an empty store whose clock stands a day after its flows and files."""
    with FlowStore(tmp_path / "flows", clock=lambda: datetime.now(UTC) + timedelta(days=1)) as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowStore]:
    """Yield a store of :data:`ROWS` that is only asked."""
    with FlowStore(tmp_path_factory.mktemp("filled")) as opened:
        stored(opened, ROWS, lots=2)
        yield opened


def stored(store: FlowStore, rows: list[Row], lots: int = 1) -> list[Row]:
    """Store rows in so many files for every hour, and return them."""
    for number in range(lots):
        store.append(batch_of(rows[number::lots]))
        store.flush()
    return rows


def walk(store: FlowStore, wanted: FlowFilter, order: FlowOrder, limit: int) -> list[Row]:
    """Return all rows of all pages."""
    rows: list[Row] = []
    cursor = None
    while True:
        page = store.find(wanted, order, cursor, limit)
        rows += page.rows
        if page.cursor is None:
            return rows
        assert len(page.rows) == limit
        cursor = page.cursor


def starts(rows: list[Row]) -> list[int]:
    """Return the sorted starts of rows."""
    return sorted(row["start_time"] for row in rows)


def files_of(store: FlowStore) -> list[Path]:
    """Return the data files of a store by path."""
    return sorted(store.folder.rglob("*.parquet"))


def test_what_goes_in_comes_out_to_the_nanosecond(store: FlowStore) -> None:
    rows = stored(store, some_flows(200))
    found = walk(store, FlowFilter(), FlowOrder.START, 50)
    expected = sorted(rows, key=lambda row: row["start_time"])
    assert [{name: row[name] for name in row.keys() & expected[0].keys()} for row in found] == [
        {name: row[name] for name in found[0].keys() & row.keys()} for row in expected
    ]


def test_files_stand_in_folders_of_hours_and_are_flow_files(store: FlowStore) -> None:
    rows = stored(store, some_flows(300))
    names = {path.parent.relative_to(store.folder).as_posix() for path in files_of(store)}
    assert names == {f"day=2026-03-02/hour={hour}" for hour in (12, 13, 14)}
    batches = list(read_flows(files_of(store)))
    assert sum(batch.num_rows for batch in batches) == len(rows)
    assert batches[0].schema.names == [column.name for column in COLUMNS]


@pytest.mark.parametrize("hour", [0, 492_348, -1, 2_562_047, -2_562_047])
def test_hours_have_folders(hour: int) -> None:
    assert hour_number(*folder_name(hour).split("/")) == hour


@pytest.mark.parametrize("order", list(FlowOrder))
def test_pages_fit_together_in_every_order(filled: FlowStore, order: FlowOrder) -> None:
    found = walk(filled, FlowFilter(), order, 23)
    assert starts(found) == starts(ROWS)
    name = {"start": "start_time", "duration": "duration_us"}.get(order.value.strip("-"), order.value.strip("-"))
    values = [row[name] for row in found]
    assert values == sorted(values, reverse=order.descending)


FILTERS: list[tuple[FlowFilter, Callable[[Row], bool]]] = [
    (FlowFilter(host="10.1.0.3"), lambda row: row["src_ip"] == "10.1.0.3"),
    (FlowFilter(host="10.1.0.0/16"), lambda row: row["src_ip"].startswith("10.1.")),
    (FlowFilter(source="192.0.2.1"), lambda _: False),
    (FlowFilter(target="192.0.0.0/8"), lambda row: row["dst_ip"] == "192.0.2.1"),
    (FlowFilter(target="2001:DB8:0:0::1"), lambda row: row["dst_ip"] == "2001:db8::1"),
    (FlowFilter(target="0.0.0.0/0"), lambda row: ":" not in row["dst_ip"]),
    (FlowFilter(port=22), lambda row: row["dst_port"] == 22),
    (FlowFilter(port=1025), lambda row: row["src_port"] == 1025),
    (FlowFilter(target_port=443), lambda row: row["dst_port"] == 443),
    (FlowFilter(protocols=(17, 1)), lambda row: row["protocol"] in (17, 1)),
    (FlowFilter(states=("S0",)), lambda row: row["conn_state"] == "S0"),
    (FlowFilter(payloads=("dns", "ssh")), lambda row: row["payload_kind_fwd"] == "dns"),
    (FlowFilter(least_bytes=80), lambda row: row["bytes"] >= 80),
    (FlowFilter(begins_ns=NOON + HOUR), lambda row: row["start_time"] >= NOON + HOUR),
    (FlowFilter(ends_ns=NOON + HOUR), lambda row: row["start_time"] < NOON + HOUR),
    (FlowFilter(begins_ns=NOON + HOUR // 2, ends_ns=NOON + HOUR * 3 // 2, host="10.0.0.0/8", protocols=(6,)),
     lambda row: NOON + HOUR // 2 <= row["start_time"] < NOON + HOUR * 3 // 2 and row["protocol"] == 6),
    (FlowFilter(host="' OR 1=1 --"), lambda _: False),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "is_wanted"), FILTERS)
def test_filters_find_what_they_say(filled: FlowStore, wanted: FlowFilter, is_wanted: Callable[[Row], bool]) -> None:
    expected = [row for row in ROWS if is_wanted(row)]
    assert starts(walk(filled, wanted, FlowOrder.BYTES_LAST, 60)) == starts(expected)
    totals = filled.totals(wanted)
    assert (totals.flows, totals.bytes) == (len(expected), sum(row["bytes"] for row in expected))
    assert sum(filled.series(wanted, 60).flows) == len(expected)
    assert sum(one.flows for one in filled.facets(wanted, ["protocol"])["protocol"]) == len(expected)
    assert sum(one.flows for one in filled.talkers(wanted, 100)) == len(expected)


def test_series_facets_and_talkers_are_those_of_the_rows(store: FlowStore) -> None:
    rows = stored(store, some_flows(400), lots=2)
    series = store.series(FlowFilter(begins_ns=NOON, ends_ns=NOON + 3 * HOUR), 3_600)
    assert series.starts_ns == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    hours = Counter((row["start_time"] - NOON) // HOUR for row in rows)
    assert series.flows == [hours[0], hours[1], hours[2]]
    assert sum(series.packets) == sum(row["packets"] for row in rows)
    facets = store.facets(FlowFilter(), top=5)
    assert list(facets) == list(FACETS)
    assert {one.value: one.flows for one in facets["dst_port"]} == Counter(row["dst_port"] for row in rows)
    pairs = Counter((row["src_ip"], row["dst_ip"]) for row in rows)
    talkers = store.talkers(FlowFilter(), 1_000)
    assert {(one.source, one.target): one.flows for one in talkers} == pairs
    volumes = [(one.bytes_forward, one.bytes_backward) for one in talkers]
    assert volumes == [(200 * pairs[one.source, one.target], 100 * pairs[one.source, one.target]) for one in talkers]


def test_a_series_has_points_for_a_chart(store: FlowStore) -> None:
    stored(store, [flow(NOON), flow(NOON + 30 * 24 * HOUR)])
    series = store.series(FlowFilter())
    assert series.step_s == 21_600
    assert len(series.flows) == 121
    assert sum(series.flows) == 2
    with pytest.raises(UsageError, match="at most 2,000 points"):
        store.series(FlowFilter(), 1)


NETWORKS = (
    "0.0.0.0/0", "10.0.0.0/8", "10.1.2.0/23", "10.1.2.3/32", "::/0", "2001:db8::/32", "2001:db8:0:ff00::/56",
    "2001:db8::8000/113", "2001:db8::1/128", "fe80::/10", "::ffff:0:0/96", "::ffff:10.1.0.0/112", "::/127",
)  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_flows_are_found_by_network_as_addresses_are_within(store: FlowStore, network: str) -> None:
    chance = random.Random(5)
    bases = [ip_network(text) for text in NETWORKS]
    addresses = ["::", "::1", "not-an-address", "1:2:3:4:5:6:7:8", "fe80::", "febf:ffff::", "fec0::", "9.255.255.255"]
    addresses += [str(base[chance.randrange(min(base.num_addresses, 1 << 62))]) for base in bases for _ in range(4)]
    stored(store, [flow(NOON + place, src_ip=text, dst_ip="192.0.2.1") for place, text in enumerate(addresses)])
    wanted = ip_network(network)

    def within(text: str) -> bool:
        try:
            return ip_address(text) in wanted
        except ValueError:
            return False

    found = {row["src_ip"] for row in walk(store, FlowFilter(source=network), FlowOrder.START, 100)}
    assert found == set(filter(within, addresses))
    assert (store.totals(FlowFilter(target=network)).flows > 0) == within("192.0.2.1")


def test_an_empty_store_answers(store: FlowStore) -> None:
    assert store.find(FlowFilter()).rows == ()
    assert store.totals(FlowFilter()).flows == 0
    assert store.series(FlowFilter()).flows == []
    assert store.facets(FlowFilter(), ["protocol"]) == {"protocol": []}
    assert store.talkers(FlowFilter()) == []


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda store: store.find(FlowFilter(), columns=["bytes; DROP"]), "is no column of flows"),
        (lambda store: store.facets(FlowFilter(), ["1"]), "is none of protocol"),
        (lambda store: store.find(FlowFilter(port=70_000)), "a port is 0 to 65535"),
        (lambda store: store.find(FlowFilter(states=("odd",))), "'odd' is none of OTH"),
        (lambda store: store.find(FlowFilter(), cursor="x"), "the cursor is none"),
        (lambda store: store.find(FlowFilter(), limit=5_000), "1 to 1,000 rows"),
    ],
)
def test_what_makes_no_sense_is_refused(store: FlowStore, ask: Callable[[FlowStore], object], says: str) -> None:
    stored(store, [flow(NOON)])
    with pytest.raises(UsageError, match=says):
        ask(store)


def test_every_column_can_be_asked_for(store: FlowStore) -> None:
    stored(store, [flow(NOON)])
    names = [column.name for column in COLUMNS]
    (row,) = store.find(FlowFilter(), columns=names).rows
    assert list(row) == names


def test_flows_are_written_when_enough_are_held_and_never_more_are(tmp_path: Path) -> None:
    rows = some_flows(100, hours=1)
    with FlowStore(tmp_path, FlowSettings(held_rows=30, held_s=1e9)) as store:
        for start in range(0, 100, 8):
            store.append(batch_of(rows[start : start + 8]))
            assert store.held < 30
        assert store.totals(FlowFilter()).flows == 96
    with FlowStore(tmp_path) as store:
        assert store.totals(FlowFilter()).flows == 100


def test_flows_do_not_wait_for_ever(tmp_path: Path) -> None:
    with FlowStore(tmp_path, FlowSettings(held_s=0)) as store:
        store.append(batch_of([flow(NOON)]))
        assert store.held == 0
        assert store.totals(FlowFilter()).flows == 1


def test_flows_of_a_thousand_hours_do_not_make_a_thousand_files(tmp_path: Path) -> None:
    rows = [flow(NOON + number * 1_000 * HOUR) for number in range(100)] + [flow(NOON + 1)]
    with FlowStore(tmp_path, FlowSettings(most_hours=5)) as store:
        stored(store, rows)
        assert len(files_of(store)) == 6
        assert starts(walk(store, FlowFilter(), FlowOrder.START, 40)) == starts(rows)
        assert store.totals(FlowFilter(begins_ns=NOON + 99_000 * HOUR)).flows == 1


def test_flows_that_fit_no_schema_are_refused(store: FlowStore) -> None:
    import pyarrow as pa

    with pytest.raises(UsageError, match="without start_time"):
        store.append(pa.record_batch({"bytes": [1]}))
    with pytest.raises(UsageError, match="the column bytes cannot be stored"):
        store.append(pa.record_batch({"start_time": pa.array([1], pa.timestamp("ns", "UTC")), "bytes": ["many"]}))
    store.append(pa.record_batch({"start_time": pa.array([None, 5], pa.timestamp("ns", "UTC")), "extra": [1, 2]}))
    store.flush()
    assert store.totals(FlowFilter()).flows == 1


def test_another_time_zone_changes_nothing(tmp_path: Path) -> None:
    with FlowStore(tmp_path) as store:
        stored(store, some_flows(50))
        expected = store.totals(FlowFilter(begins_ns=NOON + HOUR))
    script = (
        "import sys; from netsift.store.flows import *\n"
        f"print(FlowStore(sys.argv[1]).totals(FlowFilter(begins_ns={NOON + HOUR})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=os.environ | {"TZ": "Asia/Tokyo"}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert 0 < expected.flows < 50
    assert done.stdout.strip() == str(expected)


def test_small_files_of_past_hours_become_one(store: FlowStore) -> None:
    stored(store, some_flows(90), lots=5)
    before = walk(store, FlowFilter(), FlowOrder.START, 40)
    assert store.compact() == 4 * 3
    assert len(files_of(store)) == 3
    assert walk(store, FlowFilter(), FlowOrder.START, 40) == before
    table = pq.read_table(files_of(store)[0], partitioning=None)
    assert table.column("start_time").to_pylist() == sorted(table.column("start_time").to_pylist())
    assert store.compact() == 0
    stored(store, [flow(NOON + 5)])
    assert store.compact() == 1
    assert store.totals(FlowFilter()).flows == 91


def test_an_hour_that_is_not_over_is_left_alone(tmp_path: Path) -> None:
    with FlowStore(tmp_path) as store:
        stored(store, some_flows(30), lots=3)
        assert store.compact() == 0


def test_large_files_are_left_alone(store: FlowStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_upkeep, "MOST_JOINED_ROWS", 25)
    stored(store, some_flows(20, hours=1))
    rest = some_flows(40, hours=1, seed=4)
    stored(store, rest, lots=4)
    assert store.compact() == 2
    assert sorted(pq.read_metadata(path).num_rows for path in files_of(store)) == [20, 20, 20]
    assert store.totals(FlowFilter()).flows == 60


@pytest.mark.parametrize("after", ["note", "file", "half of the old files", "all old files"])
def test_a_kill_while_joining_loses_and_doubles_nothing(
    store: FlowStore, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    rows = stored(store, some_flows(60, hours=1), lots=4)

    class Killed(BaseException):
        pass

    removed: list[Path] = []
    unlink = Path.unlink

    def stop(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".parquet":
            if after == "file" or (after.startswith("half") and len(removed) == 2):
                raise Killed
            removed.append(self)
        if self.suffix == ".replaces" and after == "all old files":
            raise Killed
        unlink(self, missing_ok)

    def write_nothing(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        if after == "note":
            patch.setattr(FlowFolder, "_write_to", write_nothing)
        with pytest.raises(Killed):
            store.compact()
    assert starts(walk(store, FlowFilter(), FlowOrder.START, 50)) == starts(rows)
    store.compact()
    assert starts(walk(store, FlowFilter(), FlowOrder.START, 50)) == starts(rows)
    assert len(files_of(store)) == 1
    assert not list(store.folder.rglob("*.replaces"))


def test_the_oldest_goes_first(tmp_path: Path) -> None:
    with FlowStore(tmp_path, clock=lambda: datetime.now(UTC)) as store:
        for day in range(4):
            stored(store, [flow(NOON + 24 * HOUR * day + number) for number in range(50)])
        for path in files_of(store):
            os.utime(path, (0, 0))
        sizes = [path.stat().st_size for path in files_of(store)]
        removed = store.retain(max_bytes=sum(sizes[2:]))
        assert (removed.files, removed.bytes) == (2, sum(sizes[:2]))
        assert store.totals(FlowFilter()).first_ns == NOON + 48 * HOUR
        assert sorted(path.name for path in store.folder.iterdir()) == ["day=2026-03-04", "day=2026-03-05"]


def test_age_counts_from_the_flows_or_from_when_they_were_brought_in(tmp_path: Path) -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    with FlowStore(tmp_path, clock=lambda: now) as store:
        for day in range(4):
            stored(store, [flow(NOON + 24 * HOUR * day)])
        written = [now - timedelta(days=20)] * 3 + [now - timedelta(days=1)]
        for path, when in zip(files_of(store), [written[3], *written[:3]], strict=True):
            os.utime(path, (when.timestamp(), when.timestamp()))
        assert store.retain(max_age=timedelta(days=6)).files == 1
        assert [path.parent.parent.name for path in files_of(store)] == [
            "day=2026-03-02", "day=2026-03-04", "day=2026-03-05",
        ]  # fmt: skip


def damage(path: Path, how: str) -> None:
    """Damage a file."""
    data = bytearray(path.read_bytes())
    if how == "empty":
        data = bytearray()
    elif how == "cut short":
        del data[len(data) // 2 :]
    elif how == "lying footer":
        data[-8:-4] = b"\xff\xff\xff\x7f"
    else:
        chance = random.Random(4)
        for _ in range(200):
            data[chance.randrange(4, len(data) // 2)] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["empty", "cut short", "lying footer", "wrong bytes"])
def test_a_file_that_cannot_be_read_is_set_aside_and_the_rest_answers(store: FlowStore, how: str) -> None:
    rows = stored(store, some_flows(3_000))
    bad = files_of(store)[1]
    damage(bad, how)
    kept = [row for row in rows if not NOON + HOUR <= row["start_time"] < NOON + 2 * HOUR]
    assert len(store.find(FlowFilter(), limit=1_000, columns=[column.name for column in COLUMNS]).rows) == 1_000
    assert starts(walk(store, FlowFilter(), FlowOrder.START, 1_000)) == starts(kept)
    (damaged,) = store.damaged()
    assert damaged.name == f"2026-03-02-13-{bad.name}"
    assert not bad.exists()


def test_a_damaged_file_does_not_stop_the_upkeep(store: FlowStore) -> None:
    stored(store, some_flows(60, hours=1), lots=3)
    damage(files_of(store)[0], "cut short")
    assert store.compact() == 1
    assert len(store.damaged()) == 1
    assert store.totals(FlowFilter()).flows == 40


def test_other_files_in_the_folder_are_left_alone(store: FlowStore) -> None:
    stored(store, [flow(NOON)])
    folder = files_of(store)[0].parent
    for name in ("notes.txt", "mine.parquet", ".hidden"):
        (folder / name).write_text("mine")
    (store.folder / "day=2026-99-99").mkdir()
    (store.folder / "day=2026-03-02" / "hour=77").mkdir()
    assert store.totals(FlowFilter()).flows == 1
    store.compact()
    store.retain(timedelta(0), 0)
    assert sorted(path.name for path in folder.iterdir()) == [".hidden", "mine.parquet", "notes.txt"]


def test_questions_are_answered_rightly_while_files_are_joined(store: FlowStore) -> None:
    rows = stored(store, some_flows(200, hours=4), lots=6)
    counts: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            counts.append(store.totals(FlowFilter()).flows)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert store.compact() == 5 * 4
    finally:
        done.set()
        asking.join()
    assert set(counts) == {len(rows)}


def test_a_full_disk_keeps_what_is_held_until_there_is_room(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.full_disk", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["refused", "40", "written", "60"]), done.stderr
    assert not list(tmp_path.rglob("*.part"))


def test_flows_that_can_never_be_written_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FlowStore(tmp_path, FlowSettings(held_rows=10))

    def refuse(*_: object) -> None:
        raise OutputError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(FlowFolder, "write", refuse)
        for number in range(10):
            with pytest.raises(OutputError):
                store.append(batch_of([flow(NOON + number * 100 + place) for place in range(10)]))
        assert (store.held, store.dropped) == (20, 80)
    store.flush()
    assert store.totals(FlowFilter()).first_ns == NOON + 800
    store.close()


def test_a_kill_leaves_whole_files_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.append_for_ever", str(tmp_path)]
    counts = []
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
        assert process.stdout is not None
        written = 0
        for line in process.stdout:
            written = int(line)
            if written >= 200:
                break
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        counts.append(int(rest[-1]) if rest else written)
    with FlowStore(tmp_path) as store:
        flows = store.totals(FlowFilter()).flows
        assert sum(counts) <= flows <= sum(counts) + 2 * 20
        assert store.damaged() == []


def test_what_a_killed_writer_left_is_removed_after_an_hour(store: FlowStore) -> None:
    stored(store, [flow(NOON)])
    left = files_of(store)[0].with_name(".part-v1-00.parquet.abc.part")
    left.write_bytes(b"half")
    FlowStore(store.folder)
    assert left.exists()
    os.utime(left, (0, 0))
    FlowStore(store.folder)
    assert not left.exists()
    assert store.totals(FlowFilter()).flows == 1


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file: cannot be opened: File exists"):
        FlowStore(tmp_path / "file")


def test_a_question_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    with FlowStore(tmp_path, FlowSettings(query_s=0.2)) as store:
        stored(store, [flow(NOON)])
        with pytest.raises(StoreError, match=r"takes longer than 0\.2 s"):
            store._queries._ask(
                "SELECT count(*) FROM flows, range(1000000) AS a, range(1000000) AS b", {}, FlowFilter()
            )
        assert store.totals(FlowFilter()).flows == 1


def test_only_the_stores_files_can_be_read(store: FlowStore, tmp_path: Path) -> None:
    stored(store, [flow(NOON)])
    other = tmp_path / "secret.csv"
    other.write_text("a\n1\n")
    store.totals(FlowFilter())
    connection = store._queries._cursor()
    with pytest.raises(Exception, match="Permission Error"):
        connection.execute(f"SELECT * FROM read_csv('{other}')")


def test_times_within_a_second_are_told_apart(store: FlowStore) -> None:
    stored(store, [flow(NOON + number) for number in range(10)])
    assert store.totals(FlowFilter(begins_ns=NOON + 3, ends_ns=NOON + 5)).flows == 2
    assert store.series(FlowFilter(begins_ns=NOON, ends_ns=NOON + SECOND)).flows == [10]
