"""``POST /api/v1/alerts``: what sensors elsewhere have found, so that one server shows all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field, model_validator

from netsift.alerts.schema import MOST_MEMBERS, SEVERITIES, Alert, AlertColumn, FlowReference
from netsift.models.taxonomy import BENIGN, NAMES
from netsift.store.scopes import Scope
from netsift.web.identity import audit
from netsift.web.operations import In, Out, described
from netsift.web.services import services

blueprint = APIBlueprint("reports", __name__, tag="Alerts and incidents")

MOST_ALERTS: Final = 1_000
"""Alerts and incidents of one request."""

_CATEGORIES: Final = tuple(name for name in NAMES if name != BENIGN)
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)

Identifier = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Word = Annotated[str, Field(max_length=100, pattern="^[^\\u0000-\\u001f]*$")]
Sentence = Annotated[str, Field(max_length=4_000, pattern="^[^\\u0000-\\u0008\\u000b-\\u001f]*$")]
Time = Annotated[AwareDatetime, Field(ge=_FIRST, lt=_LAST)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Value = Annotated[float, Field(allow_inf_nan=False)] | Word


class ReportedColumn(In):
    """A number or word behind an alert, and what is usual."""

    column: Word
    unit: Word
    value: Value | None
    usual: Annotated[list[Value], Field(max_length=100)]
    words: Sentence

    def as_column(self) -> AlertColumn:
        """Return it as alerts have it."""
        return AlertColumn(self.column, self.unit, self.value, tuple(self.usual), self.words)


class ReportedFlow(In):
    """Names a flow, or all flows between two hosts where ports and protocol are null; `id` follows from the rest."""

    id: Identifier | None = None
    start: Time
    end: Time
    src_ip: Word
    src_port: Port | None
    dst_ip: Word
    dst_port: Port | None
    protocol: Annotated[int, Field(ge=0, le=255)] | None

    def as_reference(self) -> FlowReference:
        """Return it as alerts have it."""
        rest = (self.src_ip, self.src_port, self.dst_ip, self.dst_port, self.protocol)
        return FlowReference(_nanoseconds(self.start), _nanoseconds(self.end), *rest)


class ReportedAlert(In):
    """An alert or an incident as `netsift detect -o FILE.jsonl` writes it; `tactic` follows from the category."""

    id: Identifier
    kind: Literal["alert", "incident"]
    start: Time
    end: Time
    severity: Literal[SEVERITIES]  # type: ignore[valid-type]
    confidence: Annotated[float, Field(ge=0, le=1)]
    category: Literal[_CATEGORIES]  # type: ignore[valid-type]
    tactic: Word = ""
    technique: Annotated[str, Field(pattern="^(T[0-9]{4}([.][0-9]{3})?)?$")]
    sources: Annotated[list[Word], Field(max_length=MOST_MEMBERS)]
    targets: Annotated[list[Word], Field(max_length=MOST_MEMBERS)]
    ports: Annotated[list[Port], Field(max_length=MOST_MEMBERS)]
    truncated: bool
    detectors: Annotated[list[Word], Field(max_length=100)]
    reason: Sentence
    columns: Annotated[list[ReportedColumn], Field(max_length=100)]
    flows: Count
    packets: Count
    evidence: Annotated[list[ReportedFlow], Field(max_length=1_000)]
    normal: ReportedFlow | None = None
    members: Annotated[tuple[Identifier, ...], Field(max_length=10_000)] = ()
    timeline: Annotated[tuple[Sentence, ...], Field(max_length=1_000)] = ()
    stages: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    suppressed: Annotated[str, Field(pattern="^[0-9a-f]{8}$")] | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end < self.start:
            raise ValueError("an alert ends no earlier than it starts")
        return self

    def as_alert(self) -> Alert:
        """Return it as detectors make it."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self
            if name not in ("start", "end", "tactic", "columns", "evidence", "normal", "suppressed")
        }
        return Alert(
            **values,
            start_ns=_nanoseconds(self.start),
            end_ns=_nanoseconds(self.end),
            columns=tuple(one.as_column() for one in self.columns),
            evidence=tuple(one.as_reference() for one in self.evidence),
            normal=None if self.normal is None else self.normal.as_reference(),
            suppressed=self.suppressed or "",
        )


class ReportIn(In):
    """Alerts and incidents in any order."""

    alerts: Annotated[list[ReportedAlert], Field(min_length=1, max_length=MOST_ALERTS)]


class ReportOut(Out):
    """How many were new, how many replaced what was known of them, and how many said no more than that."""

    new: int
    replaced: int
    passed_over: int


@blueprint.post("/alerts")
@blueprint.input(ReportIn)
@blueprint.output(ReportOut)
@described(blueprint, "report_alerts", Scope.INGEST, 413, 415, 422)
def report_alerts(json_data: ReportIn) -> dict[str, int]:
    """Store alerts that were found elsewhere, each once by its id.

    What is sent again changes nothing; what has grown replaces its shorter self. Rules of this server hide alerts.
    """
    found = list(hidden_by_rules(one.as_alert() for one in json_data.alerts))
    stored = services().store.alerts.upsert(found)
    audit("report alerts", alerts=len(found), new=stored.new)
    return asdict(stored)


def hidden_by_rules(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """Yield alerts and incidents, marked where this server's rules hide them, or all alerts of an incident."""
    rules = services().store.suppressions.in_force()
    hidden: dict[str, str] = {}
    incidents = []
    for alert in alerts:
        if alert.kind == "incident":
            incidents.append(alert)
            continue
        marked = alert if alert.suppressed else next(iter([part for some in rules.split([alert]) for part in some]))
        if marked.suppressed:
            hidden[marked.id] = marked.suppressed
        yield marked
    for incident in incidents:
        if incident.members and hidden.keys() >= set(incident.members):
            yield replace(incident, suppressed=incident.suppressed or hidden[incident.members[0]])
        else:
            yield incident


def _nanoseconds(time: datetime) -> int:
    since = time - _FIRST
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
