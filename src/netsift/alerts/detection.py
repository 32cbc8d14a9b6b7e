"""The whole way from flow batches to incidents: behaviours and a model look at every flow once.

What is a behaviour over many flows (scans, guessing, floods, tunnels, theft) is believed of a model only where a
behaviour detector sees it too: such flows have look-alikes one by one, and the model sees them one by one. Then the two
are detectors that agree. What a single flow can show (an exploit, a web attack, remote control) is the model's own to
say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from netsift.alerts.arp import ArpSearch
from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.finding import Finding
from netsift.alerts.from_model import MODEL, alert_of
from netsift.alerts.incidents import LINK_GAP_NS, in_order, incidents_of, spreading
from netsift.alerts.novelty import NoveltySearch
from netsift.alerts.pipeline import ModelSearch
from netsift.alerts.schema import Alert
from netsift.alerts.suppression import Suppression

NEED_BEHAVIOUR: Final = frozenset({"scan", "brute_force", "flood", "slow_http", "tunnel", "exfiltration"})
"""Categories of which a model's alert needs a behaviour detector's alert beside it."""

MOST_PAST: Final = 10_000
"""Alerts of a kind of detector that a search without end keeps for their incidents' sake."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What was seen and what was found; every alert is in one incident, but those ``suppressed`` are in none.

    ``flagged`` flows reached the model's threshold; of them ``too_few`` are too few for what they look like, and
    ``unconfirmed`` no other detector saw, and the model alone is not believed: neither is an alert. ``overflow`` flows,
    the model's or
    suspicious ones, found no room. ``evicted`` hosts, pairs, services and triples were forgotten before their time
    (docs/context.md). Where flows lack ``missing_columns``, behaviours were not looked for, and where they lack
    ``missing_features``, the model did not see them. ``usual`` alerts were left out because the baseline knows what
    they tell. ``doubted`` are the model's alerts of the unconfirmed flows. ``forgotten`` alerts ended so long ago that
    a search without end has let them go; their flows are still counted. Of ``arp_packets`` that were to be looked at,
    ``arp_lost`` found no room.
    """

    flows: int
    packets: int
    flagged: int
    too_few: int
    unconfirmed: int
    overflow: int
    evicted: int
    missing_columns: tuple[str, ...]
    missing_features: tuple[str, ...]
    alerts: tuple[Alert, ...]
    incidents: tuple[Alert, ...]
    suppressed: tuple[Alert, ...] = ()
    usual: int = 0
    doubted: tuple[Alert, ...] = ()
    forgotten: int = 0
    arp_packets: int = 0
    arp_lost: int = 0


def detect(
    batches: Iterable[pa.RecordBatch],
    behaviours: BehaviourSearch | None,
    model: ModelSearch | None,
    *,
    everything: bool = False,
    suppression: Suppression | None = None,
    novelty: NoveltySearch | None = None,
    arp: ArpSearch | None = None,
) -> Detected:
    """Show every batch to the behaviour detectors and the model, and make incidents of what no rule suppresses.

    The arguments are those of :class:`IncidentSearch`.

    Raises:
        InputError: a batch lacks columns that are needed; all of them are named.
    """
    search = IncidentSearch(behaviours, model, everything=everything, suppression=suppression, novelty=novelty, arp=arp)
    for batch in batches:
        search.add(batch)
    return search.found()


@dataclass(slots=True)
class _Past:
    """What detectors have forgotten and incidents have not: alerts, the model's findings, and sums of what is gone."""

    seen: list[Alert] = field(default_factory=list)
    strange: list[Alert] = field(default_factory=list)
    beside: list[Alert] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    too_few: int = 0
    unconfirmed: int = 0
    forgotten: int = 0

    def keep(self, living: Collection[str], doubted: Collection[str], before_ns: int) -> None:
        """Keep the alerts with these ids, and those that newer ones may still be linked with."""

        def stays(alert: Alert) -> bool:
            return alert.id in living or alert.end_ns + LINK_GAP_NS >= before_ns

        total = self._kept
        findings = [(alert_of(finding), finding) for finding in self.findings]
        self.unconfirmed += sum(alert.flows for alert, _ in findings if alert.id in doubted and not stays(alert))
        self.findings = _newest([finding for alert, finding in findings if stays(alert)])
        self.seen = _newest([alert for alert in self.seen if stays(alert)])
        self.strange = _newest([alert for alert in self.strange if stays(alert)])
        self.beside = _newest([alert for alert in self.beside if stays(alert)])
        self.forgotten += total - self._kept

    @property
    def _kept(self) -> int:
        return len(self.seen) + len(self.strange) + len(self.beside) + len(self.findings)


STILL_RUNNING: Final = " (still running)"
"""Ends the reason of an alert of flows that have not ended."""


class IncidentSearch:
    """Looks at flow batches as they come, and says at any time what was found so far.

    ``everything`` makes alerts of low severity also of what the model flagged and is not believed. ``novelty`` judges
    the flows beside a baseline; it looks at them with the context columns of ``behaviours``, which must be there.
    ``arp`` looks at the ARP packets that come beside the flows.
    ``fresh`` makes a search with nothing seen yet, for flows that still run (:meth:`add_running`).

    Memory is that of the detectors as long as :meth:`forget` is called from time to time; what came of the flows does
    not depend on when, but for novelty, where hosts that were strange towards the same target more than an hour apart
    may be several alerts.
    """

    def __init__(
        self,
        behaviours: BehaviourSearch | None,
        model: ModelSearch | None,
        *,
        everything: bool = False,
        suppression: Suppression | None = None,
        novelty: NoveltySearch | None = None,
        arp: ArpSearch | None = None,
        fresh: Callable[[], IncidentSearch] | None = None,
    ) -> None:
        """Start without any flow seen."""
        self._behaviours, self._model, self._novelty, self._arp = behaviours, model, novelty, arp
        self._everything = everything
        self._suppression = suppression or Suppression()
        self._fresh = fresh
        self._running: tuple[Alert, ...] = ()
        self._past = _Past()
        self._flows = self._packets = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Show a batch of flows that have ended to all detectors.

        Raises:
            InputError: the batch lacks columns that are needed; all of them are named.
        """
        self._flows += batch.num_rows
        self._packets += int(pc.sum(batch.column("packets")).as_py() or 0) if "packets" in batch.schema.names else 0
        view = self._behaviours.add(batch) if self._behaviours is not None else None
        if self._novelty is not None and self._behaviours is not None and view is not None:
            self._novelty.add(view, self._behaviours.alerts)
        if self._model is not None:
            self._model.add(batch)
        if self._arp is not None and self._arp.log.waiting:
            self._arp.look(_latest_ns(batch))

    def add_running(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Show flows that still run; they replace those shown before and count nowhere.

        A search of their own looks at them, so that what they say is not said twice when they end. Its alerts stand
        until the next call, or until the same detector says the same of the flows that have ended.
        """
        if self._fresh is None:
            return
        search = self._fresh()
        for batch in batches:
            search.add(batch)
        if search._model is not None and self._model is not None:
            search._model.flows += self._model.flows
        found = search.found()
        self._running = tuple(replace(alert, reason=alert.reason + STILL_RUNNING) for alert in found.alerts)

    def found(self) -> Detected:
        """Return what was found so far, ARP packets that wait included; nothing else changes by it."""
        if self._arp is not None:
            self._arp.look()
        behaviours, model, novelty, past = self._behaviours, self._model, self._novelty, self._past
        settled = model.settle(with_too_few=True) if model is not None else None
        findings = [*past.findings, *(settled.findings if settled else ())]
        seen = [*past.seen, *(behaviours.alerts() if behaviours is not None else ())]
        usual = {alert.id for alert in seen if novelty is not None and novelty.is_usual(alert)}
        seen = [alert for alert in seen if alert.id not in usual]
        blind = behaviours.missing_columns if behaviours is not None else ()
        least_score = model.least_score_alone if model is not None else 0.0
        believed, unconfirmed = _believed(seen, findings, least_score, alone=behaviours is None or bool(blind))
        doubted = _doubted(findings, unconfirmed) if self._everything else []
        strange = [*past.strange, *(novelty.alerts() if novelty is not None else ())]
        beside = [*past.beside, *(self._arp.alerts() if self._arp is not None else ())]
        found = [*seen, *believed, *doubted, *strange, *beside]
        found += [alert for alert in self._running if not any(is_said_by(alert, other) for other in found)]
        self._suppression.hidden.clear()
        alerts, suppressed = self._suppression.split([*found, *spreading(found)])
        return Detected(
            flows=self._flows,
            packets=self._packets,
            flagged=settled.flagged if settled else 0,
            too_few=past.too_few + (settled.too_few if settled else 0),
            unconfirmed=past.unconfirmed + sum(alert.flows for alert in unconfirmed),
            overflow=(settled.overflow if settled else 0)
            + (behaviours.overflow_flows if behaviours else 0)
            + (novelty.overflow_flows if novelty else 0),
            evicted=behaviours.tracker.counts.evicted if behaviours else 0,
            missing_columns=blind,
            missing_features=model.missing_columns if model is not None else (),
            alerts=tuple(in_order(alerts)),
            incidents=tuple(incidents_of(alerts)),
            suppressed=tuple(in_order(suppressed)),
            usual=len(usual),
            doubted=tuple(unconfirmed),
            forgotten=past.forgotten,
            arp_packets=self._arp.log.observed if self._arp is not None else 0,
            arp_lost=self._arp.log.lost if self._arp is not None else 0,
        )

    def suppress(self, suppression: Suppression) -> None:
        """Hide what these rules hide, from the next look on."""
        self._suppression = suppression

    def flag_at(self, threshold: float) -> None:
        """Have the model flag flows from this score on; what it flagged before stays."""
        if self._model is not None:
            self._model.flag_at(threshold)

    def forget(self, before_ns: int, found: Detected) -> None:
        """Forget what flows that start at ``before_ns`` or later cannot change; ``found`` is what was found last.

        Alerts stay while their incident may still grow, at most :data:`MOST_PAST` of each kind of detector.
        """
        past = self._past
        if self._behaviours is not None:
            past.seen += self._behaviours.expire(before_ns)
        if self._novelty is not None:
            past.strange += self._novelty.expire(before_ns)
        if self._arp is not None:
            past.beside += self._arp.expire(before_ns)
        for finding in self._model.expire(before_ns) if self._model is not None else ():
            if finding.too_few:
                past.too_few += finding.flows
            if self._everything or not finding.too_few:
                past.findings.append(finding)
        growing = [one for one in found.incidents if one.end_ns + LINK_GAP_NS >= before_ns]
        past.keep(
            {member for one in growing for member in one.members}, {alert.id for alert in found.doubted}, before_ns
        )


def _latest_ns(batch: pa.RecordBatch) -> int | None:
    """Return when the last of the flows had its last packet, None where there is none or it is not known."""
    if "end_time" not in batch.schema.names or not batch.num_rows:
        return None
    latest: int | None = pc.max(pc.cast(batch.column("end_time"), pa.int64())).as_py()
    return latest


Aged = TypeVar("Aged", Alert, Finding)


def _newest(past: list[Aged]) -> list[Aged]:
    """Return at most :data:`MOST_PAST`, those that ended last."""
    if len(past) <= MOST_PAST:
        return past
    return sorted(past, key=lambda one: one.end_ns)[-MOST_PAST:]


def is_said_by(running: Alert, alert: Alert) -> bool:
    """Return whether an alert of flows that have ended says what one of running flows does."""
    return (
        running.detectors == alert.detectors
        and running.category == alert.category
        and (_is_same_doing(running, alert) or running.id == alert.id)
    )


def _believed(
    seen: Sequence[Alert], findings: Iterable[Finding], least_score: float, *, alone: bool
) -> tuple[list[Alert], list[Alert]]:
    """Return the model's alerts that stand, and those that nothing confirms; all kinds of a model that is ``alone``.

    What a behaviour detector saw between the same hosts is what the model saw, whatever name it gave to single flows.
    """
    stand: list[Alert] = []
    unconfirmed: list[Alert] = []
    for finding in findings:
        if finding.too_few:
            continue
        alert = alert_of(finding)
        behaviour = next((other for other in seen if _is_same_doing(alert, other)), None)
        if behaviour is not None:
            stand.append(replace(alert, category=behaviour.category, technique=behaviour.technique))
        elif finding.score >= least_score and (alone or alert.category not in NEED_BEHAVIOUR):
            stand.append(alert)
        else:
            unconfirmed.append(alert)
    return stand, unconfirmed


def _is_same_doing(alert: Alert, other: Alert) -> bool:
    return (
        other.start_ns <= alert.end_ns + LINK_GAP_NS
        and alert.start_ns <= other.end_ns + LINK_GAP_NS
        and not set(alert.sources).isdisjoint(other.sources)
        and not set(alert.targets).isdisjoint(other.targets)
    )


def _doubted(findings: Iterable[Finding], unconfirmed: Sequence[Alert]) -> list[Alert]:
    few = [alert_of(finding) for finding in findings if finding.too_few]
    named = [(alert, f"too few for {alert.category}") for alert in few]
    named += [(alert, "no behaviour seen, or too low a score for so many flows") for alert in unconfirmed]
    return [
        replace(alert, severity="low", confidence=alert.confidence / 10, detectors=(f"{MODEL}, not believed",),
                reason=f"{why}: {alert.reason}")
        for alert, why in named
    ]  # fmt: skip
