"""From suspicious flows to episodes: what one host or pair did without a long pause, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from netsift.alerts.suspects import Hashes, Key, Run, SingleFlows, Suspects
from netsift.detectors.behaviour.base import Behaviour, Episode, FlowView, Rows, Scope, needs_several

DEFAULT_MAX_EPISODES: Final = 20_000
DEFAULT_MAX_MEMBERS: Final = 1_000_000
SAMPLES: Final = 20

_WAITING_PER_EPISODE: Final = 4


@dataclass(slots=True)
class Episodes:
    """Collects the suspects of one behaviour.

    At most ``max_episodes`` are kept at a time and ``max_members`` hosts and ports in all of them; ``overflow_flows``
    counts flows that found no room. Where there is none, episodes that ended longest ago and came to nothing make it.
    Where one flow can be no alert, the first flow of a host or pair waits apart until there is a second: so a flood
    from forged addresses makes no episode of each. Those that waited longest are forgotten.
    """

    behaviour: Behaviour
    max_episodes: int = DEFAULT_MAX_EPISODES
    max_members: int = DEFAULT_MAX_MEMBERS
    overflow_flows: int = 0
    _open: dict[Key, list[Episode]] = field(default_factory=dict)
    _hash_of: dict[Key, int] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)
    _single: SingleFlows = field(init=False)
    _count: int = 0
    _members: int = 0

    def __post_init__(self) -> None:
        """Make room for single flows."""
        waits = needs_several(self.behaviour) and self.behaviour.scope is not Scope.NETWORK
        self._single = SingleFlows(_WAITING_PER_EPISODE * self.max_episodes if waits else 0)

    def add(self, view: FlowView) -> None:
        """Take the suspects of a batch."""
        rows = np.flatnonzero(self.behaviour.suspects(view))
        if not len(rows):
            return
        flows = Suspects.of(view, rows, self.behaviour)
        runs = flows.runs(self._gap_ns)
        hashes = flows.hashes[runs.first_places]
        waits = self._waits(hashes, runs.flows == 1)
        for number, value in zip(np.flatnonzero(~waits).tolist(), hashes[~waits].tolist(), strict=True):
            if (kept := self._single.pop(value)) is not None:
                self._place(kept[0], value, kept[0].one(kept[1]))
            self._place(flows, value, runs.run(number))
        if waits.any():
            self._single.add(flows.take(runs.first_places[waits]))

    def _waits(self, hashes: Hashes, single: Rows) -> Rows:
        """Return which runs, by the hashes of their keys, are the only flow of a key that was not seen before."""
        if not self._single.most:
            return np.zeros(len(hashes), np.bool_)
        values = hashes.tolist()
        different = set(values)
        met = (different & self._known) | self._single.among(different)
        if len(different) < len(values):
            met |= {value for value, times in Counter(values).items() if times > 1}
        alone: Rows = single & ~np.isin(hashes, np.array(sorted(met), np.uint64)) if met else single
        return alone

    def episodes(self) -> Iterable[Episode]:
        """Yield all episodes that can be an alert, each key's in order of time."""
        for of_key in self._open.values():
            yield from of_key

    def _place(self, flows: Suspects, value: int, run: Run) -> None:
        key = flows.key(run.best)
        episode = self._near(key, run.start_ns, run.end_ns)
        if episode is None:
            if not self._has_room():
                self.overflow_flows += len(run.places)
                return
            episode = Episode(key, run.start_ns, run.end_ns)
            insort(self._open.setdefault(key, []), episode, key=_start_ns)
            self._hash_of[key] = value
            self._known.add(value)
            self._count += 1
        self._grow(episode, flows, run)

    @property
    def _gap_ns(self) -> int:
        return int(self.behaviour.gap_s * 1e9)

    def _near(self, key: Key, start_ns: int, end_ns: int) -> Episode | None:
        """Return the episode to which a time belongs; those that it joins become one."""
        episodes = self._open.get(key, [])
        # Episodes of a key are in order of start and further apart than the gap, so they are in order of end as well.
        first = bisect_left(episodes, start_ns - self._gap_ns, key=_end_ns)
        last = bisect_right(episodes, end_ns + self._gap_ns, key=_start_ns)
        if first >= last:
            return None
        for other in episodes[first + 1 : last]:
            self._unite(episodes[first], other)
        del episodes[first + 1 : last]
        episodes[first].start_ns = min(episodes[first].start_ns, start_ns)
        return episodes[first]

    def _unite(self, episode: Episode, other: Episode) -> None:
        self._count -= 1
        self._members -= len(other.sources) + len(other.targets) + len(other.ports)
        episode.end_ns = max(episode.end_ns, other.end_ns)
        episode.flows += other.flows
        episode.packets += other.packets
        episode.bytes += other.bytes
        if (other.peak, -other.peak_ns) > (episode.peak, -episode.peak_ns):
            episode.peak, episode.peak_ns, episode.facts = other.peak, other.peak_ns, other.facts
        for name in ("sources", "targets", "ports"):
            self._extend(episode, name, getattr(other, name))
        episode.truncated |= other.truncated
        episode.samples = _first(episode.samples + other.samples)

    def _has_room(self) -> bool:
        if self._count >= self.max_episodes:
            self._forget()
        return self._count < self.max_episodes

    def _forget(self) -> None:
        """Forget the older half of the episodes that are no alert."""
        small = [one for of_key in self._open.values() for one in of_key if self.behaviour.strength(one) < 1]
        small.sort(key=lambda one: one.end_ns)
        self._remove(small[: (len(small) + 1) // 2])

    def expire(self, before_ns: int) -> list[Episode]:
        """Forget the episodes that no flow can join which starts at ``before_ns`` or later; return those.

        Flows that wait for a second one stay: their number is bounded.
        """
        over = [one for one in self.episodes() if one.end_ns + self._gap_ns < before_ns]
        if over:
            self._remove(over)
        return over

    def _remove(self, episodes: Iterable[Episode]) -> None:
        removed = {id(one) for one in episodes}
        kept = {key: [one for one in of_key if id(one) not in removed] for key, of_key in self._open.items()}
        self._open = {key: of_key for key, of_key in kept.items() if of_key}
        self._hash_of = {key: self._hash_of[key] for key in self._open}
        self._known = set(self._hash_of.values())
        self._count -= len(removed)
        self._members = sum(len(one.sources) + len(one.targets) + len(one.ports) for one in self.episodes())

    def _grow(self, episode: Episode, flows: Suspects, run: Run) -> None:
        episode.start_ns, episode.end_ns = min(episode.start_ns, run.start_ns), max(episode.end_ns, run.end_ns)
        episode.flows += len(run.places)
        episode.packets += run.packets
        episode.bytes += run.bytes
        peak, peak_ns = flows.peak(run.best)
        if (peak, -peak_ns) > (episode.peak, -episode.peak_ns):
            episode.peak, episode.peak_ns = peak, peak_ns
            episode.facts = flows.facts_of(run.best)
        self._extend(episode, "sources", flows.distinct("src_ip", run.places))
        self._extend(episode, "targets", flows.distinct("dst_ip", run.places))
        self._extend(episode, "ports", flows.ports(run.places))
        if len(episode.samples) < SAMPLES or run.start_ns < episode.samples[-1]["start_time"]:
            episode.samples = _first(episode.samples + flows.samples(run.places[:SAMPLES]))

    def _extend(self, episode: Episode, name: str, new: set[Any]) -> None:
        known: set[Any] = getattr(episode, name)
        new -= known
        room = max(self.max_members - self._members, 0 if known else 1)
        if len(new) > room:
            episode.truncated = True
            new = set(sorted(new)[:room])
        known |= new
        self._members += len(new)


def _start_ns(episode: Episode) -> int:
    return episode.start_ns


def _end_ns(episode: Episode) -> int:
    return episode.end_ns


def _first(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the samples that began first."""
    return sorted(samples, key=lambda sample: int(sample["start_time"]))[:SAMPLES]
