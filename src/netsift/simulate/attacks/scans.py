"""Attacks that look for a way in: port scans, guessed passwords and a worm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from heapq import heappop, heappush
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.attacks.common import pick_attacker, pick_victim, unreachable
from netsift.simulate.conversation import Conversation, Datagram, Session, Stage, in_order
from netsift.simulate.network import Host, open_ports, raw_tool, stranger, vacant
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

_MILLISECOND: Final = 1_000_000


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
    draws, victim = stage.draws, pick_victim(stage, attacker)
    known = [*open_ports(victim), *PARAMETERS.devices.monitor_ports]
    wanted = stage.many(PARAMETERS.scans.vertical_ports)
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
    attacker = pick_attacker(stage, PARAMETERS.scans.internal_share)
    return _scan(stage, raw_tool(stage.draws, attacker), _vertical(stage, attacker), slow=False, connecting=False)


def port_scan_horizontal(stage: Stage) -> Iterator[Conversation]:
    """A few ports of many hosts with bare SYNs."""
    attacker = pick_attacker(stage, PARAMETERS.scans.internal_share)
    targets = _horizontal(stage, attacker, stage.many(PARAMETERS.scans.horizontal_hosts))
    return _scan(stage, raw_tool(stage.draws, attacker), targets, slow=False, connecting=False)


def port_scan_connect(stage: Stage) -> Iterator[Conversation]:
    """Full connections to many ports or hosts, as a plain program without rights does."""
    attacker = pick_attacker(stage, PARAMETERS.scans.internal_share)
    targets = (
        _vertical(stage, attacker)
        if stage.draws.chance(0.5)
        else _horizontal(stage, attacker, stage.many(PARAMETERS.scans.horizontal_hosts))
    )
    return _scan(stage, attacker, targets, slow=False, connecting=True)


def port_scan_slow(stage: Stage) -> Iterator[Conversation]:
    """One probe every few seconds to minutes, for as long as the capture lasts."""
    attacker = pick_attacker(stage, PARAMETERS.scans.internal_share)
    targets = _vertical(stage, attacker) if stage.draws.chance(0.5) else _horizontal(stage, attacker, 254)
    connecting = stage.draws.chance(0.5)
    return _scan(
        stage, attacker if connecting else raw_tool(stage.draws, attacker), targets, slow=True, connecting=connecting
    )


def port_scan_udp(stage: Stage) -> Iterator[Conversation]:
    """UDP probes; closed ports answer with rate-limited ICMP errors, open ones mostly not at all."""
    draws, scans = stage.draws, PARAMETERS.scans
    attacker = pick_attacker(stage, scans.internal_share)
    victim, gap_ns = pick_victim(stage, attacker), draws.milliseconds(scans.fast_gap_ms)
    ports = draws.shuffled(
        sorted(
            {*scans.datagram_ports, *(draws.integer(1, 65_535) for _ in range(stage.many(scans.vertical_ports) // 2))}
        )
    )
    times = [stage.start_ns + int(index * gap_ns * (1 + 0.2 * draws.uniform())) for index in range(len(ports))]
    errors = [time - stage.start_ns + victim.round_trip_ns for time in times if draws.chance(scans.unreachable_share)]
    if errors:
        yield unreachable(stage, stage.start_ns, victim, attacker, sorted(errors), ports[0])
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
    sources = [pick_attacker(stage, parameters.internal_share) for _ in range(draws.pick(parameters.sources))]
    sources = [source for source in sources if source is not victim]
    typical_ns, parallel, guesses = (
        draws.seconds(parameters.gap_s),
        draws.pick(parameters.parallel),
        draws.pick(parameters.guesses_per_connection),
    )

    def sessions() -> Iterator[Session]:
        time = stage.start_ns
        for _ in range(max(1, stage.many(parameters.attempts) // parallel)):
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


def _infect(stage: Stage, time: int, spreader: Host, target: Host, port: int) -> tuple[Conversation, bool]:
    """One probe of the worm; returns it and whether the target is infected now."""
    draws = stage.draws
    answers = port in open_ports(target) if target.internal else draws.chance(PARAMETERS.worms.outside_answers)
    if answers and target.name != "vacant":
        exploited = draws.chance(PARAMETERS.worms.exploit_share)
        turns = _infection(stage, port) if exploited else iter(())
        ending = draws.pick((Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS))
        return stage.tcp(time, spreader, target, port, turns, ending, version=4), exploited and target.internal
    refused = target.name != "vacant" and draws.chance(0.3)
    ending = Ending.REFUSED if refused else Ending.NO_ANSWER
    return stage.tcp(time, spreader, target, port, (), ending, version=4), False


def worm(stage: Stage) -> Iterator[Conversation]:
    """A worm that probes one service, infects what answers, and goes on from each new victim."""
    draws, worms = stage.draws, PARAMETERS.worms
    first = draws.pick([*stage.network.clients, *stage.network.devices])
    port, typical_ns = draws.pick(worms.ports), draws.seconds(worms.probe_gap_s)
    infected = [first]
    waiting = [(stage.start_ns, 0, stage.many(worms.probes))]
    for _ in range(worms.largest_probes):
        if not waiting or waiting[0][0] >= stage.end_ns:
            return
        time, number, left = heappop(waiting)
        target = _worm_target(stage, infected[number])
        conversation, caught = _infect(stage, time, infected[number], target, port)
        yield conversation
        if caught and target not in infected:
            infected.append(target)
            heappush(
                waiting, (time + draws.integer(2, 30) * NANOSECONDS, len(infected) - 1, stage.many(worms.probes) // 2)
            )
        if left > 1:
            heappush(waiting, (time + int(typical_ns * (0.3 + draws.exponential(0.7))), number, left - 1))
