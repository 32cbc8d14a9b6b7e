"""How much of an attack there must be before it is one: a single SYN is no flood, whatever a model says of it.

The numbers lie below what any attack of the kind needs to have an effect, and above what ordinary programs do on their
own. They say nothing about attacks that one flow can be: an exploit, a tunnel, a remote-control session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netsift.alerts.grouping import Group
from netsift.models.taxonomy import classify


@dataclass(frozen=True, slots=True)
class Volume:
    """What an attack has at least; any one of the numbers is enough, and 0 stands for a number that is not asked.

    ``spread`` is a number of distinct targets or distinct ports.
    """

    flows: int
    packets: int
    spread: int
    reason: str

    def reached_by(self, group: Group) -> bool:
        """Return whether a group of flows has as much."""
        return bool(
            (self.flows and group.flows >= self.flows)
            or (self.packets and group.packets >= self.packets)
            or (self.spread and max(len(group.targets), len(group.ports)) >= self.spread)
        )


LEAST: Final[dict[str, Volume]] = {
    "flood": Volume(20, 100, 0, "no service notices fewer: a browser opens as many connections for one page"),
    "scan": Volume(20, 0, 5, "a scan looks at many hosts or ports, or at one of them again and again"),
    "brute_force": Volume(5, 0, 0, "people mistype a password a few times; guessing takes many connections"),
    "worm": Volume(0, 0, 5, "a worm spreads to many hosts; a client that retries has one server"),
}
"""The least volume by class of the taxonomy; a name of its own (``worm``) goes before its class (``exploit``)."""


def volume_class(attack: str) -> str:
    """Return the key of :data:`LEAST` for an attack of any name or spelling, empty where one flow can be it."""
    own, of_taxonomy = attack.casefold().removesuffix("s"), classify(attack).name
    return next((name for name in (own, of_taxonomy) if name in LEAST), "")


def is_enough(attack: str, group: Group) -> bool:
    """Return whether a group of flows can be an attack of this name; one whose members were cut is large."""
    name = volume_class(attack)
    return not name or group.truncated or LEAST[name].reached_by(group)
