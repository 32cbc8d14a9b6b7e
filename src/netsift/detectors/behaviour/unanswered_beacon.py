"""Unanswered beacon: a program that keeps calling a place where nobody is at home any more."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.context.tracker import FAILED_STATES
from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal, service, tcp, to_group, unanswered
from netsift.detectors.behaviour.words import at_port, lasted, number
from netsift.models.services import SERVICES

_PUSH_PORTS = (5222, 5223, 5228, 5229, 5230)


@dataclass(frozen=True, slots=True)
class UnansweredBeacon:
    """Connections to one outside service that never come about, again and again: command and control that is gone.

    What it assumes: people give up, and programs of makers that still exist reach them, or try on ports of well-known
    services and of push services, which are left out because firewalls that forbid them make every such program look
    like this. Malware whose server was taken down has one address and one port and goes on trying: ``calls`` of one
    host to one port of one address within ``lasting_s`` or more, of which less than ``answered`` comes about. It fails
    on ports of the web, and on programs that wait for hours before they try again.
    """

    calls: float = limit(30, "calls", "fewest calls to one service")
    lasting_s: float = limit(900, "s", "how long they must go on")
    answered: float = limit(0.1, "share", "greatest share of calls that come about")
    gap_s: float = limit(3_600, "s", "longest time without a suspicious flow within an episode")
    name: str = "unanswered_beacon"
    category: str = "c2"
    technique: str = "T1571"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ("pair_flows_1h", "pair_failed_1h", "pair_ports_1h", "pair_gap_mean_s_1h")
    facts: tuple[str, ...] = (*context, "dst_port")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.calls > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return connections out of the network, to a port of no known service, of which hardly any came about."""
        failed = tcp(view) & (unanswered(view) | view.among("conn_state", FAILED_STATES))
        flows = view.number("pair_flows_1h")
        found = failed & (flows >= 4) & (view.number("pair_failed_1h") >= (1 - self.answered) * flows)
        found &= view.number("pair_ports_1h") < 2
        if not found.any():
            return found
        port = view.number("dst_port")
        known = service(view, *SERVICES[2:])
        for push in _PUSH_PORTS:
            known = known | (port == push)
        return found & ~known & is_internal(view, "src_ip") & ~is_internal(view, "dst_ip") & ~to_group(view)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of the pair's calls in an hour."""
        return view.number("pair_flows_1h")

    def strength(self, episode: Episode) -> float:
        """Return calls ÷ limit, or how long they went on ÷ limit, whichever is less."""
        return min(episode.flows / self.calls, episode.seconds / self.lasting_s)

    def reason(self, episode: Episode) -> str:
        """Say how often it was tried, and how much of it was in vain."""
        source, target = episode.key
        lost = episode.fact("pair_failed_1h") / max(episode.fact("pair_flows_1h"), 1)
        return (
            f"{source} tried {target}{at_port(episode.fact('dst_port'))} {episode.flows:,} times in "
            f"{lasted(episode.seconds)}, about every {number(episode.fact('pair_gap_mean_s_1h'), 1)} s, and in the "
            f"last hour {lost:.0%} came to nothing"
        )
