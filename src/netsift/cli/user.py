"""``netsift user`` and ``netsift token``: who may log in, and which programs may ask."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.cli.serve import Config, Data
from netsift.errors import InputError

if TYPE_CHECKING:
    from netsift.store.opening import Store

PASSWORD_VARIABLE: Final = "NETSIFT_PASSWORD_FILE"

HELP: Final = "Users of netsift serve: who may log in, and to do what."
TOKEN_HELP: Final = "Tokens of the API: what programs show instead of a name and a password."
ADD_HELP: Final = f"""
Add a user. The password is asked for, or read from standard input or the file that {PASSWORD_VARIABLE} names.

[bold]Examples[/bold]

  netsift user add anna

  netsift user add reader --scope read < password.txt
"""
CREATE_HELP: Final = """
Make a token and print it, once: nobody can show it again.

[bold]Examples[/bold]

  netsift token create sensor-7 --scope ingest --days 90

  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/api/v1/incidents
"""

Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", show_default=False, help="read, ingest or admin; repeatable."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def register(application: typer.Typer) -> None:
    """Add the commands to the program."""
    users = typer.Typer(help=HELP, no_args_is_help=True)
    users.command(name="add", help=ADD_HELP)(add)
    users.command(name="list")(list_users)
    users.command(name="password")(password)
    users.command(name="remove")(remove)
    application.add_typer(users, name="user")
    tokens = typer.Typer(help=TOKEN_HELP, no_args_is_help=True)
    tokens.command(name="create", help=CREATE_HELP)(create)
    tokens.command(name="list")(list_tokens)
    tokens.command(name="revoke")(revoke)
    application.add_typer(tokens, name="token")


def add(name: Name, scope: Scopes = None, data: Data = None, config: Config = None) -> None:
    """Add as :data:`ADD_HELP` says."""
    secret = _password()
    with _opened(data, config) as store:
        user = store.users.add(name, secret, scope or ["admin"])
        store.audit.record(_operator(), "add user", name, detail={"scopes": sorted(user.scopes)})
    typer.echo(f"{name} may log in: {', '.join(sorted(user.scopes))}", err=True)


def list_users(data: Data = None, config: Config = None) -> None:
    """List the users."""
    with _opened(data, config) as store:
        for user in store.users.every():
            seen = user.last_login.isoformat(timespec="seconds") if user.last_login else "never"
            typer.echo(f"{user.name}\t{' '.join(sorted(user.scopes))}\tlast login {seen}")


def password(name: Name, data: Data = None, config: Config = None) -> None:
    """Give a user another password; all sessions end."""
    secret = _password()
    with _opened(data, config) as store:
        store.users.set_password(name, secret)
        store.audit.record(_operator(), "set password", name)


def remove(name: Name, data: Data = None, config: Config = None) -> None:
    """Remove a user and the tokens that he owns."""
    with _opened(data, config) as store:
        store.users.remove(name)
        store.audit.record(_operator(), "remove user", name)


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="What uses it.")],
    scope: Scopes = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is valid.")] = 365,
    data: Data = None,
    config: Config = None,
) -> None:
    """Create as :data:`CREATE_HELP` says."""
    with _opened(data, config) as store:
        secret, token = store.tokens.create(name, scope or ["read"], lifetime=timedelta(days=days))
        store.audit.record(_operator(), "create token", token.id, detail={"name": name})
    typer.echo(f"token {token.id}: {', '.join(sorted(token.scopes))}, for {days} days", err=True)
    typer.echo(secret)


def list_tokens(data: Data = None, config: Config = None) -> None:
    """List the tokens, not their secrets."""
    with _opened(data, config) as store:
        for token in store.tokens.every():
            ends = token.expires.date().isoformat() if token.expires else "never"
            state = "revoked" if token.revoked else f"valid until {ends}"
            typer.echo(f"{token.id}\t{token.name}\t{' '.join(sorted(token.scopes))}\t{state}")


def revoke(
    identifier: Annotated[str, typer.Argument(metavar="ID", show_default=False)],
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token useless from now on."""
    with _opened(data, config) as store:
        store.tokens.revoke(identifier)
        store.audit.record(_operator(), "revoke token", identifier)


def _opened(data: Path | None, config: Path | None) -> Store:
    from netsift.config import load
    from netsift.store.opening import open_store

    loaded = load(config, {"store.data": None if data is None else str(data)})
    return open_store(loaded.configuration.store.database_url)


def _password() -> str:
    named = os.environ.get(PASSWORD_VARIABLE)
    if named:
        try:
            return Path(named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{PASSWORD_VARIABLE}: {named} cannot be read: {error}") from None
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _operator() -> str:
    return f"command line {os.environ.get('SUDO_USER') or os.environ.get('USER') or ''}".strip()
