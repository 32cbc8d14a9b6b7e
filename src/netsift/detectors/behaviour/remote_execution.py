"""Remote execution: a host starts programs on another by remote procedure calls, or hides what it did there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netsift.detectors.behaviour.base import Severity
from netsift.detectors.behaviour.remote_calls import RemoteCalls


@dataclass(frozen=True, slots=True)
class RemoteExecution(RemoteCalls):
    """Remote procedures that run code on another host, or clear its event log.

    Seen in the calls themselves (DCE/RPC, alone and in SMB), not guessed from ports: PsExec and its kin make a service,
    others a scheduled task, a printer driver or a process by WMI. The same calls are a tactic each in MITRE's BZAR
    scripts for Zeek. What it assumes: few hosts run programs on others this way, and those that do (software
    distribution, administrators' own machines) are known and can be named in a rule. ``kinds`` of call are enough. It
    fails on SMB 3 encryption and on calls whose bind was not seen.
    """

    calls: ClassVar[Mapping[str, str]] = {
        "service_start": "make or start services",
        "task_start": "make or start scheduled tasks",
        "management_method": "run methods of Windows Management Instrumentation",
        "printer_driver": "install printer drivers",
        "registry_change": "change the registry",
        "log_cleared": "clear event logs",
    }

    name: str = "remote_execution"
    category: str = "infiltration"
    technique: str = "T1569.002"
    severity: Severity = Severity.MEDIUM
