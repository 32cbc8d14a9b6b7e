"""The ``netsift`` program: one file per command, one place where errors become sentences and exit statuses.

Command modules import only light things at the top; what reads packets or trains models is imported when the command
runs, so that ``netsift --help`` stays instant and loads no kernel.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any

import typer
import typer.core

from netsift import __version__
from netsift.cli import (
    config,
    data,
    detect,
    drift,
    evaluate,
    evidence,
    feedback,
    flows,
    label,
    learn,
    model,
    report,
    simulate,
    suppress,
    train,
    warmup,
    watch,
)
from netsift.errors import ExitStatus, NetsiftError


class Program(typer.core.TyperGroup):
    """All commands; ends rightly when somebody stops it or stops listening, where Typer would say failure."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output went away (`netsift flows x | head`): not an error, and there is nobody to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitStatus.OK) from None
        except KeyboardInterrupt:
            typer.echo("netsift: interrupted", err=True)
            raise typer.Exit(ExitStatus.INTERRUPTED) from None


application = typer.Typer(
    cls=Program,
    name="netsift",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (
    flows,
    detect,
    watch,
    learn,
    suppress,
    feedback,
    evidence,
    drift,
    train,
    evaluate,
    report,
    label,
    data,
    model,
    config,
    simulate,
    warmup,
):
    module.register(application)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"netsift {__version__}")
        raise typer.Exit(ExitStatus.OK)


@application.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find attacks and anomalies in network traffic: from packets to flows to scores to explained findings."""


def main() -> None:
    """Run the program; the one place where an error of any command becomes a sentence and an exit status."""
    # A service manager or `timeout` ends programs so; leaving by an exception removes files that are half written.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitStatus.TERMINATED))
    try:
        application()
    except NetsiftError as error:
        _fail(str(error), error.exit_status)
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", ExitStatus.NOTHING_READ)


def _fail(message: str, status: ExitStatus) -> None:
    typer.echo(f"netsift: {message}", err=True)
    sys.exit(status)
