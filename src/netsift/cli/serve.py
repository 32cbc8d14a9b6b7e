"""``netsift serve``: the pages and the API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from netsift.errors import UsageError

if TYPE_CHECKING:
    from netsift.config import Loaded
    from netsift.web.settings import WebSettings

HELP: Final = """
Serve the pages and the API: incidents and why, captures that are dropped in, single flows, models.

Without users, only programs on this machine can reach it, and need not log in. Any other address needs a user (netsift user add) or a token first, and a proxy in front that speaks HTTPS (--behind-tls). On a fresh machine, simulated traffic is looked at, so that no page is blank. Limits and everything else are in the configuration (netsift config check --dump).

[bold]Examples[/bold]

  netsift serve

  netsift serve --port 8080 --data /var/lib/netsift --no-demonstration

  netsift user add anna --data /var/lib/netsift && netsift serve --host 0.0.0.0 --allowed-host sensor.example --behind-tls --data /var/lib/netsift

Exit status: 0 ended by a signal, 1 the address or the data cannot be used, 2 wrong arguments.
"""  # noqa: E501 - paragraphs, wrapped by the terminal

Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", show_default=False, help="Configuration; the user's own unless given."),
]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", show_default=False, help="Folder of all that is kept (store.data).")
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host", metavar="NAME", show_default=False, help="A name by which browsers ask for it; repeatable."
    ),
]


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="serve", help=HELP)(serve)


def serve(
    host: Annotated[str | None, typer.Option(show_default="127.0.0.1", help="Address to listen at.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, show_default="5000", help="Port; 0 takes a free one.")
    ] = None,
    data: Data = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Model; the packaged one unless given.")
    ] = None,
    allowed_host: AllowedHosts = None,
    behind_tls: Annotated[
        bool, typer.Option("--behind-tls", show_default=False, help="A proxy in front speaks HTTPS.")
    ] = False,
    demonstration: Annotated[
        bool | None, typer.Option(show_default=False, help="Look at simulated traffic on a fresh machine, or not.")
    ] = None,
    config: Config = None,
) -> None:
    """Serve as :data:`HELP` says."""
    needs_web()
    from netsift.config import load
    from netsift.web.serving import serve as run

    flags: dict[str, Any] = {
        "web.host": host,
        "web.port": port,
        "web.allowed_hosts": allowed_host or None,
        "web.behind_tls": behind_tls or None,
        "web.demonstration": demonstration,
        "store.data": None if data is None else str(data),
        "detection.model": None if model is None else str(model),
    }
    run(settings_of(load(config, flags)), _say)


def settings_of(loaded: Loaded) -> WebSettings:
    """Return the settings of a server from the configuration in force."""
    from netsift.web.settings import WebSettings

    values = loaded.configuration
    secret = values.store.database
    return WebSettings(
        **values.web.model_dump(),
        data=values.store.folder.absolute(),
        database="" if secret is None else secret.get_secret_value(),
        model=values.detection.model,
        false_positive_rate=values.detection.false_positive_rate,
        flow_days=values.store.flow_days,
        flow_bytes=values.store.flow_bytes,
        alert_days=values.store.alert_days,
        audit_days=values.store.audit_days,
        shown=tuple((one.name, "" if one.shown is None else str(one.shown), one.origin) for one in loaded.values),
    )


def needs_web() -> None:
    """Raise UsageError where the packages of the web pages are not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("apiflask", "flask_login", "plotly", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise UsageError(f"this needs the Python package {missing[0]}: pip install 'netsift[web]'")


def _say(address: str) -> None:
    typer.echo(f"netsift: {address}  (Ctrl-C ends it)", err=True)
