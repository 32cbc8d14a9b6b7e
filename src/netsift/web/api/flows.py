"""``/api/v1/flows``: the flows that are kept, by time, by value and between hosts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import BeforeValidator, Field

from netsift.alerts.schema import utc_text
from netsift.flows.schema import CONNECTION_STATES
from netsift.store.flow_filter import LAST_PORT, FlowFilter, FlowOrder
from netsift.store.scopes import Scope
from netsift.web.operations import Cursor, In, Limit, Moment, OptionalText, Out, described, nanoseconds
from netsift.web.services import services

blueprint = APIBlueprint("flows", __name__, tag="Flows")


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


Port = Annotated[int | None, Field(ge=0, le=LAST_PORT), BeforeValidator(_none_if_empty)]


class FlowQuery(In):
    """Which flows: hosts are addresses or networks (IPv4, IPv6), `host` and `port` either end, the time their start."""

    after: Moment = None
    before: Moment = None
    host: OptionalText = ""
    source: OptionalText = ""
    target: OptionalText = ""
    port: Port = None
    target_port: Port = None
    protocol: Annotated[int | None, Field(ge=0, le=255), BeforeValidator(_none_if_empty)] = None
    state: Literal["", *CONNECTION_STATES] = ""  # type: ignore[valid-type]

    def wanted(self) -> FlowFilter:
        """Return the filter that the query asks for."""
        return FlowFilter(
            begins_ns=nanoseconds(self.after),
            ends_ns=nanoseconds(self.before),
            host=self.host.strip(),
            source=self.source.strip(),
            target=self.target.strip(),
            port=self.port,
            target_port=self.target_port,
            protocols=() if self.protocol is None else (self.protocol,),
            states=(self.state,) if self.state else (),
        )


class FlowPageQuery(FlowQuery):
    """Which flows, in what order."""

    sort: FlowOrder = FlowOrder.START_LAST
    cursor: Cursor = None
    limit: Limit = 50


class TopQuery(FlowQuery):
    """Which flows, and how many values of each kind."""

    top: Annotated[int, Field(ge=1, le=100)] = 10


class FlowRow(Out):
    """One flow; every other column is in the files (`docs/stores.md`)."""

    start_time: str
    end_time: str | None
    src_ip: str | None
    src_port: int | None
    dst_ip: str | None
    dst_port: int | None
    protocol: int | None
    duration_us: int | float | None
    packets: int | None
    bytes: int | None
    packets_fwd: int | None
    packets_bwd: int | None
    bytes_fwd: int | None
    bytes_bwd: int | None
    conn_state: str | None
    end_reason: str | None
    payload_kind_fwd: str | None
    payload_kind_bwd: str | None


class FlowPage(Out):
    """A page of flows; `cursor` asks for the next one."""

    rows: list[FlowRow]
    cursor: str | None


class SeriesOut(Out):
    """Flows by time: at most 600 points of `step_s` seconds; a flow counts where it began."""

    step_s: int
    starts: list[str]
    flows: list[int]
    packets: list[int]
    bytes: list[int]


class FacetOut(Out):
    """A value of a column and the flows that have it."""

    value: str | int | None
    flows: int
    bytes: int


class FacetsOut(Out):
    """The commonest values of some columns."""

    facets: dict[str, list[FacetOut]]


class TalkersRow(Out):
    """Two hosts and what they said; the source began the flows."""

    source: str
    target: str
    flows: int
    packets: int
    bytes_forward: int
    bytes_backward: int


class TalkersOut(Out):
    """The pairs of hosts with most bytes."""

    talkers: list[TalkersRow]


@blueprint.get("/flows")
@blueprint.input(FlowPageQuery, location="query")
@blueprint.output(FlowPage)
@described(blueprint, "list_flows", Scope.READ, 422, 503)
def list_flows(query_data: FlowPageQuery) -> dict[str, Any]:
    """List flows."""
    page = services().flows.find(query_data.wanted(), query_data.sort, query_data.cursor, query_data.limit)
    return {"rows": [flow_json(row) for row in page.rows], "cursor": page.cursor}


@blueprint.get("/flows/series")
@blueprint.input(FlowQuery, location="query")
@blueprint.output(SeriesOut)
@described(blueprint, "flow_series", Scope.READ, 422, 503)
def flow_series(query_data: FlowQuery) -> dict[str, Any]:
    """Show flows, packets and bytes by time."""
    found = services().flows.series(query_data.wanted())
    return {
        "step_s": found.step_s,
        "starts": [utc_text(start) for start in found.starts_ns],
        "flows": found.flows,
        "packets": found.packets,
        "bytes": found.bytes,
    }


@blueprint.get("/flows/facets")
@blueprint.input(TopQuery, location="query")
@blueprint.output(FacetsOut)
@described(blueprint, "flow_facets", Scope.READ, 422, 503)
def flow_facets(query_data: TopQuery) -> dict[str, Any]:
    """Show the commonest values of columns."""
    found = services().flows.facets(query_data.wanted(), top=query_data.top)
    return {"facets": {name: [asdict(one) for one in some] for name, some in found.items()}}


@blueprint.get("/flows/talkers")
@blueprint.input(TopQuery, location="query")
@blueprint.output(TalkersOut)
@described(blueprint, "flow_talkers", Scope.READ, 422, 503)
def flow_talkers(query_data: TopQuery) -> dict[str, Any]:
    """Show who talks to whom most."""
    return {"talkers": [asdict(one) for one in services().flows.talkers(query_data.wanted(), query_data.top)]}


def flow_json(row: dict[str, Any]) -> dict[str, Any]:
    """Return a flow in the shape of :class:`FlowRow`."""
    times = {name: None if row[name] is None else utc_text(row[name]) for name in ("start_time", "end_time")}
    return {name: row[name] for name in FlowRow.model_fields} | times
