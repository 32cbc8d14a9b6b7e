"""ARP traffic just above and just below every limit, and what looks alike and is no attack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.detectors.arp.traffic import Segment, address, hardware


class Case(NamedTuple):
    """A limit: traffic made for a number, and the numbers just above and just below it."""

    detector: str
    limit: str
    make: Callable[[float], Segment]
    above: float
    below: float


class LookAlike(NamedTuple):
    """Ordinary traffic that looks like an attack."""

    what: str
    make: Callable[[], Segment]


ATTACKER, ROUTER, VICTIM = 66, 1, 7


def sweep(silent: int, answering: int = 2, *, at_s: float = 0.0, every_s: float = 0.01, first: int = 100) -> Segment:
    """Return a sweep of addresses of which so many answer; it begins with those."""
    segment = Segment()
    for number in range(answering):
        segment.exchange(at_s, ATTACKER, 10 + number)
    for number in range(silent):
        segment.ask(at_s + number * every_s, ATTACKER, first + number)
    segment.announce(at_s + silent * every_s + 10, VICTIM, VICTIM)
    return segment


def scattered(silent: float) -> Segment:
    """Return a sweep of addresses that lie far apart."""
    segment = sweep(0)
    for number in range(int(silent)):
        segment.ask(1 + number * 0.01, ATTACKER, 256 * (number // 10 + 1) + number % 10)
    return segment


def late_answers(seconds: float) -> Segment:
    """Return questions each of which is answered after so long, by whom the answers do not reach."""
    segment = sweep(0)
    for number in range(24):
        segment.ask(number * 10, ATTACKER, 100 + number)
        segment.announce(number * 10 + seconds, 100 + number, 100 + number)
    return segment


def used_before(seconds: float) -> Segment:
    """Return a sweep of addresses that were in use so long before."""
    segment = sweep(24, at_s=5_000)
    for number in range(24):
        segment.announce(5_000 + number * 0.01 - seconds, 100 + number, 100 + number)
    return segment


def router(clients: float) -> Segment:
    """Return a router that asks for every address, and its clients, not more than those of another host."""
    segment = sweep(50, at_s=100)
    for number in range(int(clients)):
        segment.exchange(number, 20 + number, ATTACKER)
    for number in range(2):
        segment.exchange(10 + number, 30 + number, ROUTER)
    return segment


def slow_sweep(window_s: float) -> Segment:
    """Return twenty questions within so long."""
    return sweep(20, every_s=window_s / 19)


def disputed(claims: int, *, owner_every: int = 2, every_s: float = 2.0, own: bool = True) -> Segment:
    """Return a spoofer that claims the router's address, while the router claims it now and then."""
    segment = Segment()
    if own:
        segment.exchange(0, ATTACKER, VICTIM)
    for number in range(claims):
        if number % owner_every == 0:
            segment.ask(10 + number * every_s - 1, ROUTER, VICTIM)
        segment.reply(10 + number * every_s, ATTACKER, ROUTER, VICTIM)
    return segment


def lone(claims: int, every_s: float = 2.0) -> Segment:
    """Return a spoofer of which no own address is seen."""
    return disputed(claims, own=False, every_s=every_s)


def taking_turns(turns: float) -> Segment:
    """Return a spoofer, too rare to stand out without, with so many changes between the router and it."""
    segment = Segment()
    segment.exchange(0, ATTACKER, VICTIM)
    segment.ask(1, ROUTER, VICTIM)
    for number in range(12):
        segment.reply(10 + number * 6, ATTACKER, ROUTER, VICTIM)
    for number in range(int(turns) - 1):
        (segment.ask if number % 2 == 0 else segment.reply)(100 + number, *_turn(number))
    return segment


def _turn(number: int) -> tuple[int, ...]:
    return (ROUTER, VICTIM) if number % 2 == 0 else (ATTACKER, ROUTER, VICTIM)


def asking_itself(active: float) -> Segment:
    """Return a spoofer that claims an address so often, one time in a reply, and asks for it itself."""
    segment = Segment()
    for number in range(int(active) - 1):
        segment.ask(1 + number, ATTACKER, VICTIM, claiming=ROUTER)
    segment.reply(20, ATTACKER, ROUTER, VICTIM + 1)
    segment.ask(30, ATTACKER, ROUTER)
    return segment


def in_the_middle(replies: float) -> Segment:
    """Return a spoofer that tells two hosts that it is the other."""
    segment = Segment()
    for number in range(int(replies)):
        segment.reply(number, ATTACKER, ROUTER, VICTIM)
        segment.reply(number + 0.1, ATTACKER, VICTIM, ROUTER)
    return segment


def late_replies(seconds: float) -> Segment:
    """Return claims of another's address, each so long after a question for it."""
    segment = Segment()
    segment.exchange(0, ATTACKER, VICTIM)
    for number in range(10):
        segment.exchange(10 + number * 20, VICTIM, ROUTER)
        segment.reply(10 + number * 20 + seconds, ATTACKER, ROUTER, VICTIM)
    return segment


def long_ago(seconds: float) -> Segment:
    """Return a host that claims an address and asks for it so long after."""
    segment = Segment()
    segment.ask(1, ATTACKER, VICTIM, claiming=ROUTER)
    segment.reply(10, ATTACKER, ROUTER, VICTIM + 1)
    segment.ask(10 + seconds, ATTACKER, ROUTER)
    return segment


CASES: Final = (
    Case("arp_sweep", "hosts", lambda silent: sweep(int(silent)), 20, 19),
    Case("arp_sweep", "dispersed_hosts", scattered, 256, 255),
    Case("arp_sweep", "unseen_hosts", lambda silent: sweep(int(silent), 1), 128, 127),
    Case("arp_sweep", "silent_share", lambda answering: sweep(20, int(answering)), 20, 21),
    Case("arp_sweep", "clients", router, 2, 3),
    Case("arp_sweep", "answer_s", late_answers, 3.1, 2.9),
    Case("arp_sweep", "alive_s", used_before, 3_601, 3_599),
    Case("arp_sweep", "window_s", slow_sweep, 599, 640),
    Case("arp_spoofing", "claims", lambda claims: disputed(int(claims)), 10, 9),
    Case("arp_spoofing", "turns", taking_turns, 3, 2),
    Case("arp_spoofing", "lone_claims", lambda claims: lone(int(claims)), 30, 29),
    Case("arp_spoofing", "lone_interval_s", lambda every_s: lone(30, every_s), 5.1, 5.2),
    Case("arp_spoofing", "own_claims", asking_itself, 2, 1),
    Case("arp_spoofing", "between", in_the_middle, 5, 4),
    Case("arp_spoofing", "answer_s", late_replies, 5.1, 4.9),
    Case("arp_spoofing", "window_s", long_ago, 599, 601),
)
"""A case of every limit."""


def outside_scan() -> Segment:
    """Return a router that asks for every address because somebody outside scans the network behind it."""
    segment = Segment()
    for number in range(8):
        segment.exchange(number, 20 + number, ROUTER)
    for number in range(2, 250):
        segment.ask(60 + number * 0.05, ROUTER, number)
        if 20 <= number < 28:
            segment.reply(60 + number * 0.05 + 0.001, number, number, ROUTER)
    return segment


def polling() -> Segment:
    """Return a monitoring host that asks for those that it polls; some are switched off."""
    segment = Segment()
    for round_ in range(5):
        for number in range(100, 180):
            at_s = round_ * 60 + number * 0.02
            if number % 5:
                segment.exchange(at_s, 9, number)
            else:
                segment.ask(at_s, 9, number)
    return segment


def polling_unseen() -> Segment:
    """Return the same where the sensor sees no answers but its own host's."""
    segment = polling()
    segment.packets = [packet for packet in segment.packets if packet.operation == 1]
    segment.exchange(3, 9, 101)
    return segment


def starting() -> Segment:
    """Return hosts that start: they probe their addresses, announce them and ask for a few others (RFC 5227)."""
    segment = Segment()
    for number in range(10, 40):
        for attempt in range(3):
            segment.ask(number + attempt, number, number, claiming=0)
        segment.announce(number + 4, number, number)
        segment.announce(number + 6, number, number)
        segment.exchange(number + 7, number, ROUTER)
        for other in (2, 3, 4):
            segment.ask(number + 8, number, other)
    return segment


def departed() -> Segment:
    """Return a server whose clients go home and are asked for once more."""
    segment = Segment()
    for number in range(100, 160):
        segment.exchange(number, number, 9)
        segment.ask(2_000 + number * 0.1, 9, number)
    return segment


def wide_netmask() -> Segment:
    """Return a host that takes the Internet for its own network and asks for its servers by ARP."""
    segment = sweep(0)
    for number in range(200):
        segment.ask(number, ATTACKER, 0x01000000 + number * 70_001)
    return segment


def proxy_for_all() -> Segment:
    """Return the same where a router answers for all of them."""
    segment = Segment()
    for number in range(300):
        wanted = 0x01000000 + number * 70_001
        segment.ask(number, 20, wanted)
        segment.reply(number + 0.002, ROUTER, wanted, 20)
        segment.ask(number + 0.5, 21, wanted)
        segment.reply(number + 0.502, ROUTER, wanted, 21)
    return segment


def leases() -> Segment:
    """Return addresses that are given to another machine, some soon after the first has left."""
    segment = Segment()
    for number in range(10):
        for at_s, host in ((0, 20 + number), (200, 40 + number), (400, 20 + number)):
            segment.ask(at_s + 1, host, 60 + number, claiming=0)
            segment.announce(at_s + 2, host, 60 + number)
            segment.announce(at_s + 4, host, 60 + number)
            for turn in range(20):
                segment.ask(at_s + 10 + turn * 5, ROUTER, 60 + number)
                segment.reply(at_s + 10 + turn * 5 + 0.001, host, 60 + number, ROUTER)
    return segment


def conflict() -> Segment:
    """Return two machines with the same address; both answer, and defend it as they may (RFC 5227)."""
    segment = Segment()
    for turn in range(100):
        segment.ask(turn * 6, ROUTER, 50)
        segment.reply(turn * 6 + 0.001, 20, 50, ROUTER)
        segment.reply(turn * 6 + 0.002, 21, 50, ROUTER)
        segment.announce(turn * 6 + 0.1, 20 + turn % 2, 50, reply=turn % 3 == 0)
        segment.ask(turn * 6 + 1, 20 + turn % 2, ROUTER, claiming=50)
    return segment


def two_cards() -> Segment:
    """Return a server with two network cards in one network, which answers with both (ARP flux)."""
    segment = Segment()
    for turn in range(200):
        at_s, client, wanted = turn * 2, 30 + turn % 20, 50 + turn % 2
        segment.ask(at_s, client, wanted)
        segment.reply(at_s + 0.001, 20, wanted, client)
        segment.reply(at_s + 0.0012, 21, wanted, client)
    return segment


def bonded_cards() -> Segment:
    """Return a server that deals its clients out among two cards, and tells them again after each own question."""
    segment = Segment()
    for turn in range(30):
        segment.ask(turn * 60, 20, 30 + turn % 4, claiming=50)
        segment.reply(turn * 60 + 0.001, 30 + turn % 4, 30 + turn % 4, 20)
        for client in range(30, 34):
            for repeat in range(3):
                segment.reply(turn * 60 + 0.5 + repeat, 20 + client % 2, 50, client)
    return segment


def shared_addresses() -> Segment:
    """Return routers that stand in for each other, with virtual hardware addresses and with a share of load (GLBP)."""
    segment = Segment()
    virtual = (0x00005E000105, 0x00000C07AC05, 0x0007B4000101, 0x0007B4000102)
    for turn in range(200):
        client = 30 + turn % 20
        segment.ask(turn * 2, client, ROUTER)
        segment.reply(turn * 2 + 0.001, 0, ROUTER, client, sender=virtual[turn % 4])
        segment.reply(turn * 2 + 1, 0, ROUTER, client + 1, sender=virtual[(turn + 1) % 4])
        segment.ask(turn * 2 + 1.5, 2 + turn % 2, client)
        segment.ask(turn * 2 + 1.6, 2 + turn % 2, client, claiming=ROUTER)
    return segment


def failing_over() -> Segment:
    """Return a cluster with the cards' own hardware addresses, which fails over twice and announces it."""
    segment = Segment()
    for turn in range(3):
        for repeat in range(10):
            segment.announce(turn * 150 + repeat, 20 + turn % 2, 50, reply=repeat % 2 == 0)
        for client in range(30, 60):
            segment.ask(turn * 150 + client, client, 50)
            segment.reply(turn * 150 + client + 0.001, 20 + turn % 2, 50, client)
        segment.exchange(turn * 150 + 100, 21 - turn % 2, 50)
    return segment


def sleep_proxy() -> Segment:
    """Return a proxy that answers for a machine while it sleeps."""
    segment = Segment()
    for turn in range(6):
        owner = 20 if turn % 2 == 0 else 21
        for repeat in range(3):
            segment.announce(turn * 300 + repeat, owner, 50)
        for ask in range(20):
            segment.ask(turn * 300 + 10 + ask * 10, ROUTER, 50)
            segment.reply(turn * 300 + 10 + ask * 10 + 0.05, owner, 50, ROUTER)
        segment.exchange(turn * 300 + 5, 21, ROUTER)
    return segment


def local_proxy() -> Segment:
    """Return a router that keeps hosts apart: it answers for each of them, and asks for them itself (RFC 3069)."""
    segment = Segment()
    for turn in range(200):
        first, second = 20 + turn % 7, 30 + turn % 5
        segment.ask(turn, first, second)
        segment.reply(turn + 0.001, ROUTER, second, first)
        segment.ask(turn + 0.3, second, first)
        segment.reply(turn + 0.301, ROUTER, first, second)
        segment.exchange(turn + 0.5, ROUTER, first)
        segment.exchange(turn + 0.6, ROUTER, second)
    return segment


def same_addresses_in_two_vlans() -> Segment:
    """Return two networks in which the same addresses are used."""
    segment = Segment(5)
    for turn in range(200):
        segment.vlan_id = 5 + turn % 2
        host = 20 + turn % 2
        segment.ask(turn, 30, host)
        segment.reply(turn + 10, host, 50, 30)
        segment.ask(turn + 11, host, 51)
    return segment


def repeated_by_the_mirror() -> Segment:
    """Return ordinary questions and answers which a mirror port delivers twice."""
    segment = Segment()
    for turn in range(200):
        for copy_s in (0, 0.0005):
            segment.ask(turn + copy_s, 20 + turn % 9, ROUTER)
            segment.reply(turn + 0.001 + copy_s, ROUTER, ROUTER, 20 + turn % 9)
    return segment


LOOK_ALIKES: Final = tuple(
    LookAlike(make.__name__, make)
    for make in (
        outside_scan, polling, polling_unseen, starting, departed, wide_netmask, proxy_for_all, leases, conflict,
        two_cards, bonded_cards, shared_addresses, failing_over, sleep_proxy, local_proxy, same_addresses_in_two_vlans,
        repeated_by_the_mirror,
    )
)  # fmt: skip
"""Ordinary traffic that must stay silent."""

__all__ = ["CASES", "LOOK_ALIKES", "address", "hardware"]
