"""A folder of rotated captures: finished files only, each once, also over restarts, and flows across files."""

from __future__ import annotations

import gzip
import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from netsift.errors import InputError
from netsift.flows.settings import MeterSettings
from netsift.sources.directory import directory_flows, finished_files
from netsift.sources.journal import Journal
from netsift.sources.live import LiveCounters, LiveSettings
from tests.flows.engine import Row, engine, rows_of
from tests.flows.traffic import busy, in_thirds
from tests.flows.writing import pcap
from tests.live.networks import PATIENCE_S, wait_for

SETTINGS = LiveSettings()
UNCUT = MeterSettings(active_timeout_s=86_400)


def put(path: Path, content: bytes, age_s: float) -> Path:
    """Write a file whose last change was so long ago."""
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def watched(
    folder: Path, journal: Path, files: int, settled_s: float = 60.0, settings: LiveSettings = SETTINGS
) -> tuple[list[Row], LiveCounters]:
    """Watch a folder until so many files have been read or refused, and return the flows."""
    counters, stop, rows = LiveCounters(), threading.Event(), []
    deadline = time.monotonic() + PATIENCE_S
    kept = Journal(journal)
    with closing(directory_flows(folder, kept, settings, counters, stop, settled_s)) as moments:
        for moment in moments:
            assert time.monotonic() < deadline
            rows += rows_of([moment.flows] if moment.flows is not None else [])
            if moment.reached is not None:
                kept.commit(moment.reached)
            if counters.capture.inputs_read + counters.capture.inputs_refused >= files:
                # One look more shows that there is nothing else to read.
                threading.Timer(0.7, stop.set).start()
                files = 1_000
    return rows, counters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three captures, the newest of which is still being written."""
    made = tmp_path / "captures"
    made.mkdir()
    for number, part in enumerate(in_thirds(busy(3_000))):
        put(made / f"{number}.pcap", pcap(part), 30 - 10 * number)
    return made


def test_the_newest_file_waits_until_it_has_settled(folder: Path) -> None:
    finished, present = finished_files(folder, 60, time.time_ns())
    assert [file.path.name for file in finished] == ["0.pcap", "1.pcap"]
    assert len(present) == 3
    assert len(finished_files(folder, 5, time.time_ns())[0]) == 3


def test_flows_go_on_from_file_to_file(folder: Path, tmp_path: Path) -> None:
    rows, counters = watched(folder, tmp_path / "journal.json", 3, settled_s=5)
    expected, _ = engine(sorted(folder.iterdir()))
    assert rows == expected
    assert counters.capture.inputs_read == 3


def test_every_file_is_read_once_also_after_a_restart(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    _, first = watched(folder, journal, 2)
    assert first.capture.inputs_read == 2
    put(folder / "3.pcap", pcap(busy(100, seed=2)), 5)
    rows, second = watched(folder, journal, 1)
    assert second.capture.inputs_read == 1
    assert rows == engine(folder / "2.pcap")[0]


def test_a_file_that_was_compressed_after_it_was_read_is_the_same(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    watched(folder, journal, 2)
    content = (folder / "0.pcap").read_bytes()
    (folder / "0.pcap").unlink()
    put(folder / "0.pcap.gz", gzip.compress(content), 40)
    _, counters = watched(folder, journal, 1, settled_s=5)
    assert counters.capture.inputs_read == 1


def test_a_file_that_is_written_anew_under_its_name_is_read_again(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    watched(folder, journal, 2)
    put(folder / "0.pcap", pcap(busy(50, seed=3)), 25)
    rows, counters = watched(folder, journal, 1)
    assert counters.capture.inputs_read == 1
    assert rows == engine(folder / "0.pcap")[0]


def test_what_is_no_capture_is_named_once(folder: Path, tmp_path: Path) -> None:
    put(folder / "notes.txt", b"hello", 50)
    put(folder / ".hidden", b"hello", 50)
    journal = tmp_path / "journal.json"
    _, counters = watched(folder, journal, 3)
    assert counters.capture.inputs_refused == 1
    assert "notes.txt" in counters.capture.problems[0]
    put(folder / "3.pcap", pcap(busy(10)), 5)
    _, again = watched(folder, journal, 1)
    assert again.capture.inputs_refused == 0


def test_a_file_that_was_not_read_to_its_end_is_read_again(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    stop = threading.Event()
    put(folder / "0.pcap", pcap(busy(60_000)), 30)
    counters = LiveCounters()
    with closing(directory_flows(folder, Journal(journal), SETTINGS, counters, stop)) as moments:
        next(moments)
        stop.set()
        wait_for(lambda: next(moments, None) is None, "the end")
    assert not journal.exists()


def killed_after(folder: Path, journal: Path, commits: int) -> list[Row]:
    """Watch a folder until so many commits were made, and return the flows that were committed with them."""
    kept, rows, waiting = Journal(journal), list[Row](), list[Row]()
    stop = threading.Event()
    with closing(directory_flows(folder, kept, LiveSettings(UNCUT), LiveCounters(), stop, 5)) as moments:
        for moment in moments:
            waiting += rows_of([moment.flows] if moment.flows is not None else [])
            if moment.reached is not None:
                if commits == 0:
                    break
                kept.commit(moment.reached)
                rows, waiting, commits = rows + waiting, [], commits - 1
    return rows


@pytest.mark.parametrize("commits", [0, 1, 2, 3, 4])
def test_after_a_kill_flows_go_on_where_they_were(commits: int, tmp_path: Path) -> None:
    folder, journal = tmp_path / "captures", tmp_path / "journal.json"
    folder.mkdir()
    packets = busy(20_000, fragments=False)
    for number in range(5):
        part = packets[number * 4_000 : (number + 1) * 4_000]
        put(folder / f"{number}.pcap", pcap(part), 100 - 10 * number)
    before = killed_after(folder, journal, commits)
    after, counters = watched(folder, journal, 5 - commits, 5, LiveSettings(UNCUT))
    expected, _ = engine(sorted(folder.iterdir()), UNCUT)
    assert counters.capture.inputs_read == 5 - commits
    assert sorted(before + after, key=str) == sorted(expected, key=str)


def test_a_stop_in_the_middle_of_a_file_is_gone_on_from(tmp_path: Path) -> None:
    folder, journal = tmp_path / "captures", tmp_path / "journal.json"
    folder.mkdir()
    put(folder / "0.pcap", pcap(busy(60_000, fragments=False)), 100)
    put(folder / "1.pcap", pcap(busy(10, seed=2)), 50)
    kept, stop, first = Journal(journal), threading.Event(), list[Row]()
    counters = LiveCounters()
    with closing(directory_flows(folder, kept, SETTINGS, counters, stop, 5)) as moments:
        for moment in moments:
            stop.set()
            first += rows_of([moment.flows] if moment.flows is not None else [])
            if moment.reached is not None:
                kept.commit(moment.reached)
    second, again = watched(folder, journal, 2, settled_s=5)
    expected, skipped = engine(sorted(folder.iterdir()))
    assert 0 < counters.packets < 60_000
    packets = [int(str(row["packets"])) for row in (*first, *second)]
    assert sum(packets) == sum(int(str(row["packets"])) for row in expected) == counters.packets + again.packets
    assert skipped.total() < 60_000


def test_journals_of_things_that_went_are_dropped(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    watched(folder, journal, 2)
    size = journal.stat().st_size
    for name in ("0.pcap", "1.pcap"):
        (folder / name).unlink()
    put(folder / "4.pcap", pcap(busy(10)), 5)
    watched(folder, journal, 1)
    assert journal.stat().st_size < size


@pytest.mark.parametrize("content", [b"", b"[]", b'{"read": [[1]]}', b'{"read": 3}', b"\xff"])
def test_a_broken_journal_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no journal"):
        Journal(path)


def test_a_folder_that_goes_away_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    with pytest.raises(InputError, match="No such file"):
        list(directory_flows(tmp_path / "absent", journal, SETTINGS, LiveCounters(), threading.Event()))
