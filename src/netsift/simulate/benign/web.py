"""Ordinary traffic of the web: pages, visitors of the site's own server, a crawler, films and calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.benign.common import lookup, moments
from netsift.simulate.conversation import Conversation, Datagram, Session, Stage, in_order
from netsift.simulate.network import Host, stranger
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

_MILLISECOND: Final = 1_000_000


def _secure_turns(stage: Stage, name: str) -> Iterator[Turn]:
    """A TLS connection of a browser: a handshake and some requests."""
    draws, web = stage.draws, PARAMETERS.web
    yield from applications.tls_handshake(draws, name)
    for index in range(draws.count(web.requests_per_connection)):
        pause = draws.seconds(web.gap_between_requests_s) if index else 500_000
        request = stage.bulk(web.upload_bytes) if draws.chance(web.upload_share) else draws.count(web.request_bytes)
        yield from applications.exchange(
            request, stage.bulk(web.response_bytes), pause, draws.milliseconds(web.server_time_ms)
        )
    yield Turn(True, 24, draws.seconds(web.linger_s), payloads.tls_data_header(24))


def _long_turns(stage: Stage, name: str) -> Iterator[Turn]:
    """A web socket or push channel: small messages now and then, for as long as anyone looks."""
    draws, web = stage.draws, PARAMETERS.web
    yield from applications.tls_handshake(draws, name)
    for _ in range(draws.count(web.long_messages)):
        pause = draws.seconds(web.long_interval_s)
        if draws.chance(0.3):
            yield Turn(True, 0, pause)
        elif draws.chance(0.5):
            yield from applications.exchange(draws.integer(30, 400), draws.integer(30, 700), pause, 2_000_000)
        else:
            yield Turn(False, draws.integer(30, 1800), pause, payloads.tls_data_header(100))


def _plain_turns(stage: Stage, name: str) -> Iterator[Turn]:
    draws, web = stage.draws, PARAMETERS.web
    for index in range(draws.count(web.requests_per_connection)):
        pause = draws.seconds(web.gap_between_requests_s) if index else 200_000
        request = stage.bulk(web.upload_bytes) if draws.chance(web.upload_share) else 0
        response = stage.bulk(web.response_bytes)
        yield from applications.http_exchange(
            draws, name, request, response, pause, draws.milliseconds(web.server_time_ms)
        )


def _quic(stage: Stage, start_ns: int, client: Host, server: Host) -> Conversation:
    draws, web = stage.draws, PARAMETERS.web
    filler = draws.octets(1350)

    def datagrams() -> Iterator[Datagram]:
        yield Datagram(True, payloads.quic_initial(draws, 1250))
        yield Datagram(False, payloads.quic_initial(draws, 1252), 2_000_000)
        yield Datagram(True, b"\x43" + filler[: draws.integer(60, 120)], 1_000_000)
        for _ in range(draws.count(web.requests_per_connection)):
            yield Datagram(True, b"\x51" + filler[: draws.integer(60, 900)], draws.seconds(web.gap_between_requests_s))
            missing, pause = stage.bulk(web.quic_response_bytes), draws.milliseconds(web.server_time_ms)
            while missing > 0:
                yield Datagram(False, b"\x47" + filler[: min(missing, 1250)], pause)
                pause = draws.integer(40_000, 900_000)
                if draws.chance(0.25):
                    yield Datagram(True, b"\x55" + filler[: draws.integer(24, 50)], 100_000)
                missing -= 1250

    return stage.udp(start_ns, client, server, 443, datagrams())


def _web_connection(stage: Stage, start_ns: int, client: Host, server: Host, name: str) -> Conversation:
    draws, web = stage.draws, PARAMETERS.web
    kind = draws.uniform()
    if kind < web.quic_share:
        return _quic(stage, start_ns, client, server)
    ending = draws.weighted(
        (
            (Ending.CLIENT_CLOSES, 0.5),
            (Ending.SERVER_CLOSES, 0.25),
            (Ending.CLIENT_RESETS, 0.1),
            (Ending.RESET_AFTER_CLOSE, 0.12),
            (Ending.SERVER_RESETS, 0.03),
        )
    )
    if kind < web.quic_share + web.plain_share:
        return stage.tcp(start_ns, client, server, 80, _plain_turns(stage, name), stage.failing(ending))
    port = draws.pick(web.alternative_ports) if draws.chance(web.alternative_port_share) else 443
    if kind < web.quic_share + web.plain_share + web.long_share:
        return stage.tcp(start_ns, client, server, port, _long_turns(stage, name), stage.failing())
    return stage.tcp(start_ns, client, server, port, _secure_turns(stage, name), stage.failing(ending))


def _page(stage: Stage, start_ns: int, client: Host) -> list[Conversation]:
    """Look-ups and connections of one page."""
    draws, found = stage.draws, []
    time = start_ns
    for _ in range(draws.count(PARAMETERS.web.connections_per_page)):
        name = payloads.host_label(draws)
        connected = time
        if draws.chance(0.6):
            query, connected = lookup(stage, time, client, name)
            found.append(query)
            if draws.chance(0.5):
                found.append(lookup(stage, time + 60_000, client, name, payloads.DNS_AAAA)[0])
        local = draws.chance(0.08)
        server = stage.network.servers["web"] if local else stage.network.site(draws)
        found.append(_web_connection(stage, connected + draws.integer(100_000, 4_000_000), client, server, name))
        time += draws.integer(2_000_000, 400_000_000)
    return found


def web_browsing(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Pages with many short and some long TLS connections, QUIC and plain HTTP, after DNS look-ups."""
    return in_order((time, _page(stage, time, client)) for time in moments(stage, PARAMETERS.web.think_time_s))


def _slowed(stage: Stage, turns: Iterator[Turn]) -> Iterator[Turn]:
    """The same turns over a bad line: long pauses and a trickle of a rate."""
    draws, visitors = stage.draws, PARAMETERS.visitors
    rate = draws.integer(400, 9000)
    for turn in turns:
        yield turn._replace(
            pause_ns=turn.pause_ns + draws.seconds(visitors.slow_pause_s),
            rate_bytes_s=float(rate),
            size_bytes=min(turn.size_bytes, 40 * rate),
        )


def visitors(stage: Stage, server: Host) -> Iterator[Conversation]:
    """Strangers at the public web server, some on a very slow line."""
    draws, parameters = stage.draws, PARAMETERS.visitors

    def sessions() -> Iterator[Session]:
        for time in moments(stage, parameters.visit_gap_s):
            visitor, found = stranger(draws), list[Conversation]()
            for index in range(draws.pick((1, 1, 2, 4, 6))):
                start = time + index * draws.integer(1, 300) * _MILLISECOND
                secure = draws.chance(0.8)
                turns = _secure_turns(stage, "www.example") if secure else _plain_turns(stage, "www.example")
                if draws.chance(parameters.slow_share):
                    turns = _slowed(stage, turns)
                ending = draws.pick(
                    (
                        Ending.CLIENT_CLOSES,
                        Ending.SERVER_CLOSES,
                        Ending.CLIENT_RESETS,
                        Ending.SERVER_CLOSES,
                        Ending.OPEN,
                    )
                )
                found.append(stage.tcp(start, visitor, server, 443 if secure else 80, turns, stage.failing(ending)))
            yield time, found

    return in_order(sessions())


def crawler(stage: Stage, server: Host) -> Iterator[Conversation]:
    """A search engine's crawler: page after page in short connections, and no search for weaknesses."""
    draws, parameters = stage.draws, PARAMETERS.visitors
    bot = stranger(draws, server=True)

    def sessions() -> Iterator[Session]:
        for time in moments(stage, parameters.crawler_pause_s, human=False):
            start, found = time, list[Conversation]()
            for _ in range(draws.count(parameters.crawler_pages)):
                secure = draws.chance(0.6)
                turns = _secure_turns(stage, "www.example") if secure else _plain_turns(stage, "www.example")
                found.append(stage.tcp(start, bot, server, 443 if secure else 80, turns, stage.failing()))
                start += draws.seconds(parameters.crawler_gap_s)
            yield time, found

    return in_order(sessions())


def _video_turns(stage: Stage) -> Iterator[Turn]:
    draws, media = stage.draws, PARAMETERS.media
    yield from applications.tls_handshake(draws, payloads.host_label(draws))
    for _ in range(draws.count(media.video_chunks)):
        yield from applications.exchange(
            draws.integer(300, 900),
            stage.bulk(media.video_chunk_bytes),
            draws.seconds(media.video_chunk_gap_s),
            20_000_000,
        )
    yield applications.close_notify()


def video(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Films in chunks over TLS."""
    for time in moments(stage, PARAMETERS.media.video_gap_s):
        yield stage.tcp(
            time,
            client,
            stage.network.site(stage.draws),
            443,
            _video_turns(stage),
            stage.failing(Ending.RESET_AFTER_CLOSE),
            traffic_class=stage.draws.pick((0, 0, 0x88)),
        )


def _call_datagrams(stage: Stage) -> Iterator[Datagram]:
    draws, media = stage.draws, PARAMETERS.media
    yield Datagram(True, payloads.stun_binding(draws, False))
    yield Datagram(False, payloads.stun_binding(draws, True), 500_000)
    sender, interval = draws.integer(1, 1 << 31), int(NANOSECONDS / media.call_packets_s)
    for number in range(int(draws.sample(media.call_seconds) * media.call_packets_s)):
        yield Datagram(
            True,
            payloads.realtime(number, sender, draws.count(media.call_payload_bytes)),
            interval // 2 + draws.integer(0, 4_000_000),
        )
        yield Datagram(
            False,
            payloads.realtime(number, sender + 1, draws.count(media.call_payload_bytes)),
            draws.integer(0, 4_000_000),
        )


def calls(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Voice calls: fifty small datagrams a second each way, as steady as a flood."""
    for time in moments(stage, PARAMETERS.media.call_gap_s):
        peer = stage.network.site(stage.draws)
        yield stage.udp(
            time,
            client,
            peer,
            stage.draws.pick((3478, 3479, 8801, 19305, 50_004)),
            _call_datagrams(stage),
            traffic_class=0xB8,
        )
