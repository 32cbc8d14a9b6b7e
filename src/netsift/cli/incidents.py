"""How incidents and alerts are shown: a line for each with who and when, and below it why."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import typer

from netsift.cli.progress import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from netsift.alerts.schema import Alert

HEADINGS: Final = ("severity", "sure", "what", "who", "id")
RANKING: Final = "ranked by severity, then by how sure the detectors are"

_INDENT: Final = "        "
_WIDTH_OF_A_PIPE: Final = 10_000
_NS_PER_US: Final = 1000
_TIMELINE_SHOWN: Final = 6
_STYLES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": ""}


def print_alerts(alerts: Sequence[Alert], *, full: bool = False) -> None:
    """Print alerts on standard output: wrapped and with styles on a terminal, a line as it is in a pipe.

    ``full`` prints all that there is to say of each.
    """
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False).print(alerts_table(alerts, full=full))
        return
    console = Console(width=_WIDTH_OF_A_PIPE, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(alerts_table(alerts, full=full))
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def alerts_table(alerts: Sequence[Alert], *, full: bool = False) -> RenderableType:
    """Return alerts as they are shown, under a line of headings."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    rows = [_cells(alert) for alert in alerts]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    shown: list[RenderableType] = [_line(HEADINGS, widths, "bold")]
    for alert, cells in zip(alerts, rows, strict=True):
        shown.append(_line(cells, widths, _STYLES[alert.severity]))
        below = [Text(_printable(text), style="dim") for text in (_everything(alert) if full else _below(alert))]
        # Whatever is wrapped stays indented.
        shown += [Padding(text, (0, 0, 0, len(_INDENT)), expand=False) for text in below]
    return Group(*shown)


def alert_line(alert: Alert) -> str:
    """Return an alert in one line: when, how grave, what, who, why, and its id."""
    severity, _, category, who, name = _cells(alert)
    when = _when(alert).split(" for ")[0]
    return f"{when}  {severity}  {category}  {who}  {_printable(alert.reason)}  {name}"


def _line(cells: Sequence[str], widths: Sequence[int], style: str) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 2, 0, 0))
    for width in widths[:-2]:
        line.add_column(min_width=width, no_wrap=True)
    line.add_column(min_width=min(widths[-2], 30), overflow="fold")
    line.add_column(no_wrap=True)
    line.add_row(*(Text(cell, style=style) for cell in cells))
    return line


def _cells(alert: Alert) -> tuple[str, ...]:
    cells = (alert.severity, f"{alert.confidence:.2f}", alert.category, _who(alert), alert.id)
    return tuple(_printable(cell) for cell in cells)


def _below(alert: Alert) -> list[str]:
    lines = [_when(alert), alert.reason]
    if len(alert.members) > 1:
        lines.append(f"{counted(len(alert.members), 'alert')} of {', '.join(alert.detectors)}")
    if len(alert.stages) > 1:
        lines += alert.timeline[:_TIMELINE_SHOWN]
        if len(alert.members) > _TIMELINE_SHOWN:
            lines.append(f"{counted(len(alert.members) - _TIMELINE_SHOWN, 'more alert')}; --explain {alert.id}")
    return lines


def _everything(alert: Alert) -> list[str]:
    technique = f"ATT&CK {alert.technique}, {alert.tactic}" if alert.technique else "no ATT&CK technique"
    lines = [
        _when(alert),
        alert.reason,
        f"{alert.kind}, {technique}; detectors: {', '.join(alert.detectors)}",
        f"{counted(alert.flows, 'flow')}, {counted(alert.packets, 'packet')}",
        f"sources: {_some(alert.sources)}",
        f"targets: {_some(alert.targets)}",
    ]
    if alert.ports:
        lines.append(f"ports: {_some([str(port) for port in alert.ports])}")
    lines += [column.words for column in alert.columns]
    lines += [f"timeline: {line}" for line in alert.timeline] if len(alert.timeline) > 1 else []
    lines += [f"alert {member}" for member in alert.members]
    lines += [f"flow {flow.id}: {_flow(flow.as_json())}" for flow in alert.evidence]
    return lines + ([f"most like it, and ordinary: {_flow(alert.normal.as_json())}"] if alert.normal else [])


def _flow(flow: dict[str, object]) -> str:
    source = flow["src_ip"] if flow["src_port"] is None else f"{flow['src_ip']} port {flow['src_port']}"
    target = flow["dst_ip"] if flow["dst_port"] is None else f"{flow['dst_ip']} port {flow['dst_port']}"
    return f"{flow['start']} {source} → {target}"


def _some(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _when(alert: Alert) -> str:
    from netsift.alerts.explain import format_value
    from netsift.alerts.schema import utc_text

    start = utc_text(alert.start_ns).replace("T", " ").split(".")[0]
    lasted_us = (alert.end_ns - alert.start_ns) // _NS_PER_US
    return f"{start} UTC for {format_value(lasted_us, 'µs')}" if lasted_us else f"{start} UTC"


def _who(alert: Alert) -> str:
    target = alert.targets[0] if len(alert.targets) == 1 else counted(len(alert.targets), "host")
    if len(alert.ports) == 1:
        target += f" port {alert.ports[0]}"
    elif alert.ports:
        target += f", {counted(len(alert.ports), 'port')}"
    source = alert.sources[0] if len(alert.sources) == 1 else counted(len(alert.sources), "host")
    return f"{source} → {target}" + (" or more" if alert.truncated else "")


def _printable(text: str) -> str:
    """Return the text without what a terminal would obey: a flow file may hold anything where an address should be."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
