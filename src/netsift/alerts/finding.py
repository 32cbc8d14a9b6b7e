"""What a model found: flows of one source or target that it took for an attack, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from netsift.alerts.schema import FlowReference, utc_text


@dataclass(frozen=True, slots=True)
class Evidence:
    """One column that drove a finding's score.

    ``value`` is what the flow had (None where it had none); ``usual`` is the 5th and 95th percentile of benign training
    traffic for a number, the common words for a category, and empty where benign traffic has none; ``direction`` is
    ``above``, ``below`` or ``within`` the usual range, ``unusual`` for a word that is not common, ``absent`` for no
    value. ``unusual`` says whether fewer than a tenth of the benign flows are like it, which is the share that lies
    outside the usual range of a number. ``contribution`` is what the column added to the score; ``words`` says it all
    in a line and ``short`` without what is usual.
    """

    column: str
    unit: str
    value: float | str | None
    usual: tuple[float, ...] | tuple[str, ...]
    direction: str
    unusual: bool
    contribution: float
    words: str
    short: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Flows that lie close in time and come from one source, or from many to one target.

    ``attack`` is what most of them were taken for, ``also`` the number of flows that were taken for something else, by
    its name. ``score`` is the greatest score of the flows of that attack, and ``evidence`` explains that flow.
    ``weight`` decides the order: score × (1 + log10 flows). ``sources``, ``targets`` and ``ports`` are in order; there
    were more of them where ``truncated`` is set. ``too_few`` marks flows that are too few to be that attack.
    ``normal`` is the flow most like the explained one that was not flagged.
    """

    start_ns: int
    end_ns: int
    sources: tuple[str, ...]
    attack: str
    weight: float
    score: float
    flows: int
    packets: int
    targets: tuple[str, ...]
    ports: tuple[int, ...]
    truncated: bool
    also: dict[str, int]
    too_few: bool
    evidence: tuple[Evidence, ...]
    normal: FlowReference | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object; times both as integers and as RFC 3339 text in UTC."""
        return {"start": utc_text(self.start_ns), "end": utc_text(self.end_ns), **asdict(self)}
