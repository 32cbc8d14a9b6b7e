"""How long a program takes to its first flow: ``python -m benchmarks.start CAPTURE --runs 10``.

netsift and the peers that are installed, in turn, on a capture of a few packets, with compiled kernels and files in the
system's cache. On a machine that does other work the wall time says mostly what that was; the least is what the program
needs, and CPU seconds hardly change. Prints the table of ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import Usage, measure
from benchmarks.tools import netsift, peer, present_peers

LIBRARIES: Final = "Python with Numba and Arrow imported"


def commands(capture: Path) -> dict[str, list[str]]:
    """Return what is run, by name."""
    libraries = [sys.executable, "-c", "import numba, pyarrow"]
    return {"netsift": netsift(capture), LIBRARIES: libraries} | {name: peer(name, capture) for name in present_peers()}


def line(name: str, several: list[Usage]) -> str:
    """Return one line of the table: wall and CPU seconds, least and median, and the greatest peak."""
    wall, cpu = [one.wall_s for one in several], [one.cpu_s for one in several]
    peak = max(one.peak_mib for one in several)
    return f"| {name} | {min(wall):.2f} | {median(wall):.2f} | {min(cpu):.2f} | {median(cpu):.2f} | {peak:.0f} MiB |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    run = commands(arguments.capture.resolve())
    for command in run.values():
        measure(command)
    used: dict[str, list[Usage]] = {name: [] for name in run}
    for _ in range(arguments.runs):
        for name, command in run.items():
            used[name].append(measure(command))
    print("| program | wall s, least | median | CPU s, least | median | peak memory |")
    print("|---|---|---|---|---|---|")
    for name, several in used.items():
        print(line(name, several))
    print(f"\n{arguments.runs} runs each; load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
