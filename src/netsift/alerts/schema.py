"""The finding: one row that a person can act on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Evidence:
    """One column that drove a finding's score.

    ``value`` is what the flow had (None where it had none); ``usual`` is the 5th and 95th percentile of benign training
    traffic for a number, the common words for a category, and empty where benign traffic has none; ``direction`` is
    ``above``, ``below`` or ``within`` the usual range, ``unusual`` for a word that is not common, ``absent`` for no
    value. ``contribution`` is what the column added to the score; ``words`` says it all in a line.
    """

    column: str
    unit: str
    value: float | str | None
    usual: tuple[float, ...] | tuple[str, ...]
    direction: str
    contribution: float
    words: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Flows of one kind of attack that lie close in time and come from one source, or from many to one target.

    ``score`` is the greatest of the flows' scores, and ``evidence`` explains that flow. ``sources``, ``targets`` and
    ``ports`` are in order; there were more of them where ``truncated`` is set.
    """

    start_ns: int
    end_ns: int
    sources: tuple[str, ...]
    attack: str
    score: float
    flows: int
    packets: int
    targets: tuple[str, ...]
    ports: tuple[int, ...]
    truncated: bool
    evidence: tuple[Evidence, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object; times both as integers and as RFC 3339 text in UTC."""
        return {"start": utc_text(self.start_ns), "end": utc_text(self.end_ns), **asdict(self)}


def utc_text(time_ns: int) -> str:
    """Return an integer nanosecond time as RFC 3339 text in UTC with microseconds; absurd times as the bare number."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds // 1000:06d}Z"
