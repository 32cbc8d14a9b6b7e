"""For every behaviour detector traffic that grows with a number: just above its limit at one, just below at another."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from netsift.kernels.remote_calls import INTERFACES
from netsift.simulate.packets import FIN, SYN
from tests.detectors.behaviour.crafting import BANNER, CLIENT, GET, OUTSIDE, PAGE, SERVER, Said, Traffic, host
from tests.kernels.remote_segments import bind, request, smb2_share, smb2_write

_TELNET: Final[tuple[Said, ...]] = (("<", b"login: ", 0.1), (">", b"root\r\n", 1.0))
_BINARY: Final = bytes(range(128, 256))


@dataclass(frozen=True, slots=True)
class Case:
    """Traffic of one behaviour: ``above`` of it are an alert of the detector, ``below`` are not."""

    detector: str
    what: str
    make: Callable[[int], Traffic]
    above: int
    below: int


def syn_scan(ports: int) -> Traffic:
    """One source asks ports of one host, every second one is refused."""
    traffic = Traffic()
    for number in range(ports):
        traffic.syn(number * 0.2, (CLIENT, SERVER), 1_000 + 7 * number, refused=number % 2 == 0)
    return traffic


def udp_scan(ports: int) -> Traffic:
    """Empty datagrams to ports of one host without an answer."""
    traffic = Traffic()
    for number in range(ports):
        traffic.udp(number * 0.5, (CLIENT, SERVER), 2_000 + number, [(">", b"", 0)])
    return traffic


def slow_scan(ports: int) -> Traffic:
    """A port every eight minutes."""
    traffic = Traffic()
    for number in range(ports):
        traffic.syn(number * 480, (CLIENT, SERVER), 3_000 + number, refused=True)
    return traffic


def sweep(hosts: int) -> Traffic:
    """One port of many hosts."""
    traffic = Traffic()
    for number in range(hosts):
        traffic.syn(number * 0.1, (CLIENT, host(number, "10.2")), 445, refused=number % 3 == 0)
    return traffic


def ping_sweep(hosts: int) -> Traffic:
    """ICMP echo requests to many hosts."""
    traffic = Traffic()
    for number in range(hosts):
        traffic.ping(number * 0.1, (CLIENT, host(number, "10.2")), [(">", bytes(32), 0)])
    return traffic


def udp_sweep(hosts: int) -> Traffic:
    """One datagram to each of many hosts."""
    traffic = Traffic()
    for number in range(hosts):
        traffic.udp(number * 0.1, (CLIENT, host(number, "10.2")), 161, [(">", bytes(40), 0)])
    return traffic


def open_port_scan(ports: int) -> Traffic:
    """A SYN scan of a host on which all these ports are open."""
    traffic = Traffic()
    for number in range(ports):
        source = traffic.port()
        port = (22, 80, 443, 8080, 25, 110)[number]
        traffic.segment(number * 0.1, (CLIENT, SERVER), (source, port), SYN, sequence=0)
        traffic.segment(number * 0.1 + 0.001, (SERVER, CLIENT), (port, source), SYN | 16, sequence=0)
        traffic.segment(number * 0.1 + 0.002, (CLIENT, SERVER), (source, port), 4)
    return traffic


def odd_segments(segments: int) -> Traffic:
    """Null, FIN and SYN-FIN segments."""
    traffic = Traffic()
    for number in range(segments):
        flags = (0, FIN, SYN | FIN, FIN | 32 | 8)[number % 4]
        traffic.segment(number * 0.5, (CLIENT, SERVER), (traffic.port(), 80 + number % 2), flags)
    return traffic


def guesses(attempts: int) -> Traffic:
    """Logins over SSH on a port of its own, hung up by the server."""
    traffic = Traffic()
    said = [("<", BANNER, 0.01), (">", BANNER, 0.01), (">", bytes(900), 0.01), ("<", bytes(1_100), 0.05),
            (">", bytes(90), 0.5), ("<", bytes(52), 0.4)]  # fmt: skip
    for number in range(attempts):
        traffic.talk(number * 4, (OUTSIDE, SERVER), 2222, said)
    return traffic


def spraying(attempts: int) -> Traffic:
    """One login at each of many hosts with remote desktops."""
    traffic = Traffic()
    said: list[Said] = [(">", bytes(40), 0.01), ("<", bytes(19), 0.01), (">", bytes(517), 0.01)]
    said += [("<", bytes(1_200), 0.01), (">", bytes(700), 0.1), ("<", bytes(90), 0.1)]
    for number in range(attempts):
        traffic.talk(number * 6, (CLIENT, host(number, "10.2")), 3389, said)
    return traffic


def forged_syns(flows: int) -> Traffic:
    """SYN segments from ever new sources to one port."""
    traffic = Traffic()
    for number in range(flows):
        traffic.segment(number * 0.002, (host(number, "198.51"), SERVER), (1_025 + number, 80), SYN)
    return traffic


def hammered_syns(segments: int) -> Traffic:
    """Ten seconds of unanswered SYN segments from two ports of one host."""
    traffic = Traffic()
    for number in range(segments):
        traffic.segment(10 * number / segments, (CLIENT, OUTSIDE), (1_025 + number % 2, 80), SYN)
    return traffic


def reflector(flows: int) -> Traffic:
    """SYN segments in the name of a victim, one a second."""
    traffic = Traffic()
    for number in range(flows):
        traffic.segment(number * 1.0, (OUTSIDE, SERVER), (1_025 + number, 443), SYN)
    return traffic


def many_sources(sources: int) -> Traffic:
    """A few datagrams of each of many sources."""
    traffic = Traffic()
    for number in range(sources):
        traffic.udp(number * 0.01, (host(number, "198.51"), SERVER), 80, [(">", bytes(468), 0)] * 3, source_port=7_000)
    return traffic


def udp_stream(packets: int) -> Traffic:
    """A flood from one source inside in one flow."""
    traffic = Traffic()
    traffic.udp(0, (CLIENT, SERVER), 7777, [(">", bytes(20), 0.00005)] * packets)
    return traffic


def udp_to_the_outside(packets: int) -> Traffic:
    """Ten seconds of datagrams from a bot to its victim in one flow."""
    traffic = Traffic()
    traffic.udp(0, (CLIENT, OUTSIDE), 7777, [(">", bytes(200), 10 / packets)] * packets)
    return traffic


def udp_from_outside(packets: int) -> Traffic:
    """Twenty seconds of datagrams from three sources."""
    traffic = Traffic()
    for number in range(packets):
        source = host(number % 3, "198.51")
        traffic.udp(20 * number / packets, (source, SERVER), 7777, [(">", bytes(200), 0)], source_port=5_000)
    return traffic


def ping_flood(messages: int) -> Traffic:
    """Ten seconds of echo requests, all of them answered."""
    traffic = Traffic()
    step_s = 10 / messages
    traffic.ping(0, (OUTSIDE, SERVER), [(">", bytes(56), step_s), ("<", bytes(56), 0)] * messages)
    return traffic


def accepted_syns(flows: int) -> Traffic:
    """SYN segments from one source to one port, all of them accepted and never gone on with."""
    traffic = Traffic()
    for number in range(flows):
        source, time = 1_025 + number, number * 10 / flows
        traffic.segment(time, (OUTSIDE, SERVER), (source, 80), SYN, sequence=0)
        traffic.segment(time + 0.001, (SERVER, OUTSIDE), (80, source), SYN | 16, sequence=0)
    return traffic


def unasked_answers(packets: int) -> Traffic:
    """Ten seconds of large answers of four name servers."""
    traffic = Traffic()
    for number in range(packets):
        time, source = 10 * number / packets, host(number % 4, "198.51")
        traffic.udp(time, (source, SERVER), 33_000, [(">", _dns(1_200, answer=True), 0)], source_port=53)
    return traffic


def web_requests(connections: int) -> Traffic:
    """A new connection for each request."""
    traffic = Traffic()
    for number in range(connections):
        traffic.talk(number * 0.01, (OUTSIDE, SERVER), 80, [(">", GET, 0.001), ("<", PAGE, 0.002)])
    return traffic


def slower_requests(connections: int) -> Traffic:
    """A new connection for each request, for a minute and a half."""
    traffic = Traffic()
    for number in range(connections):
        traffic.talk(number * 90 / connections, (OUTSIDE, SERVER), 80, [(">", GET, 0.001), ("<", PAGE, 0.002)])
    return traffic


def slow_requests(connections: int) -> Traffic:
    """Headers that never end."""
    traffic = Traffic()
    trickle: list[Said] = [(">", GET[:-2], 0.01), *[(">", b"X-a: b\r\n", 10.0)] * 4]
    for number in range(connections):
        traffic.talk(number * 0.3, (OUTSIDE, SERVER), 80, trickle, ending="rst")
    return traffic


def slow_answers(connections: int) -> Traffic:
    """Pages that are read a few bytes at a time."""
    traffic = Traffic()
    trickle: list[Said] = [(">", GET, 0.01), *[("<", bytes(200), 8.0)] * 6]
    for number in range(connections):
        traffic.talk(number * 0.3, (OUTSIDE, SERVER), 80, trickle, ending="rst")
    return traffic


def bots(connections: int) -> Traffic:
    """A service with a visitor every half minute, then five sources that share so many connections in a minute."""
    traffic = Traffic()
    page: list[Said] = [(">", GET, 0.01), ("<", PAGE, 0.02)]
    for number in range(40):
        traffic.talk(number * 30, (host(number, "198.18"), SERVER), 80, page)
    for number in range(connections):
        traffic.talk(1_200 + number * 60 / connections, (host(number % 5, "198.19"), SERVER), 80, page)
    return traffic


def address_requests(requests: int) -> Traffic:
    """DISCOVER messages of ever new clients."""
    traffic = Traffic()
    for number in range(requests):
        traffic.udp(
            number * 0.05, ("0.0.0.0", "255.255.255.255"), 67, [(">", b"\x01\x01\x06\0" + bytes(240), 0)],
            source_port=1_024 + number,
        )  # fmt: skip
    return traffic


def name_tunnel(questions: int) -> Traffic:
    """Names that carry data, each from a port of its own."""
    traffic = Traffic()
    for number in range(questions):
        question, answer = _dns(110), _dns(180, answer=True)
        traffic.udp(number * 0.4, (CLIENT, SERVER), 53, [(">", question, 0), ("<", answer, 0.03)])
    return traffic


def name_tunnel_of_one_port(questions: int) -> Traffic:
    """A program that speaks DNS from one port."""
    traffic = Traffic()
    said: list[Said] = [(">", _dns(70), 0.5), ("<", _dns(90, answer=True), 0.03)]
    traffic.udp(0, (CLIENT, SERVER), 53, said * questions)
    return traffic


def _dns(size: int, *, answer: bool = False) -> bytes:
    return b"\x12\x34" + (b"\x81\x80" if answer else b"\x01\x00") + b"\0\x01\0\0\0\0\0\0" + bytes([40]) * (size - 12)


def echo_tunnel(messages: int) -> Traffic:
    """Echo messages of all sizes."""
    traffic = Traffic()
    traffic.ping(0, (CLIENT, OUTSIDE), [("><"[n % 2], bytes(60 + 411 * n % 1_300), 0.2) for n in range(messages)])
    return traffic


def calls_home(calls: int) -> Traffic:
    """A call every minute with a tenth of jitter, to a port that no service has."""
    traffic = Traffic()
    for number in range(calls):
        said = [(">", _BINARY + bytes(number % 3), 0.01), ("<", bytes(40), 0.02)]
        traffic.talk(number * 60 + (number * 7 % 5 - 2) * 2, (CLIENT, OUTSIDE), 4444, said)
    return traffic


def calls_home_over_the_web(calls: int) -> Traffic:
    """A call every two minutes over TLS, of a host that has been there for an hour."""
    traffic = Traffic()
    traffic.talk(0, (CLIENT, SERVER), 80, [(">", GET, 0.01), ("<", PAGE, 0.01)])
    hello = b"\x16\x03\x01\x02\x00\x01" + bytes(511)
    for number in range(calls):
        said = [(">", hello, 0.01), ("<", bytes(1_800), 0.02), (">", bytes(300), 0.02), ("<", bytes(200), 0.02)]
        traffic.talk(3_600 + number * 120 + (number * 7 % 5 - 2) * 5, (CLIENT, OUTSIDE), 443, said)
    return traffic


def calls_home_with_tasks(calls: int) -> Traffic:
    """A call every minute and a half with half of it as jitter; every twentieth brings back much more."""
    draw, traffic, time = random.Random(3), Traffic(), 3_600.0
    traffic.talk(0, (CLIENT, SERVER), 80, [(">", GET, 0.01), ("<", PAGE, 0.01)])
    hello = b"\x16\x03\x01\x02\x00\x01" + bytes(511)
    for number in range(calls):
        result = bytes(30_000 if number % 20 == 10 else 300)
        traffic.talk(time, (CLIENT, OUTSIDE), 443, [(">", hello, 0.01), ("<", bytes(1_800), 0.02), (">", result, 0.02)])
        time += 90 * draw.uniform(0.5, 1.5)
    return traffic


def kept_connection(minutes: int) -> Traffic:
    """A connection to an odd port in which something is said every two minutes."""
    traffic = Traffic()
    said: list[Said] = [(">", b"?", 60.0), ("<", b"!", 60.0)]
    traffic.talk(0, (CLIENT, OUTSIDE), 4444, said * (minutes // 2))
    return traffic


def upload(megabytes: int) -> Traffic:
    """A large upload to one address outside."""
    traffic = Traffic()
    traffic.talk(0, (CLIENT, OUTSIDE), 443, [(">", bytes(50_000), 0.1)] * (20 * megabytes) + [("<", b"ok", 0.1)])
    return traffic


def uploads_in_pieces(pieces: int) -> Traffic:
    """An upload of 30 kB every half minute, each in a connection of its own."""
    traffic = Traffic()
    for number in range(pieces):
        said: list[Said] = [(">", _BINARY * 4, 0.01), ("<", _BINARY * 4, 0.01), (">", bytes(30_000), 0.1)]
        traffic.talk(number * 30, (CLIENT, OUTSIDE), 443, [*said, ("<", b"ok", 0.1)])
    return traffic


def piped_file(kilobytes: int) -> Traffic:
    """A file sent with nothing around it."""
    traffic = Traffic()
    traffic.talk(0, (CLIENT, OUTSIDE), 4_444, [(">", bytes(1_000), 0.01)] * kilobytes)
    return traffic


def calls_nobody_answers(calls: int) -> Traffic:
    """A call every 40 s, in vain."""
    traffic = Traffic()
    for number in range(calls):
        traffic.syn(number * 40, (CLIENT, OUTSIDE), 6_667, refused=number % 4 == 0)
    return traffic


def remote_procedures(ports: int) -> Traffic:
    """The endpoint mapper, then what it named."""
    traffic = Traffic()
    said = [(">", _BINARY, 0.01), ("<", _BINARY, 0.01)]
    for number, port in enumerate((135, 49_670)[:ports]):
        traffic.talk(number, (CLIENT, SERVER), port, said)
    return traffic


def called_back(calls: int) -> Traffic:
    """A client opens a session, and its server as many in return, less one."""
    traffic = Traffic()
    said = [(">", _BINARY, 0.01), ("<", _BINARY, 0.01)]
    traffic.talk(0, (CLIENT, SERVER), 445, said)
    for number in range(calls - 1):
        traffic.talk(5 + number, (SERVER, CLIENT), 445, said)
    return traffic


def remote_calls(interface: str, ordinary: int, watched: int) -> Callable[[int], Traffic]:
    """Return what makes a session that binds an interface and calls an ordinary procedure, then another so often."""

    def session(calls: int) -> Traffic:
        traffic = Traffic()
        said: list[Said] = [(">", smb2_write(bind(INTERFACES[interface])), 0.01), ("<", _BINARY, 0.01)]
        for procedure in [ordinary] + [watched] * calls:
            said += [(">", smb2_write(request(procedure)), 0.01), ("<", _BINARY, 0.01)]
        traffic.talk(0, (CLIENT, SERVER), 445, said)
        return traffic

    return session


def replication(seconds: int) -> Traffic:
    """A session of directory replication, counted down from so many seconds more than a minute and a half."""
    traffic = Traffic()
    said: list[Said] = [(">", bind(INTERFACES["drsuapi"]), 0.01), ("<", _BINARY, 0.01)]
    said += [(">", request(3), 0.01), ("<", bytes(9_000), max(90 - seconds, 1))]
    traffic.talk(0, (CLIENT, SERVER), 49_670, said)
    return traffic


def share_lists(hosts: int) -> Traffic:
    """The shares of so many hosts."""
    traffic = Traffic()
    calls = [smb2_write(message) for message in (bind(INTERFACES["srvsvc"]), request(15))]
    for number in range(hosts):
        said = [part for call in calls for part in ((">", call, 0.01), ("<", _BINARY, 0.01))]
        traffic.talk(number * 60, (CLIENT, host(number, "10.2")), 445, said)
    return traffic


def shares(opened: int) -> Traffic:
    """The share of every program, and so often the whole disk."""
    traffic = Traffic()
    paths = [r"\\10.1.0.9\IPC$"] + [r"\\10.1.0.9\C$"] * opened
    said = [part for path in paths for part in ((">", smb2_share(path), 0.01), ("<", _BINARY, 0.01))]
    traffic.talk(0, (CLIENT, SERVER), 445, said)
    return traffic


def back_door(hours: int) -> Traffic:
    """A server that has been busy for so long answers on a new port."""
    traffic = Traffic()
    page: list[Said] = [(">", GET, 0.01), ("<", PAGE, 0.01)]
    for number in range(hours * 30):
        traffic.talk(number * 120, (host(number % 9), SERVER), 80, page)
    traffic.talk(hours * 3_600 + 60, (CLIENT, SERVER), 8_022, [(">", b"id\n", 0.1), ("<", b"root\n", 0.1)])
    return traffic


def clear_text_session(exchanges: int) -> Traffic:
    """Telnet from outside."""
    traffic = Traffic()
    traffic.talk(0, (OUTSIDE, SERVER), 23, list(_TELNET) * exchanges)
    return traffic


CASES: Final[tuple[Case, ...]] = (
    Case("port_scan", "SYN scan", syn_scan, 5, 4),
    Case("port_scan", "UDP scan", udp_scan, 5, 4),
    Case("port_scan", "slow scan", slow_scan, 5, 4),
    Case("host_sweep", "SYN sweep", sweep, 5, 4),
    Case("host_sweep", "ICMP sweep", ping_sweep, 5, 4),
    Case("host_sweep", "UDP sweep", udp_sweep, 20, 19),
    Case("half_open", "scan of open ports", open_port_scan, 3, 2),
    Case("odd_flags", "odd segments", odd_segments, 2, 1),
    Case("brute_force", "guessing", guesses, 8, 7),
    Case("brute_force", "spraying", spraying, 8, 7),
    Case("syn_flood", "forged sources", forged_syns, 105, 95),
    Case("syn_flood", "reflector", reflector, 66, 56),
    Case("syn_flood", "hammering", hammered_syns, 1_050, 950),
    Case("udp_flood", "many sources", many_sources, 42, 38),
    Case("udp_flood", "one source", udp_stream, 20_400, 19_000),
    Case("udp_flood", "to the outside", udp_to_the_outside, 5_200, 4_800),
    Case("udp_flood", "from outside", udp_from_outside, 2_020, 1_950),
    Case("udp_flood", "echo", ping_flood, 510, 480),
    Case("udp_flood", "unasked answers", unasked_answers, 205, 190),
    Case("syn_flood", "accepted", accepted_syns, 205, 190),
    Case("http_flood", "requests", web_requests, 64, 58),
    Case("http_flood", "slower requests", slower_requests, 500, 440),
    Case("slow_http", "slow headers", slow_requests, 15, 14),
    Case("slow_http", "slow answers", slow_answers, 15, 14),
    Case("distributed_http_flood", "bots", bots, 120, 60),
    Case("dhcp_starvation", "requests", address_requests, 50, 49),
    Case("dns_tunnel", "a port for each question", name_tunnel, 28, 22),
    Case("dns_tunnel", "one port", name_tunnel_of_one_port, 20, 19),
    Case("icmp_tunnel", "sizes", echo_tunnel, 6, 5),
    Case("beacon", "odd port", calls_home, 16, 10),
    Case("beacon", "web", calls_home_over_the_web, 40, 25),
    Case("beacon", "tasks", calls_home_with_tasks, 45, 25),
    Case("long_connection", "odd port", kept_connection, 242, 230),
    Case("exfiltration", "upload", upload, 21, 19),
    Case("repeated_uploads", "pieces", uploads_in_pieces, 10, 9),
    Case("raw_upload", "a file", piped_file, 52, 45),
    Case("unanswered_beacon", "odd port", calls_nobody_answers, 36, 31),
    Case("remote_administration", "endpoint mapper", remote_procedures, 2, 1),
    Case("forced_authentication", "both ways", called_back, 2, 1),
    Case("remote_execution", "a service is started", remote_calls("svcctl", 15, 19), 1, 0),
    Case("remote_execution", "the log is cleared", remote_calls("eventlog", 7, 0), 1, 0),
    Case("credential_access", "private data", remote_calls("lsarpc", 44, 43), 1, 0),
    Case("credential_access", "a password is set", remote_calls("samr", 17, 58), 1, 0),
    Case("directory_replication", "a short session", replication, 31, 29),
    Case("remote_discovery", "accounts", remote_calls("samr", 17, 13), 1, 0),
    Case("remote_discovery", "shares", share_lists, 3, 2),
    Case("administrative_share", "the disk", shares, 1, 0),
    Case("new_service", "back door", back_door, 25, 23),
    Case("clear_text_login", "telnet", clear_text_session, 8, 7),
)
"""At least one of every detector."""
