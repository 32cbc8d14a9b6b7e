"""Ordinary traffic that looks like an attack at first sight, and about which nothing may be said.

Each is made of what the programs do: how often they ask, how much is said, what comes of it, and what goes wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from netsift.kernels.remote_calls import INTERFACES
from netsift.simulate.packets import ACK, RST, SYN
from tests.detectors.behaviour.crafting import BANNER, CLIENT, GET, OUTSIDE, PAGE, SERVER, Said, Traffic, host
from tests.kernels.remote_segments import bind, request, smb2_share, smb2_write

_HELLO: Final = b"\x16\x03\x01\x02\x00\x01" + bytes(511)
_CERTIFICATES: Final = b"\x16\x03\x03\x0f\x00\x02" + bytes(3_000)
_TLS: Final[list[Said]] = [(">", _HELLO, 0.001), ("<", _CERTIFICATES, 0.02), (">", bytes(80), 0.005)]


def _dns(size: int, *, answer: bool = False) -> bytes:
    return b"\x12\x34" + (b"\x81\x80" if answer else b"\x01\x00") + b"\0\x01\0\0\0\0\0\1" + bytes([40]) * (size - 12)


def _tls(draw: random.Random, requests: int = 1, most_bytes: int = 40_000) -> list[Said]:
    said = list(_TLS)
    for _ in range(requests):
        said.append((">", bytes(draw.randrange(120, 900)), draw.expovariate(5)))
        said.append(("<", bytes(int(min(draw.paretovariate(1.1) * 1_500, most_bytes))), draw.expovariate(20)))
    return said


def recursive_resolver() -> Traffic:
    """Asks many name servers with EDNS and cookies; some are down, some answers are large, some need TCP."""
    draw, traffic = random.Random(1), Traffic()
    for number in range(3_000):
        server = host(int(draw.paretovariate(0.8)) % 900, "198.18")
        said: list[Said] = [(">", _dns(min(36 + int(draw.expovariate(0.06)), 200)), 0)]
        if draw.random() > 0.06:
            said.append(("<", _dns(draw.choice((90, 140, 300, 700, 1_232)), answer=True), draw.uniform(0.005, 0.2)))
        traffic.udp(number * 0.6, (CLIENT, server), 53, said)
        if draw.random() < 0.02:
            traffic.talk(number * 0.6 + 0.3, (CLIENT, server), 53, [(">", _dns(60), 0), ("<", bytes(1_800), 0.02)])
    return traffic


def resolver_clients() -> Traffic:
    """Workstations ask the site's resolver; it forwards all that to one server with EDNS and cookies."""
    draw, traffic = random.Random(2), Traffic()
    for number in range(3_000):
        time = number * 0.5
        said: list[Said] = [(">", _dns(draw.randrange(28, 60)), 0)]
        said.append(("<", _dns(draw.randrange(44, 220), answer=True), 0.03))
        traffic.udp(time, (host(number % 30), SERVER), 53, said)
        forwarded: list[Said] = [(">", _dns(draw.randrange(50, 80)), 0)]
        forwarded.append(("<", _dns(draw.randrange(60, 280), answer=True), 0.02))
        traffic.udp(time + 0.001, (SERVER, OUTSIDE), 53, forwarded)
    return traffic


def service_lookups() -> Traffic:
    """Domain members look for their controllers by long names of services, and for everything else by short ones."""
    draw, traffic = random.Random(20), Traffic()
    for number in range(40):
        time = number * 300
        for place in range(14):
            said: list[Said] = [(">", _dns(draw.randrange(80, 105)), 0), ("<", _dns(190, answer=True), 0.01)]
            traffic.udp(time + place * 0.1, (CLIENT, SERVER), 53, said)
        for place in range(16):
            short: list[Said] = [(">", _dns(draw.randrange(28, 50)), 0), ("<", _dns(90, answer=True), 0.01)]
            traffic.udp(time + 5 + place, (CLIENT, SERVER), 53, short)
    return traffic


def crawler() -> Traffic:
    """Fetches pages of many sites, a new connection for each; some sites are down."""
    draw, traffic = random.Random(3), Traffic()
    time = 0.0
    for _ in range(1_500):
        time += draw.expovariate(4)
        server = host(draw.randrange(200), "198.18")
        if server.endswith("7"):
            traffic.syn(time, (CLIENT, server), 80, refused=draw.random() < 0.5)
        else:
            traffic.talk(time, (CLIENT, server), 443, _tls(draw))
    return traffic


def crawled_site() -> Traffic:
    """Search engines fetch a site's pages one after the other."""
    draw, traffic = random.Random(4), Traffic()
    for number in range(1_200):
        traffic.talk(number * 0.4, (host(number % 5, "198.19"), SERVER), 443, _tls(draw))
    return traffic


def backup() -> Traffic:
    """Everything goes to the backup server at night, and to a store outside that is known since the day before."""
    traffic = Traffic()
    traffic.talk(0, (CLIENT, OUTSIDE), 443, [*_TLS, (">", bytes(500), 0.1), ("<", bytes(500), 0.1)])
    for hour in range(1, 30):
        traffic.talk(hour * 3_600, (CLIENT, OUTSIDE), 443, [*_TLS, (">", bytes(300 * hour), 1), ("<", bytes(200), 1)])
    night = 30 * 3_600
    traffic.talk(night, (CLIENT, SERVER), 22, [(">", BANNER, 0), ("<", BANNER, 0)] + [(">", bytes(60_000), 0.01)] * 900)
    traffic.talk(night, (CLIENT, OUTSIDE), 443, [*_TLS, *[(">", bytes(60_000), 0.01)] * 900, ("<", bytes(300), 1)])
    return traffic


def monitoring_poller() -> Traffic:
    """Pings 50 hosts and looks after their services every minute; three hosts are switched off, one port is closed."""
    traffic = Traffic()
    for minute in range(90):
        for number in range(50):
            target, time = host(number, "10.2"), minute * 60 + number * 0.2
            if number in (7, 19, 33):
                traffic.ping(time, (CLIENT, target), [(">", bytes(56), 0)] * 3, identifier=minute)
                traffic.syn(time, (CLIENT, target), 443)
                continue
            traffic.ping(time, (CLIENT, target), [(">", bytes(56), 0), ("<", bytes(56), 0.001)], identifier=minute)
            traffic.talk(time + 0.05, (CLIENT, target), 22, [("<", BANNER, 0.01)])
            traffic.talk(time + 0.1, (CLIENT, target), 443, _TLS)
            if number == 11:
                traffic.syn(time + 0.15, (CLIENT, target), 8080, refused=True)
    return traffic


def load_balancer() -> Traffic:
    """Half-open and empty checks of two ports of eight servers every two seconds."""
    traffic = Traffic()
    for number in range(900):
        for place in range(8):
            server, port = host(place, "10.2"), (8080, 8443)[place % 2]
            source, time = traffic.port(), number * 2 + place * 0.01
            traffic.segment(time, (CLIENT, server), (source, port), SYN, sequence=0)
            traffic.segment(time + 0.001, (server, CLIENT), (port, source), SYN | ACK, sequence=0)
            traffic.segment(time + 0.002, (CLIENT, server), (source, port), RST | ACK)
            if number % 5 == 0:
                traffic.talk(time + 0.5, (CLIENT, server), 9000, ending="rst")
    return traffic


def time_keeping() -> Traffic:
    """Four time servers, one of which never answers, for a day."""
    traffic = Traffic()
    for number in range(1_350):
        for place in range(4):
            said: list[Said] = [(">", b"\x23" + bytes(47), 0)]
            if place:
                said.append(("<", b"\x24" + bytes(47), 0.02))
            traffic.udp(number * 64 + place, (CLIENT, host(place, "198.18")), 123, said, source_port=123)
    return traffic


def video() -> Traffic:
    """A film in pieces, a conference at 600 packets a second, and television to a multicast group."""
    draw, traffic = random.Random(5), Traffic()
    pieces = [(">", bytes(400), 4.0), ("<", bytes(50_000), 0.05), ("<", bytes(55_000), 0.05)]
    traffic.talk(0, (CLIENT, OUTSIDE), 443, [*_TLS, *pieces * 60])
    call: list[Said] = [("<", bytes(draw.randrange(700, 1_200)), 1 / 600) for _ in range(12_000)]
    call[::3] = [(">", bytes(900), 1 / 600)] * 4_000
    traffic.udp(5, (CLIENT, host(3, "198.19")), 3478, call)
    traffic.udp(5, (SERVER, "239.1.2.3"), 5004, [(">", bytes(1_316), 0.002)] * 9_000)
    return traffic


def one_way_stream() -> Traffic:
    """A camera sends 1,200 packets a second to a recorder, which never answers."""
    traffic = Traffic()
    traffic.udp(0, (CLIENT, SERVER), 5004, [(">", bytes(1_200), 1 / 1_200)] * 24_000)
    return traffic


def peer_to_peer() -> Traffic:
    """Asks hundreds of peers over UDP and TCP on ports of their own, most of which have left; some ask back."""
    draw, traffic = random.Random(6), Traffic()
    query, answer = b"d1:ad2:id20:" + bytes(60), b"d1:rd2:id20:" + bytes(250)
    for number in range(900):
        time, peer = number * 1.5, host(draw.randrange(3_000), "198.18")
        port = draw.randrange(1_025, 65_000)
        alive = draw.random() < 0.4
        said: list[Said] = [(">", query, 0), *([("<", answer, 0.1)] if alive else [])]
        traffic.udp(time, (CLIENT, peer), port, said, source_port=51_413)
        if number % 4 == 0:
            if alive:
                handshake: list[Said] = [(">", b"\x13BitTorrent protocol" + bytes(48), 0.01)]
                handshake += [("<", b"\x13BitTorrent protocol" + bytes(48), 0.05), ("<", bytes(16_000), 0.2)]
                traffic.talk(time, (CLIENT, peer), port, handshake)
            else:
                traffic.syn(time, (CLIENT, peer), port, refused=draw.random() < 0.3)
        if number % 3 == 0:
            back: list[Said] = [(">", query, 0), *([("<", answer, 0.01)] if draw.random() < 0.8 else [])]
            traffic.udp(time + 0.7, (host(draw.randrange(3_000), "198.19"), CLIENT), 51_413, back)
    return traffic


def peers_behind_translators() -> Traffic:
    """Asks peers on a port of their own over TCP and UDP, twice; most are switched off, one has ever other ports."""
    draw, traffic = random.Random(18), Traffic()
    for number in range(500):
        time, peer = number * 2.5, host(number, "198.18")
        port = draw.randrange(10_000, 65_000)
        for again in (0, 300):
            if draw.random() < 0.7:
                traffic.udp(time + again, (CLIENT, peer), port, [(">", bytes(100), 0)], source_port=51_413)
            traffic.syn(time + again + 1, (CLIENT, peer), port, refused=draw.random() < 0.5)
        if number % 40 == 0:
            changing = draw.randrange(20_000, 65_000)
            said: list[Said] = [(">", bytes(100), 0)]
            traffic.udp(time, (CLIENT, host(0, "198.19")), changing, said, source_port=51_413)
    return traffic


def forbidden_telemetry() -> Traffic:
    """A firewall drops what programs report to their makers, and a push service: they try for a day."""
    traffic = Traffic()
    for number in range(2_000):
        traffic.syn(number * 40, (CLIENT, host(number % 2, "198.18")), 443)
        traffic.syn(number * 40 + 20, (CLIENT, host(2, "198.18")), 5228)
    return traffic


def telemetry_of_many() -> Traffic:
    """The workstations of an office, on since long before, report to one address every five minutes."""
    traffic = Traffic()
    for number in range(8):
        traffic.talk(number, (host(number), SERVER), 80, [(">", GET, 0.01), ("<", PAGE, 0.01)])
        for call in range(40):
            said: list[Said] = [*_TLS, (">", bytes(900), 0.01), ("<", bytes(300), 0.02)]
            traffic.talk(3_600 + number * 20 + call * 300, (host(number), OUTSIDE), 443, said)
    return traffic


def file_synchronisation() -> Traffic:
    """Photos go to a store outside, some in connections of their own, between lists that are fetched from there."""
    draw, traffic = random.Random(19), Traffic()
    for number in range(60):
        listed: list[Said] = [*_TLS, (">", bytes(600), 0.1), ("<", bytes(draw.randrange(20_000, 90_000)), 0.1)]
        traffic.talk(number * 60, (CLIENT, OUTSIDE), 443, listed)
        if number % 4 == 0:
            photo: list[Said] = [*_TLS, (">", bytes(50_000), 0.2), (">", bytes(50_000), 0.2), ("<", bytes(300), 0.1)]
            traffic.talk(number * 60 + 5, (CLIENT, OUTSIDE), 443, photo)
    return traffic


def log_shipping() -> Traffic:
    """Logs go to a collector outside over bare TCP, and files to a server inside."""
    traffic = Traffic()
    traffic.talk(0, (CLIENT, OUTSIDE), 514, [(">", bytes(900), 1.0)] * 300)
    traffic.talk(0, (CLIENT, SERVER), 9_100, [(">", bytes(50_000), 0.1)] * 20)
    # A long request of HTTP, not yet answered when the capture ends.
    traffic.talk(0, (CLIENT, OUTSIDE), 80, [(">", GET, 0.1), *[(">", bytes(1_000), 1.0)] * 300], ending="open")
    return traffic


def browsing() -> Traffic:
    """Pages with sixty connections to thirty hosts within seconds; some are dropped unused, some not answered."""
    draw, traffic = random.Random(7), Traffic()
    for page in range(25):
        for number in range(60):
            time = page * 40 + draw.expovariate(0.8)
            server = host(draw.randrange(30) + page * 4, "198.18")
            kind = draw.random()
            if kind < 0.03:
                traffic.syn(time, (CLIENT, server), 443)
            elif kind < 0.1:
                idle: list[Said] = [(">", b"", draw.uniform(5, 60))]
                traffic.talk(time, (CLIENT, server), 443 if number % 5 else 80, idle, ending="rst")
            else:
                traffic.talk(time, (CLIENT, server), 443, _tls(draw, 2), ending=draw.choice(("fin", "rst", "open")))
    return traffic


def discovery() -> Traffic:
    """Names and printers are looked for by multicast and broadcast; printers are asked for their supplies."""
    traffic = Traffic()
    for number in range(200):
        client, time = host(number % 20), number * 9
        for group, port, said in (
            ("224.0.0.251", 5353, _dns(60)), ("239.255.255.250", 1900, b"M-SEARCH * HTTP/1.1\r\n\r\n"),
            ("224.0.0.252", 5355, _dns(30)), ("10.1.0.255", 137, bytes(50)), ("255.255.255.255", 67, bytes(300)),
        ):  # fmt: skip
            traffic.udp(time, (client, group), port, [(">", said, 0), (">", said, 1)])
        for place in range(8):
            said_back: list[Said] = [(">", bytes(43), 0), *([("<", bytes(46), 0.01)] if place < 5 else [])]
            traffic.udp(time, (client, host(place, "10.3")), 161, said_back)
    return traffic


def proxy() -> Traffic:
    """A busy proxy: forty connections a second to hundreds of servers, for sixty clients."""
    draw, traffic = random.Random(8), Traffic()
    for number in range(4_000):
        time = number * 0.025
        server = host(int(draw.paretovariate(0.6)) % 700, "198.18")
        traffic.talk(time, (host(number % 60), CLIENT), 3128, [(">", b"CONNECT a:443 HTTP/1.1\r\n\r\n", 0), *_TLS])
        if draw.random() < 0.02:
            traffic.syn(time, (CLIENT, server), 443)
        else:
            traffic.talk(time, (CLIENT, server), 443, _tls(draw))
    return traffic


def mail_server() -> Traffic:
    """Delivers a queue, some of it to servers that are gone, and takes mail from everywhere; people read theirs."""
    draw, traffic = random.Random(9), Traffic()
    smtp: list[Said] = [("<", b"220 mail\r\n", 0.05), (">", b"EHLO mail\r\n", 0.05), ("<", b"250 ok\r\n", 0.05),
                        (">", b"MAIL FROM:<a@b>\r\n", 0.05), ("<", b"250 ok\r\n", 0.05)]  # fmt: skip
    for number in range(400):
        time = number * 8
        server = host(draw.randrange(150), "198.18")
        if server.endswith(("4", "9")):
            traffic.syn(time, (CLIENT, server), 25, refused=draw.random() < 0.3)
        else:
            body: list[Said] = [(">", bytes(int(draw.paretovariate(1) * 3_000) % 400_000), 0.1), ("<", b"250\r\n", 0.1)]
            traffic.talk(time, (CLIENT, server), 25, [*smtp, *body])
        traffic.talk(time + 2, (host(draw.randrange(200), "198.19"), CLIENT), 25, [*smtp, (">", bytes(9_000), 0.2)])
        for reader in range(3):
            traffic.talk(time + reader, (host(reader + number % 40), CLIENT), 993, _tls(draw, 3))
    return traffic


def traceroute() -> Traffic:
    """The way to a few hosts by UDP, by ICMP and by TCP; the last hops are silent."""
    traffic = Traffic()
    for target in range(4):
        for hop in range(1, 31):
            for probe in range(3):
                time, server = target * 200 + hop * 2 + probe * 0.3, host(target, "198.18")
                number = 33_434 + 3 * hop + probe
                traffic.udp(time, (CLIENT, server), number, [(">", bytes(32), 0)], time_to_live=hop)
        for hop in range(1, 31):
            traffic.ping(target * 200 + 80 + hop, (CLIENT, host(target, "198.18")), [(">", bytes(32), 0)])
            traffic.syn(target * 200 + 120 + hop, (CLIENT, host(target, "198.18")), 80)
    return traffic


def phone_without_network() -> Traffic:
    """Asks its dozen servers again and again, with a new port each time; nobody answers, not even for names."""
    draw, traffic = random.Random(10), Traffic()
    servers = [(host(number, "198.18"), (443, 443, 443, 5228, 5223, 80, 993)[number % 7]) for number in range(14)]
    for number in range(300):
        server, port = draw.choice(servers)
        source = traffic.port()
        for again in (0, 1, 3, 7):
            traffic.segment(number * 12 + again, (CLIENT, server), (source, port), SYN, sequence=0)
        name = _dns(draw.randrange(28, 50))
        traffic.udp(number * 12, (CLIENT, host(number % 2, "198.19")), 53, [(">", name, 0), (">", name, 5)])
    return traffic


def domain_members() -> Traffic:
    """Workstations log on at two domain controllers: tickets, directory, endpoint mapper, policies."""
    draw, traffic = random.Random(11), Traffic()
    binary = bytes(range(128, 256))
    for number in range(40):
        client, time = host(number), number * 45
        for place in range(2):
            controller = host(place, "10.2")
            for ticket in range(12):
                said: list[Said] = [(">", b"\x6c" + bytes(draw.randrange(1_400, 1_700)), 0.001)]
                said.append(("<", b"\x6d" + bytes(draw.randrange(1_400, 1_800)), 0.002))
                traffic.talk(time + ticket * 0.3, (client, controller), 88, said)
            for search in range(4):
                asked: list[Said] = [(">", binary * 2, 0.01), ("<", bytes(draw.randrange(200, 9_000)), 0.01)] * 4
                traffic.talk(time + search, (client, controller), 389, asked)
            for call in range(4):
                traffic.talk(time + 3 + call, (client, controller), 135, [(">", binary, 0.01), ("<", binary, 0.01)] * 2)
                rpc: list[Said] = [(">", binary * 3, 0.01), ("<", binary * 4, 0.01)] * 4
                traffic.talk(time + 3.2 + call, (client, controller), 49_670, rpc)
            share: list[Said] = [(">", b"\0\0\0\x80\xfeSMB" + bytes(120), 0.01), ("<", bytes(400), 0.01)] * 20
            traffic.talk(time + 9, (client, controller), 445, share)
    return traffic


def office() -> Traffic:
    """Workstations look up names and groups, print, and browse a file server; two controllers copy their directory."""
    traffic, answer = Traffic(), bytes(range(128, 256)) * 2
    everyday = (
        ("samr", (64, 5, 7, 17, 34, 36)),
        ("lsarpc", (44, 57, 0)),
        ("spoolss", (1, 8, 65, 29)),
        ("srvsvc", (21, 15)),
    )
    for number in range(12):
        said: list[Said] = [(">", smb2_share(r"\\10.2.0.1\IPC$"), 0.01), ("<", answer, 0.01)]
        for interface, procedures in everyday:
            for message in (bind(INTERFACES[interface]), *(request(procedure) for procedure in procedures)):
                said += [(">", smb2_write(message), 0.01), ("<", answer, 0.01)]
        traffic.talk(number * 200, (host(number), host(0, "10.2")), 445, said)
    copying: list[Said] = [(">", bind(INTERFACES["drsuapi"]), 0.01), ("<", answer, 0.01)]
    copying += [(">", request(3), 30.0), ("<", answer * 20, 0.1)] * 100
    traffic.talk(0, (host(0, "10.2"), host(1, "10.2")), 49_670, copying)
    return traffic


def management_server() -> Traffic:
    """Asks thirty Windows hosts for their state through remote procedures every five minutes."""
    traffic, binary = Traffic(), bytes(range(128, 256))
    for round_ in range(12):
        for number in range(30):
            target, time = host(number, "10.2"), round_ * 300 + number * 2
            traffic.talk(time, (CLIENT, target), 135, [(">", binary, 0.01), ("<", binary, 0.01)] * 2)
            traffic.talk(time + 0.2, (CLIENT, target), 49_700 + number, [(">", binary * 4, 0.02), ("<", binary, 0)] * 6)
    return traffic


def configuration_management() -> Traffic:
    """Logs in to twenty hosts over SSH, does its work there and copies files."""
    draw, traffic = random.Random(12), Traffic()
    opening: list[Said] = [
        (">", BANNER, 0.01),
        ("<", BANNER, 0.01),
        (">", bytes(1_500), 0.01),
        ("<", bytes(1_600), 0.02),
    ]
    for number in range(60):
        work: list[Said] = []
        for _ in range(12):
            work += [(">", bytes(draw.randrange(60, 2_500)), 0.2), ("<", bytes(draw.randrange(60, 1_500)), 0.1)]
        traffic.talk(number * 20, (CLIENT, host(number % 20, "10.2")), 22, [*opening, *work])
    return traffic


def things() -> Traffic:
    """Devices that keep a session with their cloud, and ask it for the time or for news every half minute."""
    traffic = Traffic()
    for device in range(4):
        keep: list[Said] = [(">", b"\x30\x20" + bytes(32), 30.0), ("<", b"\x40\x02\0\0", 0.05)]
        traffic.talk(device, (host(device), host(device, "198.18")), 8883, [*_TLS, *keep * 500])
    return traffic


def web_server_under_load() -> Traffic:
    """Hundreds of visitors come within a minute, open their six connections, and some of them are on a bad line."""
    draw, traffic = random.Random(13), Traffic()
    for number in range(400):
        visitor, time = host(number, "198.18"), draw.uniform(0, 60)
        for _ in range(6):
            said = _tls(draw, 2) if draw.random() < 0.8 else [(">", GET, 2.0), ("<", PAGE, 3.0)]
            traffic.talk(time + draw.random(), (visitor, SERVER), 443, said, ending=draw.choice(("fin", "rst")))
        if draw.random() < 0.1:
            traffic.segment(time, (visitor, SERVER), (traffic.port(), 443), SYN, sequence=0)
    return traffic


def resting_connections() -> Traffic:
    """Screens that fetch a little over TLS, and again when somebody looks; the connections are kept for a minute."""
    draw, traffic = random.Random(21), Traffic()
    for number in range(240):
        said = list(_TLS)
        for _ in range(draw.randrange(1, 4)):
            said += [(">", bytes(draw.randrange(200, 900)), draw.uniform(0.1, 9))]
            said += [("<", bytes(draw.randrange(400, 1_400)), 0.01)] * draw.randrange(1, 5)
        said.append((">", b"\x15\x03\x03\x00\x1a" + bytes(26), draw.uniform(20, 110)))
        traffic.talk(number * 4 + draw.random(), (host(number % 20), SERVER), 443, said)
    return traffic


def announced_page() -> Traffic:
    """A quiet server is named in the news: a visitor every half minute, then hundreds with a browser each."""
    draw, traffic = random.Random(17), Traffic()
    for number in range(60):
        traffic.talk(number * 30, (host(number, "198.19"), SERVER), 443, _tls(draw, 2))
    for number in range(300):
        visitor, time = host(number, "198.18"), 1_800 + draw.uniform(0, 90)
        for _ in range(6):
            traffic.talk(time + draw.random(), (visitor, SERVER), 443, _tls(draw, 2))
    return traffic


def event_streams() -> Traffic:
    """Screens that keep three streams of events open to a server for minutes, with a word now and then."""
    traffic = Traffic()
    for number in range(30):
        for stream in range(3):
            said: list[Said] = [(">", GET, 0.01), ("<", PAGE, 0.01), *[("<", b"data: 1\n\n", 15.0)] * 20]
            traffic.talk(number * 5 + stream * 0.1, (host(number), SERVER), 80, said)
    return traffic


LOOK_ALIKES: Final[tuple[Callable[[], Traffic], ...]] = (
    recursive_resolver, resolver_clients, service_lookups, crawler, crawled_site, backup, monitoring_poller,
    load_balancer, time_keeping, video, one_way_stream, peer_to_peer, peers_behind_translators, forbidden_telemetry,
    telemetry_of_many, file_synchronisation, log_shipping, browsing, discovery, proxy, mail_server, traceroute,
    phone_without_network, domain_members, office, management_server, configuration_management, things,
    web_server_under_load, resting_connections, announced_page, event_streams,
)  # fmt: skip
"""All of them."""
