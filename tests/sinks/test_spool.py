"""The spool: in order, bounded, counted, and there after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netsift.errors import StoreError
from netsift.sinks.spool import Message, Spool
from tests.conftest import ROOT


def test_messages_come_out_in_order_until_they_are_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new" / "spool.db", 1 << 20)
    spool.add([("a", b"1"), ("b", b"2")])
    spool.add([("c", b"3")])
    first = spool.first(2)
    assert first == [Message(1, "a", b"1"), Message(2, "b", b"2")]
    assert spool.first(2) == first
    spool.sent(first)
    spool.sent(first)
    assert spool.first(9) == [Message(3, "c", b"3")]
    spool.refused(spool.first(1))
    assert spool.counts() == (0, 2, 0, 1)
    spool.close()


def test_the_oldest_make_room_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", 100)
    for number in range(20):
        spool.add([(str(number), bytes(10))])
    assert [one.alert for one in spool.first(99)] == [str(number) for number in range(10, 20)]
    spool.add([("large", bytes(101))])
    assert spool.first(99) == []
    assert spool.counts() == (0, 0, 21, 0)
    spool.add([("small", bytes(100))])
    assert spool.counts().waiting == 1
    spool.close()


def test_what_waits_and_the_counts_are_there_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", 30)
    spool.add([(str(number), bytes(10)) for number in range(5)])
    spool.sent(spool.first(1))
    spool.close()
    spool = Spool(tmp_path / "spool.db", 30)
    assert spool.counts() == (2, 1, 2, 0)
    spool.add([("new", bytes(10))])
    assert [one.alert for one in spool.first(9)] == ["3", "4", "new"]
    spool.close()


def test_what_was_added_survives_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.sinks.spool_for_ever", str(tmp_path / "spool.db")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 200:
            break
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    spool = Spool(tmp_path / "spool.db", 1 << 30)
    waiting = spool.first(1_000_000)
    assert [one.alert for one in waiting] == [str(number) for number in range(1, len(waiting) + 1)]
    assert len(waiting) >= max([200, *said])
    spool.close()


def test_nothing_of_a_failed_addition_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", 1 << 20)
    spool.add([("a", b"1")])
    with pytest.raises(StoreError, match="NOT NULL"):
        spool.add([("b", b"2"), (None, b"3")])  # type: ignore[list-item]
    spool.add([("c", b"4")])
    assert [one.alert for one in spool.first(9)] == ["a", "c"]
    spool.close()


def test_a_spool_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        Spool(tmp_path, 100)
    other = tmp_path / "notes.txt"
    other.write_text("mine, and long enough to be looked at " * 50)
    with pytest.raises(StoreError, match=r"notes\.txt: file is not a database"):
        Spool(other, 100)
    assert other.read_text().startswith("mine")
    assert list(tmp_path.iterdir()) == [other]
