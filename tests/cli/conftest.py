"""Tests of the program see no rules or feedback of whoever runs them, and no word of compiling."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.cli.warmup import warmup
from tests.cli.running import Program, program


@pytest.fixture(scope="session", autouse=True)
def _compiled_kernels() -> None:
    """Compile all kernels of this source, if no earlier run did: the program says once that it does."""
    warmup()


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give every test a configuration and a state folder of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Program:
    """Return the program, run in this process."""
    return program(monkeypatch, capsysbinary)
