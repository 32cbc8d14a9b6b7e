"""What ``netsift watch`` shows while it runs: a view that renews itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import typer

from netsift.cli.incidents import alert_line, alerts_table
from netsift.cli.progress import counted

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from netsift.alerts.detection import Detected
    from netsift.alerts.schema import Alert
    from netsift.sensor.recording import Recording
    from netsift.sources.live import LiveCounters

SECONDS_BETWEEN_LINES: Final = 60.0
_INCIDENTS_SHOWN: Final = 8


@dataclass(slots=True)
class Losses:
    """Own losses that no other counter has: flows left at the end of a hasty stop, and news that wait to be told."""

    flows_not_looked_at: int = 0
    news_waiting: int = 0


@dataclass(slots=True)
class Status:
    """How the watching goes; what a view shows."""

    name: str
    counters: LiveCounters
    losses: Losses = field(default_factory=Losses)
    found: Detected | None = None
    recording: Recording | None = None
    started_s: float = field(default_factory=time.monotonic)

    def drops(self) -> dict[str, int]:
        """Return what was lost at each stage, in the order in which traffic passes them."""
        counters, found = self.counters, self.found
        ring = counters.interface.ring if counters.interface is not None else None
        return {
            "dropped by the kernel": ring.dropped if ring else 0,
            "ring freezes": ring.freezes if ring else 0,
            "packets skipped": sum(counters.capture.skipped.values()),
            "flows ended early": counters.early_flows,
            "flows not looked at": self.losses.flows_not_looked_at,
            "suspicious flows without room": found.overflow if found else 0,
            "ARP packets without room": found.arp_lost if found else 0,
            "context forgotten early": found.evicted if found else 0,
            "news waiting": self.losses.news_waiting,
            **(self.recording.dropped() if self.recording is not None else {}),
        }

    def as_dictionary(self) -> dict[str, object]:
        """Return all counts in a form that JSON can hold."""
        counters, found = self.counters, self.found
        interface = counters.interface
        return {
            "source": self.name,
            "running_s": round(time.monotonic() - self.started_s, 3),
            "packets_from_kernel": interface.ring.packets if interface else None,
            "interface_down": interface.down if interface else None,
            "interface_outages": interface.outages if interface else None,
            "packets_cut": interface.cut if interface else None,
            "packets_metered": counters.packets,
            "packets_skipped": dict(sorted(counters.capture.skipped.items())),
            "bytes": counters.bytes,
            "flows": counters.flows,
            "live_flows": counters.live_flows,
            "lag_s": round(counters.lag_s, 3),
            "lost": {name.replace(" ", "_").lower(): count for name, count in self.drops().items()},
            "files_read": counters.capture.inputs_read,
            "problem_count": counters.capture.problem_count,
            "problems": list(counters.capture.problems),
            "alerts": len(found.alerts) if found else 0,
            "incidents": len(found.incidents) if found else 0,
        }


class Rates:
    """Packets, flows and bits per second between two looks."""

    def __init__(self, counters: LiveCounters) -> None:
        """Start with what was counted so far."""
        self._counters = counters
        self._before = self._now()
        self.packets = self.flows = self.bits = 0.0

    def look(self) -> None:
        """Work the rates out since the last call."""
        now = self._now()
        seconds = max(now[0] - self._before[0], 1e-3)
        self.packets, self.flows, bytes_rate = (
            (after - before) / seconds for after, before in zip(now[1:], self._before[1:], strict=True)
        )
        self.bits = 8 * bytes_rate
        self._before = now

    def _now(self) -> tuple[float, int, int, int]:
        counters = self._counters
        return time.monotonic(), counters.packets, counters.flows, counters.bytes


class View(Protocol):
    """Shows how the watching goes."""

    def look(self, status: Status) -> None:
        """Show the status now; called twice a second."""

    def tell(self, incidents: Sequence[Alert]) -> None:
        """Show incidents that are news."""

    def note(self, sentence: str) -> None:
        """Show that something happened to the source."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class PlainView:
    """A line per incident on standard output, and one about the traffic on standard error, now and then."""

    def __init__(self, counters: LiveCounters, *, quiet: bool, silent: bool) -> None:
        """Start; ``quiet`` leaves out the lines about the traffic, ``silent`` those of incidents."""
        self._quiet, self._silent = quiet, silent
        self._rates = Rates(counters)
        self._next_s = time.monotonic() + SECONDS_BETWEEN_LINES

    def look(self, status: Status) -> None:
        """Write a line when its time has come."""
        if self._quiet or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + SECONDS_BETWEEN_LINES
        self._rates.look()
        typer.echo(f"netsift: {rates_line(self._rates)}; {status_line(status)}", err=True)

    def tell(self, incidents: Sequence[Alert]) -> None:
        """Write a line for each incident."""
        for incident in incidents if not self._silent else ():
            typer.echo(alert_line(incident))

    def note(self, sentence: str) -> None:
        """Write a sentence on standard error."""
        typer.echo(f"netsift: {sentence}", err=True)

    def close(self) -> None:
        """Nothing is left on the terminal."""


class TerminalView:
    """Rates, losses and the gravest incidents on a terminal, renewed twice a second."""

    def __init__(self, counters: LiveCounters) -> None:
        """Take the terminal."""
        from rich.console import Console
        from rich.live import Live

        self._rates = Rates(counters)
        self._next_s = 0.0
        self._notes: list[str] = []
        self._live: Live = Live(console=Console(highlight=False), auto_refresh=False)
        self._live.start()

    def look(self, status: Status) -> None:
        """Draw everything anew; rates are of the last second."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + 1
            self._rates.look()
        self._live.update(self._drawn(status), refresh=True)

    def tell(self, incidents: Sequence[Alert]) -> None:
        """Nothing: the view has the gravest incidents anyway."""

    def note(self, sentence: str) -> None:
        """Keep the last sentences above the incidents."""
        self._notes = [*self._notes, f"{time.strftime('%H:%M:%S')} {sentence}"][-3:]

    def close(self) -> None:
        """Leave what was drawn last."""
        self._live.stop()

    @staticmethod
    def recording_troubles(status: Status) -> list[str]:
        """Return what goes wrong with what is kept and told, in sentences."""
        if status.recording is None:
            return []
        return status.recording.troubles()

    def _drawn(self, status: Status) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        lines: list[RenderableType] = [
            Text(f"{status.name}: {rates_line(self._rates)}", style="bold"),
            Text(status_line(status)),
        ]
        lost = {name: count for name, count in status.drops().items() if count}
        style = "red" if lost.get("dropped by the kernel") else "dim"
        lines.append(
            Text(", ".join(f"{count:,} {name}" for name, count in lost.items()) or "nothing lost", style=style)
        )
        troubles = self.recording_troubles(status)
        lines += [Text(one, style="red") for one in troubles]
        lines += [Text(note, style="yellow") for note in self._notes]
        incidents = status.found.incidents[:_INCIDENTS_SHOWN] if status.found else ()
        lines += [Text(""), alerts_table(incidents)] if incidents else [Text("nothing found", style="dim")]
        return Group(*lines)


def view_for(counters: LiveCounters, *, quiet: bool, silent: bool) -> View:
    """Return the view that fits standard output; ``silent`` keeps that free for something else."""
    if sys.stdout.isatty() and not silent:
        return TerminalView(counters)
    return PlainView(counters, quiet=quiet, silent=silent)


def rates_line(rates: Rates) -> str:
    """Return the rates in words."""
    return f"{rates.packets:,.0f} packets/s, {rates.flows:,.0f} flows/s, {_bits(rates.bits)}"


def status_line(status: Status) -> str:
    """Return totals in words: what was seen, what is found, how far behind."""
    counters, found = status.counters, status.found
    incidents = counted(len(found.incidents), "incident") if found else "nothing looked at yet"
    lost = status.drops()["dropped by the kernel"]
    dropped = f", {lost:,} dropped by the kernel" if lost else ""
    behind = "reading a recording" if counters.recorded else f"{counters.lag_s:.1f} s behind"
    return (
        f"{counted(counters.packets, 'packet')}{dropped}, {counted(counters.flows, 'flow')} and "
        f"{counters.live_flows:,} running, {incidents}, {behind}"
    )


def _bits(rate: float) -> str:
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if rate < 1000:
            return f"{rate:,.0f} {unit}"
        rate /= 1000
    return f"{rate:,.1f} Gbit/s"
