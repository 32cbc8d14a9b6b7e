"""``netsift serve`` in a process of its own, as people run it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

DEADLINE_S = 90.0
PROGRAM = ("-m", "netsift")
WITHOUT_GUNICORN = (
    "-c", "import sys; sys.modules['gunicorn'] = None; from netsift.cli.main import main; main()",
)  # fmt: skip
"""The same in a Python that has no gunicorn."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server: where it is, its process, and the file of what it says."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    data: Path


@contextlib.contextmanager
def served(folder: Path, *arguments: str, program: Sequence[str] = PROGRAM, **variables: str) -> Iterator[Served]:
    """Run a server on a free port until the block ends."""
    log = folder / "serve.log"
    folder.mkdir(parents=True, exist_ok=True)
    home = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "home")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0", "--data", str(folder / "data"), *arguments],
            stdout=output, stderr=output, env={**os.environ, **home, **variables},
        )  # fmt: skip
    try:
        address = _address(process, log)
        _wait_until_ready(process, address, log)
        yield Served(address, process, log, folder / "data")
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        said = log.read_text(errors="replace")
        if "http://" in said:
            return "http://" + said.partition("http://")[2].split()[0]
        assert process.poll() is None, said
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        assert process.poll() is None, log.read_text(errors="replace")
        with contextlib.suppress(URLError, ConnectionError, TimeoutError), urlopen(f"{address}/readyz", timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError("the server is not ready")
