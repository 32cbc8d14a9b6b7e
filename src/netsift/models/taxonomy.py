"""One taxonomy for all labels: twelve classes with their MITRE ATT&CK techniques, and which label means which class.

Every data set spells its labels in its own way. :func:`classify` compares them without case and punctuation, so that
``Web Attack – XSS``, its copies with a broken dash and ``web_attack_xss`` are one label. Technique ids are those of
MITRE ATT&CK for Enterprise, version 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

BENIGN: Final = "benign"
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class AttackClass:
    """One class: what it holds, and the ids of the ATT&CK techniques that its flows show."""

    name: str
    meaning: str
    techniques: tuple[str, ...]


CLASSES: Final[tuple[AttackClass, ...]] = (
    AttackClass(BENIGN, "ordinary traffic, and attacks that had no effect on the traffic", ()),
    AttackClass("scan", "looking for hosts, ports, versions and weaknesses", ("T1046", "T1595", "T1018")),
    AttackClass("brute_force", "guessing credentials", ("T1110",)),
    AttackClass("flood", "exhausting a service or a line by volume, reflection included", ("T1498", "T1499")),
    AttackClass("slow_http", "exhausting a web server with connections that never finish", ("T1499.002",)),
    AttackClass("web_attack", "injection and the like against web applications", ("T1190", "T1059.007")),
    AttackClass("c2", "bots and their command and control", ("T1071", "T1571", "T1105")),
    AttackClass("infiltration", "getting in by a person's hand and moving on inside", ("T1204", "T1021")),
    AttackClass("exfiltration", "carrying data out", ("T1041", "T1048")),
    AttackClass("tunnel", "other traffic inside a protocol that is let through", ("T1572", "T1071.004")),
    AttackClass("exploit", "using a weakness of a service, worms included", ("T1190", "T1210", "T1203")),
    AttackClass(OTHER, "attacks that fit nowhere else, or whose label does not say what they are", ()),
)
"""Every class, benign first."""

NAMES: Final = tuple(one.name for one in CLASSES)
TECHNIQUES: Final[dict[str, tuple[str, ...]]] = {one.name: one.techniques for one in CLASSES}

_LABELS: Final[dict[str, str]] = {
    BENIGN: """
        benign normal background legitimate clean 0 none false benigntraffic benign_traffic attempted
        """,
    "scan": """
        scan port_scan portscan network_scan vulnerability_scan vulnerabilityscan reconnaissance recon discovery probe
        recon_hostdiscovery recon_osscan recon_pingsweep recon_portscan infiltration_portscan
        infiltration_nmap_portscan ipsweep portsweep nmap satan saint mscan partofahorizontalportscan
        partofahorizontalportscan_attack c_c_partofahorizontalportscan horizontal_port_scan vertical_port_scan
        """,
    "brute_force": """
        brute_force bruteforce ftp_patator ssh_patator ftp_bruteforce ssh_bruteforce web_attack_brute_force
        brute_force_web dictionarybruteforce guess_passwd snmpguess credaccess bruteforce_zerologon password
        """,
    "flood": """
        flood http_flood reflection dos ddos dos_hulk dos_goldeneye ddos_attack_hoic ddos_attack_loic_udp
        ddos_attacks_loic_http dos_attacks_hulk dos_attacks_goldeneye ddos_hoic ddos_loic_http ddos_loic_udp
        drdos_dns drdos_ldap drdos_mssql drdos_netbios drdos_ntp drdos_snmp drdos_ssdp drdos_udp ldap mssql netbios
        udp syn tftp udp_lag udplag webddos portmap
        ddos_icmp_flood ddos_udp_flood ddos_tcp_flood ddos_pshack_flood ddos_syn_flood ddos_rstfinflood
        ddos_synonymousip_flood ddos_icmp_fragmentation ddos_udp_fragmentation ddos_ack_fragmentation ddos_http_flood
        dos_udp_flood dos_tcp_flood dos_syn_flood dos_http_flood mirai_greeth_flood mirai_greip_flood mirai_udpplain
        back land neptune pod smurf teardrop apache2 udpstorm processtable mailbomb dhcp_flood
        """,
    "slow_http": """
        slow_http slowhttp dos_slowloris dos_slowhttptest dos_attacks_slowloris dos_attacks_slowhttptest ddos_slowloris
        slowloris slowhttptest
        """,
    "web_attack": """
        web_attack webattack web_attack_xss web_attack_sql_injection web_attack_sql brute_force_xss sql_injection
        sqlinjection xss commandinjection uploading_attack browserhijacking phf session_hijack injection
        """,
    "c2": """
        c2 c2_beacon bot botnet botnet_ares cc c_c c_c_filedownload c_c_heartbeat c_c_heartbeat_attack
        c_c_heartbeat_filedownload c_c_mirai c_c_torii filedownload okiru okiru_attack torii mirai backdoor backdoors
        backdoor_malware rat_c2 icmp_c2 malware_c2 malware
        """,
    "infiltration": """
        infiltration infilteration infiltration_dropbox_download infiltration_cool_disk
        infiltration_communication_victim_attacker lateral_movement lateral privesc ftp_write multihop warezmaster
        """,
    "exfiltration": """
        exfiltration exfil spy warezclient data_theft keylogging
        """,
    "tunnel": """
        tunnel dns_tunnel icmp_tunnel httptunnel
        """,
    "exploit": """
        exploit exploits heartbleed shellcode worm worms buffer_overflow loadmodule perl rootkit sqlattack xterm ps imap
        named sendmail evasion
        """,
    OTHER: """
        other other_attack attack malicious anomaly 1 true analysis fuzzers generic external_attack_to_device
        dns_spoofing mitm_arpspoofing mitm arp_spoof ransomware cryptomining snmpgetattack xlock xsnoop
        """,
}

CLASS_OF_LABEL: Final[dict[str, str]] = {label: name for name, labels in _LABELS.items() for label in labels.split()}
"""The class of every label that is known, by its spelling in lower case with underscores."""

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # The corrected CIC sets mark attacks without effect, which their authors recommend to count as benign.
    (re.compile(r".*_attempted$"), BENIGN),
    # Argus flows of CTU: flow=From-Botnet-V42-TCP-Attempt, flow=Background-UDP, flow=To-Normal-V42-UDP.
    (re.compile(r"^flow_(from_|to_)?(background|normal)(_.*)?$"), BENIGN),
    (re.compile(r"^flow_(from_|to_)?(botnet|malware|cc)(_.*)?$"), "c2"),
)


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of a label; ``known`` is False where only the taxonomy's :data:`OTHER` was left for it."""

    name: str
    known: bool


@lru_cache(maxsize=4096)
def classify(label: str) -> Classified:
    """Return the class of a label in any spelling."""
    if label.strip() == "-":
        return Classified(BENIGN, known=True)
    key = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_")
    if key in CLASS_OF_LABEL:
        return Classified(CLASS_OF_LABEL[key], known=True)
    for pattern, name in _PATTERNS:
        if pattern.match(key):
            return Classified(name, known=True)
    return Classified(OTHER, known=False)


def techniques_of(classes: Iterable[str]) -> dict[str, list[str]]:
    """Return the technique ids of the classes that have any; a class may be known under any label of the taxonomy."""
    techniques = {name: list(TECHNIQUES[classify(name).name]) for name in classes}
    return {name: ids for name, ids in techniques.items() if ids}
