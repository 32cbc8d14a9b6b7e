"""What is usual here: how far hosts go with a behaviour that stay below its limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from netsift.alerts.schema import AlertColumn
from netsift.detectors.behaviour.base import Behaviour, Episode
from netsift.detectors.behaviour.words import lasted, volume


@dataclass(frozen=True, slots=True)
class Usual:
    """The episode below the limit that comes nearest to it, and its strength; of several the one that began first."""

    episode: Episode
    strength: float


def usual_of(measured: Iterable[tuple[Episode, float]]) -> Usual | None:
    """Return what is usual among episodes and their strengths: of those whose host raises no alert of the behaviour.

    None where there is no such episode.
    """
    measured = list(measured)
    alerting = {episode.key[:1] for episode, strength in measured if strength >= 1}
    below = [one for one in measured if 0 < one[1] < 1 and one[0].key[:1] not in alerting]
    if not below:
        return None
    nearest = max(below, key=lambda one: (one[1], -one[0].start_ns, one[0].key))
    return Usual(*nearest)


def usual_words(behaviour: Behaviour, usual: Usual | None) -> str:
    """Return what a reason adds: ``; usual here: at most 3 ports``, nothing where nobody else does it at all."""
    if usual is None:
        return ""
    scale = _scale(behaviour)
    if scale is None:
        return f"; usual here: at most {usual.strength:.0%} of what raises an alert"
    limit, unit = scale
    return f"; usual here: at most {_quantity(usual.strength * limit, unit)}"


def extent_column(behaviour: Behaviour, strength: float, usual: Usual | None) -> AlertColumn | None:
    """Return how far the behaviour went beside what is usual; None where its strength is no multiple of one limit."""
    scale = _scale(behaviour)
    if scale is None:
        return None
    limit, unit = scale
    value, most = strength * limit, usual.strength * limit if usual else 0.0
    words = f"{behaviour.name.replace('_', ' ')}: {_quantity(value, unit)} (limit {_quantity(limit, unit)}"
    words += f", usual here at most {_quantity(most, unit)})" if usual else ", nobody else here)"
    return AlertColumn(f"{behaviour.name}.{behaviour.scale}", unit, round(value, 6), (0.0, round(most, 6)), words)


def _scale(behaviour: Behaviour) -> tuple[float, str] | None:
    if not behaviour.scale:
        return None
    units = {one.name: one.metadata.get("unit", "") for one in fields(behaviour)}  # type: ignore[arg-type]
    return float(getattr(behaviour, behaviour.scale)), units[behaviour.scale]


def _quantity(value: float, unit: str) -> str:
    if unit == "s":
        return lasted(value)
    if unit == "bytes":
        return volume(value)
    return f"{value:,.0f} {unit.removesuffix('s') if round(value) == 1 else unit}"
