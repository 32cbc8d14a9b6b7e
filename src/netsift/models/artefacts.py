"""Columns that tell which hosts, meter or laboratory made the traffic rather than what the traffic did.

Learned, they score well where they were learned and do not travel. They are left out of training unless asked for.
"""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "window_fwd_initial": "set by the operating system of the testbed's hosts",
    "window_bwd_initial": "set by the operating system of the testbed's hosts",
    "header_fwd_min": "shows the TCP options of the operating system, and some meters count it wrongly",
    "header_bwd_min": "shows the TCP options of the operating system, and some meters count it wrongly",
    "ttl_fwd_min": "tells how many hops away the attacker's host stood, and which system it ran",
    "ttl_fwd_max": "tells how many hops away the attacker's host stood, and which system it ran",
    "ttl_bwd_min": "tells how many hops away the victim's host stood, and which system it ran",
    "ttl_bwd_max": "tells how many hops away the victim's host stood, and which system it ran",
    "dscp_fwd": "set by the routers of the testbed",
    "dscp_bwd": "set by the routers of the testbed",
    "ecn_fwd": "negotiated by the operating system of the testbed's hosts",
    "ecn_bwd": "negotiated by the operating system of the testbed's hosts",
    "end_reason": "depends on the timeouts of the meter and on where the capture was cut",
    "part": "depends on the active timeout of the meter",
    "ip_version": "tells how the testbed was set up",
    "tunnel": "tells where in the network the traffic was captured",
    "subflows": "depends on a gap that is fixed in the meter",
    "idles": "depends on an activity timeout that is fixed in the meter",
    "init_win_bytes_forward": "set by the operating system of the testbed's hosts",
    "init_win_bytes_backward": "set by the operating system of the testbed's hosts",
    "fwd_init_win_bytes": "set by the operating system of the testbed's hosts",
    "bwd_init_win_bytes": "set by the operating system of the testbed's hosts",
    "init_fwd_win_byts": "set by the operating system of the testbed's hosts",
    "init_bwd_win_byts": "set by the operating system of the testbed's hosts",
    "min_seg_size_forward": "shows the TCP options of the operating system, and some meters count it wrongly",
    "fwd_seg_size_min": "shows the TCP options of the operating system, and some meters count it wrongly",
    "sttl": "tells how many hops away the attacker's host stood, and which system it ran",
    "dttl": "tells how many hops away the victim's host stood, and which system it ran",
    "swin": "set by the operating system of the testbed's hosts",
    "dwin": "set by the operating system of the testbed's hosts",
}
"""Columns that exist, or have the value they have, because of one meter or one laboratory, each with the reason."""


def artefact(feature: str) -> str | None:
    """Return why a feature is an artefact, or None if it is not; a foreign feature is known by its plain name."""
    return REASONS.get(plain_name(feature.rpartition(".")[2]))


def plain_name(name: str) -> str:
    """Return a column's name in lower case with underscores, whatever the tool that wrote it."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split())
