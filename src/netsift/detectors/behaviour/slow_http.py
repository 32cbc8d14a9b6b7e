"""Slow HTTP: many connections to a web server that are kept open and hardly used."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import service, tcp
from netsift.detectors.behaviour.words import hosts, lasted

_PERIOD_S = 1_800


@dataclass(frozen=True, slots=True)
class SlowHttp:
    """Slowloris, slow POST and slow read: a server's connections are occupied by requests that never end.

    What it assumes: the attacker sends little, over and over, and the server has nothing to answer, or may not send its
    answer. ``connections`` to one server from sources that opened ``per_source`` to it or more in about ten minutes,
    each longer than ``seconds`` and with less than ``bytes_s`` forward payload a second and no answer, or one that
    trickles: in ``pieces`` or more, ``pieces_each`` and more for each that was sent, no faster than ``answer_bytes_s``,
    and never resting for more than the ``rest`` of the time. A browser's connection is answered at once and then rests,
    and a program that asks again and again gets about as many answers. It fails on attacks from many sources with few
    connections each.
    """

    connections: float = limit(10, "connections", "fewest connections to a server within half an hour")
    per_source: float = limit(5, "connections", "fewest of a source within about ten minutes")
    seconds: float = limit(8, "s", "shortest of them")
    bytes_s: float = limit(100, "bytes/s", "fastest forward payload of them")
    pieces: float = limit(6, "packets", "fewest packets of an answer that trickles")
    pieces_each: float = limit(4, "ratio", "fewest of them for each forward packet with payload")
    rest: float = limit(0.34, "share", "longest pause of an answer that trickles, of the whole time")
    answer_bytes_s: float = limit(300, "bytes/s", "fastest backward payload of an answer that trickles")
    gap_s: float = limit(600, "s", "longest time without a suspicious flow within an episode")
    name: str = "slow_http"
    category: str = "slow_http"
    technique: str = "T1499.002"
    severity: Severity = Severity.HIGH
    scale: str = "connections"
    scope: Scope = Scope.TARGET
    context: tuple[str, ...] = ("pair_flows_10min",)
    facts: tuple[str, ...] = ("pair_flows_10min", "duration_us", "payload_bytes_fwd", "payload_bytes_bwd")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.connections > 1

    def suspects(self, view: FlowView) -> Rows:
        """Return long web connections in which the client said little, again and again, and got little or nothing."""
        seconds = view.number("duration_us") / 1e6
        slow = (seconds >= self.seconds) & (view.number("payload_bytes_fwd") < self.bytes_s * seconds)
        unfed = (view.number("payload_packets_bwd") == 0) & (view.number("payload_packets_fwd") >= 2)
        trickle = view.number("payload_bytes_bwd") < self.answer_bytes_s * seconds
        pieces = view.number("payload_packets_bwd")
        trickle &= (pieces >= self.pieces) & (pieces >= self.pieces_each * view.number("payload_packets_fwd"))
        trickle &= view.number("iat_bwd_max_us") <= self.rest * view.number("duration_us")
        web = service(view, "web") | view.among("payload_kind_fwd", ("http",))
        again = view.number("pair_flows_10min") >= self.per_source
        found: Rows = tcp(view) & web & slow & again & (unfed | trickle | (view.number("zero_windows_fwd") > 0))
        return found

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of the pair's connections in ten minutes."""
        return view.number("pair_flows_10min")

    def strength(self, episode: Episode) -> float:
        """Return connections in half an hour ÷ limit."""
        return episode.flows / max(episode.seconds / _PERIOD_S, 1) / self.connections

    def reason(self, episode: Episode) -> str:
        """Say who holds how many connections open."""
        who, target = hosts(episode.sources, "source"), episode.key[0]
        return (
            f"{who} held {episode.flows:,} connections to {target} open for {lasted(episode.seconds)} with requests "
            f"that did not end, about {episode.bytes / max(episode.flows, 1):,.0f} bytes each"
        )
