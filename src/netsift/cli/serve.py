"""``netsift serve``: the pages and the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from netsift.cli.places import data_folder
from netsift.errors import UsageError

HELP: Final = """
Serve the pages and the API: incidents and why, captures that are dropped in, single flows, models.

Without users, only programs on this machine can reach it, and need not log in. Any other address needs a user (netsift user add) or a token first, and a proxy in front that speaks HTTPS (--behind-tls). On a fresh machine, simulated traffic is looked at, so that no page is blank.

[bold]Examples[/bold]

  netsift serve

  netsift serve --port 8080 --data /var/lib/netsift --no-demonstration

  netsift user add anna --data /var/lib/netsift && netsift serve --host 0.0.0.0 --allowed-host sensor.example --behind-tls --data /var/lib/netsift

Exit status: 0 ended by a signal, 1 the address or the data cannot be used, 2 wrong arguments.
"""  # noqa: E501 - paragraphs, wrapped by the terminal

_MEBIBYTE: Final = 1 << 20

Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", show_default=False, help="Folder of all that is kept; the user's own unless given."),
]
Database = Annotated[
    str,
    typer.Option(
        envvar="NETSIFT_DATABASE", metavar="URL", show_default=False, show_envvar=True,
        help="Alert database: postgresql://USER@HOST/NAME; a file in the folder unless given.",
    ),
]  # fmt: skip


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="serve", help=HELP)(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 5000,
    data: Data = None,
    database: Database = "",
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Model; the packaged one unless given."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", show_default=False, help="A name by which browsers ask for it; repeatable."),
    ] = None,
    behind_tls: Annotated[bool, typer.Option("--behind-tls", help="A proxy in front speaks HTTPS.")] = False,
    demonstration: Annotated[bool, typer.Option(help="Look at simulated traffic on a fresh machine.")] = True,
    upload_mib: Annotated[int, typer.Option(min=1, help="Size of one upload at most, MiB.")] = 4_096,
    quota_mib: Annotated[int, typer.Option(min=1, help="Size of all uploads at most, MiB.")] = 20_480,
    job_memory_mib: Annotated[int, typer.Option(min=512, help="Memory of the process that looks at one, MiB.")] = 4_096,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Files that are looked at side by side.")] = 1,
) -> None:
    """Serve as :data:`HELP` says."""
    needs_web()
    from netsift.web.serving import serve as run
    from netsift.web.settings import WebSettings

    settings = WebSettings(
        host=host, port=port, data=(data or data_folder()).absolute(), database=database, model=model,
        allowed_hosts=tuple(allowed_host or ()), behind_tls=behind_tls, demonstration=demonstration,
        most_upload_bytes=upload_mib * _MEBIBYTE, upload_quota_bytes=quota_mib * _MEBIBYTE,
        job_memory_bytes=job_memory_mib * _MEBIBYTE, jobs_at_once=jobs,
    )  # fmt: skip
    run(settings, _say)


def needs_web() -> None:
    """Raise UsageError where the packages of the web pages are not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("apiflask", "flask_login", "plotly", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise UsageError(f"this needs the Python package {missing[0]}: pip install 'netsift[web]'")


def _say(address: str) -> None:
    typer.echo(f"netsift: {address}  (Ctrl-C ends it)", err=True)
