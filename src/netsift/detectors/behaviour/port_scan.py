"""Vertical scan: one source asks many ports of one host, and most of them do not answer."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import UDP, Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import tcp_probe, to_group, udp_probe
from netsift.detectors.behaviour.words import lasted

_IN_ONE_GO_S = 600
_POLLS = 2.5
_REPEATED = 4
"""So many times the limit is a scan whatever else the two hosts do."""
_TRANSLATED_PORTS = 10_000
"""Translators of addresses give peers behind them ports from here on, ever others."""


@dataclass(frozen=True, slots=True)
class PortScan:
    """SYN, connect, FIN, null, ACK and UDP scans of the ports of one host.

    What it assumes: a scanner asks ports of which it does not know whether anybody listens, so that its flows carry no
    payload, or, over UDP, get no answer; a client knows its port. ``ports``: a client that meets a dead server asks at
    most a handful of ports of it (an application and its fallbacks), and pollers ask theirs over and over: of
    ``repeats`` and more to each port (2.5 over more than ten minutes, because a scanner asks again at once or not at
    all) it must be four times the ports, and so it must over UDP where all ports are high ones, because peers behind a
    translator of addresses have ever other ones. ``fruitless``: a scan of an open host may find some ports open, so
    half of the pair's flows may succeed. It fails on scans of fewer ports, on those spread over more than ``gap_s`` a
    port, and on idle scans, which show another source.
    """

    ports: float = limit(5, "ports", "fewest ports of one host")
    fruitless: float = limit(0.5, "share", "least share of the pair's flows of the last hour that were probes")
    repeats: float = limit(10, "flows", "so many to each port, in the mean, are a client that does not give up")
    gap_s: float = limit(3_600, "s", "longest time without a suspicious flow within an episode")
    name: str = "port_scan"
    category: str = "scan"
    technique: str = "T1046"
    severity: Severity = Severity.MEDIUM
    scale: str = "ports"
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = (
        "pair_ports_1h", "pair_flows_1h", "pair_failed_1h", "pair_unanswered_1h", "pair_resets_1h",
    )  # fmt: skip
    facts: tuple[str, ...] = (*context, "protocol")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.ports > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return the probes."""
        probes = tcp_probe(view) | udp_probe(view)
        return probes & ~to_group(view) if probes.any() else probes

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of ports asked."""
        return view.number("pair_ports_1h")

    def strength(self, episode: Episode) -> float:
        """Return ports ÷ limit, 0 where the pair's flows mostly succeed."""
        # Of a longer episode only the last hour is compared with what the pair did besides.
        lost = max(episode.fact(f"pair_{name}_1h") for name in ("failed", "unanswered", "resets"))
        probes = episode.flows if episode.seconds <= 3_600 else lost
        few = len(episode.ports) < _REPEATED * self.ports
        if few and probes < self.fruitless * episode.fact("pair_flows_1h"):
            return 0.0
        often = self.repeats if episode.seconds <= _IN_ONE_GO_S else _POLLS
        repeated = episode.flows >= often * len(episode.ports)
        translated = episode.fact("protocol") == UDP and min(episode.ports, default=0) >= _TRANSLATED_PORTS
        return len(episode.ports) / (_REPEATED * self.ports if repeated or translated else self.ports)

    def reason(self, episode: Episode) -> str:
        """Say who asked how many ports of whom, and how fast."""
        source, target = episode.key
        return (
            f"{source} tried {len(episode.ports):,} ports of {target} in {lasted(episode.seconds)}, "
            f"{episode.flows:,} times without a word being said; a client tries fewer than {self.ports:.0f}"
        )
