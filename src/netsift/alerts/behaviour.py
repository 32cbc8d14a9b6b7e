"""From flow batches to the alerts of the behaviour detectors: context, suspects, episodes, reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import Any, Final

import pyarrow as pa

from netsift.alerts.episodes import Episodes
from netsift.alerts.phrases import phrase
from netsift.alerts.schema import MOST_MEMBERS, Alert, AlertColumn, FlowReference, alert_id, graver
from netsift.alerts.usual import Usual, extent_column, usual_of, usual_words
from netsift.context.tracker import REQUIRED_COLUMNS, ContextSettings, ContextTracker
from netsift.detectors.behaviour import BEHAVIOURS
from netsift.detectors.behaviour.base import Behaviour, Episode, FlowView
from netsift.flows.schema import BY_NAME

GRAVE_STRENGTH: Final = 10
"""From so many times its limit on a behaviour is one severity graver."""

_NO_PORT: Final = -1
_DOUBT: Final = 0.25
"""How often an alert just beyond a limit is taken to be wrong."""
_PORTS: Final = ("src_port", "dst_port")
_UNITS_SAID: Final = ("bytes", "s", "µs")
"""Units that the phrase of a column does not say already."""


class BehaviourSearch:
    """Watches flow batches for every behaviour, in bounded memory."""

    def __init__(
        self,
        behaviours: Sequence[Behaviour] = BEHAVIOURS,
        settings: ContextSettings | None = None,
        context: Sequence[str] = (),
    ) -> None:
        """Start without any flow seen; ``context`` names further context columns, for others that look at the flows."""
        needed = sorted({*context, *(name for behaviour in behaviours for name in behaviour.context)})
        self.tracker = ContextTracker(tuple(needed), settings or ContextSettings())
        self._episodes = [Episodes(behaviour) for behaviour in behaviours]
        self.missing_columns: tuple[str, ...] = ()

    def add(self, batch: pa.RecordBatch) -> FlowView | None:
        """Take a flow batch; return it with its context columns.

        Flows that lack what context is made of are not looked at (``missing_columns``), and None is returned.
        """
        missing = tuple(name for name in REQUIRED_COLUMNS if name not in batch.schema.names)
        if missing:
            self.missing_columns = missing
            return None
        view = FlowView(batch, dict(zip(self.tracker.names, self.tracker.add(batch), strict=True)))
        for episodes in self._episodes:
            episodes.add(view)
        return view

    @property
    def overflow_flows(self) -> int:
        """Suspicious flows for which there was no room in any episode."""
        return sum(episodes.overflow_flows for episodes in self._episodes)

    def alerts(self) -> Iterator[Alert]:
        """Yield an alert for every episode that reaches its limit."""
        for episodes in self._episodes:
            found = list(episodes.episodes())
            yield from _alerts(episodes.behaviour, found, found)

    def strengths(self) -> Iterator[tuple[str, float]]:
        """Yield the name of the behaviour and the strength of every episode, also of those below the limit."""
        for episodes in self._episodes:
            for episode in episodes.episodes():
                yield episodes.behaviour.name, episodes.behaviour.strength(episode)

    def expire(self, before_ns: int) -> list[Alert]:
        """Forget what no flow can change any more that starts at ``before_ns`` or later; return its alerts."""
        over: list[Alert] = []
        for episodes in self._episodes:
            all_of_them = list(episodes.episodes())
            over += _alerts(episodes.behaviour, episodes.expire(before_ns), all_of_them)
        return over


def _alerts(behaviour: Behaviour, episodes: Iterable[Episode], beside: Sequence[Episode]) -> Iterator[Alert]:
    """Yield the alerts of episodes; ``beside`` are all that there are, which say what is usual."""
    grave = [(episode, strength) for episode in episodes if (strength := behaviour.strength(episode)) >= 1]
    if not grave:
        return
    usual = usual_of((episode, behaviour.strength(episode)) for episode in beside)
    for episode, strength in grave:
        yield _alert(behaviour, episode, strength, usual)


def confidence_of(strength: float) -> float:
    """Return how sure a behaviour detector is that an episode of this strength is what it says: ¾ at its limit.

    On the labelled captures, with one attack in ten, nine alerts of ten are right (docs/alerts.md).
    """
    return 1 - _DOUBT / max(strength, 1.0)


def _alert(behaviour: Behaviour, episode: Episode, strength: float, usual: Usual | None) -> Alert:
    severity = str(behaviour.severity)
    members = episode.sources, episode.targets, episode.ports
    cut = episode.truncated or any(len(names) > MOST_MEMBERS for names in members)
    return Alert(
        id=alert_id("alert", behaviour.name, episode.key, episode.start_ns),
        kind="alert",
        start_ns=episode.start_ns,
        end_ns=episode.end_ns,
        severity=graver(severity) if strength >= GRAVE_STRENGTH else severity,
        confidence=confidence_of(strength),
        category=behaviour.category,
        technique=behaviour.technique,
        sources=tuple(nsmallest(MOST_MEMBERS, episode.sources)),
        targets=tuple(nsmallest(MOST_MEMBERS, episode.targets)),
        ports=tuple(nsmallest(MOST_MEMBERS, episode.ports)),
        truncated=cut,
        detectors=(behaviour.name,),
        reason=behaviour.reason(episode) + usual_words(behaviour, usual),
        columns=tuple(_columns(behaviour, episode, strength, usual)),
        flows=episode.flows,
        packets=episode.packets,
        evidence=tuple(reference(sample) for sample in episode.samples),
        normal=reference(usual.episode.samples[0]) if usual else None,
    )


def _columns(behaviour: Behaviour, episode: Episode, strength: float, usual: Usual | None) -> Iterator[AlertColumn]:
    if (extent := extent_column(behaviour, strength, usual)) is not None:
        yield extent
    yield from (_column(name, value) for name, value in episode.facts.items() if math.isfinite(value))


def _column(name: str, value: float) -> AlertColumn:
    from netsift.context.schema import CONTEXT_COLUMNS

    column = CONTEXT_COLUMNS[name].column if name in CONTEXT_COLUMNS else BY_NAME[name]
    unit = f" {column.unit}" if column.unit in _UNITS_SAID else ""
    shown = f"{value:.0f}" if name in _PORTS else f"{value:,.4g}"
    return AlertColumn(name, column.unit, round(value, 6), (), f"{phrase(name)}: {shown}{unit}")


def reference(sample: dict[str, Any]) -> FlowReference:
    """Return the flow that a sample of an episode names."""
    source_port, target_port = (sample[name] if sample[name] != _NO_PORT else None for name in ("src_port", "dst_port"))
    return FlowReference(
        sample["start_time"], sample["end_time"], sample["src_ip"], source_port, sample["dst_ip"], target_port,
        sample["protocol"],
    )  # fmt: skip
