"""Rules that hide alerts: which, why, and until when, and what a rule would have hidden in past alerts.

A rule hides an alert when all that the rule names holds for **all** of the alert: every source, every target and every
port lies in what the rule lists, and the alert's whole time lies in the rule's. So a rule never hides more than it
says: a scan of one server by the scanner one knows and by another host at a time is seen. docs/alerts.md has the file
format.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from netsift.alerts.schema import Alert
from netsift.errors import InputError, UsageError
from netsift.files import whole_file
from netsift.models.rules import time_zone
from netsift.models.taxonomy import BENIGN, NAMES

MOST_RULES: Final = 1_000
MOST_BYTES: Final = 4 << 20
"""Size of a file of rules."""
MOST_DAYS: Final = 3_650
DEFAULT_DAYS: Final = 30
EXAMPLES: Final = 5

GRAVE: Final = frozenset({"high", "critical"})
"""Severities that are not hidden by mistake."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[str, ...]] = get_args(Weekday)

_FORMAT: Final = 1
_MOST_LISTED: Final = 1_000
_LONGEST: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS: Final = re.compile(r"[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]")


def _network(text: str) -> str:
    ip_network(text)
    return text


def _category(text: str) -> str:
    if text not in NAMES or text == BENIGN:
        raise ValueError(f"{text!r} is none of the categories {', '.join(name for name in NAMES if name != BENIGN)}")
    return text


def _hours(text: str) -> str:
    begin, end = hours_of(text)
    if begin == end:
        raise ValueError(f"{text!r} begins and ends at the same time; say nothing for the whole day")
    return text


def _zone(text: str) -> str:
    try:
        time_zone(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


_Networks = Annotated[list[Annotated[str, AfterValidator(_network)]], Field(max_length=_MOST_LISTED)]
_Ports = Annotated[list[Annotated[int, Field(ge=0, le=65_535)]], Field(max_length=_MOST_LISTED)]
_Categories = Annotated[list[Annotated[str, AfterValidator(_category)]], Field(max_length=_MOST_LISTED)]
_Detectors = Annotated[list[Annotated[str, Field(min_length=1, max_length=_LONGEST)]], Field(max_length=_MOST_LISTED)]


class Scope(BaseModel):
    """What a rule hides; an empty list and None ask for nothing.

    ``from`` and ``to`` bound the time of the alerts, ``weekdays`` and ``hours`` (``22:00-06:00``, on ``time_zone``'s
    clocks) repeat; hours past midnight belong to the day on which they begin.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    source: _Networks = []
    target: _Networks = []
    port: _Ports = []
    category: _Categories = []
    detector: _Detectors = []
    begins: Annotated[AwareDatetime | None, Field(alias="from")] = None
    ends: Annotated[AwareDatetime | None, Field(alias="to")] = None
    weekdays: Annotated[list[Weekday], Field(max_length=7)] = []
    hours: Annotated[str, AfterValidator(_hours)] | None = None
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    def content(self) -> dict[str, Any]:
        """Return what the scope asks for as JSON values, without what it does not ask."""
        values = self.model_dump(mode="json", by_alias=True, include=set(Scope.model_fields), exclude_defaults=True)
        if not self.weekdays and self.hours is None:
            values.pop("time_zone", None)
        return values

    def words(self) -> str:
        """Return the scope in a line."""
        parts = [
            f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in self.content().items()
        ]
        return "; ".join(parts) or "everything"


class Rule(Scope):
    """A scope with a reason and an end; ``expires`` is by the clock of who runs netsift, not by the alerts' time."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]
    created: AwareDatetime
    expires: AwareDatetime

    def hides(self, alert: Alert) -> bool:
        """Return whether the rule hides an alert."""
        return matcher(self)(alert)


class RulesFile(BaseModel):
    """The content of a file of rules."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = _FORMAT
    rules: Annotated[list[Rule], Field(max_length=MOST_RULES)] = []


def new_rule(scope: Scope, reason: str, now: datetime, days: int = DEFAULT_DAYS) -> Rule:
    """Return a rule that begins now; its id follows from scope and time.

    Raises:
        UsageError: the scope asks for nothing or contradicts itself, the reason is empty or too long, or the days lie
            outside 1 to 3650.
    """
    if not scope.content():
        raise UsageError("a rule must name what it hides: --source, --target, --port, --category, --detector or a time")
    if scope.begins is not None and scope.ends is not None and scope.begins >= scope.ends:
        raise UsageError("the rule's time ends before it begins")
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"a rule expires within 1 to {MOST_DAYS} days, not {days}")
    text = json.dumps(scope.content(), sort_keys=True) + now.isoformat()
    try:
        return Rule(
            **{name: getattr(scope, name) for name in Scope.model_fields},
            id=hashlib.sha256(text.encode()).hexdigest()[:8],
            reason=reason.strip(),
            created=now.astimezone(UTC).replace(microsecond=0),
            expires=now.astimezone(UTC).replace(microsecond=0) + timedelta(days=days),
        )
    except ValidationError as error:
        raise UsageError(_sentence(error)) from None


def scope_of(**values: Any) -> Scope:
    """Return a scope of the given fields. Raises UsageError that says which one makes no sense."""
    try:
        return Scope(**values)
    except ValidationError as error:
        raise UsageError(_sentence(error)) from None


def read_rules(path: Path) -> list[Rule]:
    """Read a file of rules.

    Raises:
        InputError: it cannot be read, is too large, or says something that is not known or makes no sense.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: a file of rules has at most {MOST_BYTES:,} bytes")
    try:
        rules = RulesFile.model_validate_json(data).rules
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from None
    twice = [name for name, count in Counter(rule.id for rule in rules).items() if count > 1]
    if twice:
        raise InputError(f"{path}: there are several rules {twice[0]}")
    return rules


def write_rules(path: Path, rules: Sequence[Rule]) -> None:
    """Write a file of rules whole.

    Raises:
        UsageError: there are too many rules.
        OutputError: the file cannot be written.
    """
    if len(rules) > MOST_RULES:
        raise UsageError(f"{path}: a file has at most {MOST_RULES:,} rules; remove those that have expired")
    values = [
        {"id": rule.id, "reason": rule.reason} | rule.content() | rule.model_dump(
            mode="json", include={"created", "expires"}
        )
        for rule in rules
    ]  # fmt: skip
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps({"format": _FORMAT, "rules": values}, indent=2) + "\n", encoding="utf-8")


@dataclass(slots=True)
class Suppression:
    """The rules in force, and how many alerts each hid; of several that hide an alert the first is counted."""

    rules: tuple[Rule, ...] = ()
    expired: int = 0
    hidden: Counter[str] = field(default_factory=Counter)
    _hides: tuple[Callable[[Alert], bool], ...] = ()

    @classmethod
    def at(cls, rules: Iterable[Rule], now: datetime) -> Suppression:
        """Return those of the rules that have not expired."""
        every = list(rules)
        live = tuple(rule for rule in every if rule.expires > now)
        return cls(live, len(every) - len(live), Counter(), tuple(map(matcher, live)))

    def split(self, alerts: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
        """Return the alerts that no rule hides, and the others marked with the rule that hides them."""
        left: list[Alert] = []
        hidden: list[Alert] = []
        for alert in alerts:
            rule = next((rule for rule, hides in zip(self.rules, self._hides, strict=True) if hides(alert)), None)
            if rule is None:
                left.append(alert)
            else:
                hidden.append(replace(alert, suppressed=rule.id))
                self.hidden[rule.id] += 1
        return left, hidden


@dataclass(slots=True)
class Effect:
    """What rules would have hidden in past alerts, those left out that were hidden already.

    ``incidents_gone`` have no alert left, ``incidents_smaller`` some; ``grave`` are hidden alerts and gone incidents of
    high or critical severity.
    """

    alerts: int = 0
    hidden: int = 0
    hidden_before: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    examples: list[Alert] = field(default_factory=list)
    incidents: int = 0
    incidents_gone: int = 0
    incidents_smaller: int = 0
    grave: int = 0

    def objections(self) -> list[str]:
        """Return why a rule of this effect is not saved without being asked for twice."""
        said = ["it hides all of them"] if self.hidden and self.hidden == self.alerts else []
        if self.grave:
            said.append(f"{self.grave:,} of what it hides {'is' if self.grave == 1 else 'are'} high or critical")
        return said


def effect_on(hides: Callable[[Alert], bool], alerts: Callable[[], Iterable[Alert]]) -> Effect:
    """Return what would have been hidden; ``alerts`` is called twice to go through all alerts and incidents."""
    effect = Effect()
    known: set[str] = set()
    hidden: set[str] = set()
    for alert in alerts():
        if alert.kind != "alert":
            continue
        if alert.suppressed:
            effect.hidden_before += 1
            continue
        known.add(alert.id)
        effect.alerts += 1
        if hides(alert):
            hidden.add(alert.id)
            effect.hidden += 1
            effect.categories[alert.category] += 1
            effect.grave += alert.severity in GRAVE
            effect.examples += [alert] if len(effect.examples) < EXAMPLES else []
    for incident in alerts():
        if incident.kind == "incident":
            effect.incidents += 1
            members = known.intersection(incident.members)
            gone = bool(members) and members <= hidden
            effect.incidents_gone += gone
            effect.incidents_smaller += not gone and not members.isdisjoint(hidden)
            effect.grave += gone and incident.severity in GRAVE
    return effect


def matcher(scope: Scope) -> Callable[[Alert], bool]:
    """Return what says of an alert whether the scope covers all of it."""
    sources, targets = (tuple(map(ip_network, texts)) for texts in (scope.source, scope.target))
    ports, categories, detectors = set(scope.port), set(scope.category), set(scope.detector)
    when = _Window(scope)

    def covers(alert: Alert) -> bool:
        return (
            (not categories or alert.category in categories)
            and (not detectors or detectors.issuperset(alert.detectors))
            and (not ports or (_is_whole(alert, alert.ports) and ports.issuperset(alert.ports)))
            and (not sources or (_is_whole(alert, alert.sources) and _all_within(alert.sources, sources)))
            and (not targets or (_is_whole(alert, alert.targets) and _all_within(alert.targets, targets)))
            and when.holds(alert.start_ns, alert.end_ns)
        )

    return covers


def _is_whole(alert: Alert, members: Sequence[object]) -> bool:
    """Return whether these are all there were: of a list of one nothing was cut, and of none nothing is known."""
    return len(members) == 1 or (len(members) > 1 and not alert.truncated)


def _all_within(hosts: Sequence[str], networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    addresses = [_address(host) for host in hosts]
    return all(one is not None and any(one in network for network in networks) for one in addresses)


@lru_cache(maxsize=65_536)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


class _Window:
    """The times of a scope."""

    def __init__(self, scope: Scope) -> None:
        self._begins, self._ends = scope.begins, scope.ends
        self._days = frozenset(WEEKDAYS.index(day) for day in scope.weekdays) or frozenset(range(7))
        self._hours = None if scope.hours is None else hours_of(scope.hours)
        self._zone: tzinfo = time_zone(scope.time_zone)
        self._always = not scope.weekdays and scope.hours is None and scope.begins is None and scope.ends is None

    def holds(self, start_ns: int, end_ns: int) -> bool:
        """Return whether all of a time lies in the window; a time that no calendar has lies in none."""
        if self._always:
            return True
        try:
            start, end = (_EPOCH + timedelta(microseconds=moment // 1000) for moment in (start_ns, end_ns))
            local_start, local_end = start.astimezone(self._zone), end.astimezone(self._zone)
        except OverflowError:
            return False
        if (self._begins is not None and start < self._begins) or (self._ends is not None and end >= self._ends):
            return False
        if self._hours is None:
            days = min((local_end.date() - local_start.date()).days, 6)
            return all((local_start.weekday() + day) % 7 in self._days for day in range(days + 1))
        # Hours that begin on the day before may reach into this one.
        today = local_start.date()
        return any(self._within(today - timedelta(days=before), self._hours, start, end) for before in (0, 1))

    def _within(self, day: date, hours: tuple[time, time], start: datetime, end: datetime) -> bool:
        first, last = hours
        last_day = day + timedelta(days=last <= first)
        opens, closes = (
            datetime.combine(of, at, self._zone).astimezone(UTC) for of, at in ((day, first), (last_day, last))
        )
        return day.weekday() in self._days and opens <= start and end < closes


def hours_of(text: str) -> tuple[time, time]:
    """Return begin and end of hours written ``22:00-06:00``; 24:00 is midnight. Raises ValueError for other text."""
    try:
        if not _HOURS.fullmatch(text):
            raise ValueError
        begin, _, end = text.partition("-")
        return time.fromisoformat(begin), time.fromisoformat("00:00" if end == "24:00" else end)
    except ValueError:
        raise ValueError(f"{text!r} is not of the form 22:00-06:00") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg'].removeprefix('Value error, ')}" if place else first["msg"]
