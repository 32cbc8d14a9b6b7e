"""Attacks that hide: beacons, tunnels in DNS, stolen data on its way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.conversation import Conversation, Datagram, Stage
from netsift.simulate.network import stranger
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.tcp import Ending, Turn

_MILLISECOND: Final = 1_000_000


def _beacon_sizes(stage: Stage) -> tuple[int, int]:
    draws, covert = stage.draws, PARAMETERS.covert
    if draws.chance(covert.task_share):
        return stage.bulk(covert.task_bytes), draws.count(covert.beacon_response_bytes)
    return draws.count(covert.beacon_request_bytes), draws.count(covert.beacon_response_bytes)


def _beacon_turns(stage: Stage, secure: bool, name: str) -> Iterator[Turn]:
    request, response = _beacon_sizes(stage)
    if not secure:
        yield from applications.http_exchange(
            stage.draws, name, request if request > 1400 else 0, response, 400_000, 20_000_000
        )
        return
    yield from applications.tls_handshake(stage.draws, name)
    yield from applications.exchange(request, response, 600_000, 20_000_000)
    if stage.draws.chance(0.5):
        yield applications.close_notify()


def _channel_turns(stage: Stage, period_ns: int, jitter: float, name: str) -> Iterator[Turn]:
    yield from applications.tls_handshake(stage.draws, name)
    while True:
        request, response = _beacon_sizes(stage)
        yield from applications.exchange(request, response, _jittered(stage, period_ns, jitter), 20_000_000)


def _jittered(stage: Stage, period_ns: int, jitter: float) -> int:
    return int(period_ns * (1 + jitter * (2 * stage.draws.uniform() - 1)))


def c2_beacon(stage: Stage) -> Iterator[Conversation]:
    """A compromised workstation that calls home at its own period, with jitter: in fresh connections or in one."""
    draws, covert = stage.draws, PARAMETERS.covert
    bot, home, name = (
        draws.pick([*stage.network.clients, *stage.network.devices]),
        stranger(draws, server=True),
        payloads.host_label(draws),
    )
    if draws.chance(0.25):
        home = stage.network.site(draws)
    period_ns, jitter, port = (
        draws.seconds(covert.beacon_s),
        draws.sample(covert.beacon_jitter),
        draws.pick(covert.beacon_ports),
    )
    if draws.chance(0.2):
        yield stage.tcp(stage.start_ns, bot, home, port, _channel_turns(stage, period_ns, jitter, name), Ending.OPEN)
        return
    time, ending = stage.start_ns, draws.pick((Ending.CLIENT_CLOSES, Ending.SERVER_CLOSES, Ending.CLIENT_RESETS))
    while time < stage.end_ns:
        yield stage.tcp(
            time, bot, home, port, _beacon_turns(stage, port not in (80, 8080), name), stage.failing(ending)
        )
        time += _jittered(stage, period_ns, jitter)


def _tunnel_exchange(stage: Stage, domain: str, kind: int, typical_bytes: int) -> tuple[Datagram, Datagram]:
    draws = stage.draws
    labels = [
        draws.octets(max(2, int(typical_bytes * (0.6 + 0.4 * draws.uniform())) // 2)).hex()
        for _ in range(draws.pick((1, 2, 3)))
    ]
    name, identifier = ".".join([*labels, domain]), draws.integer(0, 65_536)
    answer = payloads.dns_response(
        identifier, name, kind, [payloads.dns_resource(draws, kind, draws.pick((16, 60, 120, 220)))]
    )
    return Datagram(True, payloads.dns_query(identifier, name, kind)), Datagram(
        False, answer, draws.milliseconds(PARAMETERS.names.recursive_ms)
    )


def dns_tunnel(stage: Stage) -> Iterator[Conversation]:
    """Data in query names and answers, through the site's resolver or straight to the tunnel's server."""
    draws, covert = stage.draws, PARAMETERS.covert
    bot = draws.pick(stage.network.clients)
    server = (
        stage.network.servers["resolver"]
        if draws.chance(0.6)
        else draws.pick((stranger(draws, server=True), stage.network.resolvers[0]))
    )
    domain, kind, typical = (
        f"{draws.octets(3).hex()}.example",
        draws.pick(covert.tunnel_types),
        draws.count(covert.tunnel_label_bytes),
    )
    typical_ns, end = (
        draws.seconds(covert.tunnel_query_gap_s),
        min(stage.end_ns, stage.start_ns + int(stage.extent * draws.seconds(covert.tunnel_seconds))),
    )
    count = min(covert.tunnel_largest_queries, 1 + (end - stage.start_ns) // typical_ns)
    gaps = [int(typical_ns * (0.4 + draws.exponential(0.6))) for _ in range(count)]
    if draws.chance(0.3):
        pairs = (_tunnel_exchange(stage, domain, kind, typical) for _ in gaps)
        datagrams = (
            one
            for gap, (query, answer) in zip(gaps, pairs, strict=True)
            for one in (query._replace(pause_ns=gap), answer)
        )
        yield stage.udp(stage.start_ns, bot, server, 53, datagrams)
        return
    time = stage.start_ns
    for gap in gaps:
        if time >= end:
            return
        yield stage.udp(time, bot, server, 53, _tunnel_exchange(stage, domain, kind, typical))
        time += gap


def _theft_turns(stage: Stage, port: int, size_bytes: int, rate: float) -> Iterator[Turn]:
    draws = stage.draws
    if port == 22:
        yield from applications.ssh_opening(draws)
        yield from applications.ssh_guess(draws, True, 20_000_000)
        yield Turn(True, size_bytes, 300_000_000, b"", rate)
    elif port in (80, 8080):
        head = payloads.http_request("POST", payloads.host_label(draws), "/upload", size_bytes)
        yield Turn(True, len(head) + size_bytes, 500_000, head, rate)
        yield Turn(False, 150, 30_000_000, payloads.http_response(200, 80))
    elif port == 21:
        yield Turn(True, size_bytes, 1_000_000, b"", rate)
    else:
        yield from applications.tls_handshake(draws, payloads.host_label(draws))
        for _ in range(draws.pick((1, 1, 4))):
            yield from applications.exchange(
                size_bytes, draws.integer(60, 600), draws.integer(1, 800) * _MILLISECOND, 30_000_000, rate
            )


def exfiltration(stage: Stage) -> Iterator[Conversation]:
    """Stolen data carried out, at once or in many pieces, over TLS, HTTP, SSH or FTP."""
    draws, covert = stage.draws, PARAMETERS.covert
    thief = draws.pick([*stage.network.clients, stage.network.servers["files"], stage.network.servers["mail"]])
    drop = stranger(draws, server=True) if draws.chance(0.6) else stage.network.site(draws)
    port, pieces = draws.pick((443, 443, 443, 80, 8080, 22, 21)), draws.pick(covert.stolen_pieces)
    size, rate, time = (
        max(800, stage.bulk(covert.stolen_bytes) // pieces),
        draws.sample(covert.stolen_rate_bytes_s),
        stage.start_ns,
    )
    for _ in range(pieces):
        if time >= stage.end_ns:
            return
        where = draws.integer(49_152, 65_535) if port == 21 else port
        actual = int(size * (0.5 + draws.uniform()))
        yield stage.tcp(
            time,
            thief,
            drop,
            where,
            _theft_turns(stage, port, actual, rate),
            draws.pick((Ending.CLIENT_CLOSES, Ending.SERVER_CLOSES)),
        )
        time += draws.seconds(covert.stolen_gap_s)
