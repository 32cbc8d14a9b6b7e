"""Guessing credentials: one connection after the other to a login service, each short and like the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import is_internal_address, to_service
from netsift.detectors.behaviour.words import at_port, hosts, lasted, number

_LOGINS = ("ssh", "ftp", "telnet", "remote_desktop", "smb", "directory", "rpc", "mail")
_RELAY_PORT = 25
_SUBMISSION_PORTS = (25, 587)
_LOGIN_WORDS = ("ssh", "rdp", "smb", "banner")


@dataclass(frozen=True, slots=True)
class BruteForce:
    """Guessing and spraying of passwords against any service that has a login, by its port or by what it says.

    What it assumes: one guess, or a few, is one connection, because services hang up; it is short and small,
    because nothing but the login is said; and the connections are alike. ``attempts`` in ``gap_s``-bounded
    succession: people mistype a few times. ``bytes_``: a login is 1 to 8 kB, encrypted ones included; a session is
    more. Spread: ``alike``. ``interval_s``: the mean time between attempts; slower than that is a scheduled job, or
    a guesser with patience: from outside no job is expected, so ``patient_attempts`` with ``patient_interval_s``
    are enough. Health checks read the banner and hang up, so the client has to speak as often as a login needs. A
    directory hands out tickets by the dozen at every logon, so its answer counts only where it is short,
    ``refusal_bytes``, which is what a refusal is. The endpoint mapper is asked before every remote procedure, and
    mail servers deliver to each other without a login, so there it must be ``calls_1min`` a minute to each host. It
    fails on guessing within one connection, on logins of web pages, and on programs that log in rightly again and
    again with little to do.
    """

    attempts: float = limit(8, "connections", "fewest connections to a login service")
    bytes_: float = limit(12_000, "bytes", "largest connection that is a login and nothing else")
    interval_s: float = limit(30, "s", "longest mean time between attempts")
    patient_attempts: float = limit(20, "connections", "fewest connections of a patient guesser from outside")
    patient_interval_s: float = limit(150, "s", "longest mean time between the attempts of a patient guesser")
    alike: float = limit(1.0, "share", "greatest standard deviation ÷ mean of the sizes")
    refusal_bytes: float = limit(500, "bytes", "longest answer of a directory that is a refusal")
    calls_1min: float = limit(20, "connections", "fewest calls of one endpoint mapper or mail relay in about a minute")
    gap_s: float = limit(300, "s", "longest time without a suspicious flow within an episode")
    name: str = "brute_force"
    category: str = "brute_force"
    technique: str = "T1110"
    severity: Severity = Severity.HIGH
    scale: str = "attempts"
    scope: Scope = Scope.SOURCE
    context: tuple[str, ...] = (
        "source_service_flows_10min", "source_service_size_mean_10min", "source_service_size_std_10min",
        "source_service_flows_1min", "source_service_destinations_1min",
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
        short &= self._spoke(view)
        # Per service, or else what a workstation does besides would be part of the episode.
        mean = view.number("source_service_size_mean_10min")
        short &= view.number("source_service_size_std_10min") <= self.alike * mean
        # The sums are damped: the third of some connections is worth 2.5 of them or more.
        several = view.number("source_service_flows_10min") >= min(2.5, self.attempts)
        return login & short & several

    def _spoke(self, view: FlowView) -> Rows:
        """Return where enough was said for a login, and an answer that can be a refusal."""
        words = view.number("payload_packets_fwd")
        greeted = to_service(view, "ssh") | view.among("payload_kind_bwd", ("ssh",))
        greeted |= np.isin(view.number("dst_port"), _SUBMISSION_PORTS)
        directory = to_service(view, "directory")
        refused = (words >= 1) & (view.number("payload_bytes_bwd") <= self.refusal_bytes)
        hosts_asked = np.maximum(view.number("source_service_destinations_1min"), 1)
        called = view.number("source_service_flows_1min") >= self.calls_1min * hosts_asked
        needed = np.where(greeted, 3, 2)
        busy = to_service(view, "rpc") | (view.number("dst_port") == _RELAY_PORT)
        spoke: Rows = np.where(directory, refused, (words >= needed) & (called | ~busy))
        return spoke

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of connections to the service in ten minutes."""
        return view.number("source_service_flows_10min")

    def strength(self, episode: Episode) -> float:
        """Return attempts ÷ limit, 0 where they are slow or unlike each other."""
        patient = episode.flows >= self.patient_attempts and not is_internal_address(episode.key[0])
        interval_s = self.patient_interval_s if patient else self.interval_s
        slow = episode.seconds / max(episode.flows - 1, 1) > interval_s
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
