"""What a person at a terminal sees, and what a pipe does not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.traffic import busy
from tests.flows.writing import pcap

pty = pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")


def shown(*arguments: object) -> str:
    """Return what the program writes to standard error when that is a terminal."""
    owner, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "netsift", *map(str, arguments)],
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
