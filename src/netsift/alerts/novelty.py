"""From flow batches to the alerts of a baseline: what this network never does, by source host.

Strange flows of one host without an hour's pause are one alert (:mod:`netsift.alerts.episodes`), whose reason names the
columns that lie furthest out in the strangest of them, with what is usual beside it and the most similar ordinary flow.
Where many hosts are strange towards the same target, they are one alert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.alerts.behaviour import reference
from netsift.alerts.episodes import Episodes
from netsift.alerts.online import OnlineLearning
from netsift.alerts.schema import MOST_MEMBERS, Alert, AlertColumn, alert_id
from netsift.context.schema import CONTEXT_COLUMNS
from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity
from netsift.detectors.behaviour.words import counted, hosts, lasted
from netsift.detectors.novelty.baseline import Baseline
from netsift.detectors.novelty.budget import ALERT_GAP_NS, Level
from netsift.detectors.novelty.columns import CONTEXT, words_of
from netsift.detectors.novelty.conformal import agreeing
from netsift.detectors.novelty.known_pairs import all_known
from netsift.flows.schema import BY_NAME

NOVELTY: Final = "novelty"
"""Name of the detectors in alerts, before the name of each: ``novelty/ecod``."""

USUAL_HERE: Final = frozenset(
    {"remote_administration", "beacon", "unanswered_beacon", "long_connection", "repeated_uploads", "raw_upload"}
)
"""Behaviours whose alerts mean nothing where the same hosts did the same when the baseline was learned."""

MANY_SOURCES: Final = 8
_REASONS: Final = 3
_MOST_COLUMNS: Final = 6
_SURPRISE: Final = "surprise"
_GROUP: Final = "group"
_MUCH_STRANGER: Final = 1.0
"""So many decades beyond the level an alert is of medium severity."""


@dataclass(frozen=True, slots=True)
class _Strangeness:
    """The strange flows of one host, as a behaviour whose measure is how strange they are."""

    level: float
    names: tuple[str, ...]
    name: str = NOVELTY
    category: str = "other"
    technique: str = ""
    severity: Severity = Severity.LOW
    scale: str = ""
    scope: Scope = Scope.SOURCE
    gap_s: float = ALERT_GAP_NS / 1e9
    context: tuple[str, ...] = CONTEXT

    @property
    def facts(self) -> tuple[str, ...]:
        """Everything that was seen of the strangest flow."""
        return (_SURPRISE, _GROUP, *self.names)

    def suspects(self, view: FlowView) -> Rows:
        """Return the flows that reach the level."""
        found: Rows = view.number(_SURPRISE) >= self.level
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return how strange flows are."""
        return view.number(_SURPRISE)

    def strength(self, episode: Episode) -> float:
        """Return 1 at the level, and 1 more for every decade beyond."""
        return 1 + episode.peak - self.level

    def reason(self, episode: Episode) -> str:
        """Say who was strange; :class:`NoveltySearch` knows why."""
        return f"{hosts(episode.sources)} did what this network does not"


@dataclass(slots=True)
class NoveltySearch:
    """Judges flow batches beside a baseline, in bounded memory.

    ``level`` is from which surprise on a flow is strange (:meth:`netsift.detectors.novelty.budget.AlertCurve.level`).
    With ``online``, that one's baseline judges, and learns; reasons compare with ``baseline`` all the same.
    """

    baseline: Baseline
    level: Level
    online: OnlineLearning | None = None
    _episodes: Episodes = field(init=False)
    _detectors: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Start without any flow seen."""
        self._detectors = self.baseline.detectors
        names = (*(f"{_SURPRISE}_{name}" for name in self._detectors), *self.baseline.scales.columns.names)
        self._episodes = Episodes(_Strangeness(self.level.surprise, names))

    @property
    def overflow_flows(self) -> int:
        """Strange flows for which there was no room in any episode."""
        return self._episodes.overflow_flows

    def add(self, view: FlowView, flagged: Callable[[], Iterable[Alert]] = tuple) -> Rows:
        """Take flows with the context columns that the baseline needs; return which of them are strange.

        Online, what is not strange is learned afterwards, except flows of the alerts that ``flagged`` returns.

        Raises:
            InputError: the flows lack columns; all of them are named.
        """
        judging = self.baseline if self.online is None else self.online.baseline
        judged = judging.judge(view)
        seen = dict(zip(self.baseline.scales.columns.names, judged.values.T, strict=True))
        each = {f"{_SURPRISE}_{name}": values for name, values in zip(self._detectors, judged.surprises, strict=True)}
        # Every number is kept in its own precision: an alert's level is compared with what it was chosen from.
        group = self.baseline.group_of_role[judged.role].astype(np.float64)
        own = {_SURPRISE: judged.surprise, _GROUP: group, **each, **seen}
        self._episodes.add(FlowView(view.batch, own))
        strange: Rows = judged.surprise >= self.level.surprise
        if self.online is not None:
            self.online.learn(view.batch, judged, strange, flagged)
        return strange

    def alerts(self) -> Iterator[Alert]:
        """Yield an alert for every host that was strange, or for many that were so towards one target."""
        yield from self._alerts(self._episodes.episodes())

    def expire(self, before_ns: int) -> list[Alert]:
        """Forget what no flow can change any more that starts at ``before_ns`` or later; return its alerts."""
        return list(self._alerts(self._episodes.expire(before_ns)))

    def _alerts(self, episodes: Iterable[Episode]) -> Iterator[Alert]:
        alone, crowds = _crowds(list(episodes))
        for episode in alone:
            yield self._alert(episode)
        for crowd in crowds:
            yield self._alert(_together(crowd))

    def is_usual(self, alert: Alert) -> bool:
        """Return whether an alert of a behaviour is what its hosts did when the baseline was learned."""
        if not USUAL_HERE.issuperset(alert.detectors) or alert.truncated:
            return False
        return all_known(alert.sources, alert.targets, alert.ports, self.baseline.known, self.baseline.key)

    def _alert(self, episode: Episode) -> Alert:
        surprises = np.array([episode.fact(f"{_SURPRISE}_{name}") for name in self._detectors])
        agree = agreeing(surprises, self.level.surprise)
        names = [name for name, agrees in zip(self._detectors, agree, strict=True) if agrees]
        columns = self._columns(episode)
        beyond = max(episode.peak - self.level.surprise, 0)
        sources, targets, ports = sorted(episode.sources), sorted(episode.targets), sorted(episode.ports)
        cut = episode.truncated or max(len(sources), len(targets), len(ports)) > MOST_MEMBERS
        return Alert(
            id=alert_id("alert", NOVELTY, episode.key, episode.start_ns),
            kind="alert",
            start_ns=episode.start_ns,
            end_ns=episode.end_ns,
            severity="medium" if beyond >= _MUCH_STRANGER else "low",
            confidence=confidence_beyond(beyond),
            category="other",
            technique="",
            sources=tuple(sources[:MOST_MEMBERS]),
            targets=tuple(targets[:MOST_MEMBERS]),
            ports=tuple(ports[:MOST_MEMBERS]),
            truncated=cut,
            detectors=tuple(f"{NOVELTY}/{name}" for name in names),
            reason=self._reason(episode, columns),
            columns=columns,
            flows=episode.flows,
            packets=episode.packets,
            evidence=tuple(reference(sample) for sample in episode.samples),
        )

    def _columns(self, episode: Episode) -> tuple[AlertColumn, ...]:
        """Return the columns that lie furthest out in the strangest flow, the furthest first."""
        names = self.baseline.scales.columns.names
        values = np.array([episode.facts[name] for name in names], np.float32)
        group = int(episode.facts[_GROUP])
        far = self.baseline.contributions(values[None], group)[0]
        examples = self.baseline.groups[group].examples
        nearest = self.baseline.nearest(values, group)
        return tuple(
            self._column(place, values[place], examples[:, place], nearest[place])
            for place in np.argsort(-far, kind="stable")[:_MOST_COLUMNS]
        )

    def _column(self, place: int, value: float, examples: npt.NDArray[np.float32], nearest: float) -> AlertColumn:
        columns = self.baseline.scales.columns
        name = columns.names[place]
        unit = (BY_NAME[name] if name in BY_NAME else CONTEXT_COLUMNS[name].column).unit
        there = examples[examples >= 0]
        shown, near = (words_of(columns, place, float(one)) for one in (value, nearest))
        usual: tuple[float | str, ...] = ()
        if len(there) and name in columns.words():
            codes, counts = np.unique(there, return_counts=True)
            usual = tuple(str(words_of(columns, place, float(code))) for code in codes[np.argsort(-counts)][:3])
        elif len(there):
            usual = tuple(round(float(one), 6) for one in np.quantile(there, (0.05, 0.95)))
        said = f"{name.replace('_', ' ')} {_said(shown, unit)}; usual here: {_usual(usual, unit)}"
        return AlertColumn(name, unit, shown, usual, f"{said}; in the most similar ordinary flow {_said(near, unit)}")

    def _reason(self, episode: Episode, columns: Sequence[AlertColumn]) -> str:
        who, whom = hosts(episode.sources), hosts(episode.targets)
        group = self.baseline.groups[int(episode.facts[_GROUP])]
        why = "; ".join(one.words.rsplit("; in the most", 1)[0] for one in columns[:_REASONS])
        return (
            f"{counted(episode.flows, 'flow')} from {who} to {whom} in {lasted(episode.seconds)} unlike this network's "
            f"{group.name}, {_how_strange(episode.peak, group.held_back)}: {why}"
        )


def confidence_beyond(decades: float) -> float:
    """Return how sure an alert is that lies so many decades beyond the level of its budget.

    At the level it may as well be one of the false ones that the budget allows for, a quarter; far beyond it, there are
    next to none of those, but strange is not yet wrong: a half.
    """
    return 0.5 - 0.25 * float(10 ** -max(decades, 0.0))


def _crowds(episodes: Sequence[Episode]) -> tuple[list[Episode], list[list[Episode]]]:
    """Return the episodes of single hosts, and those of many hosts with one and the same target close in time."""
    towards: dict[str, list[Episode]] = {}
    alone: list[Episode] = []
    for episode in sorted(episodes, key=lambda one: (one.start_ns, one.key)):
        if len(episode.targets) == 1:
            towards.setdefault(next(iter(episode.targets)), []).append(episode)
        else:
            alone.append(episode)
    crowds = []
    for of_target in towards.values():
        for run in _runs(of_target):
            if len(run) >= MANY_SOURCES:
                crowds.append(run)
            else:
                alone += run
    return alone, crowds


def _runs(episodes: Sequence[Episode]) -> Iterator[list[Episode]]:
    """Cut episodes in order of start where nothing happened for longer than the gap."""
    run: list[Episode] = []
    latest_ns = 0
    for episode in episodes:
        if run and episode.start_ns > latest_ns + ALERT_GAP_NS:
            yield run
            run = []
        latest_ns = max(latest_ns, episode.end_ns) if run else episode.end_ns
        run.append(episode)
    yield run


def _together(crowd: Sequence[Episode]) -> Episode:
    """Return one episode of several hosts, with the facts of the strangest."""
    strangest = max(crowd, key=lambda one: one.peak)
    return replace(
        strangest,
        key=tuple(sorted(crowd[0].targets)),
        start_ns=min(one.start_ns for one in crowd),
        end_ns=max(one.end_ns for one in crowd),
        flows=sum(one.flows for one in crowd),
        packets=sum(one.packets for one in crowd),
        bytes=sum(one.bytes for one in crowd),
        sources={name for one in crowd for name in one.sources},
        ports={port for one in crowd for port in one.ports},
        truncated=any(one.truncated for one in crowd),
        samples=[sample for one in crowd for sample in one.samples[:1]][:20],
    )


def _how_strange(surprise: float, held_back: int) -> str:
    """Say how many ordinary flows are as strange, as far as those held back can tell."""
    if 10**surprise > held_back:
        return f"stranger than each of {held_back:,} flows held back"
    return f"as strange as 1 in {10**surprise:,.0f} flows"


def _said(value: float | str | None, unit: str) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"{value:,.4g} {unit}".strip()


def _usual(usual: Sequence[float | str], unit: str) -> str:
    if not usual:
        return "none"
    if isinstance(usual[0], str):
        return ", ".join(str(one) for one in usual)
    low, high = (f"{float(one):,.4g}" for one in usual)
    return f"{low} {unit}".strip() if low == high else f"{low} to {high} {unit}".strip()
