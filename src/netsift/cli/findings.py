"""How findings are shown: a line for each with what happened, and below it when, and why it was flagged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import typer

from netsift.cli.progress import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from netsift.alerts.finding import Finding

HEADINGS: Final = ("weight", "flows", "score", "what", "who")
RANKING: Final = "ranked by weight = score × (1 + log10 flows)"

_RIGHT: Final = (True, True, True, False, False)
_INDENT: Final = "        "
_REASONS_SHOWN: Final = 3
_WIDTH_OF_A_PIPE: Final = 10_000
_NS_PER_US: Final = 1000


def print_findings(findings: Sequence[Finding]) -> None:
    """Print findings on standard output: wrapped and with styles on a terminal, a line as it is in a pipe."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False).print(findings_table(findings))
        return
    console = Console(width=_WIDTH_OF_A_PIPE, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(findings_table(findings))
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def findings_table(findings: Sequence[Finding]) -> RenderableType:
    """Return the findings as they are shown, under a line of headings."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    rows = [_cells(finding) for finding in findings]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    shown: list[RenderableType] = [_line(HEADINGS, widths, "bold")]
    for finding, cells in zip(findings, rows, strict=True):
        shown.append(_line(cells, widths, "dim" if finding.too_few else ""))
        below = [Text(_printable(text), style="dim") for text in _below(finding)]
        # Whatever is wrapped stays indented.
        shown += [Padding(text, (0, 0, 0, len(_INDENT)), expand=False) for text in below]
    return Group(*shown)


def _line(cells: Sequence[str], widths: Sequence[int], style: str) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 2, 0, 0))
    for width, right in zip(widths[:-1], _RIGHT, strict=False):
        line.add_column(justify="right" if right else "left", min_width=width, no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(*(Text(cell, style=style) for cell in cells))
    return line


def _cells(finding: Finding) -> tuple[str, ...]:
    cells = (f"{finding.weight:.2f}", f"{finding.flows:,}", f"{finding.score:.3f}", finding.attack, _who(finding))
    return tuple(_printable(cell) for cell in cells)


def _below(finding: Finding) -> list[str]:
    from netsift.alerts.explain import reasons

    also = ", ".join(f"{attack} ({counted(flows, 'flow')})" for attack, flows in finding.also.items())
    first = _when(finding)
    if also:
        first += f"; also {also}"
    if finding.too_few:
        first += f"; too few for {finding.attack}"
    return [first, *reasons(finding.evidence, _REASONS_SHOWN)]


def _when(finding: Finding) -> str:
    from netsift.alerts.explain import format_value
    from netsift.alerts.schema import utc_text

    start = utc_text(finding.start_ns).replace("T", " ").split(".")[0]
    lasted_us = (finding.end_ns - finding.start_ns) // _NS_PER_US
    return f"{start} UTC for {format_value(lasted_us, 'µs')}" if lasted_us else f"{start} UTC"


def _who(finding: Finding) -> str:
    target = finding.targets[0] if len(finding.targets) == 1 else counted(len(finding.targets), "host")
    if len(finding.ports) == 1:
        target += f" port {finding.ports[0]}"
    elif finding.ports:
        target += f", {counted(len(finding.ports), 'port')}"
    source = finding.sources[0] if len(finding.sources) == 1 else counted(len(finding.sources), "host")
    return f"{source} → {target}" + (" or more" if finding.truncated else "")


def _printable(text: str) -> str:
    """Return the text without what a terminal would obey: a flow file may hold anything where an address should be."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
