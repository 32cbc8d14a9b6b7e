"""The page ``docs/behaviour.md``, made from the behaviour detectors: what each assumes, its limits, where it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any, Final

from netsift.detectors.arp import arp_detectors
from netsift.detectors.arp.base import ArpDetector
from netsift.detectors.behaviour import BEHAVIOURS
from netsift.detectors.behaviour.base import Behaviour

INTRODUCTION: Final = """\
# Behaviour detectors

Generated from `src/netsift/detectors/behaviour/` by `python tools/generate_docs.py`; do not edit.

A behaviour shows over many flows, so it needs no training, only limits. Each detector below picks suspicious flows by
their own columns and by the [context](context.md) of the hosts, collects them into episodes of one host or pair, and
raises an [alert](alerts.md) where an episode goes beyond its limit. A limit says what ordinary programs stay below and
why; `tests/detectors/behaviour/` holds each detector just above and just below its limit, and against look-alikes:
resolvers, crawlers, backups, monitoring, health checks, peer-to-peer programs, proxies, mail, domain members.

ARP packets carry no IP and are in no flow ([flow-meter.md](flow-meter.md)); two detectors look at what they say
themselves, packet by packet, in captures and live. Flow files have none. A host is to them a hardware address of one
VLAN. `tests/detectors/arp/` does for them what is said above, with the look-alikes of their field: routers behind which
somebody from outside scans, hosts that start, leases that move, clusters and proxies, machines with two cards.
"""


def behaviour_page() -> str:
    """Return ``docs/behaviour.md``: a table of all detectors, then a section for each."""
    lines = [
        INTRODUCTION,
        "| detector | category | ATT&CK | severity | whose flows | finds |",
        "|---|---|---|---|---|---|",
    ]
    for behaviour in BEHAVIOURS:
        link = f"[`{behaviour.name}`](#{behaviour.name})"
        lines.append(
            f"| {link} | `{behaviour.category}` | {_technique(behaviour.technique)} | {behaviour.severity} "
            f"| {behaviour.scope} | {_summary(behaviour)} |"
        )
    for detector in arp_detectors():
        link = f"[`{detector.name}`](#{detector.name})"
        lines.append(
            f"| {link} | `{detector.category}` | {_technique(detector.technique)} | {detector.severity} "
            f"| none: ARP packets | {_summary(detector)} |"
        )
    everyone: list[Behaviour | ArpDetector] = [*BEHAVIOURS, *arp_detectors()]
    for one in everyone:
        lines += ["", f"## {one.name}", "", *_section(one)]
    return "\n".join(lines) + "\n"


def _section(behaviour: Behaviour | ArpDetector) -> Iterator[str]:
    yield _summary(behaviour)
    yield ""
    yield _manual(behaviour)
    yield ""
    yield "| limit | default | unit | meaning |"
    yield "|---|---:|---|---|"
    for one in fields(behaviour):  # type: ignore[arg-type] # every behaviour is a dataclass
        if one.metadata:
            yield f"| `{one.name}` | {_number(one)} | {one.metadata['unit']} | {one.metadata['meaning']} |"
    if context := getattr(behaviour, "context", ()):
        yield ""
        yield "Context columns: " + ", ".join(f"`{name}`" for name in context) + "."


def _technique(technique: str) -> str:
    return f"[{technique}](https://attack.mitre.org/techniques/{technique.replace('.', '/')}/)"


def _paragraphs(behaviour: Behaviour | ArpDetector) -> list[str]:
    text = (type(behaviour).__doc__ or "").replace("``", "`")
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]


def _summary(behaviour: Behaviour | ArpDetector) -> str:
    return _paragraphs(behaviour)[0].replace("|", "\\|")


def _manual(behaviour: Behaviour | ArpDetector) -> str:
    return "\n\n".join(paragraph for paragraph in _paragraphs(behaviour)[1:] if paragraph)


def _number(one: Field[Any]) -> str:
    return f"{one.default:,.10g}"
