"""The suspicious flows of a batch as arrays, and their runs: flows of one key without a long pause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from netsift.detectors.behaviour.base import NO_INTEGER, SAMPLE_COLUMNS, Behaviour, FlowView, Scope

Integers = npt.NDArray[np.int64]
Key = tuple[str, ...]
Hashes = npt.NDArray[np.uint64]

KEYS: Final[dict[Scope, tuple[str, ...]]] = {
    Scope.SOURCE: ("src_ip",),
    Scope.TARGET: ("dst_ip",),
    Scope.PAIR: ("src_ip", "dst_ip"),
    Scope.HOSTS: ("src_ip", "dst_ip"),
    Scope.NETWORK: (),
}
"""The addresses that tell the episodes of a scope apart; of two hosts it does not matter which is which."""

_ADDRESSES: Final = ("src_ip", "dst_ip")
_NUMBERS: Final = tuple(name for name in SAMPLE_COLUMNS if name not in _ADDRESSES)
_GREATEST: Final = 2**62
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Run:
    """Flows of one key without a long pause: their places in order of start, sums, and the place of the peak."""

    places: Integers
    start_ns: int
    end_ns: int
    packets: int
    bytes: int
    best: int


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of a batch: ``places`` (flows,) run by run, and of each run (runs,) what :class:`Run` says."""

    places: Integers
    first: Integers
    flows: Integers
    start_ns: Integers
    end_ns: Integers
    packets: Integers
    bytes: Integers
    best: Integers

    @property
    def first_places(self) -> Integers:
        """The place of each run's first flow."""
        return self.places[self.first]

    def run(self, number: int) -> Run:
        """Return one run."""
        first = int(self.first[number])
        return Run(
            self.places[first : first + int(self.flows[number])],
            int(self.start_ns[number]), int(self.end_ns[number]), int(self.packets[number]), int(self.bytes[number]),
            int(self.best[number]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suspects:
    """Suspicious flows, one entry each in every array; indices are places among them.

    ``codes`` are of each address column the places in ``texts``; ``numbers`` the other sample columns. ``hashes`` are
    of the keys of ``scope``; different keys may have the same one.
    """

    scope: Scope
    hashes: Hashes
    numbers: dict[str, Integers]
    end_ns: Integers
    bytes: Integers
    measure: npt.NDArray[np.float64]
    facts: dict[str, npt.NDArray[Any]]
    codes: dict[str, Integers]
    texts: dict[str, list[str]]

    @classmethod
    def of(cls, view: FlowView, rows: Integers, behaviour: Behaviour) -> Self:
        """Return rows of a batch as the suspects of a behaviour."""
        numbers = {name: view.integer(name)[rows] for name in _NUMBERS}
        addresses = {name: view.addresses(name) for name in _ADDRESSES}
        return cls(
            scope=behaviour.scope,
            hashes=_hashes(view, behaviour.scope, rows),
            numbers=numbers,
            end_ns=np.maximum(numbers["start_time"], numbers["end_time"]),
            bytes=view.integer("bytes")[rows],
            measure=np.nan_to_num(np.asarray(behaviour.measure(view)[rows], np.float64)),
            facts={name: view.number(name)[rows] for name in behaviour.facts},
            codes={name: codes[rows] for name, (codes, _) in addresses.items()},
            texts={name: texts for name, (_, texts) in addresses.items()},
        )

    def take(self, places: Integers) -> Suspects:
        """Return some of the flows, with nothing of the others kept in memory."""
        texts = {name: [self.texts[name][code] for code in self.codes[name][places].tolist()] for name in _ADDRESSES}
        return Suspects(
            self.scope, self.hashes[places], {name: values[places] for name, values in self.numbers.items()},
            self.end_ns[places], self.bytes[places], self.measure[places],
            {name: values[places] for name, values in self.facts.items()},
            dict.fromkeys(_ADDRESSES, np.arange(len(places))), texts,
        )  # fmt: skip

    def key(self, place: int) -> Key:
        """Return the key of one flow."""
        key = tuple(self.texts[name][self.codes[name][place]] for name in KEYS[self.scope])
        return tuple(sorted(key)) if self.scope is Scope.HOSTS else key

    def runs(self, gap_ns: int) -> Runs:
        """Cut the flows of each key, in order of start, where nothing happened for longer than the gap."""
        keys = self._host_keys() if self.scope is Scope.HOSTS else self._keys()
        places = np.lexsort((self.numbers["start_time"], keys))
        start_ns, end_ns = self.numbers["start_time"][places], self.end_ns[places]
        changes = np.diff(keys[places]) != 0
        latest_ns = _latest(end_ns, np.flatnonzero(changes) + 1)
        cuts = np.flatnonzero(changes | (start_ns[1:] - latest_ns[:-1] > gap_ns)) + 1
        first = np.concatenate((np.zeros(1, np.int64), cuts))
        return Runs(
            places=places,
            first=first,
            flows=np.diff(first, append=len(places)),
            start_ns=start_ns[first],
            end_ns=np.maximum.reduceat(end_ns, first),
            packets=np.add.reduceat(self.numbers["packets"][places], first),
            bytes=np.add.reduceat(self.bytes[places], first),
            best=_best(self.measure, places, first),
        )

    def _keys(self) -> Integers:
        keys = np.zeros(len(self.end_ns), np.int64)
        for name in KEYS[self.scope]:
            keys = keys * len(self.texts[name]) + self.codes[name]
        return keys

    def _host_keys(self) -> Integers:
        number_of = {text: number for number, text in enumerate(sorted({*self.texts["src_ip"], *self.texts["dst_ip"]}))}
        ends = [np.array([number_of[text] for text in self.texts[name]])[self.codes[name]] for name in _ADDRESSES]
        keys: Integers = np.minimum(*ends) * len(number_of) + np.maximum(*ends)
        return keys

    def one(self, place: int) -> Run:
        """Return a run of a single flow."""
        return Run(
            np.array([place]), int(self.numbers["start_time"][place]), int(self.end_ns[place]),
            int(self.numbers["packets"][place]), int(self.bytes[place]), place,
        )  # fmt: skip

    def peak(self, place: int) -> tuple[float, int]:
        """Return the measure of one flow and its start in ns."""
        return float(self.measure[place]), int(self.numbers["start_time"][place])

    def facts_of(self, place: int) -> dict[str, float]:
        """Return the facts of one flow."""
        return {name: float(values[place]) for name, values in self.facts.items()}

    def distinct(self, name: str, places: Integers) -> set[str]:
        """Return the different addresses of some flows in one of the address columns."""
        texts, codes = self.texts[name], self.codes[name]
        if len(places) == 1:
            return {texts[codes[places[0]]]}
        return {texts[code] for code in np.unique(codes[places]).tolist()}

    def ports(self, places: Integers) -> set[int]:
        """Return the different destination ports of some flows."""
        return set(np.unique(self.numbers["dst_port"][places]).tolist()) - {NO_INTEGER}

    def samples(self, places: Integers) -> list[dict[str, Any]]:
        """Return flows as rows of the sample columns, times as integers."""
        return [{name: self._sample(name, place) for name in SAMPLE_COLUMNS} for place in places.tolist()]

    def _sample(self, name: str, place: int) -> str | int:
        return self.texts[name][self.codes[name][place]] if name in _ADDRESSES else int(self.numbers[name][place])


def _latest(end_ns: Integers, key_starts: Integers) -> Integers:
    """Return for each flow the latest end among its key's flows up to it; a key's flows stand together."""
    low, high = int(end_ns.min()), int(end_ns.max())
    span = high - low + 1
    if span * (len(key_starts) + 1) < _GREATEST:
        # Each key's times are lifted above those of the keys before it, so that one pass serves all.
        lift = np.zeros(len(end_ns), np.int64)
        lift[key_starts] = span
        lift = np.cumsum(lift) - low
        latest: Integers = np.maximum.accumulate(end_ns + lift) - lift
        return latest
    return np.concatenate([np.maximum.accumulate(part) for part in np.split(end_ns, key_starts)])


def _best(measure: npt.NDArray[np.float64], places: Integers, first: Integers) -> Integers:
    """Return the place of the first flow of each run with the run's greatest measure."""
    values = measure[places]
    greatest = np.repeat(np.maximum.reduceat(values, first), np.diff(first, append=len(values)))
    candidates = np.where(values == greatest, np.arange(len(values)), len(values))
    best: Integers = places[np.minimum.reduceat(candidates, first)]
    return best


def _hashes(view: FlowView, scope: Scope, rows: Integers) -> Hashes:
    if scope is Scope.HOSTS:
        both: Hashes = view.hashes("src_ip")[rows] + view.hashes("dst_ip")[rows]
        return both
    hashes = np.zeros(len(rows), np.uint64)
    for name in KEYS[scope]:
        hashes = hashes * _ODD + view.hashes(name)[rows]
    return hashes


@dataclass(slots=True)
class SingleFlows:
    """Flows that are the only ones of their key so far, by the key's hash; those that left count towards ``most`` too.

    They are kept batch by batch in arrays, which takes a tenth of the time and memory of episodes.
    """

    most: int
    _batch_of: dict[int, int] = field(default_factory=dict)
    _batches: dict[int, Suspects] = field(default_factory=dict)
    _number: int = 0
    _kept: int = 0

    def among(self, hashes: set[int]) -> set[int]:
        """Return of which of these hashes a flow waits."""
        return hashes & self._batch_of.keys()

    def add(self, flows: Suspects) -> None:
        """Keep flows of different keys, and forget the oldest batches where there are too many."""
        self._number += 1
        self._batches[self._number] = flows
        self._batch_of.update(dict.fromkeys(flows.hashes.tolist(), self._number))
        self._kept += len(flows.hashes)
        while self._kept > self.most:
            number = next(iter(self._batches))
            hashes = self._batches.pop(number).hashes.tolist()
            self._kept -= len(hashes)
            for value in hashes:
                if self._batch_of.get(value) == number:
                    del self._batch_of[value]

    def pop(self, value: int) -> tuple[Suspects, int] | None:
        """Return the flow that waits under a hash as suspects and its place in them; it waits no longer."""
        number = self._batch_of.pop(value, None)
        if number is None:
            return None
        flows = self._batches[number]
        return flows, int(np.flatnonzero(flows.hashes == np.uint64(value))[0])
