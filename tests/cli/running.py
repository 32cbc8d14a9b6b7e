"""Runs the program, in this process where that shows the same, and in its own where it does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from netsift.cli.main import main


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of the program ended and what it said."""

    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """Return standard output as text."""
        return self.output.decode()


Program = Callable[..., Run]
"""Runs ``netsift`` with these arguments."""


def program(monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[bytes]) -> Program:
    """Return a function that runs the program in this process."""

    def run(*arguments: object) -> Run:
        capture.readouterr()
        monkeypatch.setattr(sys, "argv", ["netsift", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capture.readouterr()
        status = ended.value.code
        return Run(status if isinstance(status, int) else 0, said.out, said.err.decode())

    return run


def start(*arguments: object, stdin: int = subprocess.DEVNULL, limit: str = "") -> subprocess.Popen[bytes]:
    """Start the program in a process of its own; ``limit`` is Python code that runs first."""
    code = f"import sys\n{limit}\nfrom netsift.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes], data: bytes = b"") -> Run:
    """Wait for a process that was started, and return how it ended."""
    output, errors = process.communicate(data or None, timeout=120)
    return Run(process.returncode, output, errors.decode())


def leftovers(folder: Path) -> list[str]:
    """Return the names in a folder that a user did not ask for."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".") or path.suffix == ".part")
