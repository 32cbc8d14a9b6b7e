"""Remote execution: a host starts programs on another by remote procedure calls, or hides what it did there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, Severity, limit
from netsift.detectors.behaviour.flows import call_words, called, kinds_called

_CALLS: Final[Mapping[str, str]] = {
    "service_start": "make or start services",
    "task_start": "make or start scheduled tasks",
    "management_method": "run methods of Windows Management Instrumentation",
    "printer_driver": "install printer drivers",
    "registry_change": "change the registry",
    "log_cleared": "clear event logs",
}


@dataclass(frozen=True, slots=True)
class RemoteExecution:
    """Remote procedures that run code on another host, or clear its event log.

    Seen in the calls themselves (DCE/RPC, alone and in SMB), not guessed from ports: PsExec and its kin make a service,
    others a scheduled task, a printer driver or a process by WMI. The same calls are a tactic each in MITRE's BZAR
    scripts for Zeek. What it assumes: few hosts run programs on others this way, and those that do (software
    distribution, administrators' own machines) are known and can be named in a rule. ``kinds`` of call are enough. It
    fails on SMB 3 encryption and on calls whose bind was not seen.
    """

    kinds: float = limit(1, "kinds of call", "fewest kinds of call in a flow")
    gap_s: float = limit(3_600, "s", "longest time without such a call within an episode")
    name: str = "remote_execution"
    category: str = "infiltration"
    technique: str = "T1569.002"
    severity: Severity = Severity.MEDIUM
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ("remote_calls",)

    def suspects(self, view: FlowView) -> Rows:
        """Return flows with such calls."""
        return called(view, *_CALLS)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of kinds of call."""
        return kinds_called(view, *_CALLS)

    def strength(self, episode: Episode) -> float:
        """Return kinds of call ÷ limit."""
        return episode.peak / self.kinds

    def reason(self, episode: Episode) -> str:
        """Say what was called."""
        source, target = episode.key
        return f"{source} called remote procedures of {target} that {call_words(episode.fact('remote_calls'), _CALLS)}"
