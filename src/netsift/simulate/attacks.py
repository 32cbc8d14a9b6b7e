"""Attacks: one function per behaviour, each one campaign that begins when its stage begins.

Attackers are strangers like the visitors or workstations that also do their ordinary work; victims are servers and
workstations that also serve others. Pace and size vary over orders of magnitude between campaigns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.conversation import Conversation, Datagram, Message, Session, Stage, in_order
from netsift.simulate.network import Host, open_ports, raw_tool, stranger, stranger_address, vacant
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

Campaign = Callable[[Stage], Iterator[Conversation]]
_MILLISECOND: Final = 1_000_000


def _attacker(stage: Stage, internal_share: float) -> Host:
    """A workstation of the site or a stranger."""
    return stage.draws.pick(stage.network.clients) if stage.draws.chance(internal_share) else stranger(stage.draws)


def _victim(stage: Stage, attacker: Host) -> Host:
    """A host of the site, servers more often; never the attacker."""
    network = stage.network
    pool = list(network.servers.values()) * 2 + network.clients + network.printers
    return stage.draws.pick([host for host in pool if host is not attacker])


def _probe(
    stage: Stage, time: int, scanner: Host, target: Host, port: int, filtered: bool, connecting: bool
) -> list[Conversation]:
    """One TCP probe with what the target makes of it, sent twice by some scanners where nothing comes back."""
    draws, scans = stage.draws, PARAMETERS.scans
    if port in open_ports(target) and not target.name.startswith("vacant"):
        if not connecting:
            return [stage.tcp(time, scanner, target, port, (), Ending.PROBED, version=4)]
        greeting = b"220 ready\r\n"
        turns = (
            [Turn(False, len(greeting), 9_000_000, greeting)]
            if draws.chance(scans.banner_share) and port in (21, 22, 25)
            else []
        )
        return [
            stage.tcp(
                time, scanner, target, port, turns, draws.pick((Ending.CLIENT_RESETS, Ending.CLIENT_CLOSES)), version=4
            )
        ]
    if not filtered and not target.name.startswith("vacant"):
        return [stage.tcp(time, scanner, target, port, (), Ending.REFUSED, version=4)]
    retries = scanner.system.syn_retries_s if connecting else ((1.0,) if draws.chance(scans.retry_share) else ())
    lone = replace(scanner, system=replace(scanner.system, syn_retries_s=retries))
    return [stage.tcp(time, lone, target, port, (), Ending.NO_ANSWER, version=4)]


def _scan(
    stage: Stage, scanner: Host, targets: list[tuple[Host, int]], slow: bool, connecting: bool
) -> Iterator[Conversation]:
    draws, scans = stage.draws, PARAMETERS.scans
    filtered_share, time = draws.sample(scans.filtered_share), stage.start_ns
    typical_ns = draws.seconds(scans.slow_gap_s) if slow else draws.milliseconds(scans.fast_gap_ms)
    for target, port in targets:
        if time >= stage.end_ns:
            return
        yield from _probe(stage, time, scanner, target, port, draws.chance(filtered_share), connecting)
        time += int(typical_ns * (0.5 + draws.exponential(0.5)))


def _vertical(stage: Stage, attacker: Host) -> list[tuple[Host, int]]:
    draws, victim = stage.draws, _victim(stage, attacker)
    known = [*open_ports(victim), *PARAMETERS.devices.monitor_ports]
    wanted = draws.count(PARAMETERS.scans.vertical_ports)
    highest = draws.pick((1024, 10_000, 65_535))
    ports = {*known, *(draws.integer(1, highest) for _ in range(wanted))}
    return [(victim, port) for port in draws.shuffled(sorted(ports))]


def _horizontal(stage: Stage, attacker: Host, count: int) -> list[tuple[Host, int]]:
    draws, network = stage.draws, stage.network
    ports = [draws.pick(PARAMETERS.scans.horizontal_ports) for _ in range(draws.pick((1, 1, 2, 3)))]
    addresses = [network.prefix + bytes((number,)) for number in draws.shuffled(range(1, 255))[:count]]
    hosts = [network.local(address) or vacant(network, address) for address in addresses if address != attacker.ipv4]
    return [(host, port) for host in hosts for port in ports]


def port_scan_vertical(stage: Stage) -> Iterator[Conversation]:
    """Many ports of one host with bare SYNs."""
    attacker = _attacker(stage, PARAMETERS.scans.internal_share)
    return _scan(stage, raw_tool(stage.draws, attacker), _vertical(stage, attacker), slow=False, connecting=False)


def port_scan_horizontal(stage: Stage) -> Iterator[Conversation]:
    """A few ports of many hosts with bare SYNs."""
    attacker = _attacker(stage, PARAMETERS.scans.internal_share)
    targets = _horizontal(stage, attacker, stage.draws.count(PARAMETERS.scans.horizontal_hosts))
    return _scan(stage, raw_tool(stage.draws, attacker), targets, slow=False, connecting=False)


def port_scan_connect(stage: Stage) -> Iterator[Conversation]:
    """Full connections to many ports or hosts, as a plain program without rights does."""
    attacker = _attacker(stage, PARAMETERS.scans.internal_share)
    targets = (
        _vertical(stage, attacker)
        if stage.draws.chance(0.5)
        else _horizontal(stage, attacker, stage.draws.count(PARAMETERS.scans.horizontal_hosts))
    )
    return _scan(stage, attacker, targets, slow=False, connecting=True)


def port_scan_slow(stage: Stage) -> Iterator[Conversation]:
    """One probe every few seconds to minutes, for as long as the capture lasts."""
    attacker = _attacker(stage, PARAMETERS.scans.internal_share)
    targets = _vertical(stage, attacker) if stage.draws.chance(0.5) else _horizontal(stage, attacker, 254)
    connecting = stage.draws.chance(0.5)
    return _scan(
        stage, attacker if connecting else raw_tool(stage.draws, attacker), targets, slow=True, connecting=connecting
    )


def _unreachable(stage: Stage, time: int, victim: Host, scanner: Host, offsets: list[int], port: int) -> Conversation:
    """Port unreachable errors as one ICMP conversation; each quotes the datagram's header (RFC 792)."""
    quoted = (
        b"\x45\x00\x00\x1c"
        + bytes(4)
        + b"\x40\x11\0\0"
        + scanner.ipv4
        + victim.ipv4
        + port.to_bytes(2, "big") * 2
        + b"\0\x08\0\0"
    )
    return stage.icmp(time, victim, scanner, [Message(offset, True, 3, 3, 0, quoted) for offset in offsets])


def port_scan_udp(stage: Stage) -> Iterator[Conversation]:
    """UDP probes; closed ports answer with rate-limited ICMP errors, open ones mostly not at all."""
    draws, scans = stage.draws, PARAMETERS.scans
    attacker = _attacker(stage, scans.internal_share)
    victim, gap_ns = _victim(stage, attacker), draws.milliseconds(scans.fast_gap_ms)
    ports = draws.shuffled(
        sorted(
            {*scans.datagram_ports, *(draws.integer(1, 65_535) for _ in range(draws.count(scans.vertical_ports) // 2))}
        )
    )
    times = [stage.start_ns + int(index * gap_ns * (1 + 0.2 * draws.uniform())) for index in range(len(ports))]
    errors = [time - stage.start_ns + victim.round_trip_ns for time in times if draws.chance(scans.unreachable_share)]
    if errors:
        yield _unreachable(stage, stage.start_ns, victim, attacker, sorted(errors), ports[0])
    for time, port in sorted(zip(times, ports, strict=True)):
        if time >= stage.end_ns:
            return
        payload = (
            payloads.dns_query(draws.integer(0, 65536), "version.bind", 16)
            if port == 53
            else draws.octets(draws.pick((0, 0, 8, 40)))
        )
        datagrams = [Datagram(True, payload)] + (
            [Datagram(False, draws.octets(draws.integer(20, 200)), 400_000)] if port in (53, 161) else []
        )
        yield stage.udp(time, attacker, victim, port, datagrams, version=4)


Guess = Callable[[Stage, int], Iterator[Turn]]


def _ssh_guesses(stage: Stage, guesses: int) -> Iterator[Turn]:
    yield from applications.ssh_opening(stage.draws)
    for _ in range(guesses):
        yield from applications.ssh_guess(stage.draws, False, stage.draws.integer(1, 400) * _MILLISECOND)


def _ftp_guesses(stage: Stage, guesses: int) -> Iterator[Turn]:
    draws = stage.draws
    yield from applications.ftp_login(draws, "admin", False, draws.integer(1, 300) * _MILLISECOND)
    for _ in range(guesses - 1):
        yield from applications.ftp_guess(draws, draws.octets(3).hex(), False, draws.integer(1, 300) * _MILLISECOND)


def _rdp_guesses(stage: Stage, guesses: int) -> Iterator[Turn]:
    yield from applications.rdp_opening(stage.draws, "administr")
    for _ in range(guesses):
        yield from applications.rdp_guess(stage.draws, stage.draws.integer(1, 400) * _MILLISECOND)


def _brute_force(stage: Stage, victim: Host, port: int, script: Guess, ending: Ending) -> Iterator[Conversation]:
    draws, parameters = stage.draws, PARAMETERS.guesses
    sources = [_attacker(stage, parameters.internal_share) for _ in range(draws.pick(parameters.sources))]
    sources = [source for source in sources if source is not victim]
    typical_ns, parallel, guesses = (
        draws.seconds(parameters.gap_s),
        draws.pick(parameters.parallel),
        draws.pick(parameters.guesses_per_connection),
    )

    def sessions() -> Iterator[Session]:
        time = stage.start_ns
        for _ in range(max(1, draws.count(parameters.attempts) // parallel)):
            if time >= stage.end_ns:
                return
            burst = []
            for index in range(parallel):
                start = time + index * draws.integer(100_000, 20_000_000)
                burst.append(
                    stage.tcp(start, draws.pick(sources), victim, port, script(stage, guesses), stage.failing(ending))
                )
            yield time, burst
            time += int(parallel * typical_ns * (0.6 + draws.exponential(0.4)))
        if draws.chance(parameters.success_share) and port == 22:
            turns = (
                *applications.ssh_opening(draws),
                *applications.ssh_guess(draws, True, 9_000_000),
                Turn(True, 400, NANOSECONDS),
                Turn(False, 3000, 9_000_000),
            )
            yield time, [stage.tcp(time, draws.pick(sources), victim, port, turns)]

    return in_order(sessions())


def brute_force_ssh(stage: Stage) -> Iterator[Conversation]:
    """Passwords guessed over SSH, from one to a dozen sources."""
    ending = stage.draws.pick((Ending.SERVER_CLOSES, Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS))
    role = stage.draws.pick(("shell", "shell", "web", "mail", "backup", "transfer"))
    return _brute_force(
        stage,
        stage.network.servers[role],
        stage.draws.pick((22, 22, 22, 2222)) if role == "shell" else 22,
        _ssh_guesses,
        ending,
    )


def brute_force_ftp(stage: Stage) -> Iterator[Conversation]:
    """Passwords guessed over FTP."""
    return _brute_force(
        stage,
        stage.network.servers["transfer"],
        21,
        _ftp_guesses,
        stage.draws.pick((Ending.SERVER_CLOSES, Ending.CLIENT_CLOSES)),
    )


def brute_force_rdp(stage: Stage) -> Iterator[Conversation]:
    """Passwords guessed over remote desktop."""
    return _brute_force(
        stage,
        stage.network.servers["desktop"],
        3389,
        _rdp_guesses,
        stage.draws.pick((Ending.SERVER_RESETS, Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS)),
    )


def _flood_times(stage: Stage) -> Iterator[int]:
    """When the packets of a flood leave; cut at the setting's number of packets."""
    draws, floods = stage.draws, PARAMETERS.floods
    rate = stage.flood_rate * draws.sample(floods.rate_factor)
    end = min(stage.end_ns, stage.start_ns + draws.seconds(floods.seconds))
    time = float(stage.start_ns)
    for _ in range(stage.flood_packets):
        if time >= end:
            return
        yield int(time)
        time += draws.exponential(NANOSECONDS / rate)


def _forged(stage: Stage, like: Host) -> Host:
    """The flooding host under a forged address; its path and stack stay the same."""
    return replace(like, ipv4=stranger_address(stage.draws), ipv6=b"")


def flood_syn(stage: Stage) -> Iterator[Conversation]:
    """Half-open connections, from forged addresses or from bots."""
    draws, floods = stage.draws, PARAMETERS.floods
    bots = [raw_tool(draws, _attacker(stage, floods.internal_share)) for _ in range(draws.pick(floods.bots))]
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
    bots = [_attacker(stage, floods.internal_share) for _ in range(draws.pick(floods.bots))]
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
    yield _unreachable(stage, stage.start_ns, victim, bots[0], errors, 9)
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
    bots = [_attacker(stage, floods.internal_share) for _ in range(draws.pick(floods.bots))]
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
    reflectors = [stranger(draws, server=True) for _ in range(draws.count(floods.reflectors))]
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
            yield Turn(True, draws.count(parameters.slow_piece_bytes), pause, b"X-a: ")


def slow_http(stage: Stage) -> Iterator[Conversation]:
    """Many connections held open with as little traffic as possible."""
    draws, parameters = stage.draws, PARAMETERS.web_attacks
    style, server = draws.pick(("headers", "body", "reading")), stage.network.servers["web"]
    bots = [_attacker(stage, PARAMETERS.floods.internal_share) for _ in range(draws.pick((1, 1, 3)))]
    port, time = draws.pick((80, 80, 443, 8080)), stage.start_ns
    for _ in range(draws.count(parameters.slow_connections)):
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


def http_flood(stage: Stage) -> Iterator[Conversation]:
    """Whole requests, each harmless, at a pace that the server cannot keep up with."""
    draws, parameters = stage.draws, PARAMETERS.web_attacks
    server, secure = stage.network.servers["web"], draws.chance(0.5)
    bots = [_attacker(stage, PARAMETERS.floods.internal_share) for _ in range(draws.pick(parameters.flood_bots))]
    per_connection = draws.count(parameters.flood_requests_per_connection)
    rate, end = (
        draws.sample(parameters.flood_requests_s) / per_connection,
        stage.start_ns + draws.seconds(parameters.flood_seconds),
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
        min(stage.end_ns, stage.start_ns + draws.seconds(covert.tunnel_seconds)),
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


def _infection(stage: Stage, port: int) -> Iterator[Turn]:
    draws, worms = stage.draws, PARAMETERS.worms
    if port == 445:
        yield from applications.smb_opening(draws)
    elif port == 22:
        yield from applications.ssh_opening(draws)
        yield from applications.ssh_guess(draws, True, 30_000_000)
    elif port == 80:
        yield from applications.http_exchange(
            draws, "www.example", draws.count(worms.exploit_bytes), 300, 300_000, 20_000_000
        )
    yield Turn(True, draws.count(worms.exploit_bytes), 20_000_000)
    yield Turn(False, draws.integer(40, 300), 30_000_000)
    if draws.chance(0.5):
        yield Turn(True, stage.bulk(worms.body_bytes), 100_000_000)


def _worm_target(stage: Stage, spreader: Host) -> Host:
    """An address of the neighbourhood, or one outside that mostly leads nowhere."""
    draws, network = stage.draws, stage.network
    if draws.chance(PARAMETERS.worms.local_share):
        address = network.local_address(draws)
        found = network.local(address)
        return vacant(network, address) if found is None or found is spreader else found
    return stranger(draws)


def _spread(
    stage: Stage, spreader: Host, port: int, start_ns: int, generation: int, typical_ns: int, infected: set[bytes]
) -> Iterator[Session]:
    """Probes of one infected host; each new victim begins to spread in turn."""
    draws, worms, time = stage.draws, PARAMETERS.worms, start_ns
    offspring: list[tuple[Host, int]] = []
    for _ in range(max(5, draws.count(worms.probes) // (generation + 1))):
        if time >= stage.end_ns:
            break
        target = _worm_target(stage, spreader)
        answers = port in open_ports(target) if target.internal else draws.chance(0.05)
        ending = draws.pick((Ending.NO_ANSWER, Ending.NO_ANSWER, Ending.REFUSED))
        if target.name == "vacant":
            ending = Ending.NO_ANSWER
        exploited = answers and draws.chance(worms.exploit_share)
        turns = _infection(stage, port) if exploited else iter(())
        yield (
            time,
            [
                stage.tcp(
                    time,
                    spreader,
                    target,
                    port,
                    turns,
                    draws.pick((Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS)) if answers else ending,
                    version=4,
                )
            ],
        )
        if exploited and target.internal and generation < worms.generations and target.ipv4 not in infected:
            infected.add(target.ipv4)
            offspring.append((target, time + draws.integer(2, 30) * NANOSECONDS))
        time += int(typical_ns * (0.3 + draws.exponential(0.7)))
    for host, infected_ns in offspring:
        yield from (
            (max(time, at), found)
            for at, found in _spread(stage, host, port, max(time, infected_ns), generation + 1, typical_ns, infected)
        )


def worm(stage: Stage) -> Iterator[Conversation]:
    """A worm that probes one service, infects what answers, and goes on from there."""
    draws, worms = stage.draws, PARAMETERS.worms
    first, port, typical_ns = (
        draws.pick([*stage.network.clients, *stage.network.devices]),
        draws.pick(worms.ports),
        draws.seconds(worms.probe_gap_s),
    )
    return in_order(_spread(stage, first, port, stage.start_ns, 0, typical_ns, {first.ipv4}))


CAMPAIGNS: Final[dict[str, tuple[Campaign, ...]]] = {
    "port_scan": (port_scan_vertical, port_scan_horizontal, port_scan_connect, port_scan_udp, port_scan_slow),
    "brute_force": (brute_force_ssh, brute_force_ftp, brute_force_rdp),
    "flood": (flood_syn, flood_udp, flood_icmp),
    "reflection": (reflection,),
    "slow_http": (slow_http,),
    "http_flood": (http_flood,),
    "c2_beacon": (c2_beacon,),
    "dns_tunnel": (dns_tunnel,),
    "exfiltration": (exfiltration,),
    "worm": (worm,),
}
"""The attack classes and the behaviours of each."""

ATTACKS: Final = tuple(CAMPAIGNS)
"""The names of the attack classes, as they stand in the labels."""
