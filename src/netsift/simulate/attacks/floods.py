"""Attacks that wear a service down: floods, reflection, slow and fast HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.attacks.common import pick_attacker, unreachable
from netsift.simulate.conversation import Conversation, Datagram, Message, Stage
from netsift.simulate.network import Host, open_ports, raw_tool, stranger, stranger_address
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

_MILLISECOND: Final = 1_000_000


def _flood_times(stage: Stage) -> Iterator[int]:
    """When the packets of a flood leave; cut at the setting's number of packets."""
    draws, floods = stage.draws, PARAMETERS.floods
    mean_gap_ns = NANOSECONDS / (stage.flood_rate * draws.sample(floods.rate_factor))
    end_ns = min(stage.end_ns, stage.start_ns + draws.seconds(floods.seconds))
    time_ns = stage.start_ns
    for _ in range(stage.flood_packets):
        if time_ns >= end_ns:
            return
        yield time_ns
        time_ns += int(draws.exponential(mean_gap_ns))


def _forged(stage: Stage, like: Host) -> Host:
    """The flooding host under a forged address; its path and stack stay the same."""
    return replace(like, ipv4=stranger_address(stage.draws), ipv6=b"")


def flood_syn(stage: Stage) -> Iterator[Conversation]:
    """Half-open connections, from forged addresses or from bots."""
    draws, floods = stage.draws, PARAMETERS.floods
    bots = [raw_tool(draws, pick_attacker(stage, floods.internal_share)) for _ in range(draws.pick(floods.bots))]
    victim = stage.network.servers[draws.pick(("web", "web", "mail", "shell", "transfer"))]
    bots = [bot for bot in bots if bot.ipv4 != victim.ipv4]
    port, spoofed, answered = (
        draws.pick(open_ports(victim)),
        draws.chance(floods.spoofed_share),
        draws.sample(floods.answered_share),
    )
    for time in _flood_times(stage):
        source = draws.pick(bots)
        source = _forged(stage, source) if spoofed else source
        ending = Ending.HALF_OPEN if draws.chance(answered) else Ending.NO_ANSWER
        if ending is Ending.NO_ANSWER:
            source = replace(source, system=replace(source.system, syn_retries_s=()))
        elif not spoofed and draws.chance(0.5):
            ending = Ending.PROBED
        yield stage.tcp(time, source, victim, port, (), ending, version=4)


def _stream(stage: Stage, payload_bytes: int, vary: bool) -> Iterator[Datagram]:
    """One bot's share of a UDP flood, as datagrams of one conversation."""
    previous, draws = stage.start_ns, stage.draws
    for time in _flood_times(stage):
        size = draws.integer(0, 2 * payload_bytes + 1) if vary else payload_bytes
        yield Datagram(True, draws.octets(min(size, 1400)), time - previous)
        previous = time


def flood_udp(stage: Stage) -> Iterator[Conversation]:
    """Datagrams at one service, or spread over random ports; some closed ports answer with ICMP errors."""
    draws, floods = stage.draws, PARAMETERS.floods
    bots = [pick_attacker(stage, floods.internal_share) for _ in range(draws.pick(floods.bots))]
    victim, size, vary = (
        stage.network.servers[draws.pick(("web", "resolver", "mail", "desktop"))],
        draws.count(floods.payload_bytes),
        draws.chance(0.4),
    )
    if draws.chance(0.5):
        port = draws.pick((*floods.ports, draws.integer(1, 65_536)))
        share = replace(
            stage, flood_rate=stage.flood_rate / len(bots), flood_packets=max(1, stage.flood_packets // len(bots))
        )
        for bot in bots:
            yield stage.udp(stage.start_ns, bot, victim, port, _stream(share, size, vary), version=4)
        return
    errors = [index * NANOSECONDS for index in range(draws.integer(1, 12))]
    yield unreachable(stage, stage.start_ns, victim, bots[0], errors, 9)
    for time in _flood_times(stage):
        length = draws.integer(0, 2 * size + 1) if vary else size
        yield stage.udp(
            time,
            draws.pick(bots),
            victim,
            draws.integer(1, 65_536),
            [Datagram(True, draws.octets(min(length, 1400)))],
            version=4,
        )


def _ping_flood(stage: Stage, payload: bytes, answered: float) -> Iterator[Message]:
    identifier = stage.draws.integer(0, 65_536) << 16
    for number, time in enumerate(_flood_times(stage)):
        offset, rest = time - stage.start_ns, identifier | number & 0xFFFF
        yield Message(offset, True, 8, 0, rest, payload)
        if stage.draws.chance(answered):
            yield Message(offset + 1000, False, 0, 0, rest, payload)


def flood_icmp(stage: Stage) -> Iterator[Conversation]:
    """Echo requests far faster than anyone pings."""
    draws, floods = stage.draws, PARAMETERS.floods
    victim = stage.network.servers[draws.pick(("web", "mail", "shell", "resolver"))]
    bots = [pick_attacker(stage, floods.internal_share) for _ in range(draws.pick(floods.bots))]
    share = replace(
        stage, flood_rate=stage.flood_rate / len(bots), flood_packets=max(1, stage.flood_packets // len(bots))
    )
    for bot in bots:
        payload = draws.octets(draws.pick(floods.icmp_payload_bytes))
        yield stage.icmp(stage.start_ns, bot, victim, _ping_flood(share, payload, draws.sample(floods.answered_share)))


def _reflected(stage: Stage, port: int, smallest: int, largest: int) -> Iterator[Datagram]:
    draws, previous = stage.draws, stage.start_ns
    for time in _flood_times(stage):
        size = draws.integer(smallest, largest + 1)
        payload = _amplified(stage, port, size)
        yield Datagram(True, payload, max(0, time - previous))
        previous = time


def _amplified(stage: Stage, port: int, size: int) -> bytes:
    """An answer that nobody asked for: text records, a discovery response, or octets."""
    draws = stage.draws
    if port == 53:
        records = [payloads.dns_resource(draws, payloads.DNS_TXT, 240) for _ in range(max(1, size // 255))]
        return payloads.dns_response(draws.integer(0, 65_536), "amplified.example", payloads.DNS_TXT, records)
    return payloads.discovery_response(size) if port == 1900 else draws.octets(size)


def reflection(stage: Stage) -> Iterator[Conversation]:
    """Large answers of open servers to questions that the victim never asked."""
    draws, floods = stage.draws, PARAMETERS.floods
    victim = (
        stage.network.servers[draws.pick(("web", "mail", "shell"))]
        if draws.chance(0.7)
        else draws.pick(stage.network.clients)
    )
    port, smallest, largest = draws.pick(floods.reflected)
    reflectors = [stranger(draws, server=True) for _ in range(stage.many(floods.reflectors))]
    share = replace(
        stage,
        flood_rate=stage.flood_rate / len(reflectors),
        flood_packets=max(1, stage.flood_packets // len(reflectors)),
    )
    target = draws.pick((80, 443, draws.integer(1025, 65_536)))
    for reflector in reflectors:
        yield stage.udp(
            stage.start_ns,
            reflector,
            victim,
            target,
            _reflected(share, port, smallest, largest),
            source_port=port,
            version=4,
        )


def _trickle(stage: Stage, style: str) -> Iterator[Turn]:
    """A request that never ends (slow headers, slow body), or a response read a few bytes at a time."""
    draws, parameters = stage.draws, PARAMETERS.web_attacks
    left, typical_ns = draws.sample(parameters.slow_seconds), draws.seconds(parameters.slow_pause_s)
    head = payloads.http_request(
        "POST" if style == "body" else "GET", "www.example", "/", 100_000 if style == "body" else 0
    )
    yield Turn(True, len(head), 1_000_000, head[:-2] if style == "headers" else head)
    while left > 0:
        pause = int(typical_ns * (0.7 + 0.6 * draws.uniform()))
        left -= pause / NANOSECONDS
        if style == "reading":
            yield Turn(False, draws.integer(20, 1200), pause, b"", 2000.0, draws.pick((0, 0, 28, 256)))
        else:
            piece = f"X-a: {draws.octets(draws.count(parameters.slow_piece_bytes) // 2).hex()}\r\n".encode()
            yield Turn(True, len(piece), pause, piece)


def slow_http(stage: Stage) -> Iterator[Conversation]:
    """Many connections held open with as little traffic as possible."""
    draws, parameters = stage.draws, PARAMETERS.web_attacks
    style, server = draws.pick(("headers", "body", "reading")), stage.network.servers["web"]
    bots = [pick_attacker(stage, PARAMETERS.floods.internal_share) for _ in range(draws.pick((1, 1, 3)))]
    port, time = draws.pick((80, 80, 443, 8080)), stage.start_ns
    for _ in range(stage.many(parameters.slow_connections)):
        if time >= stage.end_ns:
            return
        yield stage.tcp(
            time,
            draws.pick(bots),
            server,
            port,
            _trickle(stage, style),
            draws.pick((Ending.SERVER_CLOSES, Ending.OPEN, Ending.SERVER_RESETS)),
        )
        time += draws.seconds(parameters.slow_open_gap_s)


def _requests(stage: Stage, secure: bool, count: int, gap_ns: int) -> Iterator[Turn]:
    draws, web = stage.draws, PARAMETERS.web
    if secure:
        yield from applications.tls_handshake(draws, "www.example")
    for index in range(count):
        pause, think = gap_ns if index else 300_000, draws.milliseconds(web.server_time_ms)
        if secure:
            yield from applications.exchange(
                draws.count(web.request_bytes), stage.bulk(web.response_bytes) // 2 + 60, pause, think
            )
        else:
            yield from applications.http_exchange(
                draws, "www.example", 0, stage.bulk(web.response_bytes) // 2, pause, think
            )
    if secure and draws.chance(0.5):
        yield applications.close_notify()


def http_flood(stage: Stage) -> Iterator[Conversation]:
    """Whole requests, each harmless, at a pace that the server cannot keep up with."""
    draws, parameters = stage.draws, PARAMETERS.web_attacks
    server, secure = stage.network.servers["web"], draws.chance(0.5)
    bots = [pick_attacker(stage, PARAMETERS.floods.internal_share) for _ in range(draws.pick(parameters.flood_bots))]
    per_connection = draws.count(parameters.flood_requests_per_connection)
    rate, end = (
        draws.sample(parameters.flood_requests_s) / per_connection,
        stage.start_ns + int(stage.extent * draws.seconds(parameters.flood_seconds)),
    )
    time = stage.start_ns
    for _ in range(parameters.flood_largest_connections):
        if time >= min(end, stage.end_ns):
            return
        turns = _requests(stage, secure, per_connection, int(draws.exponential(0.3) * NANOSECONDS))
        ending = draws.pick((Ending.CLIENT_CLOSES, Ending.SERVER_CLOSES, Ending.CLIENT_RESETS, Ending.OPEN))
        yield stage.tcp(
            time, draws.pick(bots), server, 443 if secure else draws.pick((80, 8080)), turns, stage.failing(ending)
        )
        time += int(draws.exponential(NANOSECONDS / rate))
