"""``/api/v1/alerts`` and ``/api/v1/incidents``: what was found, what people say of it, and its packets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, send_file
from pydantic import AfterValidator, Field

from netsift.alerts.feedback import Verdict
from netsift.alerts.schema import SEVERITIES
from netsift.models.taxonomy import BENIGN, NAMES
from netsift.store.alert_filter import AlertFilter, Order, State
from netsift.store.alerts import StoredAlert
from netsift.store.feedback import Said
from netsift.store.scopes import Scope
from netsift.web.errors import Refusal
from netsift.web.evidence import evidence_file
from netsift.web.identity import actor, audit
from netsift.web.operations import Cursor, In, Limit, Moment, OptionalText, Out, described, moment, nanoseconds
from netsift.web.services import services

blueprint = APIBlueprint("alerts", __name__, tag="Alerts and incidents")

CATEGORIES: tuple[str, ...] = tuple(name for name in NAMES if name != BENIGN)


def _any_of(words: tuple[str, ...]) -> Any:
    """Return the type of a text of some words with commas between; an empty one asks for nothing."""

    def check(text: str) -> str:
        unknown = [word for word in text.split(",") if word and word not in words]
        if unknown:
            raise ValueError(f"{unknown[0][:40]!r} is none of {', '.join(words)}")
        return text

    choice = "|".join(words)
    pattern = f"^(({choice})(,({choice})){{0,{len(words)}}})?$"
    return Annotated[str, AfterValidator(check), Field(max_length=400, json_schema_extra={"pattern": pattern})]


class AlertQuery(In):
    """Which alerts, in what order; of several words with commas between any will do.

    `host` is an address or a network; `text` stands somewhere in id, reason, category, detectors or hosts. `after` and
    `before` bound the time. Sorting by `weight` puts the gravest first.
    """

    severity: _any_of(SEVERITIES) = ""  # type: ignore[valid-type]
    category: _any_of(CATEGORIES) = ""  # type: ignore[valid-type]
    verdict: _any_of(tuple(Verdict)) = ""  # type: ignore[valid-type]
    state: Literal["", "open", "judged", "suppressed"] = ""
    host: OptionalText = ""
    text: OptionalText = ""
    after: Moment = None
    before: Moment = None
    sort: Order = Order.WEIGHT_LAST
    cursor: Cursor = None
    limit: Limit = 50

    def wanted(self, kind: Literal["alert", "incident"]) -> AlertFilter:
        """Return the filter that the query asks for."""
        return AlertFilter(
            kind=kind,
            severities=_words(self.severity),
            categories=_words(self.category),
            host=self.host.strip(),
            text=self.text.strip(),
            begins_ns=nanoseconds(self.after),
            ends_ns=nanoseconds(self.before),
            state=State(self.state) if self.state else None,
            verdicts=tuple(Verdict(word) for word in _words(self.verdict)),
        )


class ColumnOut(Out):
    """A number or word behind an alert, and what is usual."""

    column: str
    unit: str
    value: float | str | None
    usual: list[float | str]
    words: str


class FlowOut(Out):
    """Names a flow, or all flows between two hosts where ports and protocol are null."""

    id: str
    start: str
    end: str
    src_ip: str
    src_port: int | None
    dst_ip: str
    dst_port: int | None
    protocol: int | None


class AlertOut(Out):
    """An alert or an incident, as `docs/alerts.md` describes it, and what became of it."""

    id: str
    kind: str
    start: str
    end: str
    severity: str
    confidence: float
    category: str
    tactic: str
    technique: str
    sources: list[str]
    targets: list[str]
    ports: list[int]
    truncated: bool
    detectors: list[str]
    reason: str
    columns: list[ColumnOut]
    flows: int
    packets: int
    evidence: list[FlowOut]
    members: list[str]
    timeline: list[str]
    stages: list[str]
    suppressed: str | None
    state: State
    verdict: Verdict | None
    first_seen: str
    last_seen: str


class AlertPage(Out):
    """A page; `cursor` asks for the next one."""

    rows: list[AlertOut]
    cursor: str | None


class Counts(Out):
    """How many there are of what is wanted, by severity, category, state and day (UTC)."""

    total: int
    severities: dict[str, int]
    categories: dict[str, int]
    states: dict[str, int]
    days: dict[str, int]


class SaidOut(Out):
    """What somebody said of an alert, and when."""

    time: str
    verdict: Verdict
    note: str
    author: str


class IncidentOut(AlertOut):
    """An incident with its alerts in order of time, and what was said of it."""

    alerts: list[AlertOut]
    said: list[SaidOut]


class AlertDetail(AlertOut):
    """An alert, the incidents it is in, and what was said of it."""

    incidents: list[str]
    said: list[SaidOut]


class FeedbackIn(In):
    """What somebody says: `true`, `false`, or `benign` (right, but nothing bad)."""

    verdict: Verdict
    note: Annotated[str, Field(max_length=1_000)] = ""


class FeedbackOut(Out):
    """Of how many alerts something was said now."""

    verdict: Verdict
    alerts: int


@blueprint.get("/alerts")
@blueprint.input(AlertQuery, location="query")
@blueprint.output(AlertPage)
@described(blueprint, "list_alerts", Scope.READ, 422)
def list_alerts(query_data: AlertQuery) -> dict[str, Any]:
    """List alerts."""
    return _page(query_data, "alert")


@blueprint.get("/incidents")
@blueprint.input(AlertQuery, location="query")
@blueprint.output(AlertPage)
@described(blueprint, "list_incidents", Scope.READ, 422)
def list_incidents(query_data: AlertQuery) -> dict[str, Any]:
    """List incidents: alerts that belong together."""
    return _page(query_data, "incident")


@blueprint.get("/incidents/counts")
@blueprint.input(AlertQuery, location="query")
@blueprint.output(Counts)
@described(blueprint, "count_incidents", Scope.READ, 422)
def count_incidents(query_data: AlertQuery) -> dict[str, Any]:
    """Count the incidents of a filter."""
    counts = services().store.alerts.counts(query_data.wanted("incident"))
    days = {day.isoformat(): count for day, count in counts.days.items()}
    return {name: getattr(counts, name) for name in ("total", "severities", "categories", "states")} | {"days": days}


@blueprint.get("/alerts/<identifier>")
@blueprint.output(AlertDetail)
@described(blueprint, "get_alert", Scope.READ, 404)
def get_alert(identifier: str) -> dict[str, Any]:
    """Show an alert."""
    found = stored(identifier, "alert")
    store = services().store
    incidents = [one.alert.id for one in store.alerts.incidents(identifier)]
    return found.as_json() | {"incidents": incidents, "said": _said(store.feedback.of(identifier))}


@blueprint.get("/incidents/<identifier>")
@blueprint.output(IncidentOut)
@described(blueprint, "get_incident", Scope.READ, 404)
def get_incident(identifier: str) -> dict[str, Any]:
    """Show an incident and its alerts."""
    found = stored(identifier, "incident")
    store = services().store
    members = [one.as_json() for one in store.alerts.members(identifier)]
    return found.as_json() | {"alerts": members, "said": _said(store.feedback.of(identifier))}


@blueprint.post("/alerts/<identifier>/feedback")
@blueprint.input(FeedbackIn)
@blueprint.output(FeedbackOut)
@described(blueprint, "judge_alert", Scope.INGEST, 404, 422)
def judge_alert(identifier: str, json_data: FeedbackIn) -> dict[str, Any]:
    """Say what an alert or an incident is; of an incident it is said of each of its alerts."""
    found = stored(identifier)
    said = services().store.feedback.add(found.alert.id, json_data.verdict, json_data.note, actor())
    audit("feedback", found.alert.id, verdict=json_data.verdict.value)
    return {"verdict": json_data.verdict, "alerts": len(said)}


@blueprint.get("/alerts/<identifier>/evidence")
@described(
    blueprint, "get_evidence", Scope.READ, 404, 503,
    content={200: ("application/vnd.tcpdump.pcap", {"type": "string", "format": "binary"})},
)  # fmt: skip
def get_evidence(identifier: str) -> Response:
    """Download the packets of an alert or an incident as pcap, cut out of uploads and of what sensors keep."""
    found = stored(identifier)
    file = evidence_file(found)
    audit("download evidence", found.alert.id)
    answer = send_file(
        file, mimetype="application/vnd.tcpdump.pcap", as_attachment=True, download_name=f"{found.alert.id}.pcap",
        conditional=False, etag=False,
    )  # fmt: skip
    answer.call_on_close(file.close)
    return answer


def stored(identifier: str, kind: str = "") -> StoredAlert:
    """Return what is stored under an id. Raises Refusal (404) when it is nothing, or of another kind."""
    found = services().store.alerts.get(identifier)
    if found is None or (kind and found.alert.kind != kind):
        raise Refusal(404, f"There is no such {kind or 'alert'}.")
    return found


def _page(query: AlertQuery, kind: Literal["alert", "incident"]) -> dict[str, Any]:
    page = services().store.alerts.find(query.wanted(kind), query.sort, query.cursor, query.limit)
    return {"rows": [one.as_json() for one in page.rows], "cursor": page.cursor}


def _said(said: list[Said]) -> list[dict[str, Any]]:
    return [
        {
            "time": moment(one.feedback.time),
            "verdict": one.feedback.verdict,
            "note": one.feedback.note,
            "author": one.author,
        }
        for one in said
    ]


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in text.split(",") if word))
