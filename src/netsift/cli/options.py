"""Options that several commands share, each defined once: how captures are read and how flows are metered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

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
    """Refuse an output that would destroy or become an input, or destroy another output, or cannot be written.

    Every file below an input folder is read, whatever it is called, so an output there would be an input of the next
    run. Hidden files are not read. To be called before any work.

    Raises:
        UsageError: an output is not apart from the inputs and the other outputs.
        InputError: an input folder cannot be listed, or holds no files.
        OutputError: an output cannot be written.
    """
    folders = [Path(name) for name in inputs if Path(name) != STANDARD_STREAM and Path(name).is_dir()]
    taken = {Path(name).resolve(): str(name) for name in [*inputs, *_files_of(folders)]}
    for output in outputs:
        if output is None or output == STANDARD_STREAM or (output.exists() and not output.is_file()):
            continue
        other = taken.get(output.resolve())
        if other is not None:
            raise UsageError(f"{output} would overwrite {other}: name another output")
        _refuse_within(output, folders)
        taken[output.resolve()] = str(output)
        refuse_unwritable(output)


def _files_of(folders: Sequence[Path]) -> list[str]:
    if not folders:
        return []
    from netsift.capture.streams import expand_inputs

    return expand_inputs([str(folder) for folder in folders])


def _refuse_within(output: Path, folders: Sequence[Path]) -> None:
    """Raise UsageError for a file that is not hidden below one of the folders."""
    for folder in folders:
        if folder.resolve() in output.resolve().parents and not output.name.startswith("."):
            raise UsageError(
                f"{output} is in the input folder {folder}, of which every file is read: name another output"
            )


def capture_settings(
    *,
    tunnels: Tunnels = "outer",
    threads: Threads = 2,
    idle_timeout: IdleTimeout = 120.0,
    active_timeout: ActiveTimeout = 3600.0,
    tcp_end: TcpEnd = True,
    max_flows: MaxFlows = 1_000_000,
    first_packets: FirstPackets = 20,
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


def reads_captures(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :func:`capture_settings`; it gets what they ask for as its ``settings``."""
    return with_options(command, "settings", capture_settings)


def with_options(command: Callable[..., None], argument: str, made_by: Callable[..., Any]) -> Callable[..., None]:
    """Give a command the options that are the parameters of ``made_by``; it gets what that returns as an argument.

    The options take the place of that argument, so they are written down once for all commands.
    """

    def run(**arguments: Any) -> None:
        chosen = {name: arguments.pop(name) for name in shared}
        command(**{argument: made_by(**chosen)}, **arguments)

    shared = _parameters(made_by)
    own = _parameters(command)
    del own[argument]
    parameters = [*own.values(), *shared.values()]
    run.__doc__ = command.__doc__
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return a function's parameters with their annotations evaluated; all are passed by name."""
    made = dict.fromkeys(("CaptureOptions", "CaptureSettings", "LiveSettings", "Scope", "Suppression"), object)
    hints = get_type_hints(function, localns=made, include_extras=True)
    return {
        one.name: one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(function).parameters.values()
    }
