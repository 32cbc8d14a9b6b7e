"""Every number that shapes the simulated traffic, in one place.

Units stand in the names: ``_s`` seconds, ``_ms`` milliseconds, ``_bytes``, ``_packets_s``. A comment gives the reason
or the source of each number. "Chosen" means a plausible value without a measurement behind it: it sets the scale of a
behaviour, and no result should hang on it.

Two rules shape the choices. Benign and attack behaviours share hosts, operating system profiles, ports, sizes and
rates, so that no single header field gives an attack away. And every attack varies over orders of magnitude in pace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A lognormal distribution given by its median and the deviation of its logarithm, cut to [low, high]."""

    median: float
    sigma: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Between:
    """A uniform distribution over [low, high)."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class System:
    """How an operating system's network stack shows itself on the wire.

    ``window_bytes`` is the field of the SYN, ``window_field`` that of later packets (after scaling). ``options`` orders
    the SYN's options: M maximum segment size, S SACK permitted, T timestamps, W window scale, N no operation,
    E end of list.
    """

    name: str
    time_to_live: int
    window_bytes: int
    window_field: int
    window_scale: int
    options: str
    ephemeral_ports: tuple[int, int]
    segment_bytes: int = 1460
    explicit_congestion: bool = False
    syn_retries_s: tuple[float, ...] = (1, 3, 7)

    @property
    def timestamps(self) -> bool:
        """Whether the system offers the timestamps option (RFC 7323)."""
        return "T" in self.options

    @property
    def selective(self) -> bool:
        """Whether the system offers selective acknowledgements (RFC 2018)."""
        return "S" in self.options


# Initial TTL 64, 128 and 255 are the three in use (RFC 1700 suggests 64). Windows, scales and option order follow what
# public passive fingerprints (p0f 3's database) list for these families; ephemeral ranges are the systems' documented
# defaults (Linux ip_local_port_range, IANA's dynamic range for Windows and macOS: RFC 6335 section 6).
LINUX: Final = System("linux", 64, 64240, 502, 7, "MSTNW", (32768, 61000))
LINUX_OLD: Final = System("linux-old", 64, 29200, 229, 7, "MSTNW", (32768, 61000))
WINDOWS: Final = System("windows", 128, 64240, 513, 8, "MNWNNS", (49152, 65536))
WINDOWS_SERVER: Final = System(
    "windows-server", 128, 65535, 8212, 8, "MNWNNS", (49152, 65536), explicit_congestion=True
)
MACOS: Final = System("macos", 64, 65535, 2058, 6, "MNWNNTSE", (49152, 65536), explicit_congestion=True)
ANDROID: Final = System("android", 64, 65535, 343, 9, "MSTNW", (32768, 61000), segment_bytes=1420)
EMBEDDED: Final = System("embedded", 255, 5840, 5840, 0, "M", (1025, 65536), 1440, syn_retries_s=(3, 9))
EMBEDDED_LINUX: Final = System("embedded-linux", 64, 14600, 913, 4, "MSTNW", (32768, 61000))
BSD: Final = System("bsd", 64, 65535, 1026, 6, "MNWST", (10000, 65536))

# Scanners and load tools that write their own SYN. Nmap documents windows that are multiples of 1024 and random TTLs
# below 64; the plain monitoring probe of this simulator uses the same ones, so they do not mark an attack.
RAW_WINDOWS: Final = (1024, 2048, 3072, 4096, 512, 14600, 29200, 64240, 65535)
RAW_OPTIONS: Final = ("M", "", "MSTNW", "MNWNNS")
RAW_TIME_TO_LIVE: Final = (64, 64, 128, 128, 255, 59, 48, 52)


@dataclass(frozen=True, slots=True)
class NetworkParameters:
    """Who is there, and how far away."""

    client_systems: tuple[tuple[System, float], ...] = (
        (WINDOWS, 0.5),
        (MACOS, 0.2),
        (LINUX, 0.15),
        (ANDROID, 0.15),
    )  # chosen
    server_systems: tuple[tuple[System, float], ...] = (
        (LINUX, 0.6),
        (WINDOWS_SERVER, 0.25),
        (BSD, 0.05),
        (LINUX_OLD, 0.1),
    )  # chosen
    device_systems: tuple[tuple[System, float], ...] = ((EMBEDDED, 0.4), (EMBEDDED_LINUX, 0.6))  # chosen
    external_systems: tuple[tuple[System, float], ...] = (
        (LINUX, 0.4), (LINUX_OLD, 0.1), (WINDOWS, 0.15), (WINDOWS_SERVER, 0.1), (ANDROID, 0.12), (MACOS, 0.08),
        (BSD, 0.03), (EMBEDDED_LINUX, 0.02),
    )  # chosen  # fmt: skip
    wired_round_trip_ms: LogNormal = LogNormal(0.35, 0.4, 0.1, 2)  # switched LAN
    wireless_round_trip_ms: LogNormal = LogNormal(3.0, 0.6, 1, 40)  # Wi-Fi with contention
    wireless_share: float = 0.4  # chosen
    external_round_trip_ms: LogNormal = LogNormal(28, 0.9, 2, 400)  # metropolitan to intercontinental
    external_hops: Between = Between(5, 24)  # typical path lengths of traceroute studies
    wired_loss: float = 0.00005  # chosen
    wireless_loss: float = 0.001  # chosen
    external_loss: LogNormal = LogNormal(0.0015, 1.0, 0.0001, 0.03)  # 0.1 % to 3 % covers good and bad paths
    wired_rate_bytes_s: LogNormal = LogNormal(40e6, 0.5, 8e6, 110e6)  # Gigabit Ethernet shared
    wireless_rate_bytes_s: LogNormal = LogNormal(8e6, 0.6, 1e6, 40e6)
    external_rate_bytes_s: LogNormal = LogNormal(2.5e6, 0.9, 6e4, 30e6)  # access lines of 0.5 to 240 Mbit/s
    ipv6_share: float = 0.18  # chosen; of connections whose two ends have IPv6
    ipv6_external_share: float = 0.45  # chosen; external hosts with an IPv6 address
    web_sites: int = 90  # distinct external servers that clients talk to
    popularity_exponent: float = 0.9  # Zipf-like popularity: Breslau et al., INFOCOM 1999
    devices_per_client: float = 0.35  # chosen
    printers_per_client: float = 0.1  # chosen


@dataclass(frozen=True, slots=True)
class DayShape:
    """How busy people are by hour of the day (UTC) and day of the week; 1 is the busiest hour."""

    hours: tuple[float, ...] = (
        0.08, 0.06, 0.05, 0.05, 0.06, 0.1, 0.25, 0.55, 0.85, 0.97, 1.0, 0.98,
        0.78, 0.88, 0.98, 0.96, 0.9, 0.75, 0.55, 0.45, 0.4, 0.32, 0.22, 0.13,
    )  # office hours with a lunch dip and an evening shoulder; chosen  # fmt: skip
    weekend: float = 0.35  # chosen


@dataclass(frozen=True, slots=True)
class TransportParameters:
    """TCP's timers and faults."""

    initial_window_segments: int = 10  # RFC 6928
    largest_window_segments: int = 44  # chosen: keeps one burst below the usual 64 KiB of offload
    delayed_acknowledgement_ms: float = 40  # Linux's minimum; RFC 9293 section 3.8.6.3 allows 500
    smallest_retransmission_ms: float = 200  # Linux's minimum; RFC 6298 asks for 1 s
    lost_before_capture: float = 0.35  # share of losses that leave a hole instead of a duplicate; chosen
    server_failure: float = 0.012  # connections that get no answer; chosen
    server_refusal: float = 0.008  # connections answered by a reset; chosen


@dataclass(frozen=True, slots=True)
class WebParameters:
    """Pages over TLS, QUIC and plain HTTP."""

    think_time_s: LogNormal = LogNormal(22, 1.2, 1, 900)  # heavy-tailed off times: Barford & Crovella, SIGMETRICS 1998
    connections_per_page: LogNormal = LogNormal(2.6, 0.7, 1, 14)  # main site and third parties
    requests_per_connection: LogNormal = LogNormal(1.7, 0.9, 1, 30)  # HTTP/2 multiplexes a few per site
    request_bytes: LogNormal = LogNormal(520, 0.6, 90, 6000)
    response_bytes: LogNormal = LogNormal(3600, 1.5, 120, 1_500_000)  # heavy-tailed: Crovella & Bestavros, 1997
    upload_share: float = 0.09  # chosen: forms, photos, attachments
    upload_bytes: LogNormal = LogNormal(40_000, 1.5, 1500, 2_000_000)
    server_time_ms: LogNormal = LogNormal(35, 1.0, 2, 4000)
    gap_between_requests_s: LogNormal = LogNormal(0.25, 1.3, 0.002, 20)
    quic_share: float = 0.2  # chosen
    quic_response_bytes: LogNormal = LogNormal(8_000, 1.1, 800, 300_000)
    plain_share: float = 0.08  # HTTP without TLS
    long_share: float = 0.06  # web sockets and push channels that stay open
    long_interval_s: LogNormal = LogNormal(25, 0.6, 5, 60)
    long_messages: LogNormal = LogNormal(15, 1.2, 1, 400)  # minutes to hours; chosen
    linger_s: LogNormal = LogNormal(12, 1.2, 0.05, 110)  # keep-alive of servers before they close
    alternative_ports: tuple[int, ...] = (8443, 8080, 8000, 8888, 4443)  # web applications off the standard ports
    alternative_port_share: float = 0.03


@dataclass(frozen=True, slots=True)
class NameParameters:
    """DNS of ordinary hosts."""

    gap_s: LogNormal = LogNormal(14, 1.2, 0.3, 300)
    cached_ms: float = 0.4  # a resolver's answer from memory
    recursive_ms: LogNormal = LogNormal(28, 0.9, 3, 1500)
    cached_share: float = 0.6  # cache hit rates of 60 to 80 %: Jung et al., ToN 2002
    missing_share: float = 0.09  # NXDOMAIN; search lists and typos
    retry_share: float = 0.012
    reputation_share: float = 0.05  # security software that asks for long hashed names and TXT, much like a tunnel
    burst: LogNormal = LogNormal(1.6, 0.6, 1, 12)


@dataclass(frozen=True, slots=True)
class ServiceParameters:
    """Time, mail, shells, desktops and files."""

    time_poll_s: tuple[int, ...] = (64, 128, 256, 512, 1024)  # RFC 5905 section 7.3
    mail_check_s: LogNormal = LogNormal(150, 0.6, 30, 900)
    mail_idle_s: LogNormal = LogNormal(110, 0.3, 30, 300)  # IMAP IDLE refreshed well before RFC 2177's 29 minutes
    mail_message_bytes: LogNormal = LogNormal(18_000, 1.4, 1200, 1_500_000)
    mail_delivery_s: LogNormal = LogNormal(120, 1.0, 5, 1800)
    shell_gap_s: LogNormal = LogNormal(500, 0.9, 40, 7200)
    shell_keystroke_s: LogNormal = LogNormal(0.22, 0.9, 0.03, 12)  # heavy-tailed typing: Paxson & Floyd, ToN 1995
    shell_keystrokes: LogNormal = LogNormal(140, 1.0, 8, 1500)
    shell_wrong_password: float = 0.15  # chosen: people mistype, once or twice
    shell_automation_gap_s: LogNormal = LogNormal(75, 0.5, 15, 600)  # configuration management logs in again and again
    desktop_gap_s: LogNormal = LogNormal(1500, 0.8, 120, 7200)
    desktop_seconds: LogNormal = LogNormal(90, 0.9, 15, 1800)
    share_gap_s: LogNormal = LogNormal(180, 1.0, 10, 1800)
    share_file_bytes: LogNormal = LogNormal(25_000, 1.6, 200, 4_000_000)
    share_files: LogNormal = LogNormal(3, 0.8, 1, 25)
    transfer_gap_s: LogNormal = LogNormal(900, 0.8, 60, 7200)
    transfer_bytes: LogNormal = LogNormal(250_000, 1.5, 2000, 6_000_000)
    banner_ms: LogNormal = LogNormal(18, 0.9, 1, 900)
    password_check_ms: LogNormal = LogNormal(120, 0.9, 8, 3000)  # slow hashes and deliberate delays


@dataclass(frozen=True, slots=True)
class MediaParameters:
    """Video, calls, backups and updates; volumes are kept small so that captures stay small."""

    viewers_share: float = 0.2  # chosen: clients that watch at some time
    video_gap_s: LogNormal = LogNormal(1100, 0.7, 120, 7200)
    video_chunks: LogNormal = LogNormal(16, 0.7, 4, 90)
    video_chunk_bytes: LogNormal = LogNormal(150_000, 0.5, 40_000, 1_200_000)  # a few seconds at 0.1 to 2 Mbit/s
    video_chunk_gap_s: LogNormal = LogNormal(5, 0.35, 2, 15)
    call_gap_s: LogNormal = LogNormal(2600, 0.8, 240, 14_400)
    call_seconds: LogNormal = LogNormal(55, 0.8, 10, 600)
    call_packets_s: float = 50  # one voice frame per 20 ms (RFC 3551 section 4.2)
    call_payload_bytes: Between = Between(60, 220)
    backup_gap_s: LogNormal = LogNormal(1500, 0.5, 300, 7200)
    backup_bytes: LogNormal = LogNormal(500_000, 0.9, 60_000, 8_000_000)
    cloud_backup_share: float = 0.5  # chosen: backups that leave the network, much like an exfiltration
    update_gap_s: LogNormal = LogNormal(1700, 0.8, 180, 14_400)
    update_bytes: LogNormal = LogNormal(250_000, 1.0, 20_000, 6_000_000)


@dataclass(frozen=True, slots=True)
class DeviceParameters:
    """Printers, things, discovery and the monitoring host."""

    heartbeat_s: LogNormal = LogNormal(60, 0.7, 10, 600)  # drawn once per device
    heartbeat_jitter: Between = Between(0.0, 0.25)  # drawn once per device, much like a beacon's
    heartbeat_bytes: LogNormal = LogNormal(180, 0.6, 16, 2500)
    print_gap_s: LogNormal = LogNormal(420, 0.9, 30, 3600)
    print_bytes: LogNormal = LogNormal(90_000, 1.2, 8000, 3_000_000)
    supply_poll_s: float = 60  # SNMP polls of the print server; chosen
    discovery_gap_s: LogNormal = LogNormal(90, 0.8, 10, 900)
    monitor_round_s: Between = Between(45, 75)
    monitor_gap_ms: LogNormal = LogNormal(60, 0.8, 2, 1500)
    monitor_ports: tuple[int, ...] = (22, 25, 53, 80, 135, 139, 443, 445, 587, 631, 993, 3306, 3389, 5432, 8080, 9100)
    monitor_sweep_share: float = (
        0.12  # rounds in which it takes inventory of many ports: harmless, and looks like a scan
    )
    monitor_sweep_ports: int = 60
    poll_ping_count: int = 3


@dataclass(frozen=True, slots=True)
class VisitorParameters:
    """Strangers at the public servers: visitors, a crawler and slow mobile phones."""

    visit_gap_s: LogNormal = LogNormal(11, 1.0, 0.2, 300)
    slow_share: float = 0.14  # visitors on a bad mobile line, much like slow HTTP
    slow_pause_s: LogNormal = LogNormal(5, 1.0, 0.5, 60)
    crawler_pause_s: LogNormal = LogNormal(120, 0.6, 15, 900)  # between its runs
    crawler_gap_s: LogNormal = LogNormal(0.6, 0.8, 0.02, 10)  # between two fetches of a run
    crawler_pages: LogNormal = LogNormal(14, 0.7, 3, 120)
    lookup_gap_s: LogNormal = LogNormal(20, 1.0, 0.5, 300)  # queries to the authoritative name server


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """Port scans from a few probes a minute to hundreds a second."""

    fast_gap_ms: LogNormal = LogNormal(18, 1.3, 0.8, 600)  # Nmap's timing templates span seconds to milliseconds
    slow_gap_s: LogNormal = LogNormal(9, 0.8, 2, 90)
    vertical_ports: LogNormal = LogNormal(350, 0.9, 30, 4000)
    horizontal_ports: tuple[int, ...] = (22, 23, 80, 443, 445, 1433, 3306, 3389, 5900, 6379, 8080, 8443)
    horizontal_hosts: LogNormal = LogNormal(140, 0.5, 30, 254)
    filtered_share: Between = Between(0.05, 0.9)  # targets behind a packet filter, drawn per scan
    retry_share: float = 0.5  # unanswered probes that are sent twice
    datagram_ports: tuple[int, ...] = (53, 67, 69, 111, 123, 137, 161, 500, 514, 520, 1900, 4500, 5060, 5353, 11211)
    unreachable_share: float = 0.35  # ICMP errors are rate limited (RFC 1812 section 4.3.2.8)
    banner_share: float = 0.4  # connect scans that wait for the greeting
    internal_share: float = 0.45  # scans from a compromised host inside; chosen


@dataclass(frozen=True, slots=True)
class GuessParameters:
    """Password guessing."""

    gap_s: LogNormal = LogNormal(1.2, 1.4, 0.03, 60)  # one source: several a second down to one a minute
    attempts: LogNormal = LogNormal(90, 0.9, 8, 600)
    parallel: tuple[int, ...] = (1, 1, 2, 4, 8)
    guesses_per_connection: tuple[int, ...] = (1, 1, 2, 3, 6)  # OpenSSH's MaxAuthTries is 6
    sources: tuple[int, ...] = (1, 1, 1, 3, 12)  # distributed guessing
    internal_share: float = 0.25
    success_share: float = 0.2


@dataclass(frozen=True, slots=True)
class FloodParameters:
    """Floods; their pace is the setting ``flood_rate``, their size is cut at ``flood_packets``."""

    rate_factor: LogNormal = LogNormal(1.0, 0.9, 0.08, 8)  # times the setting
    seconds: LogNormal = LogNormal(25, 0.8, 5, 240)
    answered_share: Between = Between(0.1, 0.95)  # SYNs the victim still answers, drawn per flood
    spoofed_share: float = 0.65  # SYN floods with forged sources
    bots: tuple[int, ...] = (1, 2, 5, 20)
    ports: tuple[int, ...] = (80, 443, 443, 25, 22, 53, 8080)
    payload_bytes: LogNormal = LogNormal(220, 1.1, 0, 1400)
    icmp_payload_bytes: tuple[int, ...] = (32, 56, 56, 512, 1400)
    reflectors: LogNormal = LogNormal(30, 0.8, 5, 300)
    reflected: tuple[tuple[int, int, int], ...] = (
        (53, 900, 3900), (123, 468, 468), (1900, 250, 420), (389, 1200, 3000), (11211, 1000, 1400), (19, 74, 1000),
    )  # source port, smallest and largest answer in bytes: protocols listed in CISA alert TA14-017A  # fmt: skip
    internal_share: float = 0.15


@dataclass(frozen=True, slots=True)
class WebAttackParameters:
    """Attacks on a web server above TCP."""

    slow_connections: LogNormal = LogNormal(70, 0.7, 10, 300)
    slow_pause_s: LogNormal = LogNormal(9, 0.6, 1.5, 30)  # slow header tools default to 10 to 15 s
    slow_piece_bytes: Between = Between(0, 60)  # besides the field's name
    slow_open_gap_s: LogNormal = LogNormal(0.15, 1.0, 0.01, 4)
    slow_seconds: LogNormal = LogNormal(180, 0.6, 30, 900)
    flood_requests_s: LogNormal = LogNormal(18, 1.0, 1.5, 150)
    flood_seconds: LogNormal = LogNormal(40, 0.7, 8, 240)
    flood_bots: tuple[int, ...] = (1, 3, 8, 25)
    flood_requests_per_connection: LogNormal = LogNormal(2, 1.0, 1, 60)
    flood_largest_connections: int = 800  # keeps captures small


@dataclass(frozen=True, slots=True)
class CovertParameters:
    """Command and control, tunnels, exfiltration."""

    beacon_s: LogNormal = LogNormal(45, 0.8, 4, 900)  # frameworks default to 5 to 60 s, patient ones to many minutes
    beacon_jitter: Between = Between(0.0, 0.5)  # share of the period
    beacon_request_bytes: LogNormal = LogNormal(320, 0.6, 40, 4000)
    beacon_response_bytes: LogNormal = LogNormal(260, 0.9, 20, 60_000)
    task_share: float = 0.06  # beacons that fetch a task and bring back results
    task_bytes: LogNormal = LogNormal(20_000, 1.2, 800, 600_000)
    beacon_ports: tuple[int, ...] = (443, 443, 443, 80, 8443, 8080, 4444)
    tunnel_query_gap_s: LogNormal = LogNormal(0.6, 1.5, 0.02, 30)
    tunnel_label_bytes: Between = Between(18, 58)  # a DNS label holds 63 (RFC 1035 section 2.3.4)
    tunnel_seconds: LogNormal = LogNormal(200, 0.8, 30, 1800)
    tunnel_types: tuple[int, ...] = (16, 16, 10, 5, 1, 15, 28)  # TXT, NULL, CNAME, A, MX, AAAA
    tunnel_largest_queries: int = 1500  # keeps captures small
    stolen_bytes: LogNormal = LogNormal(700_000, 1.1, 30_000, 8_000_000)
    stolen_pieces: tuple[int, ...] = (1, 1, 4, 12, 30)
    stolen_gap_s: LogNormal = LogNormal(12, 1.1, 0.5, 180)
    stolen_rate_bytes_s: LogNormal = LogNormal(400_000, 1.2, 15_000, 6e6)


@dataclass(frozen=True, slots=True)
class WormParameters:
    """Worm-like spreading: probing a service, then handing over a body."""

    ports: tuple[int, ...] = (445, 445, 23, 22, 6379, 80)
    probe_gap_s: LogNormal = LogNormal(0.25, 1.2, 0.01, 15)
    probes: LogNormal = LogNormal(160, 0.8, 20, 1500)
    local_share: float = 0.6  # worms prefer their own neighbourhood
    exploit_share: float = 0.35  # of answered probes
    exploit_bytes: LogNormal = LogNormal(4500, 0.8, 600, 60_000)
    body_bytes: LogNormal = LogNormal(120_000, 0.7, 20_000, 800_000)
    outside_answers: float = 0.05  # addresses outside that have the service; chosen
    largest_probes: int = 1200  # of all infected hosts together; keeps captures small


@dataclass(frozen=True, slots=True)
class CampaignParameters:
    """How many attacks a capture holds: at least one of each kind that was asked for."""

    per_hour: float = 1.2  # further campaigns of each kind per hour at intensity 1; chosen
    latest_start: float = 0.75  # share of the capture after which nothing new starts


@dataclass(frozen=True, slots=True)
class Parameters:
    """All of the above."""

    network: NetworkParameters = field(default_factory=NetworkParameters)
    day: DayShape = field(default_factory=DayShape)
    transport: TransportParameters = field(default_factory=TransportParameters)
    web: WebParameters = field(default_factory=WebParameters)
    names: NameParameters = field(default_factory=NameParameters)
    services: ServiceParameters = field(default_factory=ServiceParameters)
    media: MediaParameters = field(default_factory=MediaParameters)
    devices: DeviceParameters = field(default_factory=DeviceParameters)
    visitors: VisitorParameters = field(default_factory=VisitorParameters)
    scans: ScanParameters = field(default_factory=ScanParameters)
    guesses: GuessParameters = field(default_factory=GuessParameters)
    floods: FloodParameters = field(default_factory=FloodParameters)
    web_attacks: WebAttackParameters = field(default_factory=WebAttackParameters)
    covert: CovertParameters = field(default_factory=CovertParameters)
    worms: WormParameters = field(default_factory=WormParameters)
    campaigns: CampaignParameters = field(default_factory=CampaignParameters)


PARAMETERS: Final = Parameters()
"""The one instance that the simulator reads."""
