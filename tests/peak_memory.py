"""The peak memory of a process of its own, whoever started it."""

from __future__ import annotations

import subprocess
import sys

# getrusage would do for a small parent only: ru_maxrss of a process starts at the peak of the one it was forked from,
# and a test's process has done much before. VmHWM belongs to the memory that the new program made for itself.
_PRINT_PEAK = """
with open("/proc/self/status", encoding="ascii") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


def peak_kib(program: str, *arguments: str) -> tuple[int, list[str]]:
    """Return the peak resident memory in KiB of a Python program, and the words that it printed (Linux only)."""
    command = [sys.executable, "-c", program + _PRINT_PEAK, *arguments]
    *words, peak = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return int(peak), words
