"""``netsift suppress``: rules that hide alerts, each tested against past alerts before it is saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli.options import with_options
from netsift.cli.places import make_folder_of, suppressions_file
from netsift.cli.progress import counted
from netsift.errors import InputError, UsageError

if TYPE_CHECKING:
    from netsift.alerts.schema import Alert
    from netsift.alerts.suppression import Effect, Rule, Scope

_SCOPE = "What it hides: all that is named must hold for all of an alert"

RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        show_default=False,
        help="File of rules; suppressions.json in the configuration folder unless given.",
    ),
]
PastAlerts = Annotated[
    Path | None,
    typer.Option("--alerts", metavar="FILE", show_default=False, help="Past alerts, as netsift detect -o wrote them."),
]


def register(application: typer.Typer) -> None:
    """Add the commands to the program."""
    commands = typer.Typer(
        name="suppress", help="Hide alerts that are known, with a reason and an end.", no_args_is_help=True
    )
    commands.command(name="add")(with_options(add, "scope", scope_options))
    commands.command(name="list")(show)
    commands.command(name="test")(with_options(try_out, "scope", scope_options))
    commands.command(name="remove")(remove)
    application.add_typer(commands)


def scope_options(
    *,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK", rich_help_panel=_SCOPE, help="Address or network of sources; repeatable."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK", rich_help_panel=_SCOPE, help="Address or network of targets; repeatable."),
    ] = None,
    port: Annotated[list[int] | None, typer.Option(rich_help_panel=_SCOPE, help="Target port; repeatable.")] = None,
    category: Annotated[
        list[str] | None, typer.Option(rich_help_panel=_SCOPE, help="scan, brute_force, ...; repeatable.")
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(rich_help_panel=_SCOPE, help="Name of a detector; repeatable.")
    ] = None,
    begins: Annotated[
        datetime | None, typer.Option("--from", rich_help_panel=_SCOPE, help="Alerts from this time on, UTC.")
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--to", rich_help_panel=_SCOPE, help="Alerts before this time, UTC.")
    ] = None,
    weekday: Annotated[
        list[str] | None, typer.Option(metavar="DAY", rich_help_panel=_SCOPE, help="mon, tue, ...; repeatable.")
    ] = None,
    hours: Annotated[
        str | None, typer.Option(metavar="FROM-TO", rich_help_panel=_SCOPE, help="Time of day, such as 22:00-06:00.")
    ] = None,
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", rich_help_panel=_SCOPE, help="Zone of --weekday and --hours: Europe/Prague.")
    ] = "UTC",
) -> Scope:
    """Return the scope that the options of one command line name. Raises UsageError for what makes no sense."""
    from netsift.alerts.suppression import scope_of

    return scope_of(
        source=source or [],
        target=target or [],
        port=port or [],
        category=category or [],
        detector=detector or [],
        begins=begins and begins.replace(tzinfo=UTC),
        ends=ends and ends.replace(tzinfo=UTC),
        weekdays=weekday or [],
        hours=hours,
        time_zone=time_zone,
    )


def add(
    scope: Scope,
    reason: Annotated[str, typer.Option(help="Why these alerts need nobody's attention.", show_default=False)],
    days: Annotated[int, typer.Option(help="The rule expires after so many days.")] = 30,
    alerts: PastAlerts = None,
    yes: Annotated[bool, typer.Option("--yes", help="Save it without past alerts to test it on.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Save it though it hides everything, or what is high or critical.")
    ] = False,
    rules: RulesFile = None,
) -> None:
    """Save a rule, after showing what it would have hidden in past alerts."""
    from netsift.alerts.suppression import matcher, new_rule, write_rules

    path = rules or suppressions_file()
    rule = new_rule(scope, reason, datetime.now(UTC), days)
    before = stored_rules(path) if path.exists() else []
    same = next((one for one in before if one.content() == rule.content() and one.expires > rule.created), None)
    if same is not None:
        raise UsageError(f"rule {same.id} hides the same already")
    if alerts is None and not yes:
        raise UsageError("name past alerts to test the rule on with --alerts FILE, or save it untested with --yes")
    if alerts is not None:
        objections = _print_effect(_effect(matcher(scope), alerts), alerts).objections()
        if objections and not force:
            raise UsageError(f"not saved, because {' and '.join(objections)}: --force saves it")
    make_folder_of(path)
    write_rules(path, [*before, rule])
    typer.echo(f"{rule.id}: {rule.words()}; until {rule.expires:%Y-%m-%d %H:%M} UTC; in {path}")


def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print the rules as JSON.")] = False, rules: RulesFile = None
) -> None:
    """List the rules, those that have expired too."""
    path = rules or suppressions_file()
    stored = stored_rules(path) if path.exists() or rules is not None else []
    if as_json:
        typer.echo(json.dumps([{"id": one.id} | json.loads(one.model_dump_json(by_alias=True)) for one in stored]))
        return
    now = datetime.now(UTC)
    for one in stored:
        state = "expired" if one.expires <= now else "until"
        typer.echo(f"{one.id}  {state} {one.expires:%Y-%m-%d}  {_printable(one.words())}: {_printable(one.reason)}")
    if not stored:
        typer.echo(f"there are no rules in {path}", err=True)


def try_out(
    scope: Scope,
    alerts: Annotated[
        Path, typer.Option(metavar="FILE", show_default=False, help="Past alerts, as netsift detect -o wrote them.")
    ],
    rule: Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False, help="A saved rule.")] = None,
    rules: RulesFile = None,
) -> None:
    """Show what a rule would have hidden in past alerts: a saved one, the one that options name, or all saved ones."""
    from netsift.alerts.suppression import matcher

    if scope.content():
        if rule is not None:
            raise UsageError(f"name either the saved rule {rule} or what a rule would hide, not both")
        _print_effect(_effect(matcher(scope), alerts), alerts)
        return
    stored = stored_rules(rules or suppressions_file())
    for one in stored if rule is None else [_named(stored, rule)]:
        typer.echo(f"{one.id}: {_printable(one.words())}")
        _print_effect(_effect(one.hides, alerts), alerts)


def remove(
    rule: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Id of the rule.")],
    rules: RulesFile = None,
) -> None:
    """Remove a rule, so that what it hid is shown again."""
    from netsift.alerts.suppression import write_rules

    path = rules or suppressions_file()
    stored = stored_rules(path)
    gone = _named(stored, rule)
    write_rules(path, [one for one in stored if one is not gone])
    typer.echo(f"removed {gone.id}: {_printable(gone.words())}")


def stored_rules(path: Path) -> list[Rule]:
    """Return the rules of a file. Raises InputError when it cannot be read."""
    from netsift.alerts.suppression import read_rules

    return read_rules(path)


def _named(rules: Sequence[Rule], wanted: str) -> Rule:
    found = next((rule for rule in rules if rule.id == wanted), None)
    if found is None:
        raise InputError(f"there is no rule {_printable(wanted)}: netsift suppress list names them")
    return found


def _effect(hides: Callable[[Alert], bool], alerts: Path) -> Effect:
    from netsift.alerts.stored import stored_alerts
    from netsift.alerts.suppression import effect_on

    return effect_on(hides, partial(stored_alerts, alerts))


def _print_effect(effect: Effect, alerts: Path) -> Effect:
    """Print what would have been hidden, and return it."""
    from netsift.alerts.schema import utc_text

    kinds = ", ".join(f"{name} {count:,}" for name, count in effect.categories.most_common())
    typer.echo(
        f"hides {effect.hidden:,} of {counted(effect.alerts, 'alert')} in {alerts}{f' ({kinds})' if kinds else ''}; of "
        f"{counted(effect.incidents, 'incident')} {effect.incidents_gone:,} would be gone and "
        f"{effect.incidents_smaller:,} smaller"
    )
    if effect.hidden_before:
        typer.echo(f"{counted(effect.hidden_before, 'more alert')} there had been hidden already")
    for alert in effect.examples:
        when = utc_text(alert.start_ns).split(".")[0]
        typer.echo(f"  {alert.id}  {when}  {alert.severity}  {_printable(alert.category)}: {_printable(alert.reason)}")
    if effect.hidden > len(effect.examples):
        typer.echo(f"  and {effect.hidden - len(effect.examples):,} more")
    return effect


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
