"""Attacks: which classes there are and the behaviours of each.

A behaviour takes the stage and yields the conversations of one campaign, which begins when its stage begins. Attackers
are strangers like the visitors, or workstations that also do their ordinary work; victims are servers and workstations
that also serve others. Pace and size vary over orders of magnitude between campaigns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from netsift.simulate.attacks.covert import c2_beacon, dns_tunnel, exfiltration
from netsift.simulate.attacks.floods import flood_icmp, flood_syn, flood_udp, http_flood, reflection, slow_http
from netsift.simulate.attacks.scans import (
    brute_force_ftp,
    brute_force_rdp,
    brute_force_ssh,
    port_scan_connect,
    port_scan_horizontal,
    port_scan_slow,
    port_scan_udp,
    port_scan_vertical,
    worm,
)
from netsift.simulate.conversation import Conversation, Stage

Campaign = Callable[[Stage], Iterator[Conversation]]

CAMPAIGNS: Final[dict[str, tuple[Campaign, ...]]] = {
    "port_scan": (port_scan_vertical, port_scan_horizontal, port_scan_connect, port_scan_udp, port_scan_slow),
    "brute_force": (brute_force_ssh, brute_force_ftp, brute_force_rdp),
    "flood": (flood_syn, flood_udp, flood_icmp),
    "reflection": (reflection,),
    "slow_http": (slow_http,),
    "http_flood": (http_flood,),
    "c2_beacon": (c2_beacon,),
    "dns_tunnel": (dns_tunnel,),
    "exfiltration": (exfiltration,),
    "worm": (worm,),
}
"""The attack classes and the behaviours of each."""

ATTACKS: Final = tuple(CAMPAIGNS)
"""The names of the attack classes, as they stand in the labels."""
