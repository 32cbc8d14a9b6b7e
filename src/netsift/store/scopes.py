"""What a user or a token may do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from netsift.errors import UsageError


class Scope(StrEnum):
    """One right: to look, to bring in captures, alerts and verdicts, to change settings and users."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"


EVERY_SCOPE = frozenset(Scope)


def scopes_of(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of some names. Raises UsageError for a name that is none, or none at all."""
    try:
        scopes = frozenset(Scope(name) for name in names)
    except ValueError as error:
        raise UsageError(f"{error}: the scopes are {', '.join(Scope)}") from None
    if not scopes:
        raise UsageError(f"at least one scope is needed of {', '.join(Scope)}")
    return scopes


def scopes_text(scopes: Iterable[Scope]) -> str:
    """Return scopes as the text that is stored."""
    return " ".join(sorted(scopes))


def stored_scopes(text: str) -> frozenset[Scope]:
    """Return the scopes of a stored text."""
    return frozenset(Scope(name) for name in text.split())
