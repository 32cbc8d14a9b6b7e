"""The hosts of the simulated network and the paths between them.

The capture is taken at the site's core switch: it sees traffic between inside hosts and all that crosses the border.
Inside addresses are private (RFC 1918, RFC 4193), outside ones come from the ranges for documentation and benchmarks
(RFC 2544, RFC 5737, RFC 3849), so that no real host is ever named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from netsift.simulate.packets import Sender
from netsift.simulate.parameters import PARAMETERS, RAW_OPTIONS, RAW_TIME_TO_LIVE, RAW_WINDOWS, WINDOWS_SERVER, System
from netsift.simulate.randomness import Draws

_PARAMETERS: Final = PARAMETERS.network
_GATEWAY_MAC: Final = bytes.fromhex("02000000fffe")
_DOCUMENTATION_PREFIXES: Final = (bytes((192, 0, 2)), bytes((198, 51, 100)), bytes((203, 0, 113)))
_DOCUMENTATION_SHARE: Final = 0.02
MULTICAST: Final = {5353: bytes((224, 0, 0, 251)), 1900: bytes((239, 255, 255, 250))}


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """One end of conversations; ``ipv6`` is empty where the host has none, times are seen from the capture point."""

    name: str
    ipv4: bytes
    ipv6: bytes
    mac: bytes
    system: System
    hops: int
    round_trip_ns: int
    loss: float
    rate_bytes_s: float
    internal: bool

    @property
    def time_to_live(self) -> int:
        """What is left of the system's initial TTL at the capture point."""
        return self.system.time_to_live - self.hops


@dataclass(slots=True)
class Path:
    """Who talks to whom: two hosts and, per direction, the builder of frames."""

    client: Host
    server: Host
    version: int
    to_server: Sender
    to_client: Sender


def connect(draws: Draws, client: Host, server: Host, version: int, traffic_class: int = 0) -> Path:
    """The path between two hosts over IPv4 or IPv6."""
    source, destination = (client.ipv4, server.ipv4) if version == 4 else (client.ipv6, server.ipv6)
    first, second = draws.integer(0, 65536), draws.integer(0, 65536)
    to_server = Sender(server.mac + client.mac, source, destination, client.time_to_live, first, traffic_class)
    to_client = Sender(client.mac + server.mac, destination, source, server.time_to_live, second, traffic_class)
    return Path(client, server, version, to_server, to_client)


def pick_version(draws: Draws, client: Host, server: Host) -> int:
    """IPv6 for a share of the connections whose two ends have it, else IPv4."""
    return 6 if client.ipv6 and server.ipv6 and draws.chance(_PARAMETERS.ipv6_share) else 4


@dataclass(slots=True)
class Network:
    """All hosts that live as long as the capture; strangers are made when they appear."""

    clients: list[Host] = field(default_factory=list)
    servers: dict[str, Host] = field(default_factory=dict)
    devices: list[Host] = field(default_factory=list)
    printers: list[Host] = field(default_factory=list)
    web_sites: list[Host] = field(default_factory=list)
    resolvers: list[Host] = field(default_factory=list)
    prefix: bytes = b""

    @property
    def inside(self) -> list[Host]:
        """Every host of the site."""
        return [*self.clients, *self.servers.values(), *self.devices, *self.printers]

    def site(self, draws: Draws) -> Host:
        """An external server, popular ones more often (Zipf-like)."""
        exponent = 1.0 - _PARAMETERS.popularity_exponent
        rank = ((len(self.web_sites) ** exponent - 1.0) * draws.uniform() + 1.0) ** (1.0 / exponent)
        return self.web_sites[min(int(rank) - 1, len(self.web_sites) - 1)]

    def local_address(self, draws: Draws) -> bytes:
        """An address of the site's network, taken or not."""
        return self.prefix + bytes((draws.integer(1, 255),))

    def local(self, address: bytes) -> Host | None:
        """The inside host with this IPv4 address, if there is one."""
        return next((host for host in self.inside if host.ipv4 == address), None)


SERVER_ROLES: Final = ("resolver", "files", "web", "mail", "shell", "transfer", "desktop", "backup", "monitor")
"""Name server, file shares, public web, mail, SSH and Git, FTP, remote desktops, backups, monitoring."""

SERVER_PORTS: Final[dict[str, tuple[int, ...]]] = {
    "resolver": (53, 88, 135, 389, 445),
    "files": (139, 445, 22),
    "web": (22, 80, 443, 8080),
    "mail": (22, 25, 143, 443, 587, 993),
    "shell": (22, 443, 2222),
    "transfer": (21, 22, 80),
    "desktop": (135, 445, 3389),
    "backup": (22, 443, 873),
    "monitor": (22, 443),
}
"""The TCP ports that each server answers on."""


def open_ports(host: Host) -> tuple[int, ...]:
    """The TCP ports on which a host accepts connections."""
    role = host.name.rstrip("0123456789")
    if role in SERVER_PORTS:
        return SERVER_PORTS[role]
    if role == "printer":
        return (80, 443, 515, 631, 9100)
    if role == "device":
        return (23, 80)
    return (135, 139, 445, 3389) if host.system.name == "windows" else (22,)


def build_network(seed: int, clients: int) -> Network:
    """The site for a seed: ``clients`` workstations and telephones with their servers, printers and devices."""
    draws = Draws(seed, "network")
    network = Network(prefix=_private_prefix(draws))
    addresses = iter(draws.shuffled(range(2, 255)))
    site = b"\xfd" + draws.octets(5) + b"\x00\x01"

    def host(name: str, system: System, *, wireless: bool = False, ipv6: bool = True) -> Host:
        number = next(addresses)
        mac = b"\x02" + draws.octets(4) + bytes((number,))
        trip = _PARAMETERS.wireless_round_trip_ms if wireless else _PARAMETERS.wired_round_trip_ms
        rate = _PARAMETERS.wireless_rate_bytes_s if wireless else _PARAMETERS.wired_rate_bytes_s
        loss = _PARAMETERS.wireless_loss if wireless else _PARAMETERS.wired_loss
        address6 = site + mac[:3] + b"\xff\xfe" + mac[3:] if ipv6 else b""
        return Host(
            name,
            network.prefix + bytes((number,)),
            address6,
            mac,
            system,
            0,
            draws.milliseconds(trip),
            loss,
            draws.sample(rate),
            internal=True,
        )

    for role in SERVER_ROLES:
        system = WINDOWS_SERVER if role in ("desktop", "files") else draws.weighted(_PARAMETERS.server_systems)
        network.servers[role] = host(role, system)
    for number in range(clients):
        wireless = draws.chance(_PARAMETERS.wireless_share)
        network.clients.append(host(f"client{number}", draws.weighted(_PARAMETERS.client_systems), wireless=wireless))
    for number in range(max(1, round(clients * _PARAMETERS.devices_per_client))):
        network.devices.append(
            host(f"device{number}", draws.weighted(_PARAMETERS.device_systems), wireless=True, ipv6=False)
        )
    for number in range(max(1, round(clients * _PARAMETERS.printers_per_client))):
        network.printers.append(host(f"printer{number}", draws.weighted(_PARAMETERS.device_systems), ipv6=False))
    network.web_sites = [stranger(draws, server=True) for _ in range(_PARAMETERS.web_sites)]
    network.resolvers = [stranger(draws, server=True) for _ in range(2)]
    return network


LARGEST_SITE_CLIENTS: Final = 160
"""More workstations do not fit into the one /24 network with their servers and devices."""


def _private_prefix(draws: Draws) -> bytes:
    return draws.pick(
        (
            bytes((10, draws.integer(0, 256), draws.integer(0, 256))),
            bytes((172, draws.integer(16, 32), draws.integer(0, 256))),
            bytes((192, 168, draws.integer(0, 256))),
        )
    )


def stranger_address(draws: Draws) -> bytes:
    """An IPv4 address outside: 198.18.0.0/15 mostly, sometimes a documentation network."""
    if draws.chance(_DOCUMENTATION_SHARE):
        return draws.pick(_DOCUMENTATION_PREFIXES) + bytes((draws.integer(1, 255),))
    return bytes((198, draws.integer(18, 20), draws.integer(0, 256), draws.integer(1, 255)))


def stranger(draws: Draws, *, server: bool = False) -> Host:
    """A host outside; attackers and visitors come from here alike."""
    systems = _PARAMETERS.server_systems if server else _PARAMETERS.external_systems
    ipv6 = b"\x20\x01\x0d\xb8" + draws.octets(12) if draws.chance(_PARAMETERS.ipv6_external_share) else b""
    return Host(
        "stranger",
        stranger_address(draws),
        ipv6,
        _GATEWAY_MAC,
        draws.weighted(systems),
        draws.count(_PARAMETERS.external_hops),
        draws.milliseconds(_PARAMETERS.external_round_trip_ms),
        draws.sample(_PARAMETERS.external_loss),
        draws.sample(_PARAMETERS.external_rate_bytes_s),
        internal=False,
    )


def vacant(network: Network, address: bytes) -> Host:
    """Stands for an inside address that nobody has: packets to it pass the capture point and get no answer."""
    like = network.servers["monitor"]
    return Host(
        "vacant", address, b"", _GATEWAY_MAC, like.system, 0, like.round_trip_ns, 0.0, like.rate_bytes_s, internal=True
    )


def multicast(port: int) -> Host:
    """The group that discovery on this port is sent to, as a host that never answers."""
    address = MULTICAST[port]
    mac = b"\x01\x00\x5e" + bytes((address[1] & 0x7F,)) + address[2:]
    return Host("multicast", address, b"", mac, WINDOWS_SERVER, 0, 0, 0.0, 1e8, internal=True)


def raw_tool(draws: Draws, host: Host) -> Host:
    """The same host seen through a tool that writes its own SYN: scanners, floods, and plain monitoring probes."""
    if draws.chance(0.35):
        return host
    time_to_live = draws.pick(RAW_TIME_TO_LIVE)
    window = draws.pick(RAW_WINDOWS)
    system = System("raw", time_to_live, window, window, 0, draws.pick(RAW_OPTIONS), (1025, 65536))
    return Host(
        host.name,
        host.ipv4,
        host.ipv6,
        host.mac,
        system,
        host.hops,
        host.round_trip_ns,
        host.loss,
        host.rate_bytes_s,
        host.internal,
    )
