"""``netsift detect``: captures or flow files in, a ranked table of explained findings out."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.cli.drift import drift_line
from netsift.cli.options import ModelKey
from netsift.cli.progress import announce_compilation, report_statistics, with_progress
from netsift.files import whole_file

if TYPE_CHECKING:
    from rich.table import Table

    from netsift.alerts.pipeline import Detection
    from netsift.alerts.schema import Finding
    from netsift.models.bundle import Bundle

_STANDARD_STREAM: Final = Path("-")
_REASONS_SHOWN: Final = 3
_WIDTH_OF_A_PIPE: Final = 100_000
_NS_PER_US: Final = 1000


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="detect")(detect)


def detect(
    inputs: Annotated[list[Path], typer.Argument(help="Captures, flow files or folders; - is standard input.")],
    model: Annotated[Path | None, typer.Option(help="Model file; the one in the package unless given.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all findings as JSON lines; - is standard output.")
    ] = None,
    false_positive_rate: Annotated[
        float, typer.Option(help="Share of ordinary flows that may be flagged; the model says which it knows.")
    ] = 0.01,
    limit: Annotated[int, typer.Option(min=1, help="Findings shown in the table.")] = 20,
    key: ModelKey = None,
) -> None:
    """Find attacks in captures or flow files and say why each was flagged.

    The counts go to standard error, with a line that says whether the traffic looks like what the model learned from;
    the table goes to standard output. Flows of one source and one kind of attack that lie
    close in time are one finding.
    """
    from netsift.alerts.pipeline import find
    from netsift.detectors.forest import ForestDetector
    from netsift.evaluation.drift import DriftWatch
    from netsift.kernels.jit import mark_compiled
    from netsift.models.bundle import load_bundle
    from netsift.sources.flows import is_flow_table, read_flows
    from netsift.sources.statistics import ReadStatistics

    bundle = load_bundle(model or default_model(), key)
    threshold = bundle.threshold(false_positive_rate)
    statistics = ReadStatistics()
    if not all(is_flow_table(str(path)) for path in inputs):
        announce_compilation(quiet=False)
    batches = with_progress(read_flows(inputs, statistics=statistics), statistics, quiet=False)
    watch = DriftWatch(bundle)
    found = find(batches, ForestDetector(bundle), bundle.reference, threshold, observe=watch.observe)
    if statistics.packets_metered:
        mark_compiled()
    report_statistics(statistics, None, quiet=True)
    _say_counts(found, bundle, threshold, false_positive_rate)
    typer.echo(drift_line(watch.judge()), err=True)
    if output is not None:
        _write(found.findings, output)
    if output != _STANDARD_STREAM:
        _print_table(found.findings, limit)
    raise typer.Exit(statistics.exit_status())


def default_model() -> Path:
    """Return the path of the model that ships in the package."""
    from importlib.resources import files

    return Path(str(files("netsift.models") / "default.netsift"))


def _say_counts(found: Detection, bundle: Bundle, threshold: float, rate: float) -> None:
    from netsift.evaluation.metrics import thresholds_from

    counts = f"{found.packets:,} packets, {found.flows:,} flows, {found.flagged:,} flagged"
    typer.echo(f"{counts}, {len(found.findings):,} findings", err=True)
    protocol = thresholds_from(bundle.manifest.evaluation).protocol
    typer.echo(
        f"flagged from score {threshold:.3f} on: {rate:.2%} of benign training flows (evaluated {protocol})", err=True
    )
    if found.overflow:
        typer.echo(f"{found.overflow:,} flagged flows are in no finding, because there were too many groups", err=True)
    if not found.flows:
        typer.echo("no flows were read, so nothing was looked at", err=True)
    elif not found.findings:
        typer.echo("nothing found", err=True)


def _write(findings: Sequence[Finding], output: Path) -> None:
    lines = (json.dumps(finding.as_json(), ensure_ascii=False) + "\n" for finding in findings)
    if output == _STANDARD_STREAM:
        for line in lines:
            typer.echo(line, nl=False)
        return
    with whole_file(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _print_table(findings: Sequence[Finding], limit: int) -> None:
    if not findings:
        return
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(findings_table(findings[:limit]))
    else:
        console = Console(width=_WIDTH_OF_A_PIPE, color_system=None)
        with console.capture() as captured:
            console.print(findings_table(findings[:limit], plain=True))
        for line in captured.get().splitlines():
            typer.echo(line.rstrip())
    if len(findings) > limit:
        typer.echo(f"{len(findings) - limit:,} more findings are not shown: --limit or --output", err=True)


def findings_table(findings: Sequence[Finding], *, plain: bool = False) -> Table:
    """Return the ranked table of findings; ``plain`` without lines and wrapping, for a pipe."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None if plain else box.SIMPLE_HEAVY, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify, ratio in (
        ("when (UTC)", "left", 3),
        ("who", "left", 4),
        ("what", "left", 2),
        ("score", "right", None),
        ("flows", "right", None),
        ("why", "left", 8),
    ):
        table.add_column(name, justify=justify, ratio=None if plain else ratio, no_wrap=plain)  # type: ignore[arg-type]
    for finding in findings:
        cells = (
            _when(finding),
            _who(finding),
            finding.attack,
            f"{finding.score:.3f}",
            f"{finding.flows:,}",
            _why(finding),
        )
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    return table


def _when(finding: Finding) -> str:
    from netsift.alerts.explain import format_value
    from netsift.alerts.schema import utc_text

    start = utc_text(finding.start_ns).replace("T", " ").split(".")[0]
    lasted_us = (finding.end_ns - finding.start_ns) // _NS_PER_US
    return f"{start} for {format_value(lasted_us, 'µs')}" if lasted_us else start


def _who(finding: Finding) -> str:
    target = finding.targets[0] if len(finding.targets) == 1 else f"{len(finding.targets):,} hosts"
    if len(finding.ports) == 1:
        target += f" port {finding.ports[0]}"
    elif finding.ports:
        target += f", {len(finding.ports):,} ports"
    source = finding.sources[0] if len(finding.sources) == 1 else f"{len(finding.sources):,} hosts"
    return f"{source} → {target}" + (" or more" if finding.truncated else "")


def _why(finding: Finding) -> str:
    return "; ".join(evidence.words for evidence in finding.evidence[:_REASONS_SHOWN])


def _printable(text: str) -> str:
    """Return the text without what a terminal would obey: a flow file may hold anything where an address should be."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
