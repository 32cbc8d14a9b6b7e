"""Guessing credentials: one connection after the other to a login service, each short and like the last."""

from __future__ import annotations

from dataclasses import dataclass

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import to_service
from netsift.detectors.behaviour.words import at_port, hosts, lasted, number

_LOGINS = ("ssh", "ftp", "telnet", "remote_desktop", "smb", "directory", "rpc", "mail")
_LOGIN_WORDS = ("ssh", "rdp", "smb", "banner")


@dataclass(frozen=True, slots=True)
class BruteForce:
    """Guessing and spraying of passwords against any service that has a login, by its port or by what it says.

    What it assumes: one guess, or a few, is one connection, because services hang up; it is short and small, because
    nothing but the login is said; and the connections are alike. ``attempts`` in ``gap_s``-bounded succession: people
    mistype a few times. ``bytes_``: a login is 1 to 8 kB, encrypted ones included; a session is more.
    ``interval_s``: the mean time between attempts; slower than that is a scheduled job, or a guesser with more patience
    than this detector. It fails on guessing within one connection and on logins of web pages.
    """

    attempts: float = limit(8, "connections", "fewest connections to a login service")
    bytes_: float = limit(12_000, "bytes", "largest connection that is a login and nothing else")
    interval_s: float = limit(30, "s", "longest mean time between attempts")
    alike: float = limit(1.0, "share", "greatest standard deviation ÷ mean of the sizes")
    gap_s: float = limit(300, "s", "longest time without a suspicious flow within an episode")
    name: str = "brute_force"
    category: str = "brute_force"
    technique: str = "T1110"
    severity: Severity = Severity.HIGH
    scope: Scope = Scope.SOURCE
    context: tuple[str, ...] = (
        "source_service_flows_10min", "source_service_size_mean_10min", "source_service_size_std_10min",
        "source_service_destinations_10min",
    )  # fmt: skip
    facts: tuple[str, ...] = (*context, "dst_port")

    @property
    def needs_several(self) -> bool:
        """An episode of one flow stays below the limit."""
        return self.attempts > 3

    def suspects(self, view: FlowView) -> Rows:
        """Return short answered connections to a login service, of a source that has several of them."""
        login = to_service(view, *_LOGINS) | view.among("payload_kind_bwd", _LOGIN_WORDS)
        short = (view.number("bytes") <= self.bytes_) & (view.number("payload_packets_bwd") >= 1)
        # The sums are damped: the third of some connections is worth 2.5 of them or more.
        several = view.number("source_service_flows_10min") >= min(2.5, self.attempts)
        return login & short & several

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of connections to the service in ten minutes."""
        return view.number("source_service_flows_10min")

    def strength(self, episode: Episode) -> float:
        """Return attempts ÷ limit, 0 where they are slow or unlike each other."""
        slow = episode.seconds / max(episode.flows - 1, 1) > self.interval_s
        mean = episode.fact("source_service_size_mean_10min")
        unlike = episode.fact("source_service_size_std_10min") > self.alike * mean
        return 0.0 if slow or unlike else (episode.flows + 2) / self.attempts

    def reason(self, episode: Episode) -> str:
        """Say who knocked where, how often and how fast."""
        where = at_port(episode.fact("dst_port"))
        mean = episode.fact("source_service_size_mean_10min")
        return (
            f"{episode.key[0]} opened {episode.flows:,} short connections to {hosts(episode.targets)}{where} in "
            f"{lasted(episode.seconds)}, each about {number(mean)} bytes; people log in less often"
        )
