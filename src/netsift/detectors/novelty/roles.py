"""The role of a flow: which service, who speaks first, and whether it stays within the network.

A name server that answers and a browser that asks are ordinary in different ways. So every flow has a role, made of its
protocol, the class of service, where it comes from and goes to (private addresses are within), and whether the
well-known port is at the end that spoke first.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.behaviour.base import ICMP, ICMP_V6, TCP, UDP, FlowView
from netsift.detectors.behaviour.flows import is_internal
from netsift.models.services import SERVICES, service_codes

Codes = npt.NDArray[np.int64]

PROTOCOLS: Final = ("tcp", "udp", "icmp", "other protocols")
DIRECTIONS: Final = ("within", "outwards", "inwards", "from outside to outside")
_PER_PROTOCOL: Final = len(SERVICES) * len(DIRECTIONS) * 2
ROLES: Final = len(PROTOCOLS) * _PER_PROTOCOL
"""Number of roles there can be."""

_OTHER: Final = SERVICES.index("other")


def roles_of(view: FlowView) -> Codes:
    """Return the role of every flow as a number below :data:`ROLES`, shape (rows,)."""
    protocol = view.number("protocol")
    source, destination = (
        np.nan_to_num(view.number(name), nan=-1).astype(np.int64) for name in ("src_port", "dst_port")
    )
    kind = np.select(
        [protocol == TCP, protocol == UDP, np.isin(protocol, (ICMP, ICMP_V6))], [0, 1, 2], default=3
    ).astype(np.int64)
    service = service_codes(source, destination).astype(np.int64)
    none = np.full(len(source), -1)
    answers = (service_codes(none, destination) <= _OTHER) & (service > _OTHER)
    direction = 2 * ~is_internal(view, "src_ip") + ~is_internal(view, "dst_ip")
    # 0 within, 1 outwards, 2 inwards, 3 from outside to outside
    return ((kind * len(SERVICES) + service) * len(DIRECTIONS) + direction) * 2 + answers


def protocol_of(roles: Codes) -> Codes:
    """Return the place in :data:`PROTOCOLS` of the protocol of roles."""
    return roles // _PER_PROTOCOL


def role_name(role: int) -> str:
    """Return a role in words, such as ``tcp web outwards``."""
    rest, answers = divmod(role, 2)
    rest, direction = divmod(rest, len(DIRECTIONS))
    protocol, service = divmod(rest, len(SERVICES))
    named = "" if SERVICES[service] == "none" else f" {SERVICES[service]}"
    return f"{PROTOCOLS[protocol]}{named} {DIRECTIONS[direction]}{', the server speaks first' if answers else ''}"
