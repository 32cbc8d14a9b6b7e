"""A file of alerts holds whole lines, whatever happened to the one who wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from netsift.alerts.ecs import as_ecs
from netsift.alerts.log import AlertLog
from netsift.errors import OutputError
from tests.alerts.test_ledger import alert
from tests.conftest import ROOT


def lines(path: Path) -> list[dict[str, object]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, *names: str) -> None:
    """Append alerts of these names."""
    log = AlertLog(path)
    log.write(alert(name) for name in names)
    log.close()


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    write(path, "a", "b")
    write(path, "c")
    assert [line["id"] for line in lines(path)] == ["a", "b", "c"]


@pytest.mark.parametrize("rest", [b'{"id": "unfin', b"x" * 200_000, b'{"id": 1}\n'])
def test_an_unfinished_line_is_removed(rest: bytes, tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    write(path, "a")
    with path.open("ab") as file:
        file.write(rest)
    write(path, "b")
    finished = [{"id": 1}] if rest.endswith(b"\n") else []
    assert [line["id"] for line in lines(path)] == ["a", *(one["id"] for one in finished), "b"]


def test_a_file_of_nothing_but_an_unfinished_line_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"{" * 100_000)
    write(path, "a")
    assert [line["id"] for line in lines(path)] == ["a"]


def test_other_forms(tmp_path: Path) -> None:
    log = AlertLog(tmp_path / "alerts.jsonl", as_ecs)
    log.write([alert()])
    log.close()
    assert "event" in lines(tmp_path / "alerts.jsonl")[0]


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        AlertLog(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        AlertLog(tmp_path / "absent" / "alerts.jsonl")


FULL = """
import resource, signal, sys
from pathlib import Path
from netsift.alerts.log import AlertLog
from netsift.errors import OutputError
from tests.alerts.test_ledger import alert
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    AlertLog(Path(sys.argv[1])).write(alert(str(number)) for number in range(50))
except OutputError as error:
    print(error)
"""


def test_where_there_is_no_room_no_part_of_a_line_stays(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    said = subprocess.run([sys.executable, "-c", FULL, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cannot be written" in said.stdout
    assert 0 < len(lines(path)) < 50
