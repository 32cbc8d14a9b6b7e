"""From alerts to incidents: what belongs together is one thing to look at, with a timeline.

Alerts belong together when no more than an hour lies between them and

- the same host did both: a scan, then guessing, then a theft are one attack;
- a host that somebody tried to get into acts in turn: the attacker has moved on, and when it does what was done to it,
  it spreads (being scanned is no attempt: that happens to every host);
- or they are floods or slow requests of the same target, or the scans and guesses of many sources at the same target,
  which is what any host on the Internet sees all day: one incident, not a hundred.

Every alert is in exactly one incident; an incident of one alert says what the alert says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Final

from netsift.alerts.from_model import MODEL
from netsift.alerts.schema import Alert, alert_id, graver, utc_text
from netsift.detectors.behaviour.words import counted, lasted

LINK_GAP_NS: Final = 3_600 * 1_000_000_000
MANY_SOURCES: Final = 8
"""From so many sources of the same category at one target on, they are one incident."""

MANY_STAGES: Final = 3
"""From so many stages of an intrusion on an incident is one severity graver than its gravest alert."""

MOST_ACTORS: Final = 8
"""An alert of more sources has no actor: nobody did it alone, and forged sources did nothing at all."""

MOST_TIMELINE: Final = 50
MOST_EVIDENCE: Final = 50
_DENIALS: Final = frozenset({"flood", "slow_http"})
_BY_MANY: Final = _DENIALS | {"scan", "brute_force"}
_ATTEMPTS: Final = frozenset({"brute_force", "infiltration", "exploit", "web_attack"})
"""What may have got an attacker into the target."""

_STAGES: Final = ("scan", "exploit", "web_attack", "brute_force", "infiltration", "c2", "tunnel", "exfiltration")
"""The order in which an intrusion goes on; floods are no stage of one."""


def incidents_of(alerts: Iterable[Alert]) -> list[Alert]:
    """Return the incidents that the alerts make, the gravest first; the order of the alerts does not matter."""
    ordered = sorted(alerts, key=lambda alert: (alert.start_ns, alert.id))
    known = {alert.id for alert in ordered}
    ordered += [alert for alert in spreading(ordered) if alert.id not in known]
    ordered.sort(key=lambda alert: (alert.start_ns, alert.id))
    sets = _Sets(len(ordered))
    for first, second in _links(ordered):
        sets.join(first, second)
    found = [_incident([ordered[place] for place in members]) for members in sets.groups()]
    return in_order(found)


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts with the greatest weight first."""
    return sorted(alerts, key=lambda alert: (-alert.weight, alert.start_ns, alert.id))


class _Sets:
    """Disjoint sets of places."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, place: int) -> int:
        while self._parent[place] != place:
            self._parent[place] = self._parent[self._parent[place]]
            place = self._parent[place]
        return place

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self._parent[high] = low

    def groups(self) -> Iterable[list[int]]:
        members: dict[int, list[int]] = {}
        for place in range(len(self._parent)):
            members.setdefault(self.root(place), []).append(place)
        return members.values()


def _actors(alert: Alert) -> tuple[str, ...]:
    # A truncated alert may lack targets and ports, which does not matter here; of a flood it may lack sources.
    unknown = alert.truncated and alert.category == "flood"
    return alert.sources if len(alert.sources) <= MOST_ACTORS and not unknown else ()


def _links(ordered: Sequence[Alert]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places that belong together; for each host only neighbours in time, which is enough for a set."""
    acts: dict[str, list[int]] = {}
    suffers: dict[tuple[str, str], list[int]] = {}
    for place, alert in enumerate(ordered):
        for host in _actors(alert):
            acts.setdefault(host, []).append(place)
        if alert.category in _BY_MANY and len(alert.targets) == 1:
            suffers.setdefault((alert.category, alert.targets[0]), []).append(place)
    for places in acts.values():
        yield from _neighbours(ordered, places)
    for (category, _), places in suffers.items():
        for run in _runs(ordered, places):
            sources = {source for place in run for source in ordered[place].sources}
            if category in _DENIALS or len(sources) >= MANY_SOURCES:
                yield from pairwise(run)
    for place, alert in enumerate(ordered):
        for host in alert.targets if alert.category in _ATTEMPTS else ():
            later = [other for other in acts.get(host, ()) if _follows(alert, ordered[other])]
            yield from ((place, other) for other in later[:1])


def _follows(first: Alert, second: Alert) -> bool:
    return first.start_ns <= second.start_ns <= first.end_ns + LINK_GAP_NS and first.id != second.id


def _neighbours(ordered: Sequence[Alert], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    for run in _runs(ordered, places):
        yield from pairwise(run)


def _runs(ordered: Sequence[Alert], places: Sequence[int]) -> Iterator[list[int]]:
    """Cut places in order of start where nothing happened for longer than the gap."""
    run: list[int] = []
    latest_ns = 0
    for place in places:
        if run and ordered[place].start_ns > latest_ns + LINK_GAP_NS:
            yield run
            run = []
        latest_ns = max(latest_ns, ordered[place].end_ns) if run else ordered[place].end_ns
        run.append(place)
    if run:
        yield run


def spreading(alerts: Iterable[Alert]) -> Iterator[Alert]:
    """Yield an alert for every host that begins to do what was done to it, as behaviour detectors saw it.

    Who has not done it for longer than the gap between alerts of an incident begins anew. A model that is wrong about
    one kind of traffic is wrong about it on every host; that is no worm.
    """
    ordered = sorted(alerts, key=lambda alert: (alert.start_ns, alert.id))
    done_to: dict[tuple[str, str], Alert] = {}
    last_ns: dict[tuple[str, str], int] = {}
    for alert in ordered:
        if alert.detectors == (MODEL,):
            continue
        for host in _actors(alert):
            key = (host, alert.category)
            before, begins = done_to.get(key), key not in last_ns or alert.start_ns > last_ns[key] + LINK_GAP_NS
            if before is not None and begins and _follows(before, alert):
                yield _spread(host, before, alert)
            last_ns[key] = max(alert.end_ns, last_ns.get(key, alert.end_ns))
        for host in alert.targets if alert.category in _ATTEMPTS else ():
            key = (host, alert.category)
            if key not in done_to or alert.start_ns > done_to[key].end_ns + LINK_GAP_NS:
                done_to[key] = alert


def _spread(host: str, before: Alert, alert: Alert) -> Alert:
    doing = "guessing credentials" if alert.category == "brute_force" else alert.category.replace("_", " ")
    minutes = (alert.start_ns - before.start_ns) / 60e9
    who = before.sources[0] if len(before.sources) == 1 else f"{len(before.sources)} hosts"
    return replace(
        alert,
        id=alert_id("alert", "spreading", (host, alert.category), alert.start_ns),
        severity="critical",
        category="infiltration",
        technique="T1210",
        sources=(host,),
        detectors=("spreading",),
        reason=f"{host} began {doing} {minutes:.0f} min after {who} had done so to it",
        columns=(),
    )


def _incident(members: Sequence[Alert]) -> Alert:
    """Return the incident of alerts in order of time."""
    gravest = in_order(members)[0]
    stages = [stage for stage in _STAGES if any(alert.category == stage for alert in members)]
    surest = {name: 0.0 for alert in members for name in alert.detectors}
    for alert in members:
        for name in alert.detectors:
            surest[name] = max(surest[name], alert.confidence)
    return replace(
        gravest,
        id=alert_id("incident", members[0].id, (), members[0].start_ns),
        kind="incident",
        start_ns=min(alert.start_ns for alert in members),
        end_ns=max(alert.end_ns for alert in members),
        severity=graver(gravest.severity) if len(stages) >= MANY_STAGES else gravest.severity,
        confidence=1 - prod(1 - confidence for confidence in surest.values()),
        sources=_united(alert.sources for alert in members),
        targets=_united(alert.targets for alert in members),
        ports=tuple(sorted({port for alert in members for port in alert.ports})),
        truncated=any(alert.truncated for alert in members),
        detectors=tuple(sorted(surest)),
        reason=_reason(members, gravest, stages),
        flows=_most_of_one_detector(members, lambda alert: alert.flows),
        packets=_most_of_one_detector(members, lambda alert: alert.packets),
        evidence=tuple(dict.fromkeys(flow for alert in members for flow in alert.evidence))[:MOST_EVIDENCE],
        members=tuple(alert.id for alert in members),
        stages=tuple(stages),
        timeline=tuple(f"{utc_text(alert.start_ns)} {alert.reason}" for alert in members[:MOST_TIMELINE]),
    )


def _most_of_one_detector(members: Sequence[Alert], count: Callable[[Alert], int]) -> int:
    """Return the greatest sum of one detector: two that saw the same flows saw no more of them."""
    of_detector: dict[tuple[str, ...], int] = {}
    for alert in members:
        of_detector[alert.detectors] = of_detector.get(alert.detectors, 0) + count(alert)
    return max(of_detector.values())


def _united(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for some in names for name in some}))


def _reason(members: Sequence[Alert], gravest: Alert, stages: Sequence[str]) -> str:
    if len(members) == 1:
        return gravest.reason
    if len(stages) > 1:
        chain = " → ".join(stage.replace("_", " ") for stage in stages)
        return f"{chain}, {len(members)} alerts; the gravest: {gravest.reason}"
    targets, sources = _united(alert.targets for alert in members), _united(alert.sources for alert in members)
    if stages == ["scan"] and len(sources) == 1 and len(targets) > 1:
        ports = len({port for alert in members for port in alert.ports})
        seconds = (max(alert.end_ns for alert in members) - members[0].start_ns) / 1e9
        asked = (
            f"{counted(ports, 'port')} of {counted(len(targets), 'host')}" if ports else counted(len(targets), "host")
        )
        return f"{sources[0]} tried {asked} in {lasted(seconds)}, {len(members)} alerts; the gravest: {gravest.reason}"
    return gravest.reason
