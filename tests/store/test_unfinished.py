"""Flow files of what was not read to its end: known by their names, deleted when they are made again, else kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from netsift.store.flow_files import FlowFolder
from netsift.store.flow_filter import FlowFilter
from netsift.store.flow_upkeep import compact
from netsift.store.flows import FlowStore
from netsift.store.unfinished import Unfinished, unfinished_marks
from tests.store.flow_batches import NOON, SECOND, batch_of, flow

NAME = "0123456789abcdef"


def written(folder: Path, mark: str) -> None:
    """Write two files of flows with a mark."""
    with FlowStore(folder) as store:
        store.mark = mark
        for number in range(2):
            store.append(batch_of([flow(NOON + (10 * number + place) * SECOND) for place in range(10)]))
            store.flush()


def flows_in(folder: Path) -> int:
    """Return how many flows a store has."""
    with FlowStore(folder) as store:
        return store.totals(FlowFilter()).flows


@pytest.mark.parametrize(
    ("finished", "can_be_made", "left"),
    [(False, True, 0), (True, True, 20), (False, False, 20)],
)
def test_only_what_is_made_again_is_deleted(finished: bool, can_be_made: bool, left: int, tmp_path: Path) -> None:
    unfinished = Unfinished(FlowFolder(tmp_path), NAME)
    mark = unfinished.begin()
    unfinished.note(mark, ["a capture"])
    written(tmp_path, mark)
    written(tmp_path, "")
    again = Unfinished(FlowFolder(tmp_path), NAME)
    asked: list[list[str]] = []

    def answer(names: list[str]) -> bool:
        asked.append(names)
        return can_be_made

    again.recover({mark} if finished else set(), answer)
    assert flows_in(tmp_path) == left + 20
    assert asked == ([] if finished else [["a capture"]])
    assert not unfinished_marks(tmp_path)


def test_unfinished_files_are_not_joined_and_finished_ones_are(tmp_path: Path) -> None:
    folder = FlowFolder(tmp_path)
    unfinished = Unfinished(folder, NAME)
    mark = unfinished.begin()
    unfinished.note(mark, ["a capture"])
    written(tmp_path, mark)
    later = max(file.age_from for file in folder.files()) + timedelta(hours=2)
    assert compact(folder, later) == 0
    assert len(folder.with_mark(mark)) == 2
    unfinished.finish(mark)
    assert compact(folder, later) == 1
    assert flows_in(tmp_path) == 20


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"x": 1}', b'{"0123456789abcdef": 3}'])
def test_a_note_that_makes_no_sense_says_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / f"{NAME}.json").write_bytes(content)
    assert unfinished_marks(tmp_path) == frozenset()
    assert Unfinished(FlowFolder(tmp_path), NAME).recover([], lambda _: True) == 0
