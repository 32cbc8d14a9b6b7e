"""Beacon: a program calls home by the clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import WEB_PORTS, is_internal, service, to_group, to_service
from netsift.detectors.behaviour.words import at_port, lasted, number

_DEVIATIONS = 4.0
"""So many standard errors below 1, the ratio of independent arrivals, the standard deviation ÷ mean must lie."""

_FEW_CALLS = 9.0
"""From so many calls on a few of them may fetch more, as those that get something to do."""

_SUREST_OF_WEB = 1.2
"""Much that calls by the clock over the web is harmless, so that however long it goes on is no proof."""

_LOGINS = ("ssh", "ftp", "telnet", "remote_desktop")
"""Services where what calls by the clock guesses at passwords."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """Regular connections of one host to one service outside, with jitter.

    What it assumes: a person's connections come in bursts, a program's by the clock and mostly of one size. ``calls``
    to the same service, with a ``regularity`` (mean ÷ (mean + standard deviation) of the times between them):
    independent arrivals have ½, a clock with 20 % of uniform jitter 0.9, with 50 % 0.78. Of many calls less is enough,
    down to ``regularity_of_many``: what independent arrivals reach by chance shrinks with their number. Sizes spread by
    less than ``alike`` of their mean, of many calls by more, because a few may fetch something. More than one call in
    ``shortest_s`` is a program at work, not one that waits. RITA (Active Countermeasures) scores the same two things.
    Many web pages ask again every few seconds while they are open, so on ports of the web it must go on for ``web_s``,
    which an hour of watching suffices for. Devices report home as regularly as any beacon: calls to the web that began
    within ``habit_s`` of the first that was seen of the host are its own. What ``popular`` many hosts call over the web
    is a service that they use, not the home of one of them. Known clocks (NTP, DNS, names, discovery, and what things
    speak) are left out. It fails on beacons that keep one connection open, on jitter beyond half of the interval, and
    on what called over the web before anybody looked.
    """

    calls: float = limit(12, "calls", "fewest calls to one service")
    regularity: float = limit(0.75, "share", "least mean ÷ (mean + standard deviation) of the time between calls")
    regularity_of_many: float = limit(0.65, "share", "the same, of so many calls that chance is ruled out")
    alike: float = limit(1.0, "share", "greatest standard deviation ÷ mean of the sizes of few calls")
    shortest_s: float = limit(1, "s", "shortest mean time between calls")
    web_s: float = limit(2_700, "s", "how long calls to a port of the web must go on")
    habit_s: float = limit(900, "s", "calls to the web that began so soon after the host came are what it is for")
    popular: float = limit(5, "hosts", "from so many callers within an hour on it is a service of the web that is used")
    gap_s: float = limit(7_200, "s", "longest time without a suspicious flow within an episode")
    name: str = "beacon"
    category: str = "c2"
    technique: str = "T1071.001"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = (
        "pair_flows_1h", "pair_gap_regularity_1h", "pair_gap_mean_s_1h", "pair_size_mean_1h", "pair_size_std_1h",
        "pair_ports_1h", "pair_age_s", "source_age_s", "destination_sources_1h",
    )  # fmt: skip
    facts: tuple[str, ...] = (*context, "dst_port")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.calls > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return flows of pairs whose connections are regular in time and size."""
        calls = view.number("pair_flows_1h")
        regular = (calls >= 4) & (view.number("pair_gap_regularity_1h") >= self._least_regularity(calls))
        spread = self.alike * np.maximum(np.sqrt(calls / _FEW_CALLS), 1)
        alike = view.number("pair_size_std_1h") <= spread * view.number("pair_size_mean_1h")
        paced = view.number("pair_gap_mean_s_1h") >= self.shortest_s
        found = regular & alike & paced & (view.number("pair_ports_1h") < 2) & (view.number("payload_packets_bwd") > 0)
        if not found.any():
            return found
        known = service(view, "ntp", "dns", "dhcp", "discovery", "snmp", "log", "print", "iot", *_LOGINS)
        used = to_service(view, "web") & (view.number("destination_sources_1h") >= self.popular)
        return found & ~known & ~used & ~is_internal(view, "dst_ip") & ~to_group(view)

    def _least_regularity(self, calls: Numbers) -> Numbers:
        """Return what independent arrivals hardly reach by chance, between the two limits.

        The standard deviation ÷ mean of n independent (exponential) times has a standard error of about 1 ÷ √n.
        """
        ratio = np.maximum(1 - _DEVIATIONS / np.sqrt(np.maximum(calls, 1)), 0)
        return np.clip(1 / (1 + ratio), self.regularity_of_many, self.regularity)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of the pair's calls in an hour."""
        return view.number("pair_flows_1h")

    def strength(self, episode: Episode) -> float:
        """Return calls ÷ limit; on a port of the web, or how long they went on ÷ limit, and little beyond it."""
        began_s = episode.fact("source_age_s") - episode.fact("pair_age_s")
        if episode.ports <= set(WEB_PORTS) and began_s <= self.habit_s:
            return 0.0
        if not episode.ports <= set(WEB_PORTS):
            return episode.flows / self.calls
        return min(episode.flows / self.calls, episode.seconds / self.web_s, _SUREST_OF_WEB)

    def reason(self, episode: Episode) -> str:
        """Say how regular the calls are."""
        source, target = episode.key
        return (
            f"{source} called {target}{at_port(episode.fact('dst_port'))} {episode.flows:,} times in "
            f"{lasted(episode.seconds)}, every {number(episode.fact('pair_gap_mean_s_1h'), 1)} s with a regularity of "
            f"{number(episode.fact('pair_gap_regularity_1h'), 2)} (independent calls have 0.5), each about "
            f"{number(episode.fact('pair_size_mean_1h'))} bytes"
        )
