"""Names of IP protocols as logs and data sets write them (IANA protocol numbers, and older names of /etc/protocols)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netsift.sources.datasets.rows import Numbers

_BY_NUMBER: Final = (  # in the order of their numbers, from 0
    "hopopt icmp igmp ggp ipip st2 tcp cbt egp igp bbn-rcc nvp pup argus emcon xnet chaos udp mux dcn hmp prm xns-idp "
    "trunk-1 trunk-2 leaf-1 leaf-2 rdp irtp iso-tp4 netblt mfe-nsp merit-inp dccp 3pc idpr xtp ddp idpr-cmtp tp++ il "
    "ipv6 sdrp ipv6-route ipv6-frag idrp rsvp gre dsr bna esp ah i-nlsp swipe narp mobile tlsp skip ipv6-icmp ipv6-no "
    "ipv6-opts any cftp any sat-expak kryptolan rvd ippc any sat-mon visa ipcv cpnx cphb wsn pvp br-sat-mon sun-nd "
    "wb-mon wb-expak iso-ip vmtp secure-vmtp vines ttp nsfnet-igp dgp tcf eigrp ospf sprite-rpc larp mtp ax.25 any "
    "micp scc-sp etherip encap any gmtp ifmp pnni pim aris scps qnx a/n ipcomp snp compaq-peer ipx-n-ip vrrp pgm any "
    "l2tp ddx iatp stp srp uti smp sm ptp isis fire crtp crudp sscopmce iplt sps pipe sctp fc rsvp-e2e-ignore mobility "
    "udplite mpls-in-ip manet shim6 wesp rohc"
)
_UNASSIGNED: Final = "any"

NUMBERS: Final[dict[str, int]] = {
    **{name: number for number, name in enumerate(_BY_NUMBER.split()) if name != _UNASSIGNED},
    "ipnip": 4, "ipv6-crypt": 50, "ospfigp": 89, "sccopmce": 128, "icmp6": 58, "icmpv6": 58, "rtp": 17,
    "rtcp": 17, "udt": 17,
}  # fmt: skip
"""Number of every protocol by its name in lower case."""


def protocol_numbers(names: pa.Array) -> Numbers:
    """Return the protocol number of each name, NaN for a name that is none (``arp``, ``llc``, ``unas``)."""
    known = pa.array(list(NUMBERS))
    places = pc.index_in(pc.utf8_lower(names), known)
    numbers = pc.take(pa.array([float(number) for number in NUMBERS.values()]), places)
    values: Numbers = numbers.to_numpy(zero_copy_only=False).astype(np.float64)
    return values
