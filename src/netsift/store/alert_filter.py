"""Which alerts are asked for, in what order: filters that become conditions of a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute

from netsift.alerts.feedback import Verdict
from netsift.alerts.schema import SEVERITIES, Alert
from netsift.errors import UsageError
from netsift.store.tables import AlertRow, HostRow, LinkRow

MOST_SEARCHED: Final = 200
"""Characters of a text that is searched for."""
MOST_HOSTS: Final = 2_000
"""Sources, and targets, under which an alert is found; an incident may name more."""

_SEARCHED_HOSTS: Final = 50
_LONGEST_KEY: Final = 120

Kind = Literal["alert", "incident"]


class State(StrEnum):
    """What became of an alert: nothing yet, somebody said what it is, or a rule hides it."""

    OPEN = "open"
    JUDGED = "judged"
    SUPPRESSED = "suppressed"


class Order(StrEnum):
    """By what alerts are ordered; a minus means the greatest first. ``weight`` is severity, then confidence."""

    START = "start"
    START_LAST = "-start"
    END = "end"
    END_LAST = "-end"
    WEIGHT = "weight"
    WEIGHT_LAST = "-weight"
    CONFIDENCE = "confidence"
    CONFIDENCE_LAST = "-confidence"
    CATEGORY = "category"
    CATEGORY_LAST = "-category"
    FLOWS = "flows"
    FLOWS_LAST = "-flows"
    LAST_SEEN = "last_seen"
    LAST_SEEN_LAST = "-last_seen"

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")

    @property
    def column(self) -> InstrumentedAttribute[Any]:
        """The column that is ordered by."""
        return _COLUMNS[self.value.removeprefix("-")]

    @property
    def type(self) -> type:
        """The type of that column's values."""
        return _TYPES.get(self.value.removeprefix("-"), int)


_COLUMNS: Final[dict[str, InstrumentedAttribute[Any]]] = {
    "start": AlertRow.start_ns,
    "end": AlertRow.end_ns,
    "weight": AlertRow.weight,
    "confidence": AlertRow.confidence,
    "category": AlertRow.category,
    "flows": AlertRow.flows,
    "last_seen": AlertRow.last_seen,
}
_TYPES: Final[dict[str, type]] = {"weight": float, "confidence": float, "category": str, "last_seen": datetime}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What alerts have to be; what is empty or None asks for nothing, of several values any will do.

    ``host`` is an address or a network, and a source or target of the alert; ``text`` stands somewhere in its id,
    reason, category, detectors or first hosts, in capital or small letters. An alert lies in the time when any of it
    does (``begins_ns`` inclusive, ``ends_ns`` exclusive). ``seen_since`` finds what is new or has grown. ``incident``
    finds the alerts of one, ``alert`` the incidents of one.
    """

    kind: Kind | None = None
    severities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    host: str = ""
    text: str = ""
    begins_ns: int | None = None
    ends_ns: int | None = None
    state: State | None = None
    verdicts: tuple[Verdict, ...] = ()
    seen_since: datetime | None = None
    incident: str = ""
    alert: str = ""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions. Raises UsageError for a severity that is none or a text that is too long."""
        yield from self._of_columns()
        if self.host:
            low, high = host_range(self.host)
            within = HostRow.key == low if low == high else HostRow.key.between(low, high)
            yield AlertRow.id.in_(select(HostRow.alert_id).where(within))
        if self.text:
            if len(self.text) > MOST_SEARCHED:
                raise UsageError(f"the text to search for has at most {MOST_SEARCHED} characters")
            yield AlertRow.search.contains(clean(self.text).lower(), autoescape=True)
        if self.incident:
            yield exists().where(LinkRow.alert_id == AlertRow.id, LinkRow.incident_id == self.incident)
        if self.alert:
            yield exists().where(LinkRow.incident_id == AlertRow.id, LinkRow.alert_id == self.alert)

    def _of_columns(self) -> Iterator[ColumnElement[bool]]:
        if self.kind is not None:
            yield AlertRow.kind == self.kind
        if self.severities:
            unknown = [name for name in self.severities if name not in SEVERITIES]
            if unknown:
                raise UsageError(f"severity {unknown[0][:40]!r} is none of {', '.join(SEVERITIES)}")
            yield AlertRow.severity.in_([SEVERITIES.index(name) for name in self.severities])
        if self.categories:
            yield AlertRow.category.in_(self.categories)
        if self.begins_ns is not None:
            yield AlertRow.end_ns >= self.begins_ns
        if self.ends_ns is not None:
            yield AlertRow.start_ns < self.ends_ns
        if self.seen_since is not None:
            yield AlertRow.last_seen >= self.seen_since
        if self.verdicts:
            yield AlertRow.verdict.in_([verdict.value for verdict in self.verdicts])
        yield from _of_state(self.state)


def _of_state(state: State | None) -> Iterator[ColumnElement[bool]]:
    if state is State.SUPPRESSED:
        yield AlertRow.suppressed != ""
    elif state is not None:
        yield AlertRow.suppressed == ""
        yield (AlertRow.verdict == "") if state is State.OPEN else (AlertRow.verdict != "")


def host_key(host: str) -> str:
    """Return the key of a host: of an address a number that sorts as addresses do, of any other name the name."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"={clean(host)[:_LONGEST_KEY]}"
    return f"{address.version}{int(address):032x}"


def host_range(host: str) -> tuple[str, str]:
    """Return the lowest and the highest key of an address, of a network (``10.0.0.0/8``) or of another name."""
    try:
        network = ip_network(host, strict=False)
    except ValueError:
        return host_key(host), host_key(host)
    first, last = network.network_address, network.broadcast_address
    return host_key(str(first)), host_key(str(last))


def host_keys(alert: Alert) -> list[tuple[int, str]]:
    """Return role and key of the hosts under which an alert is found."""
    sides = (alert.sources, alert.targets)
    return sorted({(role, host_key(host)) for role, hosts in enumerate(sides) for host in hosts[:MOST_HOSTS]})


def searched_text(alert: Alert) -> str:
    """Return what a search for text looks at."""
    hosts = (*alert.sources[:_SEARCHED_HOSTS], *alert.targets[:_SEARCHED_HOSTS])
    words = (alert.id, alert.category, alert.tactic, alert.technique, alert.reason, *alert.detectors, *hosts)
    return clean(" ".join(words)).lower()


def clean(text: str) -> str:
    """Return text that every database takes: PostgreSQL has neither NUL nor halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
