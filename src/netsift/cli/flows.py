"""``netsift flows``: packets in, one row per flow out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsift.cli.progress import announce_compilation, report_statistics, with_progress
from netsift.errors import UsageError

EXAMPLES = """
Turn captures into flow records with 149 columns (docs/features.md).

[bold]Examples[/bold]

  netsift flows capture.pcap -o flows.parquet

  netsift flows /var/captures/ -o flows.csv --columns cicflowmeter

  tcpdump -i eth0 -w - | netsift flows - --format jsonl

Exit status: 0 all read, 1 nothing could be read, 2 wrong arguments, 3 part of the input was damaged (rows are kept).
"""


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="flows", help=EXAMPLES)(flows)


def flows(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Captures (pcap, pcapng, gzip, zstd), directories, flow files or -.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; .csv, .jsonl, .arrow or .parquet. Default: standard output.")
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl, arrow or parquet; default by suffix, csv on standard output.")
    ] = None,
    columns: Annotated[
        str, typer.Option(help="netsift, cicflowmeter, cicflowmeter-2018, or column names with commas between.")
    ] = "netsift",
    stats: Annotated[Path | None, typer.Option(help="Write the counts as JSON to this file instead of a table.")] = None,
    tunnels: Annotated[str, typer.Option(help="outer: meter packets as they are; inner: meter what tunnels carry.")] = "outer",
    idle_timeout: Annotated[float, typer.Option(help="Seconds without a packet after which a flow ends.")] = 120.0,
    active_timeout: Annotated[float, typer.Option(help="Seconds after which a long flow is written and continued.")] = 3600.0,
    tcp_end: Annotated[bool, typer.Option("--tcp-end/--no-tcp-end", help="End TCP flows by FIN and RST.")] = True,
    max_flows: Annotated[int, typer.Option(help="Live flows kept at most; the oldest are written early and counted.")] = 1_000_000,
    first_packets: Annotated[int, typer.Option(help="How many first packets keep their length and time.")] = 20,
    threads: Annotated[int, typer.Option(help="1, or 2 to read and meter side by side.")] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table of counts.")] = False,
) -> None:
    """Read captures and write flows."""
    import pyarrow as pa

    from netsift.flows.columns import arrow_schema
    from netsift.flows.dialects import column_selection
    from netsift.flows.settings import MeterSettings
    from netsift.flows.write import FORMATS, flow_output, format_of
    from netsift.kernels.jit import mark_compiled
    from netsift.sources.captures import CaptureSettings
    from netsift.sources.flows import read_flows
    from netsift.sources.statistics import ReadStatistics

    if tunnels not in ("outer", "inner"):
        raise UsageError(f"--tunnels must be outer or inner, not {tunnels!r}")
    chosen = file_format or (format_of(output) if output else "csv")
    if chosen not in FORMATS.values():
        raise UsageError(f"--format must be one of {', '.join(sorted(set(FORMATS.values())))}, not {chosen!r}")
    select = column_selection(columns)
    meter = MeterSettings(
        idle_timeout_s=idle_timeout, active_timeout_s=active_timeout, tcp_end=tcp_end, max_flows=max_flows,
        first_packets=first_packets,
    )  # fmt: skip
    settings = CaptureSettings(meter=meter, inner_tunnels=tunnels == "inner", threads=threads)
    statistics = ReadStatistics()
    announce_compilation()
    schema = select(pa.RecordBatch.from_pylist([], schema=arrow_schema())).schema
    batches = with_progress(read_flows(inputs, settings, statistics), statistics, quiet=quiet)
    with flow_output(output, chosen, schema) as writer:
        for batch in batches:
            writer.write(select(batch))
    mark_compiled()
    report_statistics(statistics, stats, quiet=quiet)
    if statistics.flows == 0:
        typer.echo("netsift: no flows: the input holds no IP packet that could be metered", err=True)
    raise typer.Exit(statistics.exit_status())
