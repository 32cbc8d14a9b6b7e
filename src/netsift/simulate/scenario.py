"""Who does what and when: behaviours are merged into one stream of packets in time order.

Memory follows the conversations that are open at the same time, not the length of the capture: behaviours are
generators that plan one session ahead, and finished conversations leave through a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, NamedTuple

from netsift.errors import UsageError
from netsift.simulate.attacks import ATTACKS, CAMPAIGNS, Campaign
from netsift.simulate.benign import (
    CLIENT_BEHAVIOURS,
    DEVICE_BEHAVIOURS,
    OCCASIONAL_BEHAVIOURS,
    SERVER_BEHAVIOURS,
    Behaviour,
)
from netsift.simulate.conversation import Conversation, Ledger, Stage
from netsift.simulate.network import LARGEST_SITE_CLIENTS, Host, Network, build_network
from netsift.simulate.packets import SMALLEST_FRAME_BYTES
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import NANOSECONDS, Draws
from netsift.simulate.tcp import Packet

DEFAULT_START: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""A Monday morning."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = 1000
_HOUR_NS: Final = 3600 * NANOSECONDS
_LONGEST_S: Final = 31 * 86_400


class SimulatedPacket(NamedTuple):
    """A packet as a capture shows it: time, the bytes that were kept, and how long it was on the wire."""

    time_ns: int
    frame: bytes
    wire_length: int


@dataclass(frozen=True, slots=True)
class FlowLabel:
    """One conversation as it was simulated; ``attack`` is empty for benign traffic, addresses are 4 or 16 bytes."""

    start_time_ns: int
    end_time_ns: int
    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    protocol: int
    attack: str
    behaviour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSettings:
    """What to simulate; the same settings give the same bytes.

    ``attacks`` names classes from :data:`ATTACKS`, or is ``"all"`` or ``"none"``. ``intensity`` scales the number of
    attacks, and below 1 their size; ``background`` scales the benign activity. ``flood_rate`` is the typical pace of a
    flood in packets per second, ``flood_packets`` the most that one flood may send. ``volume`` scales the sizes of
    pages, files and other bulk. ``snap_length`` keeps that many bytes of each frame, 0 all.

    Raises UsageError for values outside their range.
    """

    seed: int = 1
    duration_s: float = 1800.0
    start: datetime = DEFAULT_START
    clients: int = 8
    attacks: tuple[str, ...] | str = "all"
    intensity: float = 1.0
    background: float = 1.0
    flood_rate: float = 300.0
    flood_packets: int = 4000
    volume: float = 1.0
    snap_length: int = 96

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        self._check(self.seed >= 0, "the seed must not be negative")
        self._check(0 < self.duration_s <= _LONGEST_S, "the duration must be longer than 0 and at most 31 days")
        self._check(self.start.tzinfo is not None, "the start time needs a time zone, for example 2026-03-02T08:00:00Z")
        self._check(
            1 <= self.clients <= LARGEST_SITE_CLIENTS, f"the number of clients must be from 1 to {LARGEST_SITE_CLIENTS}"
        )
        self._check(0 <= self.intensity <= 100, "the intensity must be from 0 to 100")
        self._check(0 <= self.background <= 100, "the background must be from 0 to 100")
        self._check(0 < self.volume <= 100, "the volume must be above 0 and at most 100")
        self._check(
            0 < self.flood_rate <= 1e6, "the flood rate must be above 0 and at most 1,000,000 packets per second"
        )
        self._check(1 <= self.flood_packets <= 10**8, "the flood packets must be from 1 to 100,000,000")
        self._check(
            self.snap_length == 0 or SMALLEST_FRAME_BYTES <= self.snap_length <= 65_535,
            f"the snap length must be 0 (whole packets) or from {SMALLEST_FRAME_BYTES} to 65535 bytes",
        )
        if isinstance(self.attacks, str) and self.attacks not in ("all", "none"):
            raise UsageError(f"attacks must be 'all', 'none' or a tuple of names, not {self.attacks!r}")
        unknown = [name for name in self.attack_classes if name not in ATTACKS]
        if unknown:
            raise UsageError(f"unknown attack {unknown[0]!r}: choose from {', '.join(ATTACKS)}, all or none")

    @staticmethod
    def _check(holds: bool, sentence: str) -> None:
        if not holds:
            raise UsageError(sentence)

    @property
    def attack_classes(self) -> tuple[str, ...]:
        """The classes that are asked for, in the order of :data:`ATTACKS` where all are."""
        if isinstance(self.attacks, str):
            return ATTACKS if self.attacks == "all" else ()
        return self.attacks

    @property
    def start_ns(self) -> int:
        """The start in integer nanoseconds since 1970 UTC."""
        return (self.start - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND

    @property
    def end_ns(self) -> int:
        """The end, which no packet reaches."""
        return self.start_ns + int(self.duration_s * NANOSECONDS)


def activity(time_ns: int, background: float) -> float:
    """How busy people are at this time, from the day shape; ``background`` scales it."""
    shape = PARAMETERS.day
    hour = time_ns / _HOUR_NS % 24
    first = int(hour)
    level = shape.hours[first] + (shape.hours[(first + 1) % 24] - shape.hours[first]) * (hour - first)
    # 1 January 1970 was a Thursday, weekday 3 when Monday is 0.
    weekday = (time_ns // (24 * _HOUR_NS) + 3) % 7
    return background * level * (shape.weekend if weekday >= 5 else 1.0)


@dataclass(slots=True)
class _Open:
    """A conversation that has begun, with what its label needs."""

    conversation: Conversation
    packets: Iterator[Packet]
    first_ns: int = -1
    last_ns: int = -1

    def label(self) -> FlowLabel:
        talk = self.conversation
        return FlowLabel(
            self.first_ns,
            self.last_ns,
            talk.source,
            talk.source_port,
            talk.destination,
            talk.destination_port,
            talk.protocol,
            talk.attack,
            talk.behaviour,
        )


_Source = Iterator[Conversation]
_Entry = tuple[int, int, bytes | None, "_Open | _Source"]


@dataclass(slots=True)
class Scenario:
    """One simulation; iterate :meth:`packets` once."""

    settings: SimulationSettings
    network: Network = field(init=False)
    _ledger: Ledger = field(init=False, default_factory=Ledger)

    def __post_init__(self) -> None:
        """Build the site; nothing happens on it yet."""
        self.network = build_network(self.settings.seed, self.settings.clients)

    def packets(self, on_finished: Callable[[FlowLabel], None] | None = None) -> Iterator[SimulatedPacket]:
        """The packets in time order, whole microseconds apart from the epoch.

        ``on_finished`` is called once per conversation that had a packet, when it ends or when the capture does.
        """
        snap = self.settings.snap_length or 1 << 16
        for time_ns, frame in self._merge(on_finished or _ignore):
            yield SimulatedPacket(time_ns, frame[:snap], len(frame))

    def _merge(self, on_finished: Callable[[FlowLabel], None]) -> Iterator[Packet]:
        """Merge all conversations through one heap of next packets and next beginnings."""
        heap: list[_Entry] = []
        serial, end_ns, ledger = 0, self.settings.end_ns, self._ledger
        for source in self._sources():
            first = next(source, None)
            if first is not None:
                serial += 2
                heap += [
                    (first.start_ns, serial, None, _Open(first, first.packets)),
                    (first.start_ns, serial + 1, None, source),
                ]
        heapify(heap)
        while heap and heap[0][0] < end_ns:
            time_ns, number, frame, what = heap[0]
            if not isinstance(what, _Open):
                heappop(heap)
                following = next(what, None)
                if following is not None:
                    serial += 2
                    heappush(heap, (following.start_ns, serial, None, _Open(following, following.packets)))
                    heappush(heap, (following.start_ns, serial + 1, None, what))
                continue
            if frame is None:
                ledger.advance(time_ns)
            else:
                time_ns -= time_ns % _MICROSECOND
                what.first_ns = time_ns if what.first_ns < 0 else what.first_ns
                what.last_ns = time_ns
                yield time_ns, frame
            upcoming = (
                next(what.packets, None)
                if frame is not None or ledger.claim(what.conversation.key, what.conversation.attack)
                else None
            )
            if upcoming is not None:
                heapreplace(heap, (upcoming[0], number, upcoming[1], what))
                continue
            heappop(heap)
            if what.first_ns >= 0:
                ledger.claim(what.conversation.key, what.conversation.attack)
                on_finished(what.label())
        for entry in sorted(heap, key=lambda entry: entry[1]):
            if isinstance(entry[3], _Open) and entry[3].first_ns >= 0:
                on_finished(entry[3].label())

    def _stage(self, draws: Draws, behaviour: str, attack: str, start_ns: int) -> Stage:
        settings = self.settings
        shape = partial(activity, background=settings.background)
        return Stage(
            self.network,
            draws,
            self._ledger,
            start_ns,
            settings.end_ns,
            behaviour,
            attack,
            shape,
            settings.flood_rate,
            settings.flood_packets,
            settings.background,
            settings.volume,
            min(1.0, settings.intensity),
        )

    def _sources(self) -> Iterator[_Source]:
        if self.settings.background:
            yield from self._benign_sources()
        yield from self._attack_sources()

    def _benign_sources(self) -> Iterator[_Source]:
        network = self.network
        for number, client in enumerate(network.clients):
            yield from self._acted(CLIENT_BEHAVIOURS, client, number)
            draws = Draws(self.settings.seed, "habits", number)
            chosen = [behaviour for behaviour, share in OCCASIONAL_BEHAVIOURS if draws.chance(share)]
            yield from self._acted(chosen or [draws.pick(OCCASIONAL_BEHAVIOURS)[0]], client, number)
        for number, device in enumerate([*network.devices, *network.printers]):
            yield from self._acted(DEVICE_BEHAVIOURS, device, 1000 + number)
        for number, (role, behaviour) in enumerate(SERVER_BEHAVIOURS):
            yield from self._acted((behaviour,), network.servers[role], 2000 + number)

    def _acted(self, behaviours: Iterable[Behaviour], host: Host, number: int) -> Iterator[_Source]:
        for behaviour in behaviours:
            draws = Draws(self.settings.seed, behaviour.__name__, number)
            yield behaviour(self._stage(draws, behaviour.__name__, "", self.settings.start_ns), host)

    def _attack_sources(self) -> Iterator[_Source]:
        for attack in self.settings.attack_classes:
            for campaign in CAMPAIGNS[attack]:
                yield from self._campaigns(attack, campaign)

    def _campaigns(self, attack: str, campaign: Campaign) -> Iterator[_Source]:
        """One campaign at least, further ones at the rate of ``parameters``; all begin in the capture's first part."""
        settings, parameters = self.settings, PARAMETERS.campaigns
        name = campaign.__name__
        plan = Draws(settings.seed, "plan", name)
        mean_gap_ns = _HOUR_NS / (parameters.per_hour * settings.intensity) if settings.intensity else 0.0
        latest = settings.start_ns + int(parameters.latest_start * (settings.end_ns - settings.start_ns))
        moments = [settings.start_ns + int((latest - settings.start_ns) * plan.uniform())] if settings.intensity else []
        further = settings.start_ns
        while settings.intensity and (further := further + int(plan.exponential(mean_gap_ns))) < latest:
            moments.append(further)
        for number, moment in enumerate(moments):
            draws = Draws(settings.seed, name, number)
            yield campaign(self._stage(draws, name, attack, moment))


def _ignore(_: FlowLabel) -> None:
    """Nobody asked for labels."""
