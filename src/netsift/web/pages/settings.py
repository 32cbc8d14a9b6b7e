"""What is in force and where it came from, who may log in, which rules hide alerts, and help."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apiflask import APIBlueprint
from flask import current_app, render_template

from netsift.alerts.suppression import Scope as RuleScope
from netsift.store.scopes import Scope
from netsift.web.identity import identity, is_open
from netsift.web.openapi import specification_of
from netsift.web.services import services
from netsift.web.status import present_status

blueprint = APIBlueprint("settings", __name__, enable_openapi=False)

MOST_ENTRIES = 20


@blueprint.get("/settings")
def settings() -> str:
    """Show settings and help."""
    asking = identity()
    is_admin = asking is not None and asking.may(Scope.ADMIN)
    store = services().store
    return render_template(
        "settings.html",
        shown=services().settings.shown if is_admin else (),
        is_admin=is_admin,
        is_open=is_open(),
        users=store.users.every() if is_admin else [],
        tokens=store.tokens.every() if is_admin else [],
        audit=store.audit.find(limit=MOST_ENTRIES).rows if is_admin else [],
        receivers=_receivers() if is_admin else (),
        rules=[(one, RuleScope.words(one.rule)) for one in store.suppressions.every()],
        now=datetime.now(UTC),
    )


def _receivers() -> list[tuple[str, dict[str, Any]]]:
    return [(one["name"], receiver) for one in present_status()["sensors"] for receiver in one["receivers"]]


@blueprint.get("/help")
def help_page() -> str:
    """Show every operation of the API."""
    described = specification_of(current_app)
    return render_template("help.html", groups=_by_tag(described), described=described)


def _by_tag(described: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["Other"])[0]
            groups.setdefault(tag, []).append((method.upper(), path, operation))
    return groups
