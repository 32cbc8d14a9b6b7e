"""``make bench``: netsift beside public tools, every command a fresh process, all of them in turn in the same run.

``--quick`` takes smaller captures and one run each. ``--markdown PAGE`` also writes the table into a page between its
markers. The exit status does not depend on the targets: a slow machine is no error.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402

from benchmarks import report, tools  # noqa: E402
from benchmarks.inputs import QUICK, Inputs, Sizes, prepare  # noqa: E402
from benchmarks.suite import Suite  # noqa: E402

CAPTURES: Final = ROOT / ".benchmarks" / "captures"


def main() -> int:
    """Measure, print and, where asked, write the page."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller captures, one run each")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="write the table into this page too")
    chosen = parser.parse_args()
    progress = Console(stderr=True)
    sizes = QUICK if chosen.quick else Sizes()
    subprocess.run([tools.NETSIFT, "warmup"], check=True)
    progress.print("captures: building those that are missing")
    inputs = prepare(CAPTURES, sizes, tools.NETSIFT)
    peers = tools.present_peers()
    suite = Suite(inputs, sizes, peers, lambda what: progress.print(f"measuring: {what}"))
    rows = list(suite.rows())
    notes = _notes(inputs, sizes, peers)
    report.show(rows, notes, Console(width=None if sys.stdout.isatty() else 160))
    if chosen.markdown:
        report.rewrite(chosen.markdown, report.markdown(rows, notes))
    return 0


def _notes(inputs: Inputs, sizes: Sizes, peers: tuple[str, ...]) -> list[str]:
    absent = [name for name in tools.PEERS if name not in peers]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return [
        f"Input: {inputs.origin}; NFStream reads one replica ({inputs.one_replica.packets:,} packets).",
        f"Machine: {_processor()}, {os.cpu_count()} cores, load {load} at the end; median of {sizes.runs}.",
        f"Python {platform.python_version()}, numba {_version('numba')}, NFStream {_version('nfstream')}.",
        f"Absent peers: {', '.join(absent) or 'none'}.",
    ]


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    sys.exit(main())
