"""``netsift flows``: packets in, one row per flow out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli import options
from netsift.cli.options import STANDARD_STREAM, keep_apart, reads_captures
from netsift.cli.progress import announce_compilation, report_statistics, say_if_empty, with_progress
from netsift.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyarrow import RecordBatch

    from netsift.sources.captures import CaptureSettings
    from netsift.sources.statistics import ReadStatistics

EXAMPLES = """
Turn captures into flow records, one row per bidirectional flow (columns: docs/features.md).

[bold]Examples[/bold]

  netsift flows capture.pcap -o flows.parquet

  netsift flows /var/captures/ -o flows.csv --columns cicflowmeter

  netsift flows capture.pcapng.gz --columns src_ip,dst_ip,dst_port,bytes --stats counts.json

  netsift flows capture.pcap -o flows.parquet --context

  tcpdump -i eth0 -w - | netsift flows - --format jsonl

Exit status: 0 all read, 1 nothing could be read or written, 2 wrong arguments, 3 part of the input was damaged (rows are kept).
"""  # noqa: E501 - one paragraph, wrapped by the terminal


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="flows", help=EXAMPLES)(reads_captures(flows))


def flows(
    inputs: options.Inputs,
    settings: CaptureSettings,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write: .csv, .jsonl, .arrow or .parquet; standard output unless given.",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="csv, jsonl, arrow or parquet; by suffix unless given, csv on standard output."),
    ] = None,
    columns: Annotated[
        str, typer.Option(help="netsift, cicflowmeter, cicflowmeter-2018, or column names with commas between.")
    ] = "netsift",
    context: Annotated[
        bool, typer.Option("--context", help="Also what the flows around each flow say (docs/context.md).")
    ] = False,
    stats: options.Stats = None,
    quiet: options.Quiet = False,
) -> None:
    """Read captures and write flows."""
    # Arrow's own allocator keeps some 25 MB of freed batches and is no faster here; it is chosen when Arrow is loaded.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from netsift.kernels.jit import mark_compiled
    from netsift.sources.statistics import ReadStatistics

    target = None if output == STANDARD_STREAM else output
    keep_apart(inputs, (target, stats))
    statistics = ReadStatistics()
    _write_flows(
        inputs, settings, statistics, target, _chosen_format(target, file_format), columns, context=context, quiet=quiet
    )
    if statistics.packets_metered:
        mark_compiled()
    report_statistics(statistics, stats, quiet=quiet)
    say_if_empty(statistics)
    raise typer.Exit(statistics.exit_status())


def _chosen_format(output: Path | None, file_format: str | None) -> str:
    from netsift.flows.write import FORMATS, format_of

    chosen = file_format or (format_of(output) if output else "csv")
    if chosen not in FORMATS.values():
        raise UsageError(f"--format must be one of {', '.join(sorted(set(FORMATS.values())))}, not {chosen!r}")
    return chosen


def _write_flows(
    inputs: list[str],
    settings: CaptureSettings,
    statistics: ReadStatistics,
    output: Path | None,
    file_format: str,
    columns: str,
    *,
    context: bool,
    quiet: bool,
) -> None:

    from netsift.flows.columns import empty_batch
    from netsift.flows.dialects import column_selection
    from netsift.flows.write import flow_output
    from netsift.sources.flows import read_flows

    select = column_selection(columns)
    if context:
        select = _and_context(select)
    schema = select(empty_batch()).schema
    announce_compilation(quiet=quiet)
    batches = with_progress(read_flows(inputs, settings, statistics), statistics, quiet=quiet)
    with flow_output(output, file_format, schema) as writer:
        for batch in batches:
            writer.write(select(batch))


def _and_context(select: Callable[[RecordBatch], RecordBatch]) -> Callable[[RecordBatch], RecordBatch]:
    """Return a selection of columns that has the context columns of the flows behind them."""
    import pyarrow as pa

    from netsift.context.tracker import ContextTracker

    tracker = ContextTracker()

    def selected(batch: RecordBatch) -> RecordBatch:
        (whole,) = tracker.with_context([batch])
        chosen, context = select(batch), whole.select(list(tracker.names))
        schema = pa.schema([*chosen.schema, *context.schema], metadata=chosen.schema.metadata)
        return pa.RecordBatch.from_arrays([*chosen.columns, *context.columns], schema=schema)

    return selected
