"""From suspicious flows to episodes: what one host or pair did without a long pause, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.detectors.behaviour.base import SAMPLE_COLUMNS, Behaviour, Episode, FlowView, Scope

DEFAULT_MAX_EPISODES: Final = 20_000
DEFAULT_MAX_MEMBERS: Final = 1_000_000
SAMPLES: Final = 20

_NO_PORT: Final = -1


@dataclass(slots=True)
class Episodes:
    """Collects the suspects of one behaviour.

    At most ``max_episodes`` are kept at a time and ``max_members`` hosts and ports in all of them; ``overflow_flows``
    counts flows that found no room. Where there is none, episodes that ended longest ago and came to nothing make it.
    """

    behaviour: Behaviour
    max_episodes: int = DEFAULT_MAX_EPISODES
    max_members: int = DEFAULT_MAX_MEMBERS
    overflow_flows: int = 0
    _open: dict[tuple[str, ...], list[Episode]] = field(default_factory=dict)
    _count: int = 0
    _members: int = 0

    def add(self, view: FlowView) -> None:
        """Take the suspects of a batch."""
        rows = np.flatnonzero(self.behaviour.suspects(view))
        if not len(rows):
            return
        flows = _Suspects(view, rows, self.behaviour)
        for key, members in flows.by_key(self.behaviour.scope):
            self._place(flows, key, members)

    def episodes(self) -> Iterable[Episode]:
        """Yield all episodes, each key's in order of time."""
        for of_key in self._open.values():
            yield from of_key

    def _place(self, flows: _Suspects, key: tuple[str, ...], members: npt.NDArray[np.int64]) -> None:
        for run in flows.runs(members, self._gap_ns):
            start_ns, end_ns = int(flows.start_ns[run].min()), int(flows.end_ns[run].max())
            episode = self._near(key, start_ns, end_ns)
            if episode is None:
                if not self._has_room():
                    self.overflow_flows += len(run)
                    continue
                episode = Episode(key, start_ns, end_ns)
                insort(self._open.setdefault(key, []), episode, key=_start_ns)
                self._count += 1
            self._grow(episode, flows, run, start_ns, end_ns)

    @property
    def _gap_ns(self) -> int:
        return int(self.behaviour.gap_s * 1e9)

    def _near(self, key: tuple[str, ...], start_ns: int, end_ns: int) -> Episode | None:
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
        forgotten = {id(one) for one in small[: (len(small) + 1) // 2]}
        kept = {key: [one for one in of_key if id(one) not in forgotten] for key, of_key in self._open.items()}
        self._open = {key: of_key for key, of_key in kept.items() if of_key}
        self._count -= len(forgotten)
        self._members = sum(len(one.sources) + len(one.targets) + len(one.ports) for one in self.episodes())

    def _grow(self, episode: Episode, flows: _Suspects, run: npt.NDArray[np.int64], start_ns: int, end_ns: int) -> None:
        episode.start_ns, episode.end_ns = min(episode.start_ns, start_ns), max(episode.end_ns, end_ns)
        episode.flows += len(run)
        episode.packets += int(flows.packets[run].sum())
        episode.bytes += int(flows.bytes[run].sum())
        best = int(run[np.argmax(flows.measure[run])])
        peak, peak_ns = float(flows.measure[best]), int(flows.start_ns[best])
        if (peak, -peak_ns) > (episode.peak, -episode.peak_ns):
            episode.peak, episode.peak_ns = peak, peak_ns
            episode.facts = {name: float(values[best]) for name, values in flows.facts.items()}
        self._extend(episode, "sources", set(flows.distinct("src_ip", run)))
        self._extend(episode, "targets", set(flows.distinct("dst_ip", run)))
        self._extend(episode, "ports", set(np.unique(flows.port[run]).tolist()) - {_NO_PORT})
        if len(episode.samples) < SAMPLES or start_ns < episode.samples[-1]["start_time"]:
            episode.samples = _first(episode.samples + flows.samples(run[:SAMPLES]))

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


_KEYS: Final[dict[Scope, tuple[str, ...]]] = {
    Scope.SOURCE: ("src_ip",),
    Scope.TARGET: ("dst_ip",),
    Scope.PAIR: ("src_ip", "dst_ip"),
    Scope.NETWORK: (),
}


class _Suspects:
    """The suspicious rows of a batch as arrays; indices are places among them."""

    def __init__(self, view: FlowView, rows: npt.NDArray[np.int64], behaviour: Behaviour) -> None:
        self._batch = view.batch.take(pa.array(rows))
        self.start_ns = _integers(self._batch, "start_time")
        self.end_ns = np.maximum(self.start_ns, _integers(self._batch, "end_time"))
        self.packets, self.bytes = _integers(self._batch, "packets"), _integers(self._batch, "bytes")
        self.port = _integers(self._batch, "dst_port")
        self.measure = np.nan_to_num(np.asarray(behaviour.measure(view)[rows], np.float64))
        self.facts = {name: view.number(name)[rows] for name in behaviour.facts}
        self._codes = {name: _encoded(self._batch, name) for name in ("src_ip", "dst_ip")}

    def by_key(self, scope: Scope) -> Iterable[tuple[tuple[str, ...], npt.NDArray[np.int64]]]:
        """Yield the places of each key, each key's in order of start."""
        if scope is Scope.HOSTS:
            yield from self._by_hosts()
            return
        names = _KEYS[scope]
        if not names:
            yield (), np.argsort(self.start_ns, kind="stable")
            return
        codes = np.stack([self._codes[name][0] for name in names])
        order = np.lexsort((self.start_ns, *codes))
        cuts = np.flatnonzero(np.any(np.diff(codes[:, order], axis=1) != 0, axis=0)) + 1
        for places in np.split(order, cuts):
            yield tuple(self._codes[name][1][self._codes[name][0][places[0]]] for name in names), places

    def _by_hosts(self) -> Iterator[tuple[tuple[str, ...], npt.NDArray[np.int64]]]:
        (sources, of_source), (targets, of_target) = (self._codes[name] for name in ("src_ip", "dst_ip"))
        places: dict[tuple[str, ...], list[int]] = {}
        for place in np.argsort(self.start_ns, kind="stable").tolist():
            pair = sorted((of_source[sources[place]], of_target[targets[place]]))
            places.setdefault(tuple(pair), []).append(place)
        yield from ((key, np.array(members)) for key, members in places.items())

    def runs(self, places: npt.NDArray[np.int64], gap_ns: int) -> list[npt.NDArray[np.int64]]:
        """Cut places in order of start where nothing happened for longer than the gap."""
        latest = np.maximum.accumulate(self.end_ns[places])
        return np.split(places, np.flatnonzero(self.start_ns[places][1:] - latest[:-1] > gap_ns) + 1)

    def distinct(self, name: str, places: npt.NDArray[np.int64]) -> list[str]:
        """Return the different addresses of some flows."""
        codes, texts = self._codes[name]
        return [texts[code] for code in np.unique(codes[places]).tolist()]

    def samples(self, places: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return flows as rows of the sample columns, times as integers."""
        taken = self._batch.take(pa.array(places))
        columns: dict[str, list[Any]] = {
            name: (_texts(taken, name) if name in self._codes else _integers(taken, name).tolist())
            for name in SAMPLE_COLUMNS
        }
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _texts(batch: pa.RecordBatch, name: str) -> list[str]:
    texts: list[str] = pc.fill_null(pc.cast(batch.column(name), pa.string()), "?").to_pylist()
    return texts


def _integers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    if name not in batch.schema.names:
        return np.full(batch.num_rows, _NO_PORT, np.int64)
    values = pc.fill_null(pc.cast(batch.column(name), pa.int64(), safe=False), _NO_PORT)
    integers: npt.NDArray[np.int64] = values.to_numpy(zero_copy_only=False)
    return integers


def _encoded(batch: pa.RecordBatch, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
    texts = pc.dictionary_encode(pc.fill_null(pc.cast(batch.column(name), pa.string()), "?"))
    codes: npt.NDArray[np.int64] = pc.cast(texts.indices, pa.int64()).to_numpy(zero_copy_only=False)
    return codes, texts.dictionary.to_pylist()
