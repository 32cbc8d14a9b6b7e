"""Flows by time with facets, and who talks to whom."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import render_template, request
from pydantic import ValidationError

from netsift.errors import StoreError, UsageError
from netsift.web.api.flows import FlowPageQuery
from netsift.web.errors import Refusal
from netsift.web.services import services

blueprint = APIBlueprint("explore", __name__, enable_openapi=False)

COLUMNS = (
    ("start", "Began"), ("", "Source"), ("", "Target"), ("", "Protocol"), ("", "State"), ("duration", "Duration"),
    ("packets", "Packets"), ("bytes", "Bytes"),
)  # fmt: skip
"""Columns of the table: what they are sorted by, if anything, and their heads."""

_FACETS = {
    "protocol": ("Protocol", "protocol"),
    "dst_port": ("Target port", "target_port"),
    "conn_state": ("State", "state"),
    "src_ip": ("Source", "source"),
    "dst_ip": ("Target", "target"),
}
"""Facets that are shown: what they are called, and the field of the filter that asks for a value."""


@blueprint.get("/explore")
def explore() -> str:
    """Show the flows of a filter, which is in the address."""
    query = _query()
    wanted, flows = query.wanted(), services().flows
    try:
        page = flows.find(wanted, query.sort, query.cursor, query.limit)
        totals = flows.totals(wanted)
        facets = flows.facets(wanted, tuple(_FACETS), 8) if totals.flows else {}
        talkers = flows.talkers(wanted, 12) if totals.flows else []
    except StoreError as error:
        raise Refusal(503, str(error)) from None
    except UsageError as error:
        raise Refusal(400, str(error)) from None
    return render_template(
        "explore.html",
        query=query,
        rows=page.rows,
        totals=totals,
        facets=[(*_FACETS[name], values) for name, values in facets.items()],
        talkers=talkers,
        most_bytes=max((one.bytes_forward + one.bytes_backward for one in talkers), default=1),
        columns=[(head, _sorted_by(name, query), _direction(name, query)) for name, head in COLUMNS],
        next_page=address(cursor=page.cursor) if page.cursor else None,
        first_page=address(cursor=None) if query.cursor else None,
        series=f"/api/v1/flows/series?{urlencode(_of_filter())}",
        address=address,
        filtered=bool(_of_filter()),
    )


def address(**changes: Any) -> str:
    """Return the present address with some of its query changed; None takes away."""
    kept = {name: value for name, value in request.args.items() if name not in changes and value}
    kept |= {name: str(value) for name, value in changes.items() if value is not None}
    if "cursor" not in changes:
        kept.pop("cursor", None)
    return f"/explore?{urlencode(kept)}"


def _of_filter() -> dict[str, str]:
    asked = request.args.items()
    return {name: value for name, value in asked if value and name not in ("sort", "cursor", "limit")}


def _query() -> FlowPageQuery:
    try:
        return FlowPageQuery.model_validate({name: value for name, value in request.args.items() if value})
    except ValidationError as error:
        first = error.errors()[0]
        raise Refusal(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _sorted_by(name: str, query: FlowPageQuery) -> str | None:
    if not name:
        return None
    return address(sort=name if query.sort.value == f"-{name}" else f"-{name}")


def _direction(name: str, query: FlowPageQuery) -> str | None:
    if not name or query.sort.value.removeprefix("-") != name:
        return None
    return "descending" if query.sort.descending else "ascending"
