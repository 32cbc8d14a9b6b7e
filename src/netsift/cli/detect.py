"""``netsift detect``: captures or flow files in, a ranked list of explained findings out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli import options
from netsift.cli.drift import drift_line
from netsift.cli.findings import RANKING, print_findings
from netsift.cli.options import STANDARD_STREAM, ModelKey, keep_apart, reads_captures
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
    from netsift.alerts.pipeline import Detection
    from netsift.alerts.schema import Finding
    from netsift.evaluation.drift import Drift
    from netsift.models.bundle import Bundle
    from netsift.sources.captures import CaptureSettings
    from netsift.sources.statistics import ReadStatistics

HELP = f"""
Find attacks in captures or flow files and say why each was flagged.

The findings go to standard output, {RANKING}: flows of one source and the same targets that lie close in time are one. What became of the packets goes to standard error, with a line that says whether the traffic looks like what the model learned from.

[bold]Examples[/bold]

  netsift detect capture.pcap

  netsift detect /var/captures/ -o findings.jsonl --false-positive-rate 0.001

  netsift detect flows.parquet --model model.netsift --limit 5

  tcpdump -i eth0 -c 100000 -w - | netsift detect -

Exit status: 0 all read, whether or not anything was found; 1 nothing could be read or written; 2 wrong arguments; 3 part of the input was damaged (what was good was looked at).
"""  # noqa: E501 - paragraphs, wrapped by the terminal


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="detect", help=HELP)(reads_captures(detect))


def detect(
    inputs: options.Inputs,
    settings: CaptureSettings,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Model file; the one in the package unless given."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="Write all findings as JSON lines; - is standard output, in the place of the table.",
        ),
    ] = None,
    false_positive_rate: Annotated[
        float, typer.Option(metavar="RATE", help="Share of ordinary flows that may be flagged; one the model has.")
    ] = 0.01,
    limit: Annotated[int, typer.Option(min=1, help="Findings shown in the table.")] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was flagged but is too little to be a flood, a scan and the like.")
    ] = False,
    key: ModelKey = None,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write the counts as JSON to this file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no counts.")] = False,
) -> None:
    """Detect as :data:`HELP` says."""
    from netsift.models.bundle import load_bundle
    from netsift.sources.statistics import ReadStatistics

    model = model or default_model()
    keep_apart([*inputs, model], (output, stats))
    bundle = load_bundle(model, key)
    threshold = _threshold(bundle, false_positive_rate)
    statistics = ReadStatistics()
    found, drift = _look(inputs, settings, bundle, threshold, statistics, everything=everything, quiet=quiet)
    report_statistics(statistics, stats, quiet=True, more=_counts(found))
    say_if_empty(statistics)
    if not quiet:
        _say_counts(found, statistics, everything=everything)
    if found.flows and not quiet:
        _say_threshold(bundle, threshold, false_positive_rate)
        typer.echo(drift_line(drift), err=True)
    if output is not None:
        _write(found.findings, output)
    if output != STANDARD_STREAM:
        _show(found.findings, limit, quiet=quiet)
    raise typer.Exit(statistics.exit_status())


def default_model() -> Path:
    """Return the path of the model that ships in the package."""
    from importlib.resources import files

    return Path(str(files("netsift.models") / "default.netsift"))


def _look(
    inputs: list[str],
    settings: CaptureSettings,
    bundle: Bundle,
    threshold: float,
    statistics: ReadStatistics,
    *,
    everything: bool,
    quiet: bool,
) -> tuple[Detection, Drift]:
    from netsift.alerts.pipeline import find
    from netsift.detectors.model import ModelDetector
    from netsift.evaluation.drift import DriftWatch
    from netsift.kernels.jit import mark_compiled
    from netsift.models.context import with_needed_context
    from netsift.sources.flows import is_flow_table, read_flows

    if not all(is_flow_table(name) for name in inputs):
        announce_compilation(quiet=quiet)
    detector, watch = ModelDetector(bundle), DriftWatch(bundle)
    flows = with_progress(read_flows(inputs, settings, statistics), statistics, quiet=quiet)
    batches = with_needed_context(flows, detector.feature_names)
    found = find(batches, detector, bundle.reference, threshold, observe=watch.observe, with_too_few=everything)
    if statistics.packets_metered:
        mark_compiled()
    return found, watch.judge()


def _threshold(bundle: Bundle, rate: float) -> float:
    try:
        return bundle.threshold(rate)
    except InputError as error:
        raise UsageError(f"--false-positive-rate: {error}") from error


def _counts(found: Detection) -> dict[str, int]:
    return {
        "flows_flagged": found.flagged,
        "flows_flagged_too_few": found.too_few,
        "flows_flagged_without_room": found.overflow,
        "findings": sum(not finding.too_few for finding in found.findings),
    }


def _say_counts(found: Detection, statistics: ReadStatistics, *, everything: bool) -> None:
    if line := packets_line(statistics):
        typer.echo(line, err=True)
    if not found.flows:
        return
    counts = _counts(found)
    flows = f"{counted(found.flows, 'flow')} of {counted(found.packets, 'packet')}, {found.flagged:,} flagged"
    typer.echo(
        f"{flows}, {counted(counts['findings'], 'finding') if counts['findings'] else 'nothing found'}", err=True
    )
    if found.too_few:
        said = f"{counted(found.too_few, 'flagged flow')} too few for a flood, a scan, guessing or a worm"
        typer.echo(said if everything else f"{said}; --all shows them", err=True)
    if found.overflow:
        said = counted(found.overflow, "flagged flow")
        typer.echo(f"no room for {said} in any finding: there were too many groups", err=True)


def _say_threshold(bundle: Bundle, threshold: float, rate: float) -> None:
    from netsift.evaluation.metrics import thresholds_from

    protocol = thresholds_from(bundle.manifest.evaluation).protocol
    typer.echo(
        f"flagged from score {threshold:.3f} on: {rate * 100:g} % of benign training flows (evaluated {protocol})",
        err=True,
    )


def _write(findings: Sequence[Finding], output: Path) -> None:
    lines = (json.dumps(finding.as_json(), ensure_ascii=False) + "\n" for finding in findings)
    if output == STANDARD_STREAM:
        for line in lines:
            typer.echo(line, nl=False)
        return
    with whole_file(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _show(findings: Sequence[Finding], limit: int, *, quiet: bool) -> None:
    if not findings:
        return
    if not quiet:
        typer.echo(RANKING, err=True)
    print_findings(findings[:limit])
    if len(findings) > limit and not quiet:
        left = counted(len(findings) - limit, "more finding")
        typer.echo(f"{left} not shown: --limit or --output", err=True)
