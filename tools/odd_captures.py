"""What becomes of every capture of a folder: read, damaged or refused, and which packets are skipped for which reason.

``python tools/odd_captures.py FOLDER`` prints the tables that stand in ``docs/bad-input.md``.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from netsift.errors import ExitStatus, InputError
from netsift.sources.captures import CaptureSettings
from netsift.sources.flows import read_flows
from netsift.sources.statistics import ReadStatistics

_SETTINGS: Final = CaptureSettings(threads=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one capture was read: the exit status it alone would give, its packets, and what was wrong with it."""

    status: int
    problem: str = ""
    packets_read: int = 0
    packets_metered: int = 0
    flows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def outcome(path: Path) -> Outcome:
    """Meter one capture and return what became of it."""
    statistics = ReadStatistics()
    try:
        for _ in read_flows(path, _SETTINGS, statistics):
            pass
    except InputError as error:
        return Outcome(ExitStatus.NOTHING_READ, _without_name(str(error), path))
    capture = statistics.capture
    problem = _without_name("; ".join(capture.problems), path)
    status = int(statistics.exit_status())
    return Outcome(
        status, problem, capture.packets_read, statistics.packets_metered, statistics.flows, Counter(capture.skipped)
    )


def tables(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of three Markdown tables: captures by outcome, what was wrong, and packets by reason."""
    yield from _table("captures", Counter(map(_kind, outcomes)))
    yield from _table("captures refused or damaged", Counter(each.problem for each in outcomes if each.problem))
    packets: Counter[str] = Counter(metered=sum(each.packets_metered for each in outcomes))
    for each in outcomes:
        packets.update({f"skipped: `{reason}`": count for reason, count in each.skipped.items()})
    yield from _table("packets", packets)


def _kind(each: Outcome) -> str:
    if each.status == ExitStatus.NOTHING_READ:
        return "refused (exit status 1)"
    kind = "read in part (exit status 3)" if each.status == ExitStatus.DAMAGED_INPUT else "read whole (exit status 0)"
    return kind if each.flows else kind.replace(" (", ", no flows (")


def _table(name: str, counts: Counter[str]) -> Iterator[str]:
    yield from (f"| {name} | {counts.total():,} |", "|---|---|")
    yield from (f"| {key} | {count:,} |" for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    yield ""


def _without_name(problem: str, path: Path) -> str:
    return re.sub(r"\d[\d,]*(?= bytes? of garbage)", "some", problem.removeprefix(f"{path}: "))


def main(arguments: Sequence[str]) -> int:
    """Print the tables for the folder that is named; return 2 when it is none."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python tools/odd_captures.py FOLDER", file=sys.stderr)
        return 2
    paths = sorted(path for path in Path(arguments[0]).rglob("*") if path.is_file())
    for line in tables([outcome(path) for path in paths]):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
