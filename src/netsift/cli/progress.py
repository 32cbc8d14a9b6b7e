"""What the commands say on standard error while they work and when they are done."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress

    from netsift.sources.statistics import ReadStatistics

Item = TypeVar("Item")

SKIP_MEANINGS: Final = {
    "unsupported_link_type": "the link type is none of those that can be decoded",
    "wireless_link_type": "IEEE 802.11 wireless frames are not supported",
    "empty": "the record holds no bytes",
    "truncated_link": "the packet ends within its link-layer header",
    "not_ip": "the frame carries something other than IP",
    "arp": "ARP and RARP are not IP",
    "truncated_ip": "the packet ends within its IP header or an extension header",
    "bad_ip_version": "the IP header's version is neither 4 nor 6, or not the one announced",
    "bad_ip_header": "the IP header's lengths contradict each other",
    "too_many_headers": "more tags, labels or extension headers than any real packet has",
    "truncated_transport": "the packet ends before its port numbers",
    "truncated_record": "the file ends within a record",
    "damaged_record": "the record's header makes no sense, or its length lies",
    "unknown_interface": "the packet's pcapng interface was never described",
}
"""What each reason for skipping a packet means; docs/bad-input.md says more."""


def announce_compilation(*parts: str, quiet: bool) -> None:
    """Say that the first run compiles, because it is the one that takes long; the meter unless parts are named."""
    from netsift.kernels.jit import cache_directory, forgo_linear_algebra, is_compiled

    forgo_linear_algebra()
    if quiet or is_compiled(*parts):
        return
    if cache_directory() is None:
        typer.echo(
            "netsift: compiling for half a minute, as in every run while no cache folder can be written: set "
            "NETSIFT_CACHE_DIRECTORY to one",
            err=True,
        )
    else:
        typer.echo("netsift: first run: compiling, which takes half a minute, once", err=True)


def with_progress(items: Iterator[Item], statistics: ReadStatistics, *, quiet: bool) -> Iterator[Item]:
    """Yield the items, with a progress bar on standard error when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    with _reading_bar(statistics):
        yield from items


def _reading_bar(statistics: ReadStatistics) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    class Reading(Progress):
        """Looks at the counters whenever it is drawn: minutes of packets may pass before a first flow ends."""

        def get_renderables(self) -> Iterable[RenderableType]:
            packets = statistics.packets_taken
            for task in self.task_ids:
                self.update(
                    task,
                    total=statistics.bytes_total,
                    completed=statistics.bytes_taken,
                    description=f"{packets:,} packets" if packets else "reading",
                )
            return super().get_renderables()

    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Reading(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("reading", total=None)
    return bar


@contextlib.contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what is told (stage, steps done, steps in all) and shows it on a terminal; it is silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None  # noqa: ARG005 - the signature of progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=1)
        yield lambda stage, done, total: bars.update(task, description=stage, completed=done, total=total)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 flow, 2,000 flows."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def packets_line(statistics: ReadStatistics) -> str:
    """Return in one line what became of the packets of captures, empty where none were read."""
    capture = statistics.capture
    if not capture.packets_read:
        return ""
    line = f"{counted(capture.packets_read, 'packet')} read, {statistics.packets_metered:,} metered"
    skipped = {reason: count for reason, count in capture.skipped.items() if count}
    if not skipped:
        return line
    ordered = sorted(skipped, key=lambda reason: (-skipped[reason], reason))
    reasons = ", ".join(f"{skipped[reason]:,} {reason.replace('_', ' ')}" for reason in ordered)
    return f"{line}, {sum(skipped.values()):,} skipped: {reasons}"


def report_statistics(
    statistics: ReadStatistics, target: Path | None, *, quiet: bool, more: Mapping[str, int] | None = None
) -> None:
    """Print the counts as a table on standard error, or write them as JSON to ``target``, with ``more`` counts."""
    if target is not None:
        from netsift.files import whole_file

        with whole_file(target) as temporary:
            counts = statistics.as_dictionary() | dict(more or {})
            temporary.write_text(json.dumps(counts, indent=2) + "\n")
    elif not quiet:
        _print_table(statistics)
    for note in statistics.notes:
        typer.echo(note, err=True)
    for problem in statistics.capture.problems:
        typer.echo(f"netsift: {problem}", err=True)
    hidden = statistics.capture.problem_count - len(statistics.capture.problems)
    if hidden:
        typer.echo(f"netsift: and {hidden} more problems", err=True)


def say_if_empty(statistics: ReadStatistics) -> None:
    """Say aloud that there is no flow, and why, so that an empty file is not taken for a quiet network."""
    if statistics.flows:
        return
    packets, skipped = statistics.capture.packets_read, statistics.capture.skipped
    if packets:
        reason = max(skipped, key=lambda name: skipped[name])
        why = f"none of the {packets:,} packets can be metered ({SKIP_MEANINGS[reason]})"
    else:
        why = "the input holds no packets" if statistics.capture.inputs_read else "nothing was read"
    typer.echo(f"netsift: no flows: {why}", err=True)


def _print_table(statistics: ReadStatistics) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = statistics.as_dictionary()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    if counts["packets_read"]:
        table.add_row("packets read", f"{counts['packets_read']:,}")
        table.add_row("  metered", f"{counts['packets_metered']:,}")
        for reason, count in counts["packets_skipped"].items():
            table.add_row(f"  skipped: {reason.replace('_', ' ')}", f"{count:,}")
    table.add_row("flows", f"{counts['flows']:,}")
    for reason, count in counts["flows_by_end_reason"].items():
        table.add_row(f"  ended by {reason.replace('_', ' ')}", f"{count:,}")
    with contextlib.suppress(BrokenPipeError):
        Console(stderr=True).print(table)
