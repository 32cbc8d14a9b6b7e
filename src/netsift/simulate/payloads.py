"""The beginnings of application messages: enough for a reader to recognise the protocol, filler behind.

Whole messages where they are short (DNS, NTP, SNMP), well-formed first records where they are long (TLS, SSH).
"""

from __future__ import annotations

from struct import Struct, pack
from typing import Final

from netsift.simulate.randomness import Draws

_DNS: Final = Struct("!HHHHHH")
_TLS_CIPHERS: Final = bytes.fromhex("130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035")

DNS_A: Final = 1
DNS_CNAME: Final = 5
DNS_NULL: Final = 10
DNS_MX: Final = 15
DNS_TXT: Final = 16
DNS_AAAA: Final = 28
DNS_KEY: Final = 48
DNS_HTTPS: Final = 65


def tls_record(kind: int, body: bytes) -> bytes:
    """One TLS record (RFC 8446 section 5.1): 22 handshake, 23 application data."""
    return pack("!BHH", kind, 0x0303, len(body)) + body


def tls_data_header(length: int) -> bytes:
    """The header of an application data record of ``length`` bytes in all, announcing at most 16 KiB."""
    return pack("!BHH", 23, 0x0303, min(max(length - 5, 1), 16384))


def _extension(kind: int, body: bytes) -> bytes:
    return pack("!HH", kind, len(body)) + body


def tls_client_hello(draws: Draws, server_name: str, length: int) -> bytes:
    """A ClientHello for ``server_name`` (RFC 8446 section 4.1.2), padded to ``length`` bytes (RFC 7685)."""
    name = server_name.encode()
    extensions = _extension(0, pack("!HBH", len(name) + 3, 0, len(name)) + name)
    extensions += _extension(10, bytes.fromhex("0008001d001700180019")) + _extension(
        13, bytes.fromhex("00080403080404010503")
    )
    extensions += _extension(16, bytes.fromhex("000c02683208687474702f312e31")) + _extension(
        43, bytes.fromhex("0403040303")
    )
    extensions += _extension(51, bytes.fromhex("0024001d0020") + draws.octets(32))
    fixed = pack("!H", 0x0303) + draws.octets(32) + b"\x20" + draws.octets(32)
    fixed += pack("!H", len(_TLS_CIPHERS)) + _TLS_CIPHERS + b"\x01\x00"
    missing = length - 5 - 4 - len(fixed) - 2 - len(extensions) - 4
    if missing >= 0:
        extensions += _extension(21, bytes(missing))
    body = fixed + pack("!H", len(extensions)) + extensions
    return tls_record(22, b"\x01" + len(body).to_bytes(3, "big") + body)


def tls_server_hello(draws: Draws) -> bytes:
    """A ServerHello of TLS 1.3; the encrypted rest of the handshake follows as application data."""
    extensions = _extension(43, b"\x03\x04") + _extension(51, bytes.fromhex("001d0020") + draws.octets(32))
    body = pack("!H", 0x0303) + draws.octets(32) + b"\x20" + draws.octets(32) + b"\x13\x01\x00"
    body += pack("!H", len(extensions)) + extensions
    return tls_record(22, b"\x02" + len(body).to_bytes(3, "big") + body) + tls_record(20, b"\x01")


def http_request(method: str, host: str, path: str, length: int = 0) -> bytes:
    """The head of an HTTP/1.1 request (RFC 9112) that announces ``length`` body bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n"
    if length:
        head += f"Content-Length: {length}\r\n"
    return (head + "\r\n").encode()


def http_response(status: int, length: int) -> bytes:
    """The head of an HTTP/1.1 response with a body of ``length`` bytes."""
    lines = (f"HTTP/1.1 {status} Status", "Content-Type: application/octet-stream", f"Content-Length: {length}", "", "")
    return "\r\n".join(lines).encode()


def _dns_name(name: str) -> bytes:
    return b"".join(bytes((len(part),)) + part.encode() for part in name.split(".")) + b"\0"


def dns_query(identifier: int, name: str, kind: int) -> bytes:
    """A query with the EDNS option record (RFC 1035 section 4, RFC 6891)."""
    question = _dns_name(name) + pack("!HH", kind, 1)
    return _DNS.pack(identifier, 0x0100, 1, 0, 0, 1) + question + bytes.fromhex("00002904d0000000000000")


def dns_response(identifier: int, name: str, kind: int, answers: list[bytes], status: int = 0) -> bytes:
    """The answer to :func:`dns_query`; ``answers`` are resource data, ``status`` 3 is NXDOMAIN."""
    question = _dns_name(name) + pack("!HH", kind, 1)
    records = b"".join(pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in answers)
    return _DNS.pack(identifier, 0x8180 | status, 1, len(answers), 0, 0) + question + records


def dns_resource(draws: Draws, kind: int, length: int) -> bytes:
    """Resource data of about ``length`` bytes for a record of this kind."""
    if kind == DNS_A:
        return draws.octets(4)
    if kind == DNS_AAAA:
        return b"\x20\x01\x0d\xb8" + draws.octets(12)
    if kind == DNS_NULL:
        return draws.octets(length)
    if kind == DNS_HTTPS:
        return bytes.fromhex("0001000001000302") + b"h2"
    if kind == DNS_KEY:
        return b"\x01\x00\x03\x0d" + draws.octets(length)
    text = draws.octets(length // 2 + 1).hex()[: max(length, 4)]
    if kind == DNS_TXT:
        return b"".join(
            bytes((len(part),)) + part.encode() for part in (text[at : at + 250] for at in range(0, len(text), 250))
        )
    labels = ".".join(text[at : at + 60] for at in range(0, min(len(text), 180), 60))
    return (b"\0\x0a" if kind == DNS_MX else b"") + _dns_name(labels)


def host_label(draws: Draws) -> str:
    """A made-up host name under the reserved name ``example`` (RFC 2606)."""
    return f"{draws.octets(draws.integer(2, 7)).hex()}.{draws.pick(('com', 'net', 'cdn', 'org', 'app'))}.example"


def ntp(draws: Draws, client: bool) -> bytes:
    """An NTP version 4 packet of 48 bytes (RFC 5905 section 7.3)."""
    return bytes((0x23 if client else 0x24, 0 if client else 2, 6, 0xEC)) + draws.octets(44)


def snmp_get(identifier: int) -> bytes:
    """An SNMPv2c GetRequest for sysUpTime in the community ``public`` (RFC 3416)."""
    return _snmp(0xA0, identifier, b"\x05\x00")


def snmp_response(identifier: int, ticks: int) -> bytes:
    """The answer to :func:`snmp_get`."""
    return _snmp(0xA2, identifier, b"\x43\x04" + ticks.to_bytes(4, "big"))


def _snmp(kind: int, identifier: int, value: bytes) -> bytes:
    def element(tag: int, body: bytes) -> bytes:
        return bytes((tag, len(body))) + body

    variable = element(0x30, bytes.fromhex("06082b06010201010300") + value)
    body = element(2, identifier.to_bytes(4, "big")) + bytes.fromhex("020100020100") + element(0x30, variable)
    return element(0x30, bytes.fromhex("02010104067075626c6963") + element(kind, body))


def ssh_packet(body: bytes) -> bytes:
    """A binary SSH packet before encryption (RFC 4253 section 6)."""
    padding = 8 - (len(body) + 5) % 8
    padding = padding + 8 if padding < 4 else padding
    return pack("!IB", len(body) + padding + 1, padding) + body + bytes(padding)


def ssh_key_exchange_init(draws: Draws) -> bytes:
    """A key exchange proposal (RFC 4253 section 7.1)."""
    key = "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group16-sha512"
    cipher = "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com"
    check = "umac-128-etm@openssh.com,hmac-sha2-256"
    lists = (key, "ssh-ed25519,rsa-sha2-512", cipher, cipher, check, check, "none", "none", "", "")
    body = b"\x14" + draws.octets(16) + b"".join(pack("!I", len(text)) + text.encode() for text in lists) + bytes(5)
    return ssh_packet(body)


def ssh_key_exchange_reply(draws: Draws) -> bytes:
    """Host key, public value and signature of an elliptic curve exchange (RFC 5656 section 4), then new keys."""

    def text(*parts: bytes) -> bytes:
        body = b"".join(pack("!I", len(part)) + part for part in parts)
        return pack("!I", len(body)) + body

    name = b"ssh-ed25519"
    public = pack("!I", 32) + draws.octets(32)
    reply = b"\x1f" + text(name, draws.octets(32)) + public + text(name, draws.octets(64))
    return ssh_packet(reply) + ssh_packet(b"\x15")


def quic_initial(draws: Draws, length: int) -> bytes:
    """The start of a QUIC version 1 Initial packet (RFC 9000 section 17.2.2) of ``length`` bytes."""
    head = b"\xc3\x00\x00\x00\x01\x08" + draws.octets(8) + b"\x00\x00" + pack("!H", 0x4000 | (length - 18))
    return head + draws.octets(length - len(head))


def rdp_connection_request(user: str) -> bytes:
    """An RDP connection request with its cookie (MS-RDPBCGR section 2.2.1.1)."""
    cookie = f"Cookie: mstshash={user}\r\n".encode() + bytes.fromhex("010008000b000000")
    return pack("!BBHB", 3, 0, len(cookie) + 11, len(cookie) + 6) + bytes.fromhex("e00000000000") + cookie


def rdp_connection_confirm() -> bytes:
    """The answer to :func:`rdp_connection_request` that selects TLS."""
    return bytes.fromhex("030000130ed000000000000200080001000000")


def smb_negotiate(draws: Draws, response: bool) -> bytes:
    """An SMB2 negotiate message behind its length (MS-SMB2 sections 2.2.3 and 2.2.4)."""
    header = b"\xfeSMB" + pack("<HHIHHIIQIIQ", 64, 0, 0, 0, 1, 1 if response else 0, 0, 0, 0xFEFF, 0, 0) + bytes(16)
    if response:
        body = (
            pack("<HHHH", 65, 1, 0x0302, 0)
            + draws.octets(16)
            + pack("<IIIIQQHHI", 0, 65536, 65536, 65536, 0, 0, 128, 0, 0)
        )
    else:
        body = pack("<HHHHI", 36, 2, 1, 0, 0) + draws.octets(16) + bytes(8) + pack("<HH", 0x0210, 0x0302)
    return len(header + body).to_bytes(4, "big") + header + body


def smb_header(command: int, length: int) -> bytes:
    """The start of an SMB2 message of ``length`` bytes in all: 8 is read, 9 is write."""
    return (max(length, 68) - 4).to_bytes(4, "big") + b"\xfdSMB" + bytes(48) + command.to_bytes(4, "little")


def mqtt_connect(name: str) -> bytes:
    """An MQTT 3.1.1 connect packet (section 3.1)."""
    body = b"\0\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name.encode()
    return bytes((0x10, len(body))) + body


def mqtt_publish(length: int) -> bytes:
    """The start of an MQTT publish packet whose remaining length is ``length`` (section 3.3)."""
    remaining = bytes((length,)) if length < 128 else bytes((length & 0x7F | 0x80, length >> 7))
    return b"\x30" + remaining + b"\0\x05state"


def realtime(sequence: int, sender: int, length: int) -> bytes:
    """The head of an RTP packet (RFC 3550 section 5.1), filled to ``length`` bytes."""
    return pack("!BBHII", 0x80, 111, sequence & 0xFFFF, sequence * 960 & 0xFFFFFFFF, sender).ljust(length, b"\x5a")


def stun_binding(draws: Draws, response: bool) -> bytes:
    """A STUN binding message (RFC 8489 section 5)."""
    attribute = pack("!HHBBH", 0x20, 8, 0, 1, draws.integer(1024, 65536)) + draws.octets(4) if response else b""
    return pack("!HHI", 0x0101 if response else 0x0001, len(attribute), 0x2112A442) + draws.octets(12) + attribute


def discovery_search() -> bytes:
    """An SSDP search (UPnP Device Architecture 2.0 section 1.3.2)."""
    return b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n'


def discovery_response(length: int) -> bytes:
    """An SSDP answer of about ``length`` bytes (UPnP Device Architecture 2.0 section 1.3.3)."""
    head = "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: upnp:rootdevice\r\nUSN: uuid:"
    return (head.ljust(max(length, len(head)) - 4, "0") + "\r\n\r\n").encode()
