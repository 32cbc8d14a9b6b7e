"""ARP sweep: a host asks for one address of its network after another, and most of them nobody has."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from netsift.detectors.arp.base import (
    MOST_EPISODES,
    MOST_KEPT,
    MOST_MEMBERS,
    REPLY,
    REQUEST,
    ArpEpisode,
    ArpPacket,
    Bounded,
    Host,
    Place,
    address_text,
    hardware_text,
    nanoseconds,
    vlan_text,
)
from netsift.detectors.behaviour.base import Severity, limit
from netsift.detectors.behaviour.words import lasted

_PENDING, _ANSWERED, _SILENT = range(3)
_NETWORK_BITS: Final = 8
_MOST_CLIENTS: Final = 256
_MOST_SENDERS: Final = 16
_SEEN_ANSWERERS: Final = 2
"""From answers of so many hosts on, the sensor sees those that a host gets; one may be the sensor's own."""


@dataclass(slots=True)
class _Asked:
    """An address that a host asked for: when first and last, and what came of it."""

    first_ns: int
    time_ns: int
    state: int = _PENDING


@dataclass(slots=True)
class _Sweep:
    """The greatest extent that a host's questions reached without a long pause."""

    start_ns: int
    end_ns: int
    dense: int = 0
    silent: int = 0
    answered: int = 0
    packets: int = 0
    targets: dict[int, None] = field(default_factory=dict)

    def note(self, address: int) -> None:
        """Note a question."""
        self.packets += 1
        if len(self.targets) < MOST_MEMBERS:
            self.targets[address] = None


@dataclass(slots=True)
class _Asker:
    """What a host asked for within the window, in order of time, with counts by state and of silence by network."""

    addresses: dict[int, None] = field(default_factory=dict)
    answerers: set[int] = field(default_factory=set)
    asked: OrderedDict[int, _Asked] = field(default_factory=OrderedDict)
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    silent_of_network: Counter[int] = field(default_factory=Counter)
    sweep: _Sweep | None = None

    def settle(self, address: int, state: int) -> None:
        """Say what came of a question."""
        asked = self.asked[address]
        self._count(address, asked.state, -1)
        asked.state = state
        self._count(address, state, 1)

    def ask(self, address: int, time_ns: int) -> bool:
        """Note a question; return whether the address is new."""
        known = self.asked.get(address)
        if known is not None:
            known.time_ns = time_ns
            self.asked.move_to_end(address)
            return False
        self.asked[address] = _Asked(time_ns, time_ns)
        self._count(address, _PENDING, 1)
        return True

    def forget(self, now_ns: int, window_ns: int) -> None:
        """Forget what was asked longer ago than the window, what has a time far from now, and what is too much."""
        while self.asked:
            address, asked = next(iter(self.asked.items()))
            if abs(now_ns - asked.time_ns) <= window_ns and len(self.asked) <= MOST_MEMBERS:
                return
            self._count(address, asked.state, -1)
            del self.asked[address]

    def _count(self, address: int, state: int, change: int) -> None:
        self.counts[state] += change
        if state == _SILENT:
            network = address >> _NETWORK_BITS
            self.silent_of_network[network] += change
            if not self.silent_of_network[network]:
                del self.silent_of_network[network]


@dataclass(slots=True)
class ArpSweep:
    """Scans of the own network by ARP: one host asks for many addresses that nobody has.

    What it assumes: a host asks for the neighbours that it has dealings with, and nearly all of them are there. An
    address is silent when nobody answers for it within `answer_s` and nobody has used it for `alive_s`. ``hosts``:
    silent addresses of one network of 256, within `window_s`; a host that has lost its peers misses fewer.
    ``dispersed_hosts``: silent addresses anywhere; a host with too wide a netmask asks for its servers on the Internet
    by ARP, which lie far apart. ``unseen_hosts``: where the sensor sees no answers at all, because switches
    deliver those to one port, somebody who polls many neighbours looks like a sweep; half a network of 256 does not.
    ``silent_share``: a monitoring host asks for many and most answer. ``clients``: from so many on, a host that
    nobody else is asked for by more hosts is the router, which asks for every address when somebody outside scans the
    network; those that were asked before do not count. It fails on routers that share an address (VRRP, HSRP), which
    are nobody's to ask for, on sweeps by the router itself or in its name, on less than `hosts` addresses in
    `window_s`, and on lists of hosts that are all there.
    """

    hosts: float = limit(20, "addresses", "fewest silent addresses of one network of 256")
    dispersed_hosts: float = limit(256, "addresses", "fewest silent addresses of any networks")
    unseen_hosts: float = limit(128, "addresses", "fewest silent addresses where no answers are seen at all")
    silent_share: float = limit(0.5, "share", "least share of the addresses asked for that are silent")
    clients: float = limit(3, "hosts", "from so many on, the host that most others ask for is the router")
    answer_s: float = limit(3, "s", "longest time that an answer takes")
    alive_s: float = limit(3_600, "s", "so long after its last packet an address is in use")
    window_s: float = limit(600, "s", "time within which addresses are counted, and longest pause of an episode")
    name: str = "arp_sweep"
    category: str = "scan"
    technique: str = "T1018"
    severity: Severity = Severity.MEDIUM
    _used: Bounded[Place, tuple[int, int]] = field(init=False, repr=False)
    _askers: Bounded[Host, _Asker] = field(init=False, repr=False)
    _clients: Bounded[Place, dict[int, None]] = field(init=False, repr=False)
    _waiting: deque[tuple[int, Host, int]] = field(init=False, repr=False)
    _ended: list[tuple[Host, _Asker, _Sweep]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Start with nothing seen."""
        self._used, self._clients = Bounded(), Bounded()
        self._askers = Bounded(most=MOST_KEPT // 16)
        self._waiting = deque()
        self._ended = []

    def add(self, packets: Iterable[ArpPacket]) -> None:
        """Look at packets, in the order of time."""
        for packet in packets:
            self._settle(packet.time_ns)
            if packet.operation == REQUEST:
                self._ask(packet)
            elif packet.operation == REPLY and not packet.is_announcement:
                self._answer(packet)
            if packet.sender_address:
                self._used.put(packet.claimed, (packet.time_ns, packet.sender_hardware))

    def episodes(self) -> Iterator[ArpEpisode]:
        """Yield the sweeps found so far; questions that nobody has answered yet count as if their time were up."""
        for host, asker, sweep in [*self._ended, *self._growing()]:
            if not self._is_router(host[0], asker.addresses):
                yield self._episode(host, asker, sweep)

    def expire(self, before_ns: int) -> list[ArpEpisode]:
        """Forget the sweeps that no packet at ``before_ns`` or later can change; return those."""
        window_ns = nanoseconds(self.window_s)
        for host, asker in self._askers.items():
            if asker.sweep is not None and asker.sweep.end_ns + window_ns < before_ns:
                self._end(host, asker)
        over = [one for one in self._ended if one[2].end_ns + window_ns < before_ns]
        self._ended = [one for one in self._ended if one[2].end_ns + window_ns >= before_ns]
        return [self._episode(*one) for one in over if not self._is_router(one[0][0], one[1].addresses)]

    def _growing(self) -> Iterator[tuple[Host, _Asker, _Sweep]]:
        for host, asker in self._askers.items():
            foreseen = asker
            if asker.counts[_PENDING] and asker.counts[_PENDING] + asker.counts[_SILENT] >= self.hosts:
                foreseen = deepcopy(asker)
                for address, asked in asker.asked.items():
                    self._judge(foreseen, (host[0], address), asked.time_ns)
            if foreseen.sweep is not None:
                yield host, foreseen, foreseen.sweep

    def _ask(self, packet: ArpPacket) -> None:
        if packet.is_announcement:
            return
        self._note_client(packet)
        asker = self._askers.put(packet.sender, self._askers.get(packet.sender) or _Asker())
        if packet.sender_address and len(asker.addresses) < _MOST_SENDERS:
            asker.addresses[packet.sender_address] = None
        if asker.sweep is not None and abs(packet.time_ns - asker.sweep.end_ns) > nanoseconds(self.window_s):
            self._end(packet.sender, asker)
        if asker.sweep is not None:
            asker.sweep.note(packet.target_address)
        asker.forget(packet.time_ns, nanoseconds(self.window_s))
        if asker.ask(packet.target_address, packet.time_ns):
            self._waiting.append((packet.time_ns + nanoseconds(self.answer_s), packet.sender, packet.target_address))
            if len(self._waiting) > MOST_KEPT:
                self._decide(*self._waiting.popleft())

    def _note_client(self, packet: ArpPacket) -> None:
        """Note who asks for an address, unless its owner had asked for him."""
        owner = self._used.get(packet.wanted)
        asker = self._askers.get((packet.vlan_id, owner[1])) if owner is not None else None
        if asker is not None and packet.sender_address in asker.asked:
            return
        clients = self._clients.put(packet.wanted, self._clients.get(packet.wanted) or {})
        if packet.sender_address and len(clients) < _MOST_CLIENTS:
            clients[packet.sender_hardware] = None

    def _answer(self, packet: ArpPacket) -> None:
        asker = self._askers.get((packet.vlan_id, packet.target_hardware))
        if asker is None or packet.sender_address not in asker.asked:
            return
        if len(asker.answerers) < _SEEN_ANSWERERS:
            asker.answerers.add(packet.sender_hardware)
        asker.settle(packet.sender_address, _ANSWERED)

    def _settle(self, now_ns: int) -> None:
        """Decide about the questions that have had time to be answered."""
        while self._waiting and self._waiting[0][0] <= now_ns:
            self._decide(*self._waiting.popleft())

    def _decide(self, due_ns: int, host: Host, address: int) -> None:
        asker = self._askers.get(host)
        if asker is not None and address in asker.asked:
            self._judge(asker, (host[0], address), due_ns - nanoseconds(self.answer_s))

    def _judge(self, asker: _Asker, place: Place, time_ns: int) -> None:
        """Say what came of a question of that time that is still open."""
        address = place[1]
        if asker.asked[address].state != _PENDING:
            return
        used = self._used.get(place)
        if used is not None and used[0] >= time_ns - nanoseconds(self.alive_s):
            asker.settle(address, _ANSWERED)
        else:
            asker.settle(address, _SILENT)
            self._grow(asker, address, time_ns)

    def _grow(self, asker: _Asker, address: int, time_ns: int) -> None:
        _, answered, silent = asker.counts
        dense = asker.silent_of_network[address >> _NETWORK_BITS]
        if silent < self.silent_share * (silent + answered):
            return
        if asker.sweep is None:
            if dense < self.hosts and silent < self.dispersed_hosts:
                return
            asker.sweep = _begun(asker)
        sweep = asker.sweep
        sweep.end_ns = max(sweep.end_ns, time_ns)
        sweep.dense = max(sweep.dense, dense)
        if silent >= sweep.silent:
            sweep.silent, sweep.answered = silent, answered

    def _end(self, host: Host, asker: _Asker) -> None:
        if asker.sweep is not None:
            self._ended.append((host, _Asker(dict(asker.addresses), set(asker.answerers)), asker.sweep))
            del self._ended[:-MOST_EPISODES]
            asker.sweep = None

    def _is_router(self, vlan_id: int, addresses: Iterable[int]) -> bool:
        own = max((len(self._clients.get((vlan_id, address)) or ()) for address in addresses), default=0)
        most = max((len(clients) for (vlan, _), clients in self._clients.items() if vlan == vlan_id), default=0)
        return own >= self.clients and own == most

    def _strength(self, asker: _Asker, sweep: _Sweep) -> float:
        if len(asker.answerers) < _SEEN_ANSWERERS:
            return max(sweep.dense / self.unseen_hosts, sweep.silent / max(self.dispersed_hosts, self.unseen_hosts))
        return max(sweep.dense / self.hosts, sweep.silent / self.dispersed_hosts)

    def _episode(self, host: Host, asker: _Asker, sweep: _Sweep) -> ArpEpisode:
        shown = hardware_text(host[1])
        sources = tuple(address_text(address) for address in asker.addresses) or (shown,)
        who = f"{sources[0]} ({shown})" if asker.addresses else shown
        return ArpEpisode(
            key=(shown, vlan_text(host[0])),
            start_ns=sweep.start_ns,
            end_ns=sweep.end_ns,
            strength=self._strength(asker, sweep),
            packets=sweep.packets,
            sources=sources,
            targets=tuple(address_text(address) for address in sweep.targets),
            reason=f"{who} asked by ARP for {sweep.silent + sweep.answered:,} addresses in "
            f"{lasted((sweep.end_ns - sweep.start_ns) / 1e9)}, and for {sweep.silent:,} of them nobody answered; "
            f"a host that deals with its neighbours misses fewer than {self.hosts:.0f}",
        )


def _begun(asker: _Asker) -> _Sweep:
    """Return the sweep of all that was asked from the first silent address on."""
    start_ns = min(asked.first_ns for asked in asker.asked.values() if asked.state == _SILENT)
    sweep = _Sweep(start_ns, start_ns)
    for address, asked in asker.asked.items():
        if asked.first_ns >= start_ns:
            sweep.note(address)
    return sweep
