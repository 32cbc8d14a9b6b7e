"""What a payload looks like from its first eight bytes (docs/flow-meter.md, section 5)."""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import inline_kernel, kernel
from netsift.kernels.protocols import UDP

# Codes in the order of netsift.flows.schema.PAYLOAD_KINDS, which a test holds together.
TLS, HTTP, SSH, SMB, RDP, BANNER, SIP, BITTORRENT, STUN, QUIC, DNS, NTP, TEXT, ZEROS, BINARY = range(15)


HTTP_WORDS = tuple(
    int.from_bytes(text, "little")
    for text in (b"GET ", b"POST", b"HEAD", b"PUT ", b"HTTP", b"OPTI", b"DELE", b"CONN", b"PATC", b"PRI ")
)
SSH_WORD = int.from_bytes(b"SSH-", "little")
SMB_WORD = int.from_bytes(b"\xffSMB", "little")
SMB2_WORD = int.from_bytes(b"\xfeSMB", "little")
SIP_WORDS = (int.from_bytes(b"INVI", "little"), int.from_bytes(b"REGI", "little"), int.from_bytes(b"SIP/", "little"))
BITTORRENT_WORD = int.from_bytes(b"\x13BitTorr", "little")
STUN_COOKIE = int.from_bytes(b"\x21\x12\xa4\x42", "little")
QUIC_VERSIONS = (0x00000001, 0x6B3343CF, 0x00000000)
DNS_PORTS = (53, 5353, 5355)
NTP_PORT = 123


@inline_kernel
def _byte(prefix, index):
    return np.int64((prefix >> np.uint64(8 * index)) & np.uint64(0xFF))


@inline_kernel
def _is_text(prefix, length):
    for index in range(length):
        byte = _byte(prefix, index)
        if not (32 <= byte <= 126 or byte in (9, 10, 13)):
            return False
    return True


@inline_kernel
def _is_banner(prefix):
    for index in range(3):
        if not 48 <= _byte(prefix, index) <= 57:
            return False
    return _byte(prefix, 3) in (32, 45)


@inline_kernel
def _quic_version(prefix):
    version = np.int64(0)
    for index in range(1, 5):
        version = (version << 8) | _byte(prefix, index)
    return version


@kernel
def payload_kind(prefix, length, protocol, source_port, destination_port):
    """Return the code of what a payload looks like; ``prefix`` holds its first ``length`` (1 to 8) bytes."""
    head = np.int64(prefix & np.uint64(0xFFFFFFFF))
    tail = np.int64(prefix >> np.uint64(32))
    first = _byte(prefix, 0)
    if length >= 3 and first == 22 and _byte(prefix, 1) == 3 and _byte(prefix, 2) <= 4:
        return TLS
    if length >= 4:
        if head in HTTP_WORDS:
            return HTTP
        if head == SSH_WORD:
            return SSH
    if length >= 8 and tail in (SMB_WORD, SMB2_WORD):
        return SMB
    if length >= 3 and first == 3 and _byte(prefix, 1) == 0 and _byte(prefix, 2) <= 1:
        return RDP
    if length >= 4:
        if _is_banner(prefix):
            return BANNER
        if head in SIP_WORDS:
            return SIP
    if length >= 8 and prefix == np.uint64(BITTORRENT_WORD):
        return BITTORRENT
    if length >= 8 and tail == STUN_COOKIE:
        return STUN
    if protocol == UDP:
        if length >= 5 and first >= 0xC0 and _quic_version(prefix) in QUIC_VERSIONS:
            return QUIC
        if source_port in DNS_PORTS or destination_port in DNS_PORTS:
            return DNS
        if source_port == NTP_PORT or destination_port == NTP_PORT:
            return NTP
    if _is_text(prefix, length):
        return TEXT
    return ZEROS if prefix == 0 else BINARY
