"""Ordinary traffic of services: names, time, mail, shells, desktops, files, backups, updates and printers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netsift.simulate import applications, payloads
from netsift.simulate.benign.common import lookup, moments
from netsift.simulate.conversation import Conversation, Datagram, Session, Stage, in_order
from netsift.simulate.network import Host, stranger
from netsift.simulate.parameters import PARAMETERS, LogNormal
from netsift.simulate.randomness import NANOSECONDS
from netsift.simulate.tcp import Ending, Turn

_MILLISECOND: Final = 1_000_000


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


def name_queries(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Queries of the system itself, among them reputation services with long hashed names."""
    draws, names = stage.draws, PARAMETERS.names

    def sessions() -> Iterator[Session]:
        for time in moments(stage, names.gap_s):
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
                burst.append(lookup(stage, time + draws.integer(0, NANOSECONDS), client, name, kind)[0])
            yield time, burst

    return in_order(sessions())


def outside_lookups(stage: Stage, server: Host) -> Iterator[Conversation]:
    """The resolver's own queries to name servers outside, some with large signed answers."""
    draws = stage.draws
    for time in moments(stage, PARAMETERS.visitors.lookup_gap_s):
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
    yield applications.close_notify()


def mail_reading(stage: Stage, client: Host) -> Iterator[Conversation]:
    """IMAP over TLS, some of it idle for long, and now and then a message handed in."""
    draws, services = stage.draws, PARAMETERS.services
    mail = stage.network.servers["mail"]
    for time in moments(stage, services.mail_check_s):
        if draws.chance(0.85):
            yield stage.tcp(time, client, mail, 993, _mail_check(stage), stage.failing())
        else:
            yield stage.tcp(time, client, mail, 587, _delivery(stage, "client.example"), stage.failing(), version=4)


def _delivery(stage: Stage, name: str) -> Iterator[Turn]:
    """SMTP up to STARTTLS, then the encrypted message (RFC 5321, RFC 3207)."""
    draws = stage.draws
    lines = (
        (False, b"220 mail.example ESMTP\r\n"),
        (True, f"EHLO {name}\r\n".encode()),
        (False, b"250-mail.example\r\n250-SIZE 52428800\r\n250 STARTTLS\r\n"),
        (True, b"STARTTLS\r\n"),
        (False, b"220 Go ahead\r\n"),
    )
    yield from applications.dialogue(draws, lines, draws.integer(500_000, 20_000_000))
    yield from applications.tls_handshake(draws, "mail.example")
    for request in (40, 60, 60, 34):
        yield from applications.exchange(request, draws.integer(34, 160), 1_000_000, 5_000_000)
    yield from applications.exchange(
        stage.bulk(PARAMETERS.services.mail_message_bytes), 70, 1_000_000, draws.integer(10, 900) * _MILLISECOND
    )
    yield applications.close_notify()


def mail_arriving(stage: Stage, server: Host) -> Iterator[Conversation]:
    """Other mail servers deliver, some after being turned away at first."""
    draws = stage.draws
    for time in moments(stage, PARAMETERS.services.mail_delivery_s):
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


def _shell_visit(stage: Stage, time: int, client: Host) -> list[Conversation]:
    """One session or copy, and now and then another attempt with an expired password."""
    draws = stage.draws
    server = stage.network.servers["shell"] if draws.chance(0.75) else stage.network.site(draws)
    turns = _shell_turns(stage)
    if draws.chance(0.5):
        turns = _script_turns(stage, stage.bulk(PARAMETERS.services.transfer_bytes), draws.chance(0.5))
    port, traffic_class = draws.pick((22, 22, 22, 2222)), draws.pick((0, 0x10, 0x48))
    found = [stage.tcp(time, client, server, port, turns, stage.failing(), traffic_class=traffic_class)]
    if draws.chance(0.1):
        again = time + 20 * NANOSECONDS
        found.append(stage.tcp(again, client, server, 22, _refused_login(stage), Ending.SERVER_CLOSES))
    return found


def shells(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Interactive SSH with mistyped passwords, and copies over it."""
    gaps = PARAMETERS.services.shell_gap_s
    return in_order((time, _shell_visit(stage, time, client)) for time in moments(stage, gaps))


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
        for time in moments(stage, PARAMETERS.services.shell_automation_gap_s, human=False):
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
    for time in moments(stage, PARAMETERS.services.desktop_gap_s):
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
    for time in moments(stage, PARAMETERS.services.share_gap_s):
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
        for time in moments(stage, services.transfer_gap_s):
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


def _bulk_turns(stage: Stage, size_bytes: int, upload: bool, pieces: int) -> Iterator[Turn]:
    draws = stage.draws
    yield from applications.tls_handshake(draws, payloads.host_label(draws))
    for _ in range(pieces):
        piece = max(200, size_bytes // pieces)
        sizes = (piece, draws.integer(100, 600)) if upload else (draws.integer(200, 900), piece)
        yield from applications.exchange(
            *sizes, draws.integer(1, 900) * _MILLISECOND, draws.integer(2, 400) * _MILLISECOND
        )
    yield applications.close_notify()


def backups(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Bulk uploads, half of them to a service outside, day and night."""
    draws, media = stage.draws, PARAMETERS.media
    outside = stage.network.site(draws) if draws.chance(media.cloud_backup_share) else None
    for time in moments(stage, media.backup_gap_s, human=False):
        turns = _bulk_turns(stage, stage.bulk(media.backup_bytes), True, draws.pick((1, 3, 10)))
        server, port = (outside, 443) if outside else (stage.network.servers["backup"], draws.pick((443, 22, 873)))
        if port == 22:
            turns = _script_turns(stage, stage.bulk(media.backup_bytes), True)
        yield stage.tcp(time, client, server, port, turns, stage.failing())


def updates(stage: Stage, client: Host) -> Iterator[Conversation]:
    """Software updates: bulk downloads over TLS or plain HTTP."""
    draws, media = stage.draws, PARAMETERS.media
    for time in moments(stage, media.update_gap_s, human=False):
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
    for time in moments(stage, devices.print_gap_s):
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
