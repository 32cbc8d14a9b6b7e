"""The table, on a terminal and in ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.suite import Row

BEGIN: Final = "<!-- benchmark table: begin -->"
END: Final = "<!-- benchmark table: end -->"
HEADINGS: Final = ("measure", "netsift", "peers", "ratio", "target", "result")


def show(rows: Sequence[Row], notes: Sequence[str], console: Console) -> None:
    """Print the table and the notes below it."""
    table = Table(*HEADINGS, show_lines=True)
    for row in rows:
        table.add_row(*_cells(row, "\n"))
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)


def markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return the table and the notes as Markdown."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    lines += [f"| {' | '.join(_cells(row, '<br>'))} |" for row in rows]
    return "\n".join([*lines, "", *notes])


def rewrite(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put ``text`` between the two markers of a page; raises ValueError where it has none."""
    old = page.read_text(encoding="utf-8")
    if begin not in old or end not in old:
        raise ValueError(f"{page} has no place for the table: {begin} and {end}")
    head, rest = old.split(begin, 1)
    _, tail = rest.split(end, 1)
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def _cells(row: Row, line_break: str) -> tuple[str, ...]:
    result = {True: "met", False: "missed", None: ""}[row.met]
    return row.measure, row.netsift, line_break.join(row.peers), line_break.join(row.ratios), row.target, result
