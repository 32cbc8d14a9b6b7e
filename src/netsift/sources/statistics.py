"""The counts of one run over its inputs, as a table for people and as a dictionary for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netsift.capture.counters import CaptureCounters
from netsift.errors import ExitStatus


@dataclass(slots=True)
class ReadStatistics:
    """What became of the input: packets read, metered and skipped by reason, flows by end reason, problems.

    ``packets_read == packets_metered + sum(packets_skipped.values())`` once the input is exhausted; until then
    ``bytes_taken`` and ``packets_taken`` say how far the reading is. ``notes`` say what other tools' files
    turned out to be and what of them is not used.
    """

    capture: CaptureCounters = field(default_factory=CaptureCounters)
    packets_metered: int = 0
    flows: int = 0
    flows_by_end_reason: dict[str, int] = field(default_factory=dict)
    peak_flows: int = 0
    bytes_total: int | None = None
    bytes_taken: int = 0
    packets_taken: int = 0
    notes: list[str] = field(default_factory=list)

    def exit_status(self) -> ExitStatus:
        """Return how the reading ended: everything, a damaged part, or nothing at all."""
        if self.capture.inputs_read == 0:
            return ExitStatus.NOTHING_READ
        return ExitStatus.DAMAGED_INPUT if self.capture.damaged else ExitStatus.OK

    def as_dictionary(self) -> dict[str, Any]:
        """Return the counts in a form that JSON can hold."""
        capture = self.capture
        return {
            "inputs_read": capture.inputs_read,
            "inputs_refused": capture.inputs_refused,
            "packets_read": capture.packets_read,
            "packets_metered": self.packets_metered,
            "packets_skipped": dict(sorted(capture.skipped.items())),
            "garbage_bytes": capture.garbage_bytes,
            "flows": self.flows,
            "flows_by_end_reason": {reason: count for reason, count in self.flows_by_end_reason.items() if count},
            "peak_flows": self.peak_flows,
            "problem_count": capture.problem_count,
            "problems": list(capture.problems),
        }
