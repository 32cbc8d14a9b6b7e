"""Evaluation protocols, from the most flattering to those that ask the most.

============================ ========================================================================================
random split                 stratified K-fold: flatters, and is labelled so
by host pair, input,         grouped K-fold: no group stands on both sides of the cut
campaign
time-ordered, by day         train before, test after
leave-one-attack-out         is an attack found that was never seen?
leave-one-network-out,       does the model work on a network that it was not trained on?
cross-network
============================ ========================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netsift.errors import UsageError
from netsift.evaluation.protocols.base import Cut, Options, Protocol, Refused, Split
from netsift.evaluation.protocols.folds import BY_CAMPAIGN, BY_HOST_PAIR, BY_INPUT, RANDOM_SPLIT
from netsift.evaluation.protocols.ordered import BY_DAY, TIME_ORDERED
from netsift.evaluation.protocols.unseen import CROSS_NETWORK, LEAVE_ONE_ATTACK_OUT, LEAVE_ONE_NETWORK_OUT

__all__ = ["PROTOCOLS", "Cut", "Options", "Protocol", "Refused", "Split", "chosen"]

PROTOCOLS: Final = (
    RANDOM_SPLIT, BY_HOST_PAIR, BY_INPUT, BY_CAMPAIGN, TIME_ORDERED, BY_DAY, LEAVE_ONE_ATTACK_OUT,
    LEAVE_ONE_NETWORK_OUT, CROSS_NETWORK,
)  # fmt: skip
"""Every protocol."""


def chosen(names: Sequence[str]) -> tuple[Protocol, ...]:
    """Return the protocols of these names in their usual order; all for none. Hyphens and underscores are spaces.

    Raises:
        UsageError: there is no protocol of a name; the sentence lists those that exist.
    """
    if not names:
        return PROTOCOLS
    known = {_plain(protocol.name): protocol for protocol in PROTOCOLS}
    asked = {_plain(name) for name in names}
    wrong = sorted(asked - set(known))
    if wrong:
        listed = ", ".join(protocol.name for protocol in PROTOCOLS)
        raise UsageError(f"there is no protocol {wrong[0]!r}; there are: {listed}")
    return tuple(protocol for name, protocol in known.items() if name in asked)


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").replace("_", " ").split())
