"""``netsift evidence``: the packets of one alert, cut out of captures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from netsift.cli.detect import DEFAULT_RATE, Task, default_model, look, suppression_options
from netsift.cli.options import STANDARD_STREAM, ModelKey, Quiet, keep_apart, reads_captures, with_options
from netsift.cli.progress import announce_compilation, counted, report_statistics, with_progress
from netsift.errors import InputError, UsageError
from netsift.files import whole_file

if TYPE_CHECKING:
    from netsift.alerts.schema import Alert
    from netsift.alerts.suppression import Suppression
    from netsift.capture.writer import CapturedPacket, PacketWriter
    from netsift.sources.captures import CaptureSettings
    from netsift.sources.statistics import ReadStatistics

HELP = """
Cut the packets of an alert or incident out of captures.

Those are the packets between its sources and targets, to and from its ports, in its time, each as the capture holds it. Captures follow one another in the order of their first packets. The suffix of the output decides: .pcap, or .pcapng where packets have several link types. Without a file of alerts the captures are searched first, with the same options and so the same ids as in netsift detect. Where tunnels were looked into, they must be here too: --tunnels inner.

[bold]Examples[/bold]

  netsift evidence 3f0c9a6b7d21e854 --alerts alerts.jsonl --capture capture.pcap -o slice.pcap

  netsift evidence 3f0c9a6b7d21e854 --capture monday.pcap --capture tuesday.pcap.gz -o slice.pcapng

Exit status: 0 written; 1 no such alert, none of its packets, or nothing could be read or written; 2 wrong arguments; 3 part of the input was damaged (what was good was looked at).
"""  # noqa: E501 - paragraphs, wrapped by the terminal


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    command = with_options(evidence, "suppression", suppression_options)
    application.command(name="evidence", help=HELP)(reads_captures(command))


def evidence(
    alert: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Id of the alert or incident.")],
    settings: CaptureSettings,
    suppression: Suppression,
    capture: Annotated[
        list[str], typer.Option(metavar="FILE", show_default=False, help="Capture or folder of them; repeatable.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help=".pcap or .pcapng to write; - for pcap in a pipe.",
        ),
    ],
    alerts: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Alerts that netsift detect -o wrote.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Model to search with; the one in the package unless given."
        ),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Search with behaviour detectors only.")] = False,
    key: ModelKey = None,
    quiet: Quiet = False,
) -> None:
    """Cut as :data:`HELP` says."""
    from netsift.alerts.coverage import Coverage
    from netsift.capture.writer import writer_for
    from netsift.models.bundle import load_bundle
    from netsift.sources.slices import chosen_packets
    from netsift.sources.statistics import ReadStatistics

    _refuse_arguments(capture, output, alerts, model, no_model=no_model)
    if alerts is not None:
        members = _stored(alerts, alert)
    else:
        bundle = None if no_model else load_bundle(model or default_model(), key)
        task = Task(
            inputs=capture, settings=settings, bundle=bundle, rate=DEFAULT_RATE, everything=False, quiet=quiet,
            suppression=suppression, model_chosen=model is not None,
        )  # fmt: skip
        members = _searched(task, alert)
    statistics, chosen = ReadStatistics(), Coverage(members)
    announce_compilation(quiet=quiet)
    packets = chosen_packets(capture, chosen.chooses, statistics, inner_tunnels=settings.inner_tunnels, arp=chosen.arp)
    with _opened(output) as file:
        writer = writer_for(output if output != STANDARD_STREAM else Path("-.pcap"), file)
        written = _write(with_progress(packets, statistics, quiet=quiet), writer)
        if not written:
            raise InputError(f"no packet of {alert} among {_read(statistics)} read")
    report_statistics(statistics, None, quiet=True)
    if not quiet:
        typer.echo(f"{_read(statistics)} read, {written:,} of {alert} written", err=True)
    raise typer.Exit(statistics.exit_status())


def _read(statistics: ReadStatistics) -> str:
    return counted(statistics.capture.packets_read, "packet")


def _refuse_arguments(
    captures: Sequence[str], output: Path, alerts: Path | None, model: Path | None, *, no_model: bool
) -> None:
    from netsift.sources.flows import is_flow_table

    if no_model and model is not None:
        raise UsageError("--no-model and --model exclude each other")
    if output != STANDARD_STREAM and output.suffix.lower() not in (".pcap", ".pcapng"):
        raise UsageError(f"{output}: the suffix must be .pcap or .pcapng")
    keep_apart([*captures, *([alerts] if alerts is not None else [])], (output,))
    for name in captures:
        if name == str(STANDARD_STREAM) and alerts is None:
            raise UsageError("standard input can be read only once: name the file of alerts with --alerts")
        if name != str(STANDARD_STREAM) and Path(name).is_file() and is_flow_table(name):
            raise UsageError(f"{name} holds flows, not packets: evidence is cut out of captures")


def _stored(path: Path, wanted: str) -> list[Alert]:
    """Return the alerts of which a stored alert or incident consists."""
    from netsift.alerts.stored import named_alert, stored_alerts

    try:
        return named_alert(partial(stored_alerts, path), wanted)[1]
    except InputError as error:
        raise InputError(f"{path}: {error}".removeprefix(f"{path}: {path}: ")) from None


def _searched(task: Task, wanted: str) -> list[Alert]:
    """Return the alerts of which one that is found in the captures consists."""
    from netsift.alerts.stored import named_alert
    from netsift.sources.statistics import ReadStatistics

    found, _ = look(task, ReadStatistics())
    try:
        return named_alert(lambda: (*found.incidents, *found.alerts, *found.suppressed), wanted)[1]
    except InputError as error:
        raise InputError(f"{error} in these captures; name the file of alerts with --alerts") from None


def _write(packets: Iterable[CapturedPacket], writer: PacketWriter) -> int:
    """Write packets and return their number."""
    written = 0
    for packet in packets:
        writer.write(packet)
        written += 1
    return written


@contextlib.contextmanager
def _opened(output: Path) -> Iterator[IO[bytes]]:
    if output == STANDARD_STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole_file(output) as temporary, temporary.open("wb") as file:
        yield file
