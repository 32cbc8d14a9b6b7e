"""Ordinary traffic without people: things that report home, discovery, and the noisy monitoring host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.benign.common import moments
from netsift.simulate.conversation import Conversation, Datagram, Message, Session, Stage, in_order
from netsift.simulate.network import Host, multicast, open_ports, raw_tool
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

_MILLISECOND: Final = 1_000_000


def _heartbeat_turns(stage: Stage, secure: bool, size_bytes: int) -> Iterator[Turn]:
    if secure:
        yield from applications.tls_handshake(stage.draws, "things.example")
        yield from applications.exchange(size_bytes, stage.draws.integer(30, 400), 800_000, 15_000_000)
    else:
        yield from applications.http_exchange(stage.draws, "things.example", 0, size_bytes, 400_000, 15_000_000)


def _session_turns(stage: Stage, period_ns: int, jitter: float, size_bytes: int) -> Iterator[Turn]:
    """MQTT kept open: publish, acknowledge, wait."""
    hello = payloads.mqtt_connect("device")
    yield Turn(True, len(hello), 300_000, hello)
    yield Turn(False, 4, 2_000_000, b"\x20\x02\x00\x00")
    while True:
        pause = int(period_ns * (1 + jitter * (2 * stage.draws.uniform() - 1)))
        yield Turn(True, size_bytes, pause, payloads.mqtt_publish(size_bytes - 3))
        yield Turn(False, 4, 3_000_000, b"\x40\x02\x00\x01")


def heartbeats(stage: Stage, device: Host) -> Iterator[Conversation]:
    """A device that reports home at its own period, with jitter: as regular as any beacon."""
    draws, devices = stage.draws, PARAMETERS.devices
    period_ns, jitter = draws.seconds(devices.heartbeat_s), draws.sample(devices.heartbeat_jitter)
    server, size, kind = (
        stage.network.site(draws),
        draws.count(devices.heartbeat_bytes),
        draws.pick(("secure", "plain", "session", "datagram")),
    )
    time = stage.start_ns + int(period_ns * draws.uniform())
    if kind == "session":
        yield stage.tcp(
            time, device, server, draws.pick((1883, 8883)), _session_turns(stage, period_ns, jitter, size), Ending.OPEN
        )
        return
    while time < stage.end_ns:
        actual = size + draws.integer(0, 40)
        if kind == "datagram":
            yield stage.udp(
                time,
                device,
                server,
                5683,
                (Datagram(True, draws.octets(actual)), Datagram(False, draws.octets(24), 2_000_000)),
            )
        else:
            port = draws.pick((443, 443, 8443)) if kind == "secure" else draws.pick((80, 8080))
            yield stage.tcp(
                time,
                device,
                server,
                port,
                _heartbeat_turns(stage, kind == "secure", actual),
                stage.failing(Ending.SERVER_CLOSES),
            )
        time += int(period_ns * (1 + jitter * (2 * draws.uniform() - 1)))


def discovery(stage: Stage, host: Host) -> Iterator[Conversation]:
    """Multicast DNS and SSDP searches to the local groups."""
    draws = stage.draws
    for time in moments(stage, PARAMETERS.devices.discovery_gap_s, human=False):
        if draws.chance(0.5):
            search = payloads.discovery_search()
            yield stage.udp(
                time,
                host,
                multicast(1900),
                1900,
                [Datagram(True, search, index * NANOSECONDS) for index in range(draws.integer(1, 4))],
                version=4,
            )
        else:
            query = payloads.dns_query(0, "_services._dns-sd._udp.local", 12)
            yield stage.udp(time, host, multicast(5353), 5353, [Datagram(True, query)], source_port=5353, version=4)


def _pings(stage: Stage, count: int, payload: bytes) -> Iterator[Message]:
    identifier = stage.draws.integer(0, 65536) << 16
    for number in range(count):
        yield Message(number * NANOSECONDS, True, 8, 0, identifier | number, payload)
        yield Message(
            number * NANOSECONDS + stage.draws.integer(100_000, 900_000), False, 0, 0, identifier | number, payload
        )


def _check(stage: Stage, time: int, monitor: Host, target: Host, port: int) -> Conversation:
    """One service check: a bare SYN, a connection, or a request."""
    draws, is_open = stage.draws, port in open_ports(target)
    probing, version = draws.chance(0.5), 4
    if not is_open:
        ending = Ending.NO_ANSWER if draws.chance(0.3) else Ending.REFUSED
        return stage.tcp(
            time, raw_tool(draws, monitor) if probing else monitor, target, port, (), ending, version=version
        )
    if probing:
        return stage.tcp(time, raw_tool(draws, monitor), target, port, (), Ending.PROBED, version=version)
    if port in (80, 8080):
        return stage.tcp(
            time,
            monitor,
            target,
            port,
            applications.http_exchange(draws, "check.example", 0, draws.integer(60, 3000), 300_000, 4_000_000),
        )
    if port in (22, 21, 25):
        greeting = b"220 ready\r\n" if port != 22 else b"SSH-2.0-OpenSSH_9.2p1\r\n"
        return stage.tcp(
            time,
            monitor,
            target,
            port,
            [Turn(False, len(greeting), draws.milliseconds(PARAMETERS.services.banner_ms), greeting)],
        )
    return stage.tcp(time, monitor, target, port, (), draws.pick((Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS)))


def _monitor_round(stage: Stage, start_ns: int, monitor: Host) -> list[Conversation]:
    draws, devices = stage.draws, PARAMETERS.devices
    found, time = list[Conversation](), start_ns
    sweep = draws.chance(devices.monitor_sweep_share)
    for target in stage.network.inside:
        if target is monitor:
            continue
        ports = draws.shuffled(open_ports(target))[:3]
        if sweep and draws.chance(0.25):
            ports = [draws.integer(1, 10_000) for _ in range(devices.monitor_sweep_ports)]
        elif draws.chance(0.3):
            ports = [*ports, draws.pick(devices.monitor_ports)]
        found.append(stage.icmp(time, monitor, target, _pings(stage, devices.poll_ping_count, draws.octets(56))))
        for port in ports:
            found.append(_check(stage, time, monitor, target, port))
            time += draws.milliseconds(devices.monitor_gap_ms)
    for printer in stage.network.printers:
        query, answer = (
            payloads.snmp_get(draws.integer(1, 1 << 24)),
            payloads.snmp_response(draws.integer(1, 1 << 24), draws.integer(0, 1 << 31)),
        )
        found.append(
            stage.udp(time, monitor, printer, 161, (Datagram(True, query), Datagram(False, answer, 900_000)), version=4)
        )
    return found


def monitoring(stage: Stage, monitor: Host) -> Iterator[Conversation]:
    """The monitoring host: pings, polls and checks of every service, and inventories that look like scans."""

    def sessions() -> Iterator[Session]:
        time = stage.start_ns + stage.draws.integer(0, 20 * NANOSECONDS)
        while time < stage.end_ns:
            yield time, _monitor_round(stage, time, monitor)
            time += stage.draws.seconds(PARAMETERS.devices.monitor_round_s)

    return in_order(sessions())
