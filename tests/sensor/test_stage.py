"""Stages: whoever fills one never waits, what fails is tried again, what has no room is counted, the end is bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netsift.errors import StoreError
from netsift.sensor.stage import Stage
from tests.live.networks import wait_for


class Receiver:
    """Takes what a stage writes, while it may."""

    def __init__(self) -> None:
        """Start open and with nothing."""
        self.taken: list[object] = []
        self.open = threading.Event()
        self.open.set()
        self.fails = ""
        self.takes = 1_000_000

    def write(self, items: list[object]) -> None:
        """Take items from the front, or fail after some of them."""
        self.open.wait()
        for _ in range(self.takes):
            if items:
                self.taken.append(items.pop(0))
        if self.fails:
            raise StoreError(self.fails)


@contextmanager
def stage(receiver: Receiver, most: int) -> Iterator[Stage[object]]:
    """Yield a stage that is ended at the end."""
    made: Stage[object] = Stage("things", receiver.write, most, first_pause_s=0.01)
    try:
        yield made
    finally:
        receiver.open.set()
        receiver.fails = ""
        made.ask_to_end(5)
        made.close()


def test_everything_is_written_once_and_in_order() -> None:
    receiver = Receiver()
    with stage(receiver, 10_000) as made:
        for number in range(5_000):
            assert made.put(number)
    assert receiver.taken == list(range(5_000))
    assert made.counts().written == 5_000


def test_what_was_written_before_a_failure_is_not_written_again() -> None:
    receiver = Receiver()
    receiver.takes, receiver.fails = 1, "the disk is full"
    with stage(receiver, 100) as made:
        for number in range(10):
            made.put(number)
        wait_for(lambda: len(receiver.taken) == 10, "all ten")
        wait_for(lambda: made.counts().trouble == "the disk is full", "the trouble")
        assert made.counts().failures >= 10
        receiver.fails = ""
        wait_for(lambda: made.counts().trouble == "", "the trouble to be over")
    assert receiver.taken == list(range(10))


def test_filling_never_waits_and_what_has_no_room_is_counted() -> None:
    receiver = Receiver()
    receiver.open.clear()
    with stage(receiver, 100) as made:
        began = time.monotonic()
        kept = sum(made.put(number, size=10) for number in range(1_000))
        assert time.monotonic() - began < 10
        assert kept == 10
        counts = made.counts()
        assert (counts.waiting, counts.dropped) == (100, 9_900)
    assert receiver.taken == list(range(10))


def test_what_waits_gives_way_to_what_it_has_grown_to() -> None:
    receiver = Receiver()
    receiver.open.clear()
    with stage(receiver, 3) as made:
        made.put("first")
        wait_for(lambda: not made._changed._waiters, "the first to be taken")  # type: ignore[attr-defined]
        for number in range(50):
            assert made.put(number, key="alert")
        receiver.open.set()
        wait_for(lambda: made.counts().waiting == 0, "the rest")
    assert receiver.taken[0] == "first"
    assert receiver.taken[-1] == 49
    assert len(receiver.taken) <= 3


def test_the_end_does_not_wait_for_what_cannot_be_written() -> None:
    receiver = Receiver()
    receiver.takes, receiver.fails = 0, "locked"
    made: Stage[object] = Stage("things", receiver.write, 100)
    made.put("one")
    wait_for(lambda: made.counts().failures > 0, "a failure")
    began = time.monotonic()
    made.ask_to_end(0.2)
    assert made.close() == ["one"]
    assert time.monotonic() - began < 20
    assert (made.counts().waiting, made.counts().dropped) == (0, 1)


def test_an_error_that_nobody_expected_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    with stage(receiver, 100) as made:

        def breaks(_items: list[object]) -> None:
            raise ZeroDivisionError("why")

        monkeypatch.setattr(made, "_write", breaks)
        made.put(1)
        wait_for(lambda: "ZeroDivisionError: why" in made.counts().trouble, "the error")
        monkeypatch.setattr(made, "_write", receiver.write)
    assert receiver.taken == [1]
