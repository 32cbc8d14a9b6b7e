"""``netsift feedback``: what a person says of an alert, kept for labels."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli.places import feedback_file, make_folder_of
from netsift.errors import UsageError

if TYPE_CHECKING:
    from netsift.alerts.feedback import Verdict

_LIST = "list"

HELP = """
Say of an alert or incident whether it is true, false, or right but benign; or list what was said.

The last verdict on an alert counts; one on an incident counts for each of its alerts. netsift label --feedback makes labelled flows of it, to train on.

[bold]Examples[/bold]

  netsift feedback 3f0c9a6b7d21e854 true --alerts alerts.jsonl

  netsift feedback 3f0c9a6b7d21e854 benign --alerts alerts.jsonl --note "backup of the mail server"

  netsift feedback list
"""  # noqa: E501 - paragraphs, wrapped by the terminal


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="feedback", help=HELP)(feedback)


def feedback(
    alert: Annotated[str, typer.Argument(metavar="ID|list", show_default=False, help="Id of an alert or incident.")],
    verdict: Annotated[
        str | None, typer.Argument(metavar="[true|false|benign]", show_default=False, help="What it is.")
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Alerts that netsift detect -o wrote.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="Why.")] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--feedback",
            metavar="FILE",
            show_default=False,
            help="File to append to; feedback.jsonl in the state folder.",
        ),
    ] = None,
) -> None:
    """Keep or list as :data:`HELP` says."""
    from netsift.alerts.feedback import Verdict

    path = file or feedback_file()
    if alert == _LIST:
        if verdict is not None or alerts is not None or note:
            raise UsageError("netsift feedback list takes no verdict, --alerts or --note")
        _print_all(path, must_exist=file is not None)
        return
    if verdict not in [one.value for one in Verdict]:
        raise UsageError(f"the verdict must be true, false or benign, not {verdict!r}")
    if alerts is None:
        raise UsageError("name the alerts with --alerts FILE, so that what the alert said is kept with the verdict")
    _append(path, alerts, alert, Verdict(verdict), note)


def _append(path: Path, alerts: Path, wanted: str, verdict: Verdict, note: str) -> None:
    from netsift.alerts.feedback import append_feedback, feedback_on
    from netsift.alerts.stored import named_alert, stored_alerts

    named, members = named_alert(partial(stored_alerts, alerts), wanted)
    said = feedback_on(named, members, verdict, datetime.now(UTC), note)
    make_folder_of(path)
    append_feedback(path, said)
    more = f", {len(members):,} alerts" if named.kind == "incident" else ""
    typer.echo(f"{named.id}{more}: {verdict.value}; in {path}")


def _print_all(path: Path, *, must_exist: bool) -> None:
    from netsift.alerts.feedback import read_feedback

    if not path.exists() and not must_exist:
        typer.echo(f"nothing was said yet in {path}", err=True)
        return
    for name, said in read_feedback(path).items():
        text = f"{said.alert.category}: {said.alert.reason}{f' ({said.note})' if said.note else ''}"
        shown = "".join(letter if letter.isprintable() else "?" for letter in text)
        typer.echo(f"{name}  {said.time:%Y-%m-%d %H:%M}  {said.verdict.value:6}  {shown}")
