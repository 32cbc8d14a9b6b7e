"""What applications say over a connection, as turns: the same scripts serve benign and attacking clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netsift.simulate import payloads
from netsift.simulate.parameters import PARAMETERS
from netsift.simulate.randomness import Draws
from netsift.simulate.tcp import Turn

_MILLISECOND: Final = 1_000_000
_SERVICES: Final = PARAMETERS.services


def exchange(
    request_bytes: int, response_bytes: int, pause_ns: int = 0, think_ns: int = 0, rate_bytes_s: float = 0.0
) -> Iterator[Turn]:
    """One encrypted request and its response."""
    yield Turn(True, request_bytes, pause_ns, payloads.tls_data_header(request_bytes), rate_bytes_s)
    if response_bytes:
        yield Turn(False, response_bytes, think_ns, payloads.tls_data_header(response_bytes), rate_bytes_s)


def tls_handshake(draws: Draws, name: str) -> Iterator[Turn]:
    """A TLS 1.3 handshake: full with certificates, or resumed."""
    hello = payloads.tls_client_hello(draws, name, draws.pick((517, 517, 583, 1700, 330, 250)))
    yield Turn(True, len(hello), draws.integer(50_000, 2_000_000), hello)
    answer = payloads.tls_server_hello(draws)
    certificates = draws.integer(120, 260) if draws.chance(0.3) else draws.integer(1900, 4800)
    answer += payloads.tls_data_header(certificates)
    yield Turn(False, len(answer) + certificates - 5, draws.integer(300_000, 12_000_000), answer)
    yield Turn(
        True,
        draws.pick((64, 74, 80, 126)),
        draws.integer(200_000, 6_000_000),
        payloads.tls_record(20, b"\x01") + payloads.tls_data_header(53),
    )


def close_notify() -> Turn:
    """The encrypted alert that says good-bye (RFC 8446 section 6.1)."""
    return Turn(True, 24, 300_000, payloads.tls_data_header(24))


def http_exchange(
    draws: Draws, name: str, request_bytes: int, response_bytes: int, pause_ns: int, think_ns: int
) -> Iterator[Turn]:
    """One plain HTTP request and its response; a long request is an upload."""
    path = "/" + draws.octets(draws.integer(2, 20)).hex()
    upload = request_bytes > 1400
    head = payloads.http_request("POST" if upload else "GET", name, path, request_bytes if upload else 0)
    yield Turn(True, len(head) + (request_bytes if upload else 0), pause_ns, head)
    answer = payloads.http_response(200 if draws.chance(0.9) else draws.pick((301, 304, 404, 500)), response_bytes)
    yield Turn(False, len(answer) + response_bytes, think_ns, answer)


def ssh_opening(draws: Draws) -> Iterator[Turn]:
    """Banners, key exchange and the request for authentication (RFC 4253, RFC 4252)."""
    banner = draws.pick(
        (
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"SSH-2.0-OpenSSH_8.9p1\r\n",
            b"SSH-2.0-libssh2_1.11.0\r\n",
            b"SSH-2.0-PuTTY_0.80\r\n",
            b"SSH-2.0-Go\r\n",
        )
    )
    server_banner = draws.pick((b"SSH-2.0-OpenSSH_9.2p1\r\n", b"SSH-2.0-OpenSSH_8.4p1\r\n"))
    yield Turn(True, len(banner), draws.integer(100_000, 3_000_000), banner)
    yield Turn(False, len(server_banner), draws.milliseconds(_SERVICES.banner_ms), server_banner)
    proposal = payloads.ssh_key_exchange_init(draws)
    yield Turn(True, len(proposal), draws.integer(200_000, 3_000_000), proposal)
    yield Turn(False, len(proposal), draws.integer(200_000, 3_000_000), proposal)
    start = payloads.ssh_packet(b"\x1e\x00\x00\x00\x20" + draws.octets(32))
    yield Turn(True, len(start), draws.integer(500_000, 5_000_000), start)
    reply = payloads.ssh_key_exchange_reply(draws)
    yield Turn(False, len(reply) + draws.pick((0, 60, 108, 600)), draws.integer(2_000_000, 15_000_000), reply)
    yield Turn(True, 16, draws.integer(1_000_000, 8_000_000), payloads.ssh_packet(b"\x15"))
    yield Turn(True, draws.pick((44, 52, 60)), draws.integer(10_000, 2_000_000))
    yield Turn(False, draws.pick((44, 52)), draws.integer(100_000, 2_000_000))


def ssh_guess(draws: Draws, accepted: bool, pause_ns: int) -> Iterator[Turn]:
    """One password and the verdict."""
    yield Turn(True, draws.pick((84, 100, 148)), pause_ns)
    yield Turn(False, 28 if accepted else 52, draws.milliseconds(_SERVICES.password_check_ms))


def dialogue(draws: Draws, lines: tuple[tuple[bool, bytes], ...], pause_ns: int) -> Iterator[Turn]:
    """Plain lines of a text protocol, alternating as given."""
    for from_client, text in lines:
        wait = pause_ns if from_client else draws.milliseconds(_SERVICES.banner_ms)
        yield Turn(from_client, len(text), wait, text)


def ftp_login(draws: Draws, user: str, accepted: bool, pause_ns: int) -> Iterator[Turn]:
    """The FTP greeting and one login (RFC 959)."""
    yield Turn(False, 29, draws.milliseconds(_SERVICES.banner_ms), b"220 File service is ready..\r\n")
    yield from ftp_guess(draws, user, accepted, pause_ns)


def ftp_guess(draws: Draws, user: str, accepted: bool, pause_ns: int) -> Iterator[Turn]:
    """One user name and password."""
    word = draws.octets(draws.integer(3, 7)).hex()
    yield from dialogue(
        draws,
        (
            (True, f"USER {user}\r\n".encode()),
            (False, b"331 Password required\r\n"),
            (True, f"PASS {word}\r\n".encode()),
        ),
        pause_ns,
    )
    verdict = b"230 Logged in\r\n" if accepted else b"530 Login incorrect\r\n"
    yield Turn(False, len(verdict), draws.milliseconds(_SERVICES.password_check_ms), verdict)


def rdp_opening(draws: Draws, user: str) -> Iterator[Turn]:
    """Connection request, TLS and network level authentication (MS-RDPBCGR section 1.3.1.1)."""
    request, answer = payloads.rdp_connection_request(user), payloads.rdp_connection_confirm()
    yield Turn(True, len(request), draws.integer(200_000, 5_000_000), request)
    yield Turn(False, len(answer), draws.integer(1_000_000, 20_000_000), answer)
    yield from tls_handshake(draws, "desktop.example")
    yield from exchange(
        draws.integer(90, 160),
        draws.integer(200, 380),
        draws.integer(1_000_000, 9_000_000),
        draws.integer(1_000_000, 9_000_000),
    )


def rdp_guess(draws: Draws, pause_ns: int) -> Iterator[Turn]:
    """The credentials and the verdict."""
    yield from exchange(
        draws.integer(500, 760), draws.integer(80, 190), pause_ns, draws.milliseconds(_SERVICES.password_check_ms)
    )


def smb_opening(draws: Draws) -> Iterator[Turn]:
    """Negotiation and session set-up of SMB2."""
    request, answer = payloads.smb_negotiate(draws, False), payloads.smb_negotiate(draws, True)
    yield Turn(True, len(request), draws.integer(100_000, 2_000_000), request)
    yield Turn(False, len(answer), draws.integer(200_000, 3_000_000), answer)
    for request_bytes, answer_bytes in (
        (draws.integer(160, 240), draws.integer(280, 400)),
        (draws.integer(480, 720), draws.integer(90, 130)),
    ):
        yield Turn(True, request_bytes, draws.integer(200_000, 3_000_000), payloads.smb_header(1, request_bytes))
        yield Turn(False, answer_bytes, draws.integer(400_000, 9_000_000), payloads.smb_header(1, answer_bytes))


def smb_file(draws: Draws, size_bytes: int, write: bool, pause_ns: int) -> Iterator[Turn]:
    """Open, move and close one file in pieces of at most 1 MiB."""
    yield Turn(True, 256, pause_ns, payloads.smb_header(5, 256))
    yield Turn(False, 300, draws.integer(200_000, 4_000_000), payloads.smb_header(5, 300))
    for start in range(0, size_bytes, 1 << 20):
        piece = min(size_bytes - start, 1 << 20)
        request, answer = (piece + 116, 84) if write else (117, piece + 84)
        command = 9 if write else 8
        yield Turn(True, request, draws.integer(100_000, 2_000_000), payloads.smb_header(command, request))
        yield Turn(False, answer, draws.integer(200_000, 6_000_000), payloads.smb_header(command, answer))
    yield Turn(True, 92, draws.integer(100_000, 2_000_000), payloads.smb_header(6, 92))
    yield Turn(False, 128, draws.integer(100_000, 2_000_000), payloads.smb_header(6, 128))
