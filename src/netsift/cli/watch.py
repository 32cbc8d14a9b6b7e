"""``netsift watch``: an interface, a pipe or a folder of captures in, incidents while they happen."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from netsift.cli import options
from netsift.cli.baseline import AlertBudget, Baseline, HalfLife, learned_before, novelty_search
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
from netsift.cli.watch_settings import Reloading, flags_of, is_given
from netsift.cli.watch_view import Status, status_line, view_for
from netsift.cli.watching import Looking, Stop, Watching, stopping
from netsift.errors import ExitStatus, UsageError
from netsift.files import refuse_unwritable

if TYPE_CHECKING:
    from netsift.alerts.log import AlertLog
    from netsift.alerts.novelty import NoveltySearch
    from netsift.alerts.suppression import Suppression
    from netsift.capture.arp import ArpLog
    from netsift.capture.kept import Keep, Keeper, KeptCounts
    from netsift.capture.settings import CaptureSection
    from netsift.config import Configuration, Loaded
    from netsift.models.bundle import Bundle
    from netsift.sensor.recording import Recording
    from netsift.sensor.report import SensorReport
    from netsift.sources.directory import WatchedFolder
    from netsift.sources.live import LiveCounters, LiveSettings, Moment, Reached

HELP = """
Watch an interface, a capture that comes through a pipe (-), or a folder of captures that another program writes, and tell of incidents while they happen.

An interface needs Linux and the right CAP_NET_RAW, which is given up once the capture is open. Incidents are looked for every few seconds; --output gets a line for each alert and incident that is new or has grown, and with --data all that is seen goes where netsift serve shows it. On a terminal the view renews itself, elsewhere each incident is a line on standard output. Ctrl-C and SIGTERM end the watching, after the flows that are left have been looked at.

[bold]Examples[/bold]

  netsift watch eth0 -o alerts.jsonl

  netsift watch eth0 --data /var/lib/netsift --keep-packets 20GB

  netsift watch eth0 --filter "not port 22" --user nobody --snapshot 30s

  netsift watch eth0 --baseline normal.netsift --alert-budget 5/day

  tcpdump -i eth0 -U -w - | netsift watch -

  netsift watch /var/captures/ -o alerts.jsonl

Exit status: 0 ended by Ctrl-C, SIGTERM or the end of the pipe; 1 nothing could be captured, read or written; 2 wrong arguments; 3 part of the pipe or of the files was damaged.
"""  # noqa: E501 - paragraphs, wrapped by the terminal

_CAPTURE = "Capture"
_KEEPING = "Keeping"
_MIB: Final = 1 << 20
_SECONDS_FOR_RULES: Final = 3.0
"""So long the rules of the database are waited for before anything is told; packets wait meanwhile."""

Source = Callable[["Keep | None"], Generator["Moment", None, None]]
"""Starts to read what was opened; is given what takes the bytes of packets, if anything does."""


@dataclass(frozen=True)
class Opened:
    """What is to be watched: how its reading starts, the folder where it is one, and who keeps packets by himself."""

    moments: Source
    watched: WatchedFolder | None = None
    packets: Callable[[], KeptCounts] | None = None


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
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", show_default=False, rich_help_panel=_KEEPING,
        help="Keep alerts and flows in this folder, that of netsift serve --data.",
    ),
]  # fmt: skip
KeepFlows = Annotated[
    bool, typer.Option("--flows/--no-flows", rich_help_panel=_KEEPING, help="Keep flows in the folder of --data.")
]
KeepPackets = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", show_default=False, rich_help_panel=_KEEPING,
        help="Keep so much of the last packets there, as evidence: 20GB.",
    ),
]  # fmt: skip
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", show_default=False, help="Configuration; the user's own unless given."),
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


def settings_in_force(configuration: Configuration) -> LiveSettings:
    """Return how live traffic is metered by the configuration."""
    from netsift.sources.live import LiveSettings

    capture = configuration.capture
    return LiveSettings(configuration.flows, capture.tunnels == "inner", snapshot_s=capture.snapshot_s)


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
) -> dict[str, object]:  # fmt: skip
    """Return the options as they were given; what is in force is :func:`netsift.cli.watch_settings.flags_of`'s."""
    return locals()


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    command = with_options(watch, "suppression", suppression_options)
    command = with_options(command, "capture", capture_options)
    application.command(name="watch", help=HELP)(with_options(command, "settings", live_settings))


def watch(
    context: typer.Context,
    target: Target,
    settings: LiveSettings,
    capture: dict[str, object],
    suppression: Suppression,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Model file; the one in the package unless given."),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Behaviour detectors only.")] = False,
    data: Data = None,
    keep_flows: KeepFlows = True,
    keep_packets: KeepPackets = None,
    config: ConfigFile = None,
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
    from netsift.capture.arp import ArpLog
    from netsift.config import load
    from netsift.sources.live import LiveCounters

    # What is in force has passed through the configuration.
    del settings, capture, false_positive_rate, everything, baseline, key, data, keep_packets
    _refuse_arguments(stats, model, no_model=no_model)
    flags = flags_of(context)
    loaded = load(config, flags)
    values = loaded.configuration
    _compile(quiet=quiet)
    stop, counters, arp = Stop(), LiveCounters(), ArpLog()
    opened = open_source(target, loaded, arp, counters, stop)
    novelty = novelty_search(values.detection.baseline, alert_budget, online, quiet=quiet)
    looking = _looking(values, novelty, suppression, arp, with_model=not no_model)
    status = Status(_shown(target), counters)
    log = _log(output, output_format)
    with recording(target, loaded, status, looking, opened, flows=keep_flows) as (kept, report):
        reloading = Reloading(lambda: load(config, flags), lambda: _rules_of(context), looking, kept)
        view = view_for(counters, quiet=quiet, silent=output == STANDARD_STREAM)
        try:
            with stopping(stop) as hangup, closing(opened.moments(_keep(kept))) as source:
                reload, commit = (hangup, reloading.reload), _commit(opened, kept)
                remember, said = learned_before(novelty, None if report is None else report.file("learned"))
                watching = Watching(looking, status, view, stop, log, stats, kept, report, reload, commit, remember)
                watching.run(source, said)
        finally:
            view.close()
            if log is not None:
                log.close()
    _say_at_the_end(status, quiet=quiet)
    raise typer.Exit(ExitStatus.DAMAGED_INPUT if counters.capture.damaged else ExitStatus.OK)


def _refuse_arguments(stats: Path | None, model: Path | None, *, no_model: bool) -> None:
    if no_model and model is not None:
        raise UsageError("--no-model and --model exclude each other")
    if stats is not None:
        refuse_unwritable(stats)


def _looking(
    values: Configuration, novelty: NoveltySearch | None, suppression: Suppression, arp: ArpLog, *, with_model: bool
) -> Looking:
    from netsift.alerts.arp import ArpSearch

    chosen = values.detection
    return Looking(
        _loaded(chosen.model or default_model(), chosen.key) if with_model else None, novelty,
        rate=chosen.false_positive_rate, required=chosen.model is not None, everything=chosen.everything,
        suppression=suppression, meter=values.flows, arp=ArpSearch(arp),
    )  # fmt: skip


@contextmanager
def recording(
    target: str, loaded: Loaded, status: Status, looking: Looking, opened: Opened, *, flows: bool
) -> Iterator[tuple[Recording | None, SensorReport | None]]:
    """Yield what keeps and tells what is seen, and what says how the sensor is; neither where nobody asked for it.

    Raises:
        StoreError, UsageError, InputError: a receiver of alerts makes no sense, or a folder cannot be made.
    """
    values = loaded.configuration
    stores = is_given(loaded, "store.data")
    if not stores and not values.sinks.to:
        yield None, None
        return
    from netsift.sensor.recording import Recording, RecordingSettings
    from netsift.sensor.report import SensorReport
    from netsift.store.sensors import SensorFolder, free_name, sensor_name

    folder = SensorFolder(values.store.folder / "sensors")
    name = free_name(folder, sensor_name(_shown(target)), os.getpid())
    settings = RecordingSettings(name, values.store, values.sinks, stores, flows)
    kept = Recording(settings, opened.watched, opened.packets)
    kept.wait_for_rules(_SECONDS_FOR_RULES)
    status.recording = kept
    report = None
    if stores:
        report = SensorReport(folder, name, _shown(target), _kind(target), status.counters, kept, status.drops)
        looking.scores = report.scores
    try:
        yield kept, report
    finally:
        kept.close()
        if report is not None:
            report.close()


def _commit(opened: Opened, kept: Recording | None) -> Callable[[Reached], None] | None:
    """Return what commits in the journal of a folder, None where that is done otherwise or nothing is to be."""
    if opened.watched is None or (kept is not None and kept.commits):
        return None
    return opened.watched.journal.commit


def _keep(kept: Recording | None) -> Keep | None:
    return kept.packets if kept is not None and kept.keeps_packets else None


def _keeper(loaded: Loaded) -> Keeper | None:
    """Return what keeps packets in capturing processes. Raises UsageError where there is no folder for them."""
    store = loaded.configuration.store
    if store.packet_bytes is None:
        return None
    if not is_given(loaded, "store.data"):
        raise UsageError("--keep-packets needs --data, the folder in which they are kept")
    from netsift.sensor.packets import PacketKeeper

    return PacketKeeper(store.packets_folder, store.packet_bytes)


def _kind(target: str) -> Literal["interface", "pipe", "folder"]:
    if target == str(STANDARD_STREAM):
        return "pipe"
    return "folder" if Path(target).is_dir() else "interface"


def _rules_of(context: typer.Context) -> Suppression:
    return suppression_options(
        suppressions=context.params["suppressions"], no_suppressions=context.params["no_suppressions"]
    )


def _compile(*, quiet: bool) -> None:
    """Compile before packets wait, and before this is a user who cannot read what was compiled."""
    from netsift.alerts.behaviour import BehaviourSearch
    from netsift.kernels.jit import CONTEXT, METER, mark_compiled
    from netsift.sources.warmup import compile_all

    announce_compilation(METER, CONTEXT, quiet=quiet)
    BehaviourSearch().add(compile_all())
    mark_compiled(CONTEXT)


def open_source(target: str, loaded: Loaded, arp: ArpLog, counters: LiveCounters, stop: threading.Event) -> Opened:
    """Open what is to be watched, give up the rights for that, and return what starts it.

    What ARP packets say goes into ``arp``.

    Raises:
        InputError: it cannot be captured from or read.
        UsageError: an option is not for it.
    """
    from netsift.capture.privileges import drop_privileges
    from netsift.sources.directory import WatchedFolder, directory_flows
    from netsift.sources.interface import pipe_flows
    from netsift.sources.journal import Journal

    chosen = loaded.configuration.capture
    settings = replace(settings_in_force(loaded.configuration), arp=arp)
    keeper, is_folder = _keeper(loaded), Path(target).is_dir()
    if target != str(STANDARD_STREAM) and not is_folder:
        return _open_interface(target, chosen, settings, counters, stop, keeper)
    if chosen.filter or chosen.exclude:
        raise UsageError("--filter and --exclude are for an interface; what writes a capture can filter it")
    if chosen.user is not None:
        drop_privileges(chosen.user)
    if not is_folder:
        return Opened(lambda keep: pipe_flows(settings, counters, stop, keep))
    place = journal_file(Path(target))
    make_folder_of(place)
    journal, folder = Journal(place), Path(target)
    return Opened(
        lambda keep: directory_flows(folder, journal, settings, counters, stop, chosen.settled_s, keep),
        WatchedFolder(folder, journal),
    )


def _open_interface(
    name: str,
    chosen: CaptureSection,
    settings: LiveSettings,
    counters: LiveCounters,
    stop: threading.Event,
    keeper: Keeper | None,
) -> Opened:
    from netsift.capture.interface import InterfaceCapture, InterfaceSettings
    from netsift.capture.privileges import drop_privileges
    from netsift.sources.fanout import Fanout
    from netsift.sources.interface import interface_flows

    interface = InterfaceSettings(
        name, chosen.filter, chosen.exclude, chosen.snap_length, chosen.ring_mib * _MIB, chosen.promiscuous
    )
    if chosen.processes > 1:
        fanout = Fanout(interface, chosen.processes, settings, chosen.user, keeper)
        drop_privileges(chosen.user)
        return Opened(lambda _: fanout.moments(counters, stop), packets=None if keeper is None else fanout.kept)
    capture = InterfaceCapture(interface)
    drop_privileges(chosen.user)
    return Opened(lambda keep: interface_flows(capture, settings, counters, stop, keep))


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
