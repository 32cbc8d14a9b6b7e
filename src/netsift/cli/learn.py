"""``netsift learn``: what is normal in your network, from its own unlabelled traffic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli import options
from netsift.cli.options import STANDARD_STREAM, keep_apart, reads_captures
from netsift.cli.progress import announce_compilation, counted, report_statistics, say_if_empty, with_progress

if TYPE_CHECKING:
    from netsift.alerts.learning import LearnedBaseline
    from netsift.alerts.schema import Alert
    from netsift.detectors.novelty.baseline import Baseline, Source
    from netsift.sources.captures import CaptureSettings

HELP = """
Learn what is normal in your network from its own traffic, without labels.

INPUT is traffic as it ordinarily is, some days of it. It may hold a few attacks: what the behaviour detectors find is never learned from, and of the rest the strangest share is left out (--trim). The later part is held back, to find out how many false alerts a day each threshold gives; the longer it is, the smaller the budget that can be promised.

[bold]Examples[/bold]

  netsift learn monday.pcap tuesday.pcap wednesday.pcap -o normal.netsift

  netsift detect today.pcap --baseline normal.netsift --alert-budget 10/day

Exit status: 0 written, 1 nothing could be read or written, 2 wrong arguments, 3 part of the input was damaged (what was good was learned from).
"""  # noqa: E501 - paragraphs, wrapped by the terminal


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="learn", help=HELP)(reads_captures(learn))


def learn(
    inputs: options.Inputs,
    settings: CaptureSettings,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The baseline to write.")],
    trim: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=0.2, help="Share of the flows left out as too strange to learn."),
    ] = 0.01,
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 0,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write the counts as JSON to this file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no account.")] = False,
) -> None:
    """Learn as :data:`HELP` says."""
    from netsift.alerts.learning import Learning
    from netsift.detectors.novelty.file import save_baseline
    from netsift.kernels.jit import mark_compiled
    from netsift.sources.flows import is_flow_table, read_flows
    from netsift.sources.statistics import ReadStatistics

    keep_apart(inputs, (output, stats))
    statistics = ReadStatistics()
    if not all(is_flow_table(name) for name in inputs):
        announce_compilation(quiet=quiet)
    learning = Learning(_sources(inputs), seed)
    for batch in with_progress(read_flows(inputs, settings, statistics), statistics, quiet=quiet):
        learning.add(batch)
    if statistics.packets_metered:
        mark_compiled()
    say_if_empty(statistics)
    learned = learning.finish(trim)
    save_baseline(learned.baseline, output)
    report_statistics(statistics, stats, quiet=True)
    if not quiet:
        _say(learned, output)
    raise typer.Exit(statistics.exit_status())


def _sources(inputs: Sequence[str]) -> list[Source]:
    from netsift.capture.streams import expand_inputs
    from netsift.detectors.novelty.baseline import Source
    from netsift.models.dataset import sha256_of

    names = expand_inputs([name for name in inputs if Path(name) != STANDARD_STREAM])
    read = [Source(Path(name).name, sha256_of(Path(name))) for name in names if Path(name).is_file()]
    return read + [Source("standard input", "") for name in inputs if Path(name) == STANDARD_STREAM]


def _say(learned: LearnedBaseline, output: Path) -> None:
    """Say what was learned from, what was left out, and what can be promised."""
    baseline = learned.baseline
    what = baseline.learned
    typer.echo(f"learned from {what.used:,} of {counted(what.flows, 'flow')}")
    if what.flagged:
        typer.echo(f"left out {counted(what.flagged, 'flow')} of {counted(len(learned.flagged), 'alert')}:")
        _say_alerts(learned.flagged)
    if learned.usual:
        typer.echo(f"taken as usual here, look at {'it' if len(learned.usual) == 1 else 'them'} once:")
        _say_alerts(learned.usual)
    roles = ", ".join(f"{one.name} ({one.learned:,})" for one in baseline.groups[1:])
    typer.echo(f"judged by themselves: {roles or 'no role, all are judged together'}")
    typer.echo(f"{promise(baseline)}\nbaseline: {output}")


def promise(baseline: Baseline) -> str:
    """Return in one sentence what alert budget can be promised."""
    hours = baseline.curve.days * 24
    return (
        f"held back {hours:.1f} h: the smallest alert budget that can be promised is "
        f"{baseline.curve.least_budget:.3g} a day"
    )


def _say_alerts(alerts: Sequence[Alert]) -> None:
    """Print one line for what a host did, however often."""
    acts = Counter(
        (alert.detectors[0], alert.sources[0] if len(alert.sources) == 1 else "many hosts") for alert in alerts
    )
    for (what, who), times in acts.most_common(20):
        typer.echo(f"  {what.replace('_', ' ')} by {who}{f', {times:,} times' if times > 1 else ''}")
    if len(acts) > 20:
        typer.echo(f"  and {len(acts) - 20:,} more; netsift detect shows all")
