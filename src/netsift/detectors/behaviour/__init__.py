"""Behaviour detectors: what hosts do over many flows, found without training. One file each."""

from __future__ import annotations

from typing import Final

from netsift.detectors.behaviour.administrative_share import AdministrativeShare
from netsift.detectors.behaviour.base import Behaviour
from netsift.detectors.behaviour.beacon import Beacon
from netsift.detectors.behaviour.brute_force import BruteForce
from netsift.detectors.behaviour.clear_text_login import ClearTextLogin
from netsift.detectors.behaviour.credential_access import CredentialAccess
from netsift.detectors.behaviour.dhcp_starvation import DhcpStarvation
from netsift.detectors.behaviour.directory_replication import DirectoryReplication
from netsift.detectors.behaviour.distributed_http_flood import DistributedHttpFlood
from netsift.detectors.behaviour.dns_tunnel import DnsTunnel
from netsift.detectors.behaviour.exfiltration import Exfiltration
from netsift.detectors.behaviour.forced_authentication import ForcedAuthentication
from netsift.detectors.behaviour.half_open import HalfOpen
from netsift.detectors.behaviour.host_sweep import HostSweep
from netsift.detectors.behaviour.http_flood import HttpFlood
from netsift.detectors.behaviour.icmp_tunnel import IcmpTunnel
from netsift.detectors.behaviour.long_connection import LongConnection
from netsift.detectors.behaviour.new_service import NewService
from netsift.detectors.behaviour.odd_flags import OddFlags
from netsift.detectors.behaviour.port_scan import PortScan
from netsift.detectors.behaviour.raw_upload import RawUpload
from netsift.detectors.behaviour.remote_administration import RemoteAdministration
from netsift.detectors.behaviour.remote_discovery import RemoteDiscovery
from netsift.detectors.behaviour.remote_execution import RemoteExecution
from netsift.detectors.behaviour.repeated_uploads import RepeatedUploads
from netsift.detectors.behaviour.slow_http import SlowHttp
from netsift.detectors.behaviour.syn_flood import SynFlood
from netsift.detectors.behaviour.udp_flood import UdpFlood
from netsift.detectors.behaviour.unanswered_beacon import UnansweredBeacon

BEHAVIOURS: Final[tuple[Behaviour, ...]] = (
    PortScan(), HostSweep(), HalfOpen(), OddFlags(), BruteForce(), SynFlood(), UdpFlood(), HttpFlood(),
    DistributedHttpFlood(), SlowHttp(), DhcpStarvation(), DnsTunnel(), IcmpTunnel(), Beacon(), UnansweredBeacon(),
    LongConnection(), Exfiltration(), RepeatedUploads(), RawUpload(), RemoteAdministration(), ForcedAuthentication(),
    RemoteExecution(), CredentialAccess(), DirectoryReplication(), RemoteDiscovery(), AdministrativeShare(),
    NewService(), ClearTextLogin(),
)  # fmt: skip
"""Every behaviour detector with its default limits."""
