"""What the commands say on standard error while they work and when they are done."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from netsift.sources.statistics import ReadStatistics

Item = TypeVar("Item")


def announce_compilation() -> None:
    """Say that the first run compiles, because it is the one that takes long."""
    from netsift.kernels.jit import forgo_linear_algebra, is_compiled

    forgo_linear_algebra()
    if not is_compiled():
        typer.echo("netsift: first run: compiling, this takes a quarter of a minute once", err=True)


def with_progress(items: Iterator[Item], statistics: ReadStatistics, *, quiet: bool) -> Iterator[Item]:
    """Yield the items, with a progress bar on standard error when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)
        for item in items:
            progress.update(
                task,
                total=statistics.bytes_total,
                completed=statistics.bytes_taken,
                description=f"{statistics.capture.packets_decoded:,} packets" if statistics.capture.packets_decoded else "reading",
            )
            yield item


def report_statistics(statistics: ReadStatistics, target: Path | None, *, quiet: bool) -> None:
    """Print the counts as a table on standard error, or write them as JSON to ``target``."""
    if target is not None:
        from netsift.files import whole_file

        with whole_file(target) as temporary:
            temporary.write_text(json.dumps(statistics.as_dictionary(), indent=2) + "\n")
    elif not quiet:
        _print_table(statistics)
    for problem in statistics.capture.problems:
        typer.echo(f"netsift: {problem}", err=True)
    hidden = statistics.capture.problem_count - len(statistics.capture.problems)
    if hidden:
        typer.echo(f"netsift: and {hidden} more problems", err=True)


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
