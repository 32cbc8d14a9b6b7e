"""Ordinary traffic: one function per behaviour, each an endless stream of conversations of one host until the end.

Every function takes the stage and the host that acts, and yields conversations by start time. All numbers come from
``parameters``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.conversation import Conversation, Datagram, Message, Session, Stage, in_order
from netsift.simulate.network import Host, multicast, open_ports, raw_tool, stranger
from netsift.simulate.parameters import PARAMETERS, LogNormal
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

Behaviour = Callable[[Stage, Host], Iterator[Conversation]]
_MILLISECOND: Final = 1_000_000


def _moments(stage: Stage, gap: LogNormal, *, human: bool = True) -> Iterator[int]:
    """Times of events with this gap; people's gaps stretch when the day is quiet."""
    time = stage.start_ns + int(stage.draws.sample(gap) * stage.draws.uniform() * NANOSECONDS)
    while time < stage.end_ns:
        yield time
        busy = stage.activity(time) if human else stage.background
        time += int(stage.draws.seconds(gap) / max(busy, 0.02))


def _lookup(
    stage: Stage, start_ns: int, client: Host, name: str, kind: int = payloads.DNS_A
) -> tuple[Conversation, int]:
    """A query to the site's resolver; returns it and the time of the answer."""
    draws, names = stage.draws, PARAMETERS.names
    identifier = draws.integer(0, 65536)
    query = payloads.dns_query(identifier, name, kind)
    wait = (
        int(names.cached_ms * _MILLISECOND)
        if draws.chance(names.cached_share)
        else draws.milliseconds(names.recursive_ms)
    )
    if draws.chance(names.missing_share):
        answer = payloads.dns_response(identifier, name, kind, [], status=3)
    else:
        records = [
            payloads.dns_resource(draws, kind, draws.integer(20, 120)) for _ in range(draws.pick((1, 1, 1, 2, 4)))
        ]
        answer = payloads.dns_response(identifier, name, kind, records)
    datagrams = [Datagram(True, query), Datagram(False, answer, wait)]
    if draws.chance(names.retry_share):
        datagrams.insert(0, Datagram(True, query))
        datagrams[1] = Datagram(True, query, draws.pick((1, 5)) * NANOSECONDS)
    resolver = stage.network.servers["resolver"]
    return stage.udp(start_ns, client, resolver, 53, datagrams), start_ns + wait + resolver.round_trip_ns


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
    while True:
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
            lookup, connected = _lookup(stage, time, client, name)
            found.append(lookup)
            if draws.chance(0.5):
                found.append(_lookup(stage, time + 60_000, client, name, payloads.DNS_AAAA)[0])
        local = draws.chance(0.08)
        server = stage.network.servers["web"] if local else stage.network.site(draws)
        found.append(_web_connection(stage, connected + draws.integer(100_000, 4_000_000), client, server, name))
        time += draws.integer(2_000_000, 400_000_000)
    return found


def web_browsing(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Pages with many short and some long TLS connections, QUIC and plain HTTP, after DNS look-ups."""
    return in_order((time, _page(stage, time, client)) for time in _moments(stage, PARAMETERS.web.think_time_s))


def name_queries(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Queries of the system itself, among them reputation services with long hashed names."""
    draws, names = stage.draws, PARAMETERS.names

    def sessions() -> Iterator[Session]:
        for time in _moments(stage, names.gap_s):
            burst = []
            for _ in range(draws.count(names.burst)):
                name, kind = (
                    payloads.host_label(draws),
                    draws.pick((payloads.DNS_A, payloads.DNS_A, payloads.DNS_AAAA, 65)),
                )
                if draws.chance(names.reputation_share):
                    name, kind = (
                        f"{draws.octets(draws.integer(10, 30)).hex()}.{name}",
                        draws.pick((payloads.DNS_TXT, payloads.DNS_A)),
                    )
                burst.append(_lookup(stage, time + draws.integer(0, NANOSECONDS), client, name, kind)[0])
            yield time, burst

    return in_order(sessions())


def time_keeping(stage: Stage, client: Host) -> Iterator[Conversation]:
    """NTP at the poll interval, from port 123 or from a fresh one."""
    draws = stage.draws
    poll_ns = draws.pick(PARAMETERS.services.time_poll_s) * NANOSECONDS
    server, fixed = stage.network.site(draws), draws.chance(0.5)
    time = stage.start_ns + int(poll_ns * draws.uniform())
    while time < stage.end_ns:
        datagrams = (Datagram(True, payloads.ntp(draws, True)), Datagram(False, payloads.ntp(draws, False), 80_000))
        yield stage.udp(time, client, server, 123, datagrams, source_port=123 if fixed else None)
        time += poll_ns + draws.integer(0, 2 * NANOSECONDS)


def _mail_check(stage: Stage) -> Iterator[Turn]:
    draws, services = stage.draws, PARAMETERS.services
    yield from applications.tls_handshake(draws, "mail.example")
    for _ in range(draws.integer(3, 8)):
        yield from applications.exchange(draws.integer(40, 120), draws.integer(60, 900), 2_000_000, 4_000_000)
    if draws.chance(0.4):
        yield from applications.exchange(70, stage.bulk(services.mail_message_bytes), 3_000_000, 9_000_000)
    if draws.chance(0.3):
        for _ in range(draws.integer(1, 12)):
            yield from applications.exchange(
                draws.integer(34, 50), draws.integer(34, 90), draws.seconds(services.mail_idle_s), 3_000_000
            )
    yield close_turn()


def close_turn() -> Turn:
    """The encrypted good-bye of a client."""
    return applications.close_notify()


def mail_reading(stage: Stage, client: Host) -> Iterator[Conversation]:
    """IMAP over TLS, some of it idle for long, and now and then a message handed in."""
    draws, services = stage.draws, PARAMETERS.services
    mail = stage.network.servers["mail"]
    for time in _moments(stage, services.mail_check_s):
        if draws.chance(0.85):
            yield stage.tcp(time, client, mail, 993, _mail_check(stage), stage.failing())
        else:
            yield stage.tcp(time, client, mail, 587, _delivery(stage, "client.example"), stage.failing(), version=4)


def _delivery(stage: Stage, name: str) -> Iterator[Turn]:
    """SMTP up to STARTTLS, then the encrypted message (RFC 5321, RFC 3207)."""
    draws = stage.draws
    lines = ((False, b"220 mail.example ESMTP\r\n"), (True, f"EHLO {name}\r\n".encode()),
             (False, b"250-mail.example\r\n250-SIZE 52428800\r\n250 STARTTLS\r\n"), (True, b"STARTTLS\r\n"), (False, b"220 Go ahead\r\n"))  # fmt: skip
    yield from applications.dialogue(draws, lines, draws.integer(500_000, 20_000_000))
    yield from applications.tls_handshake(draws, "mail.example")
    for request in (40, 60, 60, 34):
        yield from applications.exchange(request, draws.integer(34, 160), 1_000_000, 5_000_000)
    yield from applications.exchange(
        stage.bulk(PARAMETERS.services.mail_message_bytes), 70, 1_000_000, draws.integer(10, 900) * _MILLISECOND
    )
    yield close_turn()


def mail_arriving(stage: Stage, server: Host) -> Iterator[Conversation]:
    """Other mail servers deliver, some after being turned away at first."""
    draws = stage.draws
    for time in _moments(stage, PARAMETERS.services.mail_delivery_s):
        yield stage.tcp(
            time,
            stranger(draws, server=True),
            server,
            25,
            _delivery(stage, payloads.host_label(draws)),
            stage.failing(Ending.SERVER_CLOSES),
        )


def _shell_turns(stage: Stage) -> Iterator[Turn]:
    draws, services = stage.draws, PARAMETERS.services
    yield from applications.ssh_opening(draws)
    while draws.chance(services.shell_wrong_password):
        yield from applications.ssh_guess(draws, False, draws.integer(800, 9000) * _MILLISECOND)
    yield from applications.ssh_guess(draws, True, draws.integer(2, 6000) * _MILLISECOND)
    for _ in range(draws.count(services.shell_keystrokes)):
        yield Turn(True, 36, draws.seconds(services.shell_keystroke_s))
        yield Turn(False, 36, draws.integer(100_000, 3_000_000))
        if draws.chance(0.08):
            yield Turn(False, draws.integer(44, 9000), draws.integer(1, 200) * _MILLISECOND)


def _script_turns(stage: Stage, size_bytes: int, upload: bool) -> Iterator[Turn]:
    """A key log-in and one command or copy, as scripts, Git and file copies do."""
    draws = stage.draws
    yield from applications.ssh_opening(draws)
    yield from applications.ssh_guess(draws, True, draws.integer(1, 60) * _MILLISECOND)
    for _ in range(draws.integer(2, 6)):
        yield Turn(True, draws.integer(36, 200), draws.integer(300_000, 20_000_000))
        yield Turn(False, draws.integer(36, 1500), draws.integer(300_000, 40_000_000))
    yield Turn(upload, size_bytes, 1_000_000)


def shells(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Interactive SSH with mistyped passwords, and copies over it."""
    draws, services = stage.draws, PARAMETERS.services
    for time in _moments(stage, services.shell_gap_s):
        server = stage.network.servers["shell"] if draws.chance(0.75) else stage.network.site(draws)
        turns = (
            _shell_turns(stage)
            if draws.chance(0.5)
            else _script_turns(stage, stage.bulk(services.transfer_bytes), draws.chance(0.5))
        )
        yield stage.tcp(
            time,
            client,
            server,
            draws.pick((22, 22, 22, 2222)),
            turns,
            stage.failing(),
            traffic_class=draws.pick((0, 0x10, 0x48)),
        )
        if draws.chance(0.1):
            yield stage.tcp(time + 20 * NANOSECONDS, client, server, 22, _refused_login(stage), Ending.SERVER_CLOSES)


def _refused_login(stage: Stage) -> Iterator[Turn]:
    """Somebody whose password has expired: a few wrong guesses, then the server hangs up."""
    yield from applications.ssh_opening(stage.draws)
    for _ in range(stage.draws.integer(1, 7)):
        yield from applications.ssh_guess(stage.draws, False, stage.draws.integer(100, 9000) * _MILLISECOND)


def shell_automation(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Configuration management: the same short log-ins again and again, at night too."""
    draws = stage.draws
    targets = [stage.network.servers[role] for role in ("shell", "web", "mail", "backup", "transfer")]

    def sessions() -> Iterator[Session]:
        for time in _moments(stage, PARAMETERS.services.shell_automation_gap_s, human=False):
            batch = []
            for index, server in enumerate(targets):
                start = time + index * draws.integer(5, 900) * _MILLISECOND
                turns = (
                    _refused_login(stage)
                    if draws.chance(0.08)
                    else _script_turns(stage, draws.integer(200, 9000), draws.chance(0.5))
                )
                batch.append(stage.tcp(start, client, server, 22, turns, stage.failing()))
            yield time, batch

    return in_order(sessions())


def _desktop_turns(stage: Stage) -> Iterator[Turn]:
    draws = stage.draws
    yield from applications.rdp_opening(draws, "user" + str(draws.integer(1, 99)))
    while draws.chance(0.2):
        yield from applications.rdp_guess(draws, draws.integer(900, 12_000) * _MILLISECOND)
    yield from applications.rdp_guess(draws, draws.integer(5, 9000) * _MILLISECOND)
    if draws.chance(0.15):
        return
    left = draws.sample(PARAMETERS.services.desktop_seconds)
    while left > 0:
        pause = draws.exponential(0.35)
        left -= pause
        yield Turn(True, draws.integer(38, 140), int(pause * NANOSECONDS))
        yield Turn(False, draws.integer(80, 6000), draws.integer(5, 60) * _MILLISECOND)


def remote_desktops(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Remote desktop sessions, some given up at the log-in."""
    for time in _moments(stage, PARAMETERS.services.desktop_gap_s):
        server = stage.network.servers["desktop"]
        ending = stage.draws.pick((Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS, Ending.SERVER_RESETS))
        yield stage.tcp(time, client, server, 3389, _desktop_turns(stage), stage.failing(ending))


def _share_turns(stage: Stage) -> Iterator[Turn]:
    draws, services = stage.draws, PARAMETERS.services
    yield from applications.smb_opening(draws)
    for _ in range(draws.count(services.share_files)):
        pause = draws.milliseconds(LogNormal(30, 1.8, 1, 60_000))
        yield from applications.smb_file(draws, stage.bulk(services.share_file_bytes), draws.chance(0.35), pause)


def file_shares(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Files read from and written to the file server over SMB."""
    for time in _moments(stage, PARAMETERS.services.share_gap_s):
        yield stage.tcp(
            time,
            client,
            stage.network.servers["files"],
            445,
            _share_turns(stage),
            stage.failing(stage.draws.pick((Ending.CLIENT_CLOSES, Ending.CLIENT_RESETS))),
        )


def _ftp_control(stage: Stage, files: int, gap_ns: int) -> Iterator[Turn]:
    yield from applications.ftp_login(stage.draws, "transfer", True, stage.draws.integer(1, 3000) * _MILLISECOND)
    for _ in range(files):
        lines = (
            (True, b"PASV\r\n"),
            (False, b"227 Entering Passive Mode\r\n"),
            (True, b"RETR file\r\n"),
            (False, b"150 Opening\r\n"),
        )
        yield from applications.dialogue(stage.draws, lines, 2 * _MILLISECOND)
        yield Turn(False, 24, gap_ns, b"226 Transfer complete.\r\n")


def file_transfers(stage: Stage, client: Host) -> Iterator[Conversation]:
    """FTP with its data connections, now and then with a mistyped password."""
    draws, services = stage.draws, PARAMETERS.services
    server = stage.network.servers["transfer"]

    def sessions() -> Iterator[Session]:
        for time in _moments(stage, services.transfer_gap_s):
            if draws.chance(0.15):
                yield (
                    time,
                    [
                        stage.tcp(
                            time, client, server, 21, applications.ftp_login(draws, "transfer", False, NANOSECONDS)
                        )
                    ],
                )
                continue
            files, gap_ns = draws.integer(1, 5), draws.integer(300, 4000) * _MILLISECOND
            batch = [stage.tcp(time, client, server, 21, _ftp_control(stage, files, gap_ns), stage.failing())]
            for index in range(files):
                data = [Turn(draws.chance(0.3), stage.bulk(services.transfer_bytes), 1_000_000)]
                batch.append(
                    stage.tcp(
                        time + 4 * NANOSECONDS + index * gap_ns,
                        client,
                        server,
                        draws.integer(49152, 65535),
                        data,
                        Ending.SERVER_CLOSES,
                    )
                )
            yield time, batch

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
    yield close_turn()


def video(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Films in chunks over TLS."""
    for time in _moments(stage, PARAMETERS.media.video_gap_s):
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
    for time in _moments(stage, PARAMETERS.media.call_gap_s):
        peer = stage.network.site(stage.draws)
        yield stage.udp(
            time,
            client,
            peer,
            stage.draws.pick((3478, 3479, 8801, 19305, 50_004)),
            _call_datagrams(stage),
            traffic_class=0xB8,
        )


def _bulk_turns(stage: Stage, size_bytes: int, upload: bool, pieces: int) -> Iterator[Turn]:
    draws = stage.draws
    yield from applications.tls_handshake(draws, payloads.host_label(draws))
    for _ in range(pieces):
        piece = max(200, size_bytes // pieces)
        sizes = (piece, draws.integer(100, 600)) if upload else (draws.integer(200, 900), piece)
        yield from applications.exchange(
            *sizes, draws.integer(1, 900) * _MILLISECOND, draws.integer(2, 400) * _MILLISECOND
        )
    yield close_turn()


def backups(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Bulk uploads, half of them to a service outside, day and night."""
    draws, media = stage.draws, PARAMETERS.media
    outside = stage.network.site(draws) if draws.chance(media.cloud_backup_share) else None
    for time in _moments(stage, media.backup_gap_s, human=False):
        turns = _bulk_turns(stage, stage.bulk(media.backup_bytes), True, draws.pick((1, 3, 10)))
        server, port = (outside, 443) if outside else (stage.network.servers["backup"], draws.pick((443, 22, 873)))
        if port == 22:
            turns = _script_turns(stage, stage.bulk(media.backup_bytes), True)
        yield stage.tcp(time, client, server, port, turns, stage.failing())


def updates(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Software updates: bulk downloads over TLS or plain HTTP."""
    draws, media = stage.draws, PARAMETERS.media
    for time in _moments(stage, media.update_gap_s, human=False):
        size, site = stage.bulk(media.update_bytes), stage.network.site(draws)
        if draws.chance(0.3):
            yield stage.tcp(
                time,
                client,
                site,
                80,
                applications.http_exchange(draws, "updates.example", 0, size, 500_000, 20_000_000),
                stage.failing(),
            )
        else:
            yield stage.tcp(
                time, client, site, 443, _bulk_turns(stage, size, False, draws.pick((1, 2, 6))), stage.failing()
            )


def printing(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Print jobs, raw or over IPP; the printer is slow and closes its window now and then."""
    draws, devices = stage.draws, PARAMETERS.devices
    for time in _moments(stage, devices.print_gap_s):
        printer, size = draws.pick(stage.network.printers), stage.bulk(devices.print_bytes)
        head = payloads.http_request("POST", "printer.example", "/ipp/print", size)
        port = draws.pick((631, 9100, 9100))
        turns = [
            Turn(True, size // 2, 1_000_000, head if port == 631 else b"", 400_000.0, draws.pick((-1, -1, 0, 1460)))
        ]
        turns += [
            Turn(True, size - size // 2, draws.integer(1, 2000) * _MILLISECOND),
            Turn(False, draws.integer(80, 400), 90_000_000),
        ]
        yield stage.tcp(time, client, printer, port, turns, stage.failing(), version=4)


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
    for time in _moments(stage, PARAMETERS.devices.discovery_gap_s, human=False):
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
        for time in _moments(stage, parameters.visit_gap_s):
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
        for time in _moments(stage, parameters.crawler_pause_s, human=False):
            start, found = time, list[Conversation]()
            for _ in range(draws.count(parameters.crawler_pages)):
                secure = draws.chance(0.6)
                turns = _secure_turns(stage, "www.example") if secure else _plain_turns(stage, "www.example")
                found.append(stage.tcp(start, bot, server, 443 if secure else 80, turns, stage.failing()))
                start += draws.seconds(parameters.crawler_gap_s)
            yield time, found

    return in_order(sessions())


def outside_lookups(stage: Stage, server: Host) -> Iterator[Conversation]:
    """The resolver's own queries to name servers outside, some with large signed answers."""
    draws = stage.draws
    for time in _moments(stage, PARAMETERS.visitors.lookup_gap_s):
        identifier, name, kind = draws.integer(0, 65536), payloads.host_label(draws), draws.pick((1, 1, 28, 15, 16, 48))
        records = [payloads.dns_resource(draws, kind, draws.integer(30, 240)) for _ in range(draws.pick((1, 1, 2, 8)))]
        datagrams = (
            Datagram(True, payloads.dns_query(identifier, name, kind)),
            Datagram(False, payloads.dns_response(identifier, name, kind, records), 600_000),
        )
        yield stage.udp(
            time,
            server,
            draws.pick(stage.network.resolvers) if draws.chance(0.5) else stage.network.site(draws),
            53,
            datagrams,
        )


CLIENT_BEHAVIOURS: Final[tuple[Behaviour, ...]] = (
    web_browsing, name_queries, time_keeping, mail_reading, file_shares, printing, updates, discovery,
)  # fmt: skip
"""What every workstation does."""

OCCASIONAL_BEHAVIOURS: Final[tuple[tuple[Behaviour, float], ...]] = (
    (shells, 0.5), (remote_desktops, 0.4), (file_transfers, 0.3), (video, PARAMETERS.media.viewers_share), (calls, 0.25), (backups, 0.35),
)  # fmt: skip
"""What a share of the workstations does; at least one of them always."""

SERVER_BEHAVIOURS: Final[tuple[tuple[str, Behaviour], ...]] = (
    ("mail", mail_arriving), ("web", visitors), ("web", crawler), ("resolver", outside_lookups), ("monitor", monitoring),
    ("monitor", shell_automation), ("backup", backups), ("web", updates), ("files", time_keeping), ("web", name_queries),
)  # fmt: skip
"""What happens at the servers: the role that acts, or is visited."""

DEVICE_BEHAVIOURS: Final[tuple[Behaviour, ...]] = (heartbeats, time_keeping, name_queries)
"""What every device does."""
