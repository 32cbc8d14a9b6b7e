"""The ``netsift`` program: one file per command, one place where errors become sentences and exit statuses.

Command modules import only light things at the top; what reads packets or trains models is imported when the command
runs, so that ``netsift --help`` stays instant and loads no kernel.
"""

from __future__ import annotations

import os
import sys

import typer

from netsift.cli import detect, flows, label, simulate, train, warmup
from netsift.errors import ExitStatus, NetsiftError

application = typer.Typer(
    name="netsift",
    help="Find attacks and anomalies in network traffic: from packets to flows to scores to explained findings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (flows, detect, train, label, simulate, warmup):
    module.register(application)


def main() -> None:
    """Run the program; the one place where an error of any command becomes a sentence and an exit status."""
    try:
        application()
    except NetsiftError as error:
        _fail(str(error), error.exit_status)
    except BrokenPipeError:
        # The reader of our output went away (`netsift flows x | head`): not an error, and there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitStatus.OK)
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", ExitStatus.NOTHING_READ)
    except KeyboardInterrupt:
        _fail("interrupted", ExitStatus.INTERRUPTED)


def _fail(message: str, status: ExitStatus) -> None:
    typer.echo(f"netsift: {message}", err=True)
    sys.exit(status)
