"""``netsift watch``: an interface, a pipe or a folder of captures in, incidents while they happen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.cli import options
from netsift.cli.baseline import AlertBudget, Baseline, HalfLife, novelty_search
from netsift.cli.detect import (
    DEFAULT_RATE,
    Everything,
    FalsePositiveRate,
    OutputFormat,
    default_model,
    suppression_options,
)
from netsift.cli.options import STANDARD_STREAM, ModelKey, with_options
from netsift.cli.places import journal_file, make_folder_of
from netsift.cli.progress import announce_compilation
from netsift.cli.simulate import duration_seconds
from netsift.cli.watch_view import Status, status_line, view_for
from netsift.cli.watching import Looking, Watching, stopping
from netsift.errors import ExitStatus, UsageError
from netsift.files import refuse_unwritable

if TYPE_CHECKING:
    from netsift.alerts.log import AlertLog
    from netsift.alerts.suppression import Suppression
    from netsift.models.bundle import Bundle
    from netsift.sources.live import LiveCounters, LiveSettings, Moment

HELP = """
Watch an interface, a capture that comes through a pipe (-), or a folder of captures that another program writes, and tell of incidents while they happen.

An interface needs Linux and the right CAP_NET_RAW, which is given up once the capture is open. Incidents are looked for every few seconds; --output gets a line for each alert and incident that is new or has grown. On a terminal the view renews itself, elsewhere each incident is a line on standard output. Ctrl-C and SIGTERM end the watching, after the flows that are left have been looked at.

[bold]Examples[/bold]

  netsift watch eth0 -o alerts.jsonl

  netsift watch eth0 --filter "not port 22" --user nobody --snapshot 30s

  netsift watch eth0 --baseline normal.netsift --alert-budget 5/day

  tcpdump -i eth0 -U -w - | netsift watch -

  netsift watch /var/captures/ -o alerts.jsonl

Exit status: 0 ended by Ctrl-C, SIGTERM or the end of the pipe; 1 nothing could be captured, read or written; 2 wrong arguments; 3 part of the pipe or of the files was damaged.
"""  # noqa: E501 - paragraphs, wrapped by the terminal

_CAPTURE = "Capture"
_MIB: Final = 1 << 20

Target = Annotated[
    str,
    typer.Argument(
        metavar="INTERFACE|-|FOLDER", show_default=False, help="An interface, - for standard input, or a folder."
    ),
]
AlertsFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", show_default=False,
        help="Append alerts and incidents to this file of JSON lines; - is standard output.",
    ),
]  # fmt: skip
Snapshot = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", show_default=False, help="Look at flows that last longer while they run, so often: 30s, 5m."
    ),
]
Stats = Annotated[
    Path | None,
    typer.Option(metavar="FILE", show_default=False, help="Keep the counts as JSON in this file while running."),
]


def live_settings(
    *,
    tunnels: options.Tunnels = "outer",
    idle_timeout: options.IdleTimeout = 120.0,
    active_timeout: options.ActiveTimeout = 3600.0,
    tcp_end: options.TcpEnd = True,
    max_flows: options.MaxFlows = 1_000_000,
    first_packets: options.FirstPackets = 20,
    snapshot: Snapshot = None,
) -> LiveSettings:
    """Return how live traffic is metered. Raises UsageError for a value outside its range."""
    from netsift.sources.live import LiveSettings

    read = options.capture_settings(
        tunnels=tunnels, idle_timeout=idle_timeout, active_timeout=active_timeout, tcp_end=tcp_end,
        max_flows=max_flows, first_packets=first_packets,
    )  # fmt: skip
    every_s = None if snapshot is None else duration_seconds(snapshot, "--snapshot")
    return LiveSettings(read.meter, read.inner_tunnels, snapshot_s=every_s)


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What is captured, and as whom."""

    expression: str
    exclude: tuple[str, ...]
    promiscuous: bool
    snap_length: int
    ring_mib: int
    user: str | None
    settled_s: float
    processes: int


def capture_options(
    *,
    expression: Annotated[
        str,
        typer.Option(
            "--filter", metavar="EXPRESSION", show_default=False, rich_help_panel=_CAPTURE,
            help="Capture only what this lets through, as tcpdump has it; compiled by libpcap.",
        ),
    ] = "",
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS[:PORT]", show_default=False, rich_help_panel=_CAPTURE,
            help="Leave out traffic with this host or port, such as netsift's own; may be repeated.",
        ),
    ] = None,
    promiscuous: Annotated[
        bool, typer.Option("--promiscuous", rich_help_panel=_CAPTURE, help="Capture what is meant for others, too.")
    ] = False,
    snap_length: Annotated[
        int, typer.Option(metavar="BYTES", rich_help_panel=_CAPTURE, help="Bytes kept of each packet.")
    ] = 512,
    ring: Annotated[
        int, typer.Option(metavar="MIB", rich_help_panel=_CAPTURE, help="Memory in which packets wait, in MiB.")
    ] = 64,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default=False, rich_help_panel=_CAPTURE,
            help="Become this user once the capture is open; for root.",
        ),
    ] = None,
    settled: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, rich_help_panel=_CAPTURE,
            help="The newest file of a folder is finished when it has not changed for so long.",
        ),
    ] = 60.0,
    fanout: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=64, rich_help_panel=_CAPTURE,
            help="Capture and meter in so many processes, among which Linux deals out the flows.",
        ),
    ] = 1,
) -> CaptureOptions:  # fmt: skip
    """Return what the options of one command line ask for."""
    return CaptureOptions(expression, tuple(exclude or ()), promiscuous, snap_length, ring, user, settled, fanout)


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    command = with_options(watch, "suppression", suppression_options)
    command = with_options(command, "capture", capture_options)
    application.command(name="watch", help=HELP)(with_options(command, "settings", live_settings))


def watch(
    target: Target,
    settings: LiveSettings,
    capture: CaptureOptions,
    suppression: Suppression,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Model file; the one in the package unless given."),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Behaviour detectors only.")] = False,
    output: AlertsFile = None,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="Lines of --output: netsift's own, or Elastic Common Schema.")
    ] = OutputFormat.NETSIFT,
    false_positive_rate: FalsePositiveRate = DEFAULT_RATE,
    everything: Everything = False,
    baseline: Baseline = None,
    alert_budget: AlertBudget = None,
    online: HalfLife = None,
    key: ModelKey = None,
    stats: Stats = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines about the traffic on standard error.")] = False,
) -> None:
    """Watch as :data:`HELP` says."""
    from netsift.alerts.arp import ArpSearch
    from netsift.capture.arp import ArpLog
    from netsift.kernels.jit import CONTEXT, METER
    from netsift.sources.live import LiveCounters

    if no_model and model is not None:
        raise UsageError("--no-model and --model exclude each other")
    if stats is not None:
        refuse_unwritable(stats)
    announce_compilation(METER, CONTEXT, quiet=quiet)
    # Whatever compiles does so before packets wait, and before this is a user who cannot read what was compiled.
    _compile()
    stop, counters, arp = threading.Event(), LiveCounters(), ArpLog()
    settings = replace(settings, arp=arp)
    moments = open_source(target, capture, settings, counters, stop)
    looking = Looking(
        None if no_model else _loaded(model or default_model(), key),
        novelty_search(baseline, alert_budget, online, quiet=quiet),
        rate=false_positive_rate, required=model is not None, everything=everything, suppression=suppression,
        meter=settings.meter, arp=ArpSearch(arp),
    )  # fmt: skip
    status = Status(_shown(target), counters)
    log = _log(output, output_format)
    view = view_for(counters, quiet=quiet, silent=output == STANDARD_STREAM)
    try:
        with stopping(stop), closing(moments()) as source:
            Watching(looking, status, view, stop, log, stats).run(source)
    finally:
        view.close()
        if log is not None:
            log.close()
    _say_at_the_end(status, quiet=quiet)
    raise typer.Exit(ExitStatus.DAMAGED_INPUT if counters.capture.damaged else ExitStatus.OK)


def _compile() -> None:
    from netsift.alerts.behaviour import BehaviourSearch
    from netsift.kernels.jit import CONTEXT, mark_compiled
    from netsift.sources.warmup import compile_all

    BehaviourSearch().add(compile_all())
    mark_compiled(CONTEXT)


def open_source(
    target: str, chosen: CaptureOptions, settings: LiveSettings, counters: LiveCounters, stop: threading.Event
) -> Callable[[], Generator[Moment, None, None]]:
    """Open what is to be watched, give up the rights for that, and return what starts it.

    Raises:
        InputError: it cannot be captured from or read.
        UsageError: an option is not for it.
    """
    from netsift.capture.privileges import drop_privileges
    from netsift.sources.directory import Journal, directory_flows
    from netsift.sources.interface import pipe_flows

    is_folder = Path(target).is_dir()
    if target != str(STANDARD_STREAM) and not is_folder:
        return _open_interface(target, chosen, settings, counters, stop)
    if chosen.expression or chosen.exclude:
        raise UsageError("--filter and --exclude are for an interface; what writes a capture can filter it")
    if chosen.user is not None:
        drop_privileges(chosen.user)
    if not is_folder:
        return lambda: pipe_flows(settings, counters, stop)
    place = journal_file(Path(target))
    make_folder_of(place)
    journal = Journal(place)
    return lambda: directory_flows(Path(target), journal, settings, counters, stop, chosen.settled_s)


def _open_interface(
    name: str, chosen: CaptureOptions, settings: LiveSettings, counters: LiveCounters, stop: threading.Event
) -> Callable[[], Generator[Moment, None, None]]:
    from netsift.capture.interface import InterfaceCapture, InterfaceSettings
    from netsift.capture.privileges import drop_privileges
    from netsift.sources.fanout import Fanout
    from netsift.sources.interface import interface_flows

    interface = InterfaceSettings(
        name, chosen.expression, chosen.exclude, chosen.snap_length, chosen.ring_mib * _MIB, chosen.promiscuous
    )
    if chosen.processes > 1:
        fanout = Fanout(interface, chosen.processes, settings, chosen.user)
        drop_privileges(chosen.user)
        return lambda: fanout.moments(counters, stop)
    capture = InterfaceCapture(interface)
    drop_privileges(chosen.user)
    return lambda: interface_flows(capture, settings, counters, stop)


def _shown(target: str) -> str:
    return "standard input" if target == str(STANDARD_STREAM) else target


def _loaded(path: Path, key: Path | None) -> Bundle:
    from netsift.models.bundle import load_bundle

    return load_bundle(path, key)


def _log(output: Path | None, output_format: OutputFormat) -> AlertLog | None:
    from netsift.alerts.ecs import as_ecs
    from netsift.alerts.log import AlertLog
    from netsift.alerts.schema import Alert

    if output is None:
        return None
    form = as_ecs if output_format is OutputFormat.ECS else Alert.as_json
    return AlertLog(None if output == STANDARD_STREAM else output, form)


def _say_at_the_end(status: Status, *, quiet: bool) -> None:
    for problem in status.counters.capture.problems:
        typer.echo(f"netsift: {problem}", err=True)
    if quiet:
        return
    typer.echo(status_line(status), err=True)
    lost = ", ".join(f"{count:,} {name}" for name, count in status.drops().items() if count)
    typer.echo(f"lost: {lost or 'nothing'}", err=True)
