"""Room for what ARP packets say, as decode_records takes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsift.kernels.layout import ARP_OBSERVATION


def room_for(count: int) -> tuple[Any, Any]:
    """Return an array of observations full of garbage, and a tally."""
    garbage = np.full(count * ARP_OBSERVATION.itemsize, 255, np.uint8)
    return garbage.view(ARP_OBSERVATION), np.zeros(2, np.int64)


def no_arp() -> tuple[Any, Any]:
    """Return no room at all."""
    return room_for(0)
