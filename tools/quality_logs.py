"""What detection finds in the flow logs of other tools: those that are known to hold an attack, and quiet ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from netsift.alerts.detection import Detected
from netsift.alerts.schema import Alert
from tools.quality_judged import JUDGED, VERDICTS

_IOT: Final = "iot23-zeek-csv/CTU"
_STRATOSPHERE: Final = "zeek-labelled-stratosphere"
_ARGUS: Final = "argus-binetflow-slips"


@dataclass(frozen=True, slots=True)
class Log:
    """A log, its files, and the classes of what is known to be in it; none where nothing is."""

    name: str
    pattern: str
    wanted: tuple[str, ...] = ()
    known: str = ""


QUIET: Final = (
    Log("RITA, 2024-04-19", "zeek-rita/missing_host/2024-04-19/conn*"),
    Log("RITA, 2024-04-20", "zeek-rita/missing_host/2024-04-20/conn*"),
    Log("IoT-23, honeypot 4-1 (Philips Hue)", f"{_IOT}-Honeypot-Capture-4-1-labeled.csv*"),
    Log("IoT-23, honeypot 5-1 (Amazon Echo)", f"{_IOT}-Honeypot-Capture-5-1-labeled.csv*"),
    Log("CTU-Normal-7 (Argus)", f"{_ARGUS}/history/Normal_CTU-Normal-7*"),
)
"""Logs without attacks of their own, though what reaches an open host of the Internet is in them."""
UNATTACKED: Final = QUIET[2:]
"""Those of them whose hosts nobody attacked."""

LABELLED: Final = (
    Log("IoT-23, 34-1 (Mirai)", f"{_IOT}-Malware-Capture-34-1-*", ("flood", "c2"), "floods, command and control"),
    Log("IoT-23, 8-1 (Hakai)", f"{_IOT}-Malware-Capture-8-1-*", ("c2",), "calls to command and control that is gone"),
    Log("IoT-23, 20-1 (Torii)", f"{_IOT}-Malware-Capture-20-1-*", ("c2",), "two connections kept for half a day"),
    Log(
        "Stratosphere 001", f"{_STRATOSPHERE}/001*/labeled-conn*", ("c2",), "calls to command and control that is gone"
    ),
    Log("Stratosphere 002", f"{_STRATOSPHERE}/002*/conn*", ("scan",), "scans by nmap"),
    Log("Stratosphere 003", f"{_STRATOSPHERE}/003*/conn*", ("c2", "exfiltration"), "a remote access tool for Android"),
    Log("Stratosphere 005", f"{_STRATOSPHERE}/005*/conn*", ("c2",), "generated names, which flows do not show"),
    Log("Stratosphere 006", f"{_STRATOSPHERE}/006*/conn*", ("brute_force",), "a dozen logins over SSH"),
    Log("Stratosphere 008", f"{_STRATOSPHERE}/008*/data/conn*", ("scan", "brute_force"), "attacks from outside"),
    Log("Stratosphere 010", f"{_STRATOSPHERE}/010*/data/conn*", ("scan", "brute_force"), "attacks from outside"),
    Log("Slips test3 (Argus)", f"{_ARGUS}/test3*", ("scan",), "scans from outside"),
    Log("Slips test4 (Argus)", f"{_ARGUS}/test4*", ("scan", "c2"), "a bot that looks for peers"),
    Log("Slips test5 (Argus)", f"{_ARGUS}/history/Labelled_test5*", ("c2",), "calls to command and control"),
    Log("Slips test10 (Zeek)", "zeek-slips/test10*/conn.log*", ("scan",), "two sweeps beside ordinary traffic"),
    Log("Slips test11 (Argus)", f"{_ARGUS}/test11*", ("scan",), "40 answered connections labelled a port scan"),
    Log("CTU botnet 207-1 (Argus)", f"{_ARGUS}/history/Malicious_CTU*", ("c2",), "34 requests to one web server"),
)
"""Logs with an attack in them, by the labels of their rows, by the names of their folders, or by what they were for."""


def log_lines(logs: dict[str, Detected]) -> Iterator[str]:
    """Yield what was found in all logs, and what a person says of what was found in quiet ones."""
    yield (
        "Zeek and Argus name no counts of flags, sizes of single packets or inter-arrival times, so the model is not\n"
        "asked; the behaviour detectors go by what follows from their columns (the least payload that packets of so\n"
        "many bytes hold, the fewest packets that carry it, resets by the state of a connection), and those that\n"
        "need flags stay silent. *Right* is an incident with an alert of one of the classes that the log is known to\n"
        "hold.\n"
    )
    yield from _labelled_lines(logs)
    yield "\nLogs that hold no attack, or none that is labelled; each kind of incident is judged by hand.\n"
    yield "| log | flows | incidents of | number | judged |\n|---|---|---|---|---|"
    for log in QUIET:
        found = logs[log.name]
        kinds = _kinds(found)
        if not kinds:
            yield f"| {log.name} | {found.flows:,} | none | 0 | |"
        for (category, detectors), count in kinds.most_common():
            verdict = JUDGED.get((log.name, category, detectors), "not judged yet")
            yield f"| {log.name} | {found.flows:,} | {category}: {detectors} | {count} | {verdict} |"
    yield f"\n{VERDICTS}"


def _labelled_lines(logs: dict[str, Detected]) -> Iterator[str]:
    yield "| log | flows | known to hold | incidents | right | of other classes |\n|---|---|---|---|---|---|"
    right = wrong = 0
    for log in LABELLED:
        found = logs[log.name]
        is_right = any(alert.category in log.wanted for alert in found.alerts)
        right += is_right
        others = sum(not _classes(one, found) & set(log.wanted) for one in found.incidents)
        wrong += others
        kinds = "; ".join(f"{category}: {detectors}" for category, detectors in _kinds(found)) or "none"
        yield f"| {log.name} | {found.flows:,} | {log.known} | {kinds} | {'yes' if is_right else 'no'} | {others} |"
    yield f"| together | | | | {right} of {len(LABELLED)} | {wrong} |"


def _classes(incident: Alert, found: Detected) -> set[str]:
    members = set(incident.members) or {incident.id}
    return {incident.category, *(alert.category for alert in found.alerts if alert.id in members)}


def _kinds(found: Detected) -> Counter[tuple[str, str]]:
    return Counter((one.category, "+".join(one.detectors)) for one in found.incidents)
