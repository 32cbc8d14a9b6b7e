"""``netsift detect``: captures or flow files in, a short list of explained incidents out."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from netsift.cli import options
from netsift.cli.baseline import AlertBudget, Baseline, HalfLife, novelty_search
from netsift.cli.drift import drift_line
from netsift.cli.incidents import RANKING, print_alerts
from netsift.cli.options import STANDARD_STREAM, ModelKey, keep_apart, reads_captures, with_options
from netsift.cli.places import suppressions_file
from netsift.cli.progress import (
    announce_compilation,
    counted,
    packets_line,
    report_statistics,
    say_if_empty,
    with_progress,
)
from netsift.errors import InputError, UsageError
from netsift.files import whole_file

if TYPE_CHECKING:
    from netsift.alerts.detection import Detected
    from netsift.alerts.novelty import NoveltySearch
    from netsift.alerts.schema import Alert
    from netsift.alerts.suppression import Suppression
    from netsift.evaluation.drift import Drift
    from netsift.models.bundle import Bundle
    from netsift.sources.captures import CaptureSettings
    from netsift.sources.statistics import ReadStatistics

_COLUMNS_NAMED: Final = 3

DEFAULT_RATE: Final = 0.01
"""Share of ordinary flows that the model may flag unless told otherwise."""

FOUND: Final = 4
"""Exit status of ``--fail-on`` when there is an incident of that severity."""

AlertsFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        show_default=False,
        help="Write all incidents and alerts: .parquet, .arrow, or JSON lines by any other name; - is standard output, "
        "in the place of the table.",
    ),
]

HELP = f"""
Find attacks in captures or flow files and say why.

Behaviour detectors look at what hosts do over many flows (scans, guessing, floods, tunnels, beacons), the model at single flows. What belongs together is one incident; incidents go to standard output, {RANKING}. What became of the packets goes to standard error, with a line that says whether the traffic looks like what the model learned from.

[bold]Examples[/bold]

  netsift detect capture.pcap

  netsift detect capture.pcap --explain 3f0c9a6b7d21e854

  netsift detect /var/captures/ -o alerts.jsonl --fail-on high

  netsift detect flows.parquet --model model.netsift --false-positive-rate 0.001

  netsift detect today.pcap --baseline normal.netsift --alert-budget 5/day

  tcpdump -i eth0 -c 100000 -w - | netsift detect - --no-model -o - --format ecs

Exit status: 0 all read, whether or not anything was found; 1 nothing could be read or written; 2 wrong arguments; 3 part of the input was damaged (what was good was looked at); {FOUND} an incident of the severity of --fail-on.
"""  # noqa: E501 - paragraphs, wrapped by the terminal


class OutputFormat(StrEnum):
    """What the lines of ``--output`` are."""

    NETSIFT = "netsift"
    ECS = "ecs"


class FailOn(StrEnum):
    """The severities of incidents."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


Explain = Annotated[
    str | None,
    typer.Option(metavar="ID", show_default=False, help="Print one incident or alert in full, not the list."),
]
FailOnSeverity = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on", show_default=False, help=f"Exit status {FOUND} if there is an incident as severe as this."
    ),
]
FalsePositiveRate = Annotated[
    float, typer.Option(metavar="RATE", help="Share of ordinary flows that the model may flag; one that it has.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Also what the model flagged and is not believed: too few, or unconfirmed.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is looked for, and with what."""

    inputs: list[str]
    settings: CaptureSettings
    bundle: Bundle | None
    rate: float
    everything: bool
    quiet: bool
    suppression: Suppression
    model_chosen: bool
    novelty: NoveltySearch | None = None


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    command = with_options(detect, "suppression", suppression_options)
    application.command(name="detect", help=HELP)(reads_captures(command))


def detect(
    inputs: options.Inputs,
    settings: CaptureSettings,
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
    explain: Explain = None,
    fail_on: FailOnSeverity = None,
    false_positive_rate: FalsePositiveRate = DEFAULT_RATE,
    limit: Annotated[int, typer.Option(min=1, help="Incidents shown.")] = 20,
    everything: Everything = False,
    baseline: Baseline = None,
    alert_budget: AlertBudget = None,
    online: HalfLife = None,
    key: ModelKey = None,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write the counts as JSON to this file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no counts.")] = False,
) -> None:
    """Detect as :data:`HELP` says."""
    from netsift.models.bundle import load_bundle
    from netsift.sources.statistics import ReadStatistics

    if no_model and model is not None:
        raise UsageError("--no-model and --model exclude each other")
    _refuse_format(output, output_format)
    chosen = model or default_model()
    keep_apart([*inputs, chosen, *([baseline] if baseline else [])], (output, stats))
    novelty = novelty_search(baseline, alert_budget, online, quiet=quiet)
    bundle = None if no_model else load_bundle(chosen, key)
    task = Task(
        inputs=inputs, settings=settings, bundle=bundle, rate=false_positive_rate, everything=everything, quiet=quiet,
        suppression=suppression, model_chosen=model is not None, novelty=novelty,
    )  # fmt: skip
    statistics = ReadStatistics()
    _collect_rarely()
    found, drift = look(task, statistics)
    report_statistics(statistics, stats, quiet=True, more=_counts(found))
    say_if_empty(statistics)
    if not quiet:
        _say(task, found, drift, statistics)
    _say_suppressed(suppression, found)
    if output is not None:
        _write([*found.incidents, *found.alerts, *found.suppressed], output, output_format)
    if explain is not None:
        _explain(found, explain)
    elif output != STANDARD_STREAM:
        _show(found.incidents, limit, quiet=quiet)
    raise typer.Exit(_exit_status(found, statistics, fail_on))


def _collect_rarely() -> None:
    """Let the garbage collector pass over what is there, and look for cycles less often: episodes and groups have none.

    On floods it took a fifth of all CPU seconds.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _refuse_format(output: Path | None, output_format: OutputFormat) -> None:
    from netsift.alerts import arrow

    if output is not None and output.suffix.lower() in arrow.SUFFIXES and output_format is OutputFormat.ECS:
        raise UsageError(f"{output}: --format ecs is JSON lines: name an output that ends in .jsonl")


def suppression_options(
    *,
    suppressions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Rules that hide alerts (netsift suppress); the user's own, if there are any, unless given.",
        ),
    ] = None,
    no_suppressions: Annotated[bool, typer.Option("--no-suppressions", help="Hide nothing.")] = False,
) -> Suppression:
    """Return the rules that apply now: those of a file, or the user's own."""
    from netsift.alerts.suppression import Suppression, read_rules

    if no_suppressions and suppressions is not None:
        raise UsageError("--no-suppressions and --suppressions exclude each other")
    chosen = suppressions or suppressions_file()
    if no_suppressions or (suppressions is None and not chosen.exists()):
        return Suppression()
    return Suppression.at(read_rules(chosen), datetime.now(UTC))


def default_model() -> Path:
    """Return the path of the model that ships in the package."""
    from importlib.resources import files

    return Path(str(files("netsift.models") / "default.netsift"))


def look(task: Task, statistics: ReadStatistics) -> tuple[Detected, Drift | None]:
    """Read all inputs and return what was found, and whether the traffic looks like what the model knows."""
    from netsift.alerts.arp import ArpSearch
    from netsift.alerts.behaviour import BehaviourSearch
    from netsift.alerts.detection import detect as detect_in
    from netsift.alerts.pipeline import ModelSearch
    from netsift.capture.arp import ArpLog
    from netsift.detectors.novelty import columns
    from netsift.evaluation.drift import DriftWatch
    from netsift.kernels.jit import CONTEXT, METER, mark_compiled
    from netsift.models.context import with_needed_context
    from netsift.sources.flows import is_flow_table, read_flows

    watch = search = None
    if task.bundle is not None:
        watch = DriftWatch(task.bundle)
        _threshold(task.bundle, task.rate)
        search = ModelSearch.of(task.bundle, task.rate, watch.observe, required=task.model_chosen)
    parts = (CONTEXT,) if all(is_flow_table(name) for name in task.inputs) else (METER, CONTEXT)
    announce_compilation(*parts, quiet=task.quiet)
    arp = ArpLog()
    settings = replace(task.settings, arp=arp)
    flows = with_progress(read_flows(task.inputs, settings, statistics), statistics, quiet=task.quiet)
    batches = with_needed_context(flows, task.bundle.manifest.feature_names if task.bundle is not None else ())
    behaviours = BehaviourSearch(context=columns.CONTEXT if task.novelty is not None else ())
    found = detect_in(
        batches,
        behaviours,
        search,
        everything=task.everything,
        suppression=task.suppression,
        novelty=task.novelty,
        arp=ArpSearch(arp),
    )
    if found.flows:
        mark_compiled(*parts)
    return found, watch.judge() if watch is not None else None


def _threshold(bundle: Bundle, rate: float) -> float:
    try:
        return bundle.threshold(rate)
    except InputError as error:
        raise UsageError(f"--false-positive-rate: {error}") from error


def _counts(found: Detected) -> dict[str, int]:
    return {
        "flows_flagged": found.flagged,
        "flows_flagged_too_few": found.too_few,
        "flows_flagged_unconfirmed": found.unconfirmed,
        "flows_without_room": found.overflow,
        "context_evicted": found.evicted,
        "arp_packets": found.arp_packets,
        "arp_packets_without_room": found.arp_lost,
        "alerts": len(found.alerts),
        "alerts_suppressed": len(found.suppressed),
        "alerts_usual_here": found.usual,
        "incidents": len(found.incidents),
    }


def _say_suppressed(suppression: Suppression, found: Detected) -> None:
    """Say what rules hid, also where no counts are asked for: nothing is hidden in silence."""
    if not found.suppressed:
        return
    hidden = counted(len(found.suppressed), "alert")
    typer.echo(f"{hidden} suppressed by rules; --no-suppressions shows all:", err=True)
    for rule in suppression.rules:
        if count := suppression.hidden[rule.id]:
            typer.echo(f"  {rule.id}  {count:,}  {rule.words()}: {rule.reason}", err=True)


def _say(task: Task, found: Detected, drift: Drift | None, statistics: ReadStatistics) -> None:
    """Say what was read, what became of it, and how far the model can be trusted with it."""
    if line := packets_line(statistics):
        typer.echo(line, err=True)
    if not found.flows:
        return
    flows = f"{counted(found.flows, 'flow')} of {counted(found.packets, 'packet')}"
    what = f"{counted(len(found.incidents), 'incident')} of {counted(len(found.alerts), 'alert')}"
    typer.echo(f"{flows}: {what if found.incidents else 'nothing found'}", err=True)
    _say_missing(found)
    doubted = found.too_few + found.unconfirmed
    if doubted and not task.everything:
        said = counted(doubted, "flow")
        typer.echo(f"the model flagged {said} more, too few or confirmed by nothing; --all shows them", err=True)
    if found.usual:
        typer.echo(f"left out {counted(found.usual, 'alert')} of what these hosts always do (--baseline)", err=True)
    if found.overflow:
        typer.echo(f"no room for {counted(found.overflow, 'suspicious flow')} in any alert", err=True)
    if found.arp_lost:
        typer.echo(f"no room for {found.arp_lost:,} of {counted(found.arp_packets, 'ARP packet')}", err=True)
    if task.bundle is not None and drift is not None and not found.missing_features:
        _say_threshold(task.bundle, _threshold(task.bundle, task.rate), task.rate)
        typer.echo(drift_line(drift), err=True)


def _say_missing(found: Detected) -> None:
    """Say what could not be looked for in flows of another tool."""
    if found.missing_columns:
        lacking = ", ".join(found.missing_columns)
        typer.echo(f"behaviours were not looked for: the flows lack {lacking}", err=True)
    if found.missing_features:
        named, more = found.missing_features[:_COLUMNS_NAMED], len(found.missing_features) - _COLUMNS_NAMED
        lacking = ", ".join(named) + (f" and {more:,} more" if more > 0 else "")
        typer.echo(f"the model was not asked, only what hosts do was looked at: it needs {lacking}", err=True)


def _exit_status(found: Detected, statistics: ReadStatistics, fail_on: FailOn | None) -> int:
    from netsift.alerts.schema import SEVERITIES

    status = statistics.exit_status()
    if status == 0 and fail_on is not None:
        least = SEVERITIES.index(fail_on)
        return FOUND if any(SEVERITIES.index(one.severity) >= least for one in found.incidents) else 0
    return status


def _say_threshold(bundle: Bundle, threshold: float, rate: float) -> None:
    typer.echo(f"flagged from score {threshold:.3f} on: {_origin(bundle, rate)}", err=True)


def _origin(bundle: Bundle, rate: float) -> str:
    """Return whose traffic the threshold of a rate is from."""
    from netsift.evaluation.metrics import thresholds_from

    calibration = bundle.manifest.calibration
    if calibration is not None and (entry := calibration.entry(rate)).calibrated is not None:
        flows = counted(entry.flows_counted, "flow")
        beyond = f", beside {entry.flows_set_aside:,} set aside as incidents" if entry.flows_set_aside else ""
        return f"{rate * 100:g} % of ordinary flows, calibrated on {flows} of your network{beyond}"
    protocol = thresholds_from(bundle.manifest.evaluation).protocol
    few = ", because those of your network were too few to calibrate it" if calibration is not None else ""
    return f"{rate * 100:g} % of benign training flows (evaluated {protocol}){few}"


def _write(alerts: Sequence[Alert], output: Path, output_format: OutputFormat) -> None:
    from netsift.alerts import arrow
    from netsift.alerts.ecs import as_ecs
    from netsift.flows.write import flow_output, format_of

    if output.suffix.lower() in arrow.SUFFIXES:
        with flow_output(output, format_of(output), arrow.arrow_schema()) as writer:
            for batch in arrow.alert_batches(alerts):
                writer.write(batch)
        return
    objects: Iterable[dict[str, Any]] = (
        as_ecs(alert) if output_format is OutputFormat.ECS else alert.as_json() for alert in alerts
    )
    lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in objects)
    if output == STANDARD_STREAM:
        for line in lines:
            typer.echo(line, nl=False)
        return
    with whole_file(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _explain(found: Detected, wanted: str) -> None:
    named = [one for one in (*found.incidents, *found.alerts, *found.suppressed) if one.id == wanted]
    if not named:
        raise UsageError(f"--explain: there is no incident or alert {wanted} in these flows")
    print_alerts(named, full=True)


def _show(incidents: Sequence[Alert], limit: int, *, quiet: bool) -> None:
    if not incidents:
        return
    if not quiet:
        typer.echo(RANKING, err=True)
    print_alerts(incidents[:limit])
    if len(incidents) > limit and not quiet:
        left = counted(len(incidents) - limit, "more incident")
        typer.echo(f"{left} not shown: --limit or --output", err=True)
