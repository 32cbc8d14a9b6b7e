"""IP protocol numbers (IANA) that decoding and metering tell apart."""

from __future__ import annotations

HOP_BY_HOP = 0
ICMP = 1
IPIP = 4
TCP = 6
DCCP = 33
UDP = 17
IPV6_IN_IP = 41
IPV6_ROUTING = 43
IPV6_FRAGMENT = 44
IPV6_NO_NEXT_HEADER = 59
GRE = 47
AUTHENTICATION_HEADER = 51
ICMPV6 = 58
IPV6_DESTINATION = 60
SCTP = 132
MOBILITY = 135
UDP_LITE = 136
HIP = 139
SHIM6 = 140
