"""The service class of a flow: what its well-known port stands for.

A model must not learn exact ports, which name one testbed's servers, but whether a flow goes to a web server or to a
database is what a person would ask first. Port assignments: IANA Service Name and Transport Protocol Port Number
Registry, and the ports that are in common use beside it (8080, 8443, 6379, ...).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

PORTS_BY_SERVICE: Final[dict[str, tuple[int, ...]]] = {
    "web": (80, 443, 591, 8000, 8008, 8080, 8081, 8443, 8888),
    "dns": (53, 853, 5353, 5355),
    "mail": (25, 110, 143, 465, 587, 993, 995),
    "ssh": (22,),
    "ftp": (20, 21, 69, 989, 990),
    "telnet": (23, 2323),
    "remote_desktop": (3389, 5900, 5901),
    "smb": (137, 138, 139, 445),
    "rpc": (111, 135),
    "ntp": (123,),
    "snmp": (161, 162),
    "database": (1433, 1521, 3306, 5432, 5984, 6379, 9042, 9200, 11211, 27017),
    "directory": (88, 389, 464, 636, 3268),
    "dhcp": (67, 68, 546, 547),
    "voice": (5060, 5061),
    "print": (515, 631, 9100),
    "log": (514, 6514),
    "discovery": (1900, 3702),
    "iot": (1883, 5683, 8883),
    "vpn": (500, 1194, 1701, 1723, 4500, 51820),
}
"""Well-known ports of every named class; no port stands twice."""

SERVICES: Final = ("none", "other", *PORTS_BY_SERVICE)
"""Every service class in its fixed order: ``none`` has no ports, ``other`` has no well-known one."""

_OTHER: Final = SERVICES.index("other")
_NO_PORT: Final = -1


def _class_of_port() -> npt.NDArray[np.int16]:
    table = np.full(65536, _OTHER, dtype=np.int16)
    for code, service in enumerate(SERVICES):
        table[list(PORTS_BY_SERVICE.get(service, ()))] = code
    return table


_CLASS_OF_PORT: Final = _class_of_port()


def service_codes(source_port: npt.NDArray[np.int64], destination_port: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
    """Return the index into :data:`SERVICES` of each flow; shape (rows,).

    A port below zero means that there is none. The destination decides where it is well known, the source otherwise
    (a capture that begins in the middle of a conversation has the server as source).
    """
    valid = (destination_port > _NO_PORT) & (destination_port < 65536)
    destination = np.where(valid, _CLASS_OF_PORT[np.where(valid, destination_port, 0)], 0)
    valid_source = (source_port > _NO_PORT) & (source_port < 65536)
    source = np.where(valid_source, _CLASS_OF_PORT[np.where(valid_source, source_port, 0)], 0)
    return np.where(destination <= _OTHER, np.maximum(destination, source), destination).astype(np.int16)
