"""Credential access: remote procedures that hand out secrets, set passwords, or make a host log in elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netsift.detectors.behaviour.base import Severity
from netsift.detectors.behaviour.remote_calls import RemoteCalls


@dataclass(frozen=True, slots=True)
class CredentialAccess(RemoteCalls):
    """Calls for the secrets of the local security authority and the key that protects all others, and for passwords.

    Also those by which a server is made to log in to a host of the caller's choice (encrypting file system, distributed
    file system, shadow copies). What it assumes: programs of everyday use do not call these; administration of accounts
    does, from machines that can be named in a rule, and a client backs up a protected key when its user gets a new
    password. One of the ``kinds`` of call is enough. It fails on SMB 3 encryption, and it does not count changes that
    users make to their own passwords.
    """

    calls: ClassVar[Mapping[str, str]] = {  # nosec B105 # words of an alert
        "secret": "read secrets of the system",
        "account_change": "set the password or the rights of accounts",
        "forced_login": "make it log in to another host",
    }

    name: str = "credential_access"
    category: str = "brute_force"
    technique: str = "T1003.004"
    severity: Severity = Severity.MEDIUM
