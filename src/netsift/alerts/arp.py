"""From what ARP packets say to alerts: beside the flows, because ARP packets are in none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from netsift.alerts.behaviour import GRAVE_STRENGTH, confidence_of
from netsift.alerts.schema import MOST_MEMBERS, Alert, FlowReference, alert_id, graver
from netsift.capture.arp import ArpLog
from netsift.detectors.arp import arp_detectors
from netsift.detectors.arp.base import ArpDetector, ArpEpisode, ArpPacket

MOST_EVIDENCE: Final = 20


class ArpSearch:
    """Looks at what is in a log of ARP packets whenever it is told to, in bounded memory."""

    def __init__(self, log: ArpLog, detectors: Sequence[ArpDetector] | None = None) -> None:
        """Start with nothing seen; the detectors are all there are unless given, and must have seen nothing."""
        self.log = log
        self._detectors = arp_detectors() if detectors is None else tuple(detectors)

    def look(self, until_ns: int | None = None) -> None:
        """Show the detectors the packets up to a time, all without one."""
        packets = [ArpPacket._make(row) for row in self.log.take(until_ns).tolist()]
        for detector in self._detectors:
            detector.add(packets)

    def alerts(self) -> Iterator[Alert]:
        """Yield an alert for every episode that reaches its limit."""
        for detector in self._detectors:
            yield from _alerts(detector, detector.episodes())

    def expire(self, before_ns: int) -> list[Alert]:
        """Forget what no packet can change any more at ``before_ns`` or later; return its alerts."""
        return [alert for detector in self._detectors for alert in _alerts(detector, detector.expire(before_ns))]


def _alerts(detector: ArpDetector, episodes: Iterable[ArpEpisode]) -> Iterator[Alert]:
    for episode in episodes:
        if episode.strength >= 1:
            yield _alert(detector, episode)


def _alert(detector: ArpDetector, episode: ArpEpisode) -> Alert:
    severity = str(detector.severity)
    return Alert(
        id=alert_id("alert", detector.name, episode.key, episode.start_ns),
        kind="alert",
        start_ns=episode.start_ns,
        end_ns=episode.end_ns,
        severity=graver(severity) if episode.strength >= GRAVE_STRENGTH else severity,
        confidence=confidence_of(episode.strength),
        category=detector.category,
        technique=detector.technique,
        sources=episode.sources[:MOST_MEMBERS],
        targets=episode.targets[:MOST_MEMBERS],
        ports=(),
        truncated=max(len(episode.sources), len(episode.targets)) > MOST_MEMBERS,
        detectors=(detector.name,),
        reason=episode.reason,
        columns=(),
        flows=0,
        packets=episode.packets,
        evidence=tuple(
            FlowReference(episode.start_ns, episode.end_ns, first, None, second, None, None)
            for first, second in episode.between[:MOST_EVIDENCE]
        ),
    )
