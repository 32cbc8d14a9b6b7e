"""Runs commands as fresh processes and says what they used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

LAUNCHER: Final = Path(__file__).with_name("launch.py")
LONGEST_RUN_S: Final = 900


@dataclass(frozen=True, slots=True)
class Usage:
    """What one command used: CPU seconds (user and system, with children), wall seconds, peak resident memory in MiB.

    Of a command with several processes the peak is that of the largest one.
    """

    cpu_s: float
    wall_s: float
    peak_mib: float
    output: str = ""


def measure(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end and return what it used and the end of what it said; raises RuntimeError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        result = subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(said), *command],
            capture_output=True, check=True, timeout=LONGEST_RUN_S, cwd=folder, stdin=subprocess.DEVNULL,
            env={**os.environ, **(variables or {})},
        )  # fmt: skip
        output = said.read_text(errors="replace")[-4000:]
    used = json.loads(result.stdout)
    if used["status"] != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {used['status']}: {output[-500:]}")
    return Usage(used["cpu_s"], used["wall_s"], used["peak_kib"] / 1024, output)


def in_alternation(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Usage]:
    """Run every command ``runs`` times, one after another in turn, and return the medians by name."""
    used: dict[str, list[Usage]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            used[name].append(measure(command))
    return {name: _middle(several) for name, several in used.items()}


def _middle(several: Sequence[Usage]) -> Usage:
    return Usage(
        median(usage.cpu_s for usage in several),
        median(usage.wall_s for usage in several),
        median(usage.peak_mib for usage in several),
        several[-1].output,
    )
