"""The benchmark's table, and how commands are measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.measure import in_alternation, measure
from benchmarks.suite import Row
from benchmarks.tools import PEERS, peer

ROWS = [
    Row("speed", "2 M", ["A 1 M", "B 4 M"], ["2.00 × A", "0.50 × B"], "≥ 1 × B", False),
    Row("start", "0.5 s", target="< 1 s", met=True),
]


def test_markdown_has_a_line_per_measure() -> None:
    lines = report.markdown(ROWS, ["a note"]).splitlines()
    assert lines[2] == "| speed | 2 M | A 1 M<br>B 4 M | 2.00 × A<br>0.50 × B | ≥ 1 × B | missed |"
    assert lines[3].endswith("| < 1 s | met |")
    assert lines[-1] == "a note"


def test_terminal_shows_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    report.show(ROWS, ["a note"], Console(width=120))
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("speed", "B 4 M", "missed", "a note"))


def test_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.rewrite(page, "new")
    assert page.read_text(encoding="utf-8") == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"


def test_page_without_a_place_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        report.rewrite(page, "new")


def test_measured_are_cpu_time_and_memory_of_the_command_alone() -> None:
    work = "import time\nblock = bytearray(64 << 20)\nwhile time.process_time() < 0.2: pass\nprint('done')"
    ballast = bytearray(256 << 20)
    usage = measure([sys.executable, "-c", work])
    assert 0.2 <= usage.cpu_s < 5
    assert usage.wall_s >= 0.1
    assert 64 < usage.peak_mib < 200 < len(ballast) >> 20
    assert usage.output == "done\n"


def test_a_failing_command_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="status 7"):
        measure([sys.executable, "-c", "raise SystemExit(7)"])


def test_commands_run_in_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {
        name: [sys.executable, "-c", f"open({str(log)!r}, 'a', encoding='utf-8').write({name!r})"] for name in "ab"
    }
    used = in_alternation(commands, 2)
    assert log.read_text(encoding="utf-8") == "abab"
    assert set(used) == {"a", "b"}


def test_no_peer_sends_anything() -> None:
    for name in PEERS:
        command = peer(name, Path("x.pcap"))
        assert not {"-n", "-H", "-i"} & set(command), command
