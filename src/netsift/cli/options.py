"""Options that several commands share, each defined once: how captures are read and how flows are metered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.errors import UsageError
from netsift.files import refuse_unwritable

if TYPE_CHECKING:
    from netsift.sources.captures import CaptureSettings

STANDARD_STREAM: Final = Path("-")
"""Stands for standard input or standard output."""

_METER = "Flows"
_READING = "Reading"
_LEARNING = "Learning"

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        show_default=False,
        help="Captures (pcap, pcapng; plain, gzip or zstd), directories of them, flow files, or - for standard input.",
    ),
]
Stats = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", show_default=False, help="Write the counts as JSON to this file instead of printing a table."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table of counts.")]
Tunnels = Annotated[
    str,
    typer.Option(
        rich_help_panel=_READING,
        help="outer: meter packets as they are on the wire; inner: meter the innermost packet of a tunnel.",
    ),
]
Threads = Annotated[int, typer.Option(rich_help_panel=_READING, help="1, or 2 to read and meter side by side.")]
IdleTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", rich_help_panel=_METER, help="A flow ends after so long without a packet.")
]
ActiveTimeout = Annotated[
    float,
    typer.Option(metavar="SECONDS", rich_help_panel=_METER, help="A longer flow is written in parts of this length."),
]
TcpEnd = Annotated[
    bool, typer.Option("--tcp-end/--no-tcp-end", rich_help_panel=_METER, help="End TCP flows by FIN and RST.")
]
MaxFlows = Annotated[
    int,
    typer.Option(rich_help_panel=_METER, help="Live flows kept at most; the oldest are written early and counted."),
]
FirstPackets = Annotated[
    int, typer.Option(rich_help_panel=_METER, help="How many first packets keep their length and time.")
]
LearnerName = Annotated[
    str,
    typer.Option(
        "--learner", rich_help_panel=_LEARNING, help="guarded-forest, random-forest, extra-trees, lightgbm or logistic."
    ),
]
Trees = Annotated[
    int | None,
    typer.Option(min=1, max=2000, rich_help_panel=_LEARNING, show_default=False, help="Trees; the learner's default."),
]
Depth = Annotated[
    int | None,
    typer.Option(
        min=1, max=40, rich_help_panel=_LEARNING, show_default=False, help="Greatest depth of a tree; as above."
    ),
]
Tune = Annotated[
    int,
    typer.Option(
        min=0,
        max=1000,
        metavar="N",
        rich_help_panel=_LEARNING,
        help="Try so many settings on every training side, never on rows that are tested.",
    ),
]
ModelKey = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="NETSIFT_MODEL_KEY",
        metavar="PEM",
        show_default=False,
        help="Public key that the model must be signed with; see netsift model sign.",
    ),
]


def keep_apart(inputs: Sequence[str | Path], outputs: Sequence[Path | None]) -> None:
    """Refuse an output that would destroy an input or another output, and one that cannot be written, before any work.

    Raises UsageError for the first and OutputError for the second.
    """
    taken = {Path(name).resolve(): str(name) for name in inputs}
    for output in outputs:
        if output is None or output == STANDARD_STREAM or (output.exists() and not output.is_file()):
            continue
        other = taken.get(output.resolve())
        if other is not None:
            raise UsageError(f"{output} would overwrite {other}: name another output")
        taken[output.resolve()] = str(output)
        refuse_unwritable(output)


def capture_settings(
    *,
    tunnels: str,
    threads: int,
    idle_timeout: float,
    active_timeout: float,
    tcp_end: bool,
    max_flows: int,
    first_packets: int,
) -> CaptureSettings:
    """Return what the options of one command line ask for. Raises UsageError for a value outside its range."""
    from netsift.flows.settings import MeterSettings
    from netsift.sources.captures import CaptureSettings

    if tunnels not in ("outer", "inner"):
        raise UsageError(f"--tunnels must be outer or inner, not {tunnels!r}")
    meter = MeterSettings(
        idle_timeout_s=idle_timeout,
        active_timeout_s=active_timeout,
        tcp_end=tcp_end,
        max_flows=max_flows,
        first_packets=first_packets,
    )
    return CaptureSettings(meter=meter, inner_tunnels=tunnels == "inner", threads=threads)
