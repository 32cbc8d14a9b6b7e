"""``netsift config``: whether the configuration is right, and where each value of it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.errors import UsageError

if TYPE_CHECKING:
    from netsift.config import Loaded

HELP = """
Check the configuration: a TOML file, the environment, --set, the later the stronger.

[bold]Examples[/bold]

  netsift config check

  NETSIFT_STORE__FLOW_DAYS=7 netsift config check --config netsift.toml --dump

Exit status: 0 all is right; 1 a file cannot be read; 2 a name is none, or a value makes no sense.
"""

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", show_default=False,
        help="The file; NETSIFT_CONFIG's, ~/.config/netsift/netsift.toml or /etc/netsift/netsift.toml unless given.",
    ),
]  # fmt: skip
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", show_default=False, help="A value for this run; repeatable."),
]


def register(application: typer.Typer) -> None:
    """Add the commands to the program."""
    commands = typer.Typer(name="config", help="Check the configuration.", no_args_is_help=True)
    commands.callback()(lambda: None)
    commands.command(name="check", help=HELP)(check)
    application.add_typer(commands)


def check(
    config: ConfigFile = None,
    changes: Changes = None,
    dump: Annotated[bool, typer.Option("--dump", help="Show every value and where it came from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Show them as JSON.")] = False,
) -> None:
    """Check as :data:`HELP` says."""
    loaded = loaded_configuration(config, changes)
    if as_json:
        values = {one.name: {"value": one.shown, "origin": one.origin} for one in loaded.values}
        typer.echo(json.dumps(values, indent=2))
    elif dump:
        width = max(len(one.name) for one in loaded.values)
        shown = [json.dumps(one.shown) for one in loaded.values]
        widest = max(map(len, shown))
        for one, text in zip(loaded.values, shown, strict=True):
            typer.echo(f"{one.name:{width}}  {text:{widest}}  {one.origin}")
    else:
        given = sum(one.origin != "default" for one in loaded.values)
        typer.echo(f"{loaded.file or 'no file'}: right; {given} of {len(loaded.values)} values differ from the default")


def loaded_configuration(config: Path | None, changes: list[str] | None) -> Loaded:
    """Return the configuration of a command line. Raises UsageError, InputError."""
    from netsift.config import load

    flags: dict[str, str] = {}
    for change in changes or ():
        name, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: is not of the form NAME=VALUE")
        flags[name.strip()] = value
    return load(config, flags)
