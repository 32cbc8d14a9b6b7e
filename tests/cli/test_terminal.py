"""What a person at a terminal sees, and what a pipe does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.sources.web import Behaviour, serving

pty = pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")


def shown(*arguments: object, program: str = "from netsift.cli.main import main; main()") -> str:
    """Return what the program writes to standard error when that is a terminal."""
    owner, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(terminal)
    said = b""
    # Reading a terminal whose last writer is gone is an error on Linux and the end of file elsewhere.
    try:
        while part := os.read(owner, 65_536):
            said += part
    except OSError:
        pass
    os.close(owner)
    assert process.wait(60) == 0
    return said.decode()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a capture that takes a moment to read."""
    path = tmp_path / "capture.pcap"
    whole = pcap(busy(60_000))
    path.write_bytes(whole + 7 * whole[24:])
    return path


def test_a_bar_with_packets_rate_and_time_left(capture: Path, tmp_path: Path) -> None:
    said = shown("flows", capture, "-o", tmp_path / "flows.csv")
    assert re.search(r"[\d,]+ packets", said)
    assert re.search(r"[\d.]+ [kM]?B/s", said)
    assert re.search(r"\d+:\d\d:\d\d", said)


def test_no_bar_when_quiet(capture: Path, tmp_path: Path) -> None:
    assert shown("flows", capture, "-q", "-o", tmp_path / "flows.csv") == ""


CATALOGUED = """
from netsift.cli.main import main
from netsift.sources.catalogue import CATALOGUE, DataFile, DataSet
CATALOGUE["example"] = DataSet(
    "example", "Example", "Nobody", "https://example.org/", "free", "none", (DataFile("rows.bin", {address!r}),)
)
main()
"""


def fetched(folder: Path, content: bytes, *options: str, says_length: bool = True) -> str:
    """Return what is shown of a fetch that takes half a second, from a server on this machine."""
    with serving(Behaviour(content, says_length=says_length, pause_s=0.5)) as address:
        program = CATALOGUED.format(address=address)
        said = shown("data", "fetch", "example", "--folder", folder, *options, program=program)
    assert (folder / "example" / "rows.bin").read_bytes() == content
    return said


def test_a_bar_with_the_file_its_bytes_rate_and_time_left(tmp_path: Path) -> None:
    said = plain(fetched(tmp_path, bytes(6_000_000)))
    shares = [float(share) for share in re.findall(r"rows\.bin \S+ +([\d.]+)/6\.0 MB", said)]
    assert any(0 < share < 6 for share in shares)
    assert shares == sorted(shares)
    assert re.search(r"[\d.]+ [kM]B/s", said)
    assert re.search(r"\d:\d\d:\d\d", said)


def test_the_bar_of_a_resumed_file_begins_where_it_broke_off(tmp_path: Path) -> None:
    content = bytes(6_000_000)
    part = tmp_path / "example" / "rows.bin.part"
    part.parent.mkdir()
    part.write_bytes(content[:4_000_000])
    behaviour = Behaviour(content, pause_s=0.5)
    with serving(behaviour) as address:
        part.with_name("rows.bin.part.json").write_text(json.dumps({"address": address, "validator": behaviour.tag}))
        said = plain(
            shown("data", "fetch", "example", "--folder", tmp_path, program=CATALOGUED.format(address=address))
        )
    assert behaviour.requested == ["bytes=4000000-"]
    assert part.with_name("rows.bin").read_bytes() == content
    shares = [float(share) for share in re.findall(r"([\d.]+)/6\.0 MB", said)]
    assert min(shares) >= 4
    assert any(share < 6 for share in shares)


def test_the_bar_of_a_file_of_unknown_length_counts_its_bytes(tmp_path: Path) -> None:
    said = plain(fetched(tmp_path, bytes(6_000_000), says_length=False))
    assert re.search(r"rows\.bin \S+ +[\d.]+/\? \S+", said)


def test_no_bar_of_a_file_when_quiet(tmp_path: Path) -> None:
    assert fetched(tmp_path, bytes(600_000), "--quiet") == ""


def plain(said: str) -> str:
    """Return what a terminal shows without the colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
