"""The table of what was found, and one incident or alert in full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from netsift.alerts.schema import SEVERITIES, Alert
from netsift.store.alerts import StoredAlert
from netsift.web.api.alerts import CATEGORIES, AlertQuery, stored
from netsift.web.errors import Refusal
from netsift.web.evidence import has_evidence
from netsift.web.services import services

blueprint = APIBlueprint("alerts_pages", __name__, enable_openapi=False)

COLUMNS: Final = (
    ("weight", "Severity"), ("category", "What"), ("", "Who"), ("flows", "Flows"), ("start", "Began"),
    ("last_seen", "Last seen"),
)  # fmt: skip
"""Columns of the table: what they are sorted by, if anything, and their heads."""

MOST_HOSTS: Final = 8
"""Hosts drawn on each side of an incident; the others are counted."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Sources and targets of an incident as they are drawn, and how many more there are."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    more_sources: int
    more_targets: int


@blueprint.get("/alerts")
def alerts() -> str:
    """Show a page of incidents, or of single alerts; filter and order are in the address."""
    kind: Literal["alert", "incident"] = "alert" if request.args.get("kind") == "alert" else "incident"
    query = _query()
    store = services().store.alerts
    page = store.find(query.wanted(kind), query.sort, query.cursor, query.limit)
    counts = store.counts(query.wanted(kind))
    return render_template(
        "alerts.html",
        kind=kind,
        query=query,
        rows=page.rows,
        next_page=_address(cursor=page.cursor) if page.cursor else None,
        first_page=_address(cursor=None) if query.cursor else None,
        counts=counts,
        columns=[(head, _sorted_by(name, query), _direction(name, query)) for name, head in COLUMNS],
        severities=SEVERITIES,
        categories=CATEGORIES,
        filtered=any(request.args.get(name) for name in AlertQuery.model_fields if name not in ("sort", "cursor")),
    )


@blueprint.get("/incidents/<identifier>")
def incident(identifier: str) -> ResponseReturnValue:
    """Show an incident: who, when, why, how sure, its flows, and what can be done."""
    found = stored(identifier)
    if found.alert.kind != "incident":
        return redirect(f"/alerts/{identifier}")
    members = services().store.alerts.members(identifier)
    return _shown(found, members)


@blueprint.get("/alerts/<identifier>")
def alert(identifier: str) -> ResponseReturnValue:
    """Show a single alert in the same way."""
    found = stored(identifier)
    if found.alert.kind == "incident":
        return redirect(f"/incidents/{identifier}")
    return _shown(found, [found])


def _shown(found: StoredAlert, members: list[StoredAlert]) -> str:
    store = services().store
    return render_template(
        "incident.html",
        found=found,
        alert=found.alert,
        members=members,
        columns=_columns(members),
        relation=relation(found.alert),
        said=store.feedback.of(found.alert.id),
        incidents=store.alerts.incidents(found.alert.id) if found.alert.kind == "alert" else [],
        has_evidence=has_evidence(found),
        timeline=_timeline(members),
    )


def relation(found: Alert) -> Relation:
    """Return which hosts are drawn."""
    sources, targets = found.sources, found.targets
    return Relation(
        sources[:MOST_HOSTS],
        targets[:MOST_HOSTS],
        max(len(sources) - MOST_HOSTS, 0),
        max(len(targets) - MOST_HOSTS, 0),
    )


def _columns(members: Iterable[StoredAlert]) -> list[Any]:
    """Return each column that was named as a reason once, of the alert that is surest."""
    named: dict[str, Any] = {}
    for member in sorted(members, key=lambda one: -one.alert.weight):
        for column in member.alert.columns:
            named.setdefault(column.column, column)
    return list(named.values())


def _timeline(members: list[StoredAlert]) -> list[tuple[StoredAlert, float, float]]:
    """Return each alert with where its bar begins and how long it is, as shares of the incident's time."""
    begins = min(one.alert.start_ns for one in members) if members else 0
    ends = max((one.alert.end_ns for one in members), default=0)
    whole = max(ends - begins, 1)
    return [
        (one, (one.alert.start_ns - begins) / whole, max((one.alert.end_ns - one.alert.start_ns) / whole, 0.004))
        for one in members
    ]


def _query() -> AlertQuery:
    known = {name: value for name, value in request.args.items() if name in AlertQuery.model_fields}
    for name in ("severity", "category", "verdict"):
        if name in known:
            known[name] = ",".join(word for word in request.args.getlist(name) if word)
    try:
        return AlertQuery.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refusal(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _address(**changes: str | None) -> str:
    """Return the present address with some of its query changed; None takes away."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in changes and value]
    kept += [(name, value) for name, value in changes.items() if value is not None]
    return f"/alerts?{urlencode(kept)}"


def _sorted_by(name: str, query: AlertQuery) -> str | None:
    """Return the address of the table sorted by a column, the other way round where it is so already."""
    if not name:
        return None
    return _address(sort=name if query.sort.value == f"-{name}" else f"-{name}", cursor=None)


def _direction(name: str, query: AlertQuery) -> str | None:
    if not name or query.sort.value.removeprefix("-") != name:
        return None
    return "descending" if query.sort.descending else "ascending"
