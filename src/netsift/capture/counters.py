"""What became of every packet record of the input; the numbers add up exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_MOST_PROBLEMS: Final = 100


@dataclass(slots=True)
class CaptureCounters:
    """Counts over all inputs of one run.

    ``packets_read == packets_decoded + sum(skipped.values())``. ``problems`` has one sentence per input that was
    damaged or could not be read at all; it is bounded, ``problem_count`` is not.
    """

    inputs_read: int = 0
    inputs_refused: int = 0
    packets_read: int = 0
    packets_decoded: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    garbage_bytes: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """Whether part of the input could not be read as what it claims to be."""
        return self.problem_count > 0

    def report(self, problem: str) -> None:
        """Remember a sentence about a damaged or refused input."""
        self.problem_count += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)
