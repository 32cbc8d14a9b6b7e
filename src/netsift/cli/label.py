"""``netsift label``: flows in, the same flows with a label by schedule and address out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli import options
from netsift.cli.progress import announce_compilation, report_statistics, with_progress
from netsift.errors import UsageError

if TYPE_CHECKING:
    from netsift.models.rules import Rules


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="label")(label)


def label(
    inputs: Annotated[list[Path], typer.Argument(help="Captures, flow files, data sets or folders.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write: .csv, .jsonl, .arrow or .parquet.")
    ],
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Rules in TOML (docs/labelling.md).")
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="What was said of alerts (netsift feedback), instead of rules."
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Label flows by when they began and between whom, and say what each rule did.

    The rules are those of a file, of which the first that matches gives the label; or they follow from feedback: flows
    of true alerts get the alert's category, those of false and benign ones are benign, all others get none. The output
    is a flow file that [b]netsift train[/b] learns from.
    """
    from netsift.flows.columns import empty_batch
    from netsift.flows.write import flow_output, format_of
    from netsift.kernels.jit import mark_compiled
    from netsift.sources.flows import is_flow_table, read_flows
    from netsift.sources.statistics import ReadStatistics

    options.keep_apart([*inputs, *(path for path in (rules, feedback) if path is not None)], (output,))
    read = _rules(rules, feedback)
    statistics = ReadStatistics()
    if not all(is_flow_table(str(path)) for path in inputs):
        announce_compilation(quiet=quiet)
    batches = with_progress(read_flows(inputs, statistics=statistics), statistics, quiet=quiet)
    with flow_output(output, format_of(output), read.label(empty_batch()).schema) as writer:
        for batch in batches:
            writer.write(read.label(batch))
    if statistics.packets_metered:
        mark_compiled()
    report_statistics(statistics, None, quiet=True)
    if not quiet:
        _print_counts(read)
    raise typer.Exit(statistics.exit_status())


def _rules(path: Path | None, feedback: Path | None) -> Rules:
    from netsift.alerts.feedback import label_rules, read_feedback
    from netsift.models.rules import Rules

    if path is not None and feedback is None:
        return Rules.read(path)
    if feedback is None or path is not None:
        raise UsageError("name either --rules FILE or --feedback FILE")
    return Rules(label_rules(read_feedback(feedback).values()))


def _print_counts(rules: Rules) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("rule", justify="right")
    table.add_column("label")
    table.add_column("flows labelled", justify="right")
    table.add_column("matched, but an earlier rule came first", justify="right")
    counts = rules.counts
    for number, name in enumerate(rules.labels):
        table.add_row(str(number + 1), name, f"{counts.labelled[number]:,}", f"{counts.also_matched[number]:,}")
    table.add_row("none", rules.otherwise or "without a label", f"{counts.otherwise:,}", "")
    table.add_row("", "all", f"{counts.flows:,}", f"{counts.also_matched.sum():,}")
    Console(stderr=True).print(table)
    for number, name in enumerate(rules.labels):
        if not counts.labelled[number]:
            typer.echo(
                f"netsift: rule {number + 1} ({name}) labelled no flow: look at its times and time zone", err=True
            )
