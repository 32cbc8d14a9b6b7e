"""ARP spoofing: a host claims the address of another, so that the other's traffic comes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from netsift.detectors.arp.base import (
    MOST_EPISODES,
    MOST_KEPT,
    REPLY,
    REQUEST,
    ArpEpisode,
    ArpPacket,
    Bounded,
    Host,
    Place,
    address_text,
    hardware_text,
    is_shared,
    nanoseconds,
    vlan_text,
)
from netsift.detectors.behaviour.base import Severity, limit
from netsift.detectors.behaviour.words import counted, lasted

_MOST_CLAIMANTS: Final = 16
_MOST_TOLD: Final = 256
_MOST_OWN: Final = 1_024
_REPEATED_NS: Final = 1_000_000_000
"""So long after its answer a host may send it again."""


@dataclass(slots=True)
class _Question:
    """When a host asked for an address last, and when who answered first."""

    time_ns: int
    answered_ns: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Claim:
    """How one host claims one address: in all packets, actively, and in replies that nobody had asked for.

    ``unasked`` counts the replies that nobody had asked for, ``active`` those and requests in the name of the address,
    ``disputed`` unasked replies while another host claims the address, ``turns`` how often the claimant changed,
    ``questions`` how often the host then asked for the address under another; ``told`` whom the replies went to.
    """

    first_ns: int
    last_ns: int
    unasked_ns: int = 0
    unasked: int = 0
    active: int = 0
    disputed: int = 0
    turns: int = 0
    questions: int = 0
    rival: int = 0
    told: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Address:
    """Who claims an address, and who did last."""

    claims: dict[int, _Claim] = field(default_factory=dict)
    latest: int = 0


@dataclass(slots=True)
class _Spoofing:
    """What a host was found to do: the addresses that it claims, and what shows that they are not its own."""

    start_ns: int
    end_ns: int
    strength: float = 0.0
    reason: str = ""
    claimed: dict[int, None] = field(default_factory=dict)
    between: dict[tuple[int, int], None] = field(default_factory=dict)
    packets: int = 0


@dataclass(slots=True)
class ArpSpoofing:
    """Man in the middle by ARP: replies that nobody asked for tell hosts to send the traffic of others to the attacker.

    What it assumes: a host answers when it is asked for its address, within `answer_s`, and announces it when it gets
    it. A spoofer must say again and again what is not true, because the true owner says otherwise. Three things show
    it. ``claims`` replies that nobody asked for give an address that another host claims at the same time, with
    ``turns`` changes between the two, and the spoofer has an address that the other has not: one machine with two
    network cards (ARP flux, bonded cards) claims the same with both. Without either, ``lone_claims`` at most
    ``lone_interval_s`` apart in the mean. Or the host asks for the address that it claims, as it must in order to
    pass the traffic on: ``own_claims`` and one question under another address. Or it tells two hosts that it is the
    other, ``between`` times each. Announcements count for nothing: failing over, waking and moving machines send
    them. Hardware addresses that routers and clusters share (VRRP, CARP, HSRP, GLBP, Windows load balancing) are left
    out. An address that a lease gives to another machine changes once; proxies answer when they are asked. What is
    further apart than ``window_s`` has nothing to do with each other. It fails
    on spoofers that only answer questions, faster than the owner, on those that use a shared hardware address, on
    poisoning by requests alone, and within tunnels.
    """

    claims: float = limit(10, "replies", "fewest that nobody asked for, for an address that another host claims")
    turns: float = limit(3, "changes", "fewest changes between the two claimants")
    lone_claims: float = limit(30, "replies", "fewest where the claimants do not take turns or have the same addresses")
    lone_interval_s: float = limit(5, "s", "longest mean time between those")
    own_claims: float = limit(2, "packets", "fewest that claim an address for which the host itself asks")
    between: float = limit(5, "replies", "fewest to each of two hosts that the sender is the other")
    answer_s: float = limit(5, "s", "longest time that an answer takes")
    window_s: float = limit(600, "s", "longest time without a claim; what lies further back is another matter")
    name: str = "arp_spoofing"
    category: str = "other"
    technique: str = "T1557.002"
    severity: Severity = Severity.HIGH
    _questions: Bounded[tuple[int, int, int], _Question] = field(init=False, repr=False)
    _addresses: Bounded[Place, _Address] = field(init=False, repr=False)
    _own: Bounded[Host, dict[int, int]] = field(init=False, repr=False)
    _found: Bounded[Host, list[_Spoofing]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Start with nothing seen."""
        self._questions, self._addresses = Bounded(), Bounded()
        self._own = Bounded(MOST_KEPT // 16)
        self._found = Bounded(MOST_EPISODES)

    def add(self, packets: Iterable[ArpPacket]) -> None:
        """Look at packets, in the order of time."""
        for packet in packets:
            if packet.operation == REQUEST and not packet.is_announcement:
                self._ask(packet)
            if packet.sender_address and not is_shared(packet.sender_hardware):
                self._claim(packet)

    def episodes(self) -> Iterator[ArpEpisode]:
        """Yield what was found so far."""
        for host, spoofings in self._found.items():
            for spoofing in spoofings:
                yield self._episode(host, spoofing)

    def expire(self, before_ns: int) -> list[ArpEpisode]:
        """Forget what no packet at ``before_ns`` or later can change; return it."""
        limit_ns = before_ns - nanoseconds(self.window_s)
        over = [
            self._episode(host, one) for host, found in self._found.items() for one in found if one.end_ns < limit_ns
        ]
        for host, found in list(self._found.items()):
            found[:] = [one for one in found if one.end_ns >= limit_ns]
            if not found:
                del self._found[host]
        return over

    def _ask(self, packet: ArpPacket) -> None:
        key = (packet.vlan_id, packet.target_address, packet.sender_address)
        self._questions.put(key, _Question(packet.time_ns))
        address = self._addresses.get(packet.wanted)
        claim = address.claims.get(packet.sender_hardware) if address is not None else None
        if claim is None or not claim.unasked or not packet.sender_address:
            return
        if self._are_near(packet.time_ns, claim.last_ns):
            claim.questions += 1
            self._judge(packet, packet.target_address, claim)

    def _is_asked_for(self, packet: ArpPacket) -> bool:
        question = self._questions.get((packet.vlan_id, packet.sender_address, packet.target_address))
        if question is None or not 0 <= packet.time_ns - question.time_ns <= nanoseconds(self.answer_s):
            return False
        if len(question.answered_ns) >= _MOST_CLAIMANTS:
            return True
        first_ns = question.answered_ns.setdefault(packet.sender_hardware, packet.time_ns)
        return packet.time_ns - first_ns <= _REPEATED_NS

    def _claim(self, packet: ArpPacket) -> None:
        claim = self._noted(packet)
        if packet.is_announcement:
            return
        unasked = packet.operation == REPLY and not self._is_asked_for(packet)
        claim.active += packet.operation == REQUEST or unasked
        if not unasked:
            return
        claim.unasked_ns = claim.unasked_ns if claim.unasked else packet.time_ns
        claim.unasked += 1
        if packet.target_address in claim.told or len(claim.told) < _MOST_TOLD:
            claim.told[packet.target_address] = claim.told.get(packet.target_address, 0) + 1
        rival = self._rival(packet)
        if rival is not None:
            claim.disputed += 1
            claim.rival = rival
        self._judge(packet, packet.sender_address, claim)

    def _noted(self, packet: ArpPacket) -> _Claim:
        """Return the claim that a packet goes on with, or begins, and count changes of the claimant."""
        address = self._addresses.put(packet.claimed, self._addresses.get(packet.claimed) or _Address())
        hardware, now_ns = packet.sender_hardware, packet.time_ns
        claim = address.claims.pop(hardware, None)
        if claim is None or not self._are_near(now_ns, claim.last_ns):
            claim = _Claim(now_ns, now_ns)
        before = address.claims.get(address.latest)
        if before is not None and self._are_near(now_ns, before.last_ns):
            before.turns += 1
            claim.turns += 1
        claim.last_ns = now_ns
        address.claims[hardware] = claim
        address.latest = hardware
        if len(address.claims) > _MOST_CLAIMANTS:
            del address.claims[next(iter(address.claims))]
        own = self._own.put(packet.sender, self._own.get(packet.sender) or {})
        if packet.sender_address in own or len(own) < _MOST_OWN:
            own[packet.sender_address] = now_ns
        return claim

    def _are_near(self, first_ns: int, second_ns: int) -> bool:
        return abs(first_ns - second_ns) <= nanoseconds(self.window_s)

    def _rival(self, packet: ArpPacket) -> int | None:
        """Return who claimed the same address last, within the window."""
        others = self._addresses[packet.claimed].claims.items()
        recent = [
            (claim.last_ns, hardware)
            for hardware, claim in others
            if hardware != packet.sender_hardware and self._are_near(packet.time_ns, claim.last_ns)
        ]
        return max(recent)[1] if recent else None

    def _judge(self, packet: ArpPacket, address: int, claim: _Claim) -> None:
        """Note what a claim shows, once it shows something."""
        disputed = self._disputed(packet, claim)
        itself = min(claim.active / self.own_claims, claim.questions)
        middle = self._middle(packet, address, claim)
        strength = max(disputed, itself, middle)
        if strength < 1:
            return
        spoofing = self._spoofing(packet, claim)
        spoofing.end_ns = max(spoofing.end_ns, packet.time_ns)
        spoofing.claimed[address] = None
        spoofing.packets += 1
        for told in claim.told:
            if len(spoofing.between) < _MOST_TOLD and told:
                spoofing.between[address, told] = None
        if strength >= spoofing.strength:
            spoofing.strength = strength
            spoofing.reason = self._reason(packet, address, claim, disputed=disputed >= 1, itself=itself >= 1)

    def _disputed(self, packet: ArpPacket, claim: _Claim) -> float:
        lone = claim.disputed / self.lone_claims
        if lone and (claim.last_ns - claim.unasked_ns) / 1e9 > self.lone_interval_s * claim.disputed:
            lone = 0.0
        if claim.turns < self.turns or claim.disputed < self.claims:
            return lone
        rivals = self._own.get((packet.vlan_id, claim.rival)) or {}
        more = any(
            own not in rivals and self._are_near(packet.time_ns, time_ns)
            for own, time_ns in self._own[packet.sender].items()
        )
        return claim.disputed / self.claims if more else lone

    def _middle(self, packet: ArpPacket, address: int, claim: _Claim) -> float:
        """Return how often the host told both of two hosts that it is the other, ÷ limit."""
        most = 0
        for told, times in claim.told.items():
            other = self._addresses.get((packet.vlan_id, told))
            back = other.claims.get(packet.sender_hardware) if other is not None and told != address else None
            if back is not None and self._are_near(packet.time_ns, back.last_ns):
                most = max(most, min(times, back.told.get(address, 0)))
        return most / self.between

    def _spoofing(self, packet: ArpPacket, claim: _Claim) -> _Spoofing:
        found = self._found.put(packet.sender, self._found.get(packet.sender) or [])
        if found and self._are_near(packet.time_ns, found[-1].end_ns):
            return found[-1]
        start_ns = min(claim.unasked_ns, packet.time_ns)
        found.append(_Spoofing(start_ns, packet.time_ns, packets=claim.unasked - 1))
        del found[:-_MOST_CLAIMANTS]
        return found[-1]

    def _reason(self, packet: ArpPacket, address: int, claim: _Claim, *, disputed: bool, itself: bool) -> str:
        text = address_text(address)
        said = counted(claim.unasked, "ARP reply").replace("replys", "replies")
        facts = f"{hardware_text(packet.sender_hardware)} claimed {text} in {said} that nobody had asked for"
        if claim.unasked > 1:
            facts += f" within {lasted((claim.last_ns - claim.unasked_ns) / 1e9)}"
        if disputed:
            return f"{facts}, while {hardware_text(claim.rival)} claims the same address"
        if itself:
            return f"{facts}, and then asked who has that address"
        return f"{facts}, and told the hosts to which it said so likewise that it is each of them to {text}"

    def _episode(self, host: Host, spoofing: _Spoofing) -> ArpEpisode:
        shown = hardware_text(host[1])
        own = sorted(address for address in self._own.get(host) or () if self._is_its_own(host, spoofing, address))
        told = {target for _, target in spoofing.between} - set(own)
        return ArpEpisode(
            key=(shown, vlan_text(host[0])),
            start_ns=spoofing.start_ns,
            end_ns=spoofing.end_ns,
            strength=spoofing.strength,
            packets=spoofing.packets,
            sources=tuple(address_text(address) for address in own) or (shown,),
            targets=tuple(address_text(address) for address in sorted({*spoofing.claimed, *told})),
            reason=spoofing.reason,
            between=tuple((address_text(first), address_text(second)) for first, second in spoofing.between),
        )

    def _is_its_own(self, host: Host, spoofing: _Spoofing, address: int) -> bool:
        """Return whether nothing shows that a host claims an address of another."""
        known = self._addresses.get((host[0], address))
        claim = known.claims.get(host[1]) if known is not None else None
        return address not in spoofing.claimed and not (claim is not None and claim.unasked)
