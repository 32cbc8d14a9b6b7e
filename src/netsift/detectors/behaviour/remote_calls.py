"""What behaviours share that speak from remote procedure calls: one flow with one of their calls is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netsift.detectors.behaviour.base import Episode, FlowView, Numbers, Rows, Scope, limit
from netsift.detectors.behaviour.flows import call_words, called, kinds_called


@dataclass(frozen=True, slots=True)
class RemoteCalls:
    """The kinds of call of a behaviour, in words of what they do to the other host, and how they become alerts."""

    calls: ClassVar[Mapping[str, str]] = {}

    kinds: float = limit(1, "kinds of call", "fewest kinds of call in a flow")
    gap_s: float = limit(3_600, "s", "longest time without such a call within an episode")
    scale: str = ""
    scope: Scope = Scope.PAIR
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ("remote_calls",)

    def suspects(self, view: FlowView) -> Rows:
        """Return flows with such calls."""
        return called(view, *self.calls)

    def measure(self, view: FlowView) -> Numbers:
        """Return the number of kinds of call."""
        return kinds_called(view, *self.calls)

    def strength(self, episode: Episode) -> float:
        """Return kinds of call ÷ limit."""
        return episode.peak / self.kinds

    def reason(self, episode: Episode) -> str:
        """Say what was called."""
        source, target = episode.key
        what = call_words(episode.fact("remote_calls"), self.calls)
        return f"{source} called remote procedures of {target} that {what}"
