"""``netsift simulate``: labelled traffic made from a seed, into a file and nowhere else."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.errors import UsageError

if TYPE_CHECKING:
    from netsift.simulate import Summary

EXAMPLES = """
Write simulated traffic as a capture (pcap) and a label per flow beside it: OUT.pcap and OUT.labels.csv.

The same seed and options give the same bytes. Nothing is ever sent: packets are crafted into the file. Simulated
traffic feeds demonstrations, tests and benchmarks; it does not replace real data (docs/simulated-traffic.md).

[bold]Examples[/bold]

  netsift simulate office.pcap --seed 7 --duration 30m

  netsift simulate scans.pcap --attacks port_scan,worm --duration 10m --clients 6

  netsift simulate benign.pcap --attacks none --start 2026-03-07T22:00:00Z --duration 2h

  netsift simulate small.pcap --duration 5m --clients 3 --background 0.3 --volume 0.02 --intensity 0.1 --flood-packets 100

Exit status: 0 written, 1 the output cannot be written, 2 wrong arguments.
"""  # noqa: E501 - a command must stay in one line to be copied

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="simulate", help=EXAMPLES)(simulate)


def simulate(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Capture to write, a name that ends in .pcap.")],
    seed: Annotated[int, typer.Option(help="Everything follows from it; not negative.")] = 1,
    duration: Annotated[str, typer.Option(help="How long, as in 45s, 30m, 2h or 1h30m.")] = "30m",
    start: Annotated[str, typer.Option(help="Time of the beginning, ISO 8601; without a zone it is UTC.")] = (
        "2026-03-02T08:00:00Z"
    ),
    clients: Annotated[int, typer.Option(help="Workstations and telephones; servers and devices come with them.")] = 8,
    attacks: Annotated[str, typer.Option(help="all, none, or classes with commas between, as in flood,worm.")] = "all",
    intensity: Annotated[
        float, typer.Option(help="Number of attacks, 1 is usual; below 1 each attack is smaller, too.")
    ] = 1.0,
    background: Annotated[float, typer.Option(help="Benign activity, 1 is usual, 0 is none.")] = 1.0,
    volume: Annotated[float, typer.Option(help="Sizes of pages, files and other bulk, 1 is usual.")] = 1.0,
    flood_rate: Annotated[float, typer.Option(help="Typical pace of a flood in packets per second.")] = 300.0,
    flood_packets: Annotated[int, typer.Option(help="Packets that one flood sends at most.")] = 4000,
    snap_length: Annotated[int, typer.Option(help="Bytes kept of each packet, 0 for all.")] = 96,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table of what was written.")] = False,
) -> None:
    """Write a capture and its labels."""
    from netsift.simulate import SimulationSettings
    from netsift.simulate import simulate as write

    settings = SimulationSettings(
        seed=seed, duration_s=duration_seconds(duration), start=moment(start), clients=clients,
        attacks=attacks if attacks in ("all", "none") else tuple(filter(None, attacks.split(","))),
        intensity=intensity, background=background, volume=volume,
        flood_rate=flood_rate, flood_packets=flood_packets, snap_length=snap_length,
    )  # fmt: skip
    summary = write(output, settings)
    if not quiet:
        _report(summary)


def duration_seconds(text: str, option: str = "--duration") -> float:
    """Seconds in a text like ``45s``, ``30m``, ``2h`` or ``1h30m``; raises UsageError for anything else."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"{option} must look like 45s, 30m, 2h or 1h30m, not {text!r}")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def moment(text: str) -> datetime:
    """The time an ISO 8601 text names, UTC without a zone; raises UsageError for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--start must be an ISO 8601 time like 2026-03-02T08:00:00Z, not {text!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _report(summary: Summary) -> None:
    """The counts as a table on standard error."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("capture", str(summary.capture))
    table.add_row("labels", str(summary.labels))
    table.add_row("bytes in the capture", f"{summary.file_bytes:,}")
    table.add_row("bytes on the wire", f"{summary.wire_bytes:,}")
    table.add_row("packets", f"{summary.packets:,}")
    table.add_row("flows", f"{summary.flows.total():,}")
    for name, count in summary.flows.most_common():
        table.add_row(f"  {name.replace('_', ' ')}", f"{count:,}")
    Console(stderr=True).print(table)
