"""Remote procedures that a TCP segment calls: DCE/RPC by itself and in SMB, and shares that SMB opens.

Of each segment the first message is looked at (docs/flow-meter.md, section 6). What it says is a code that fits into 16
bits, so that a packet carries it: a bind names the interface of the calls that follow, a request the number of the
procedure. A flow turns both into the kinds of :data:`netsift.flows.schema.REMOTE_CALLS`. Messages are
those of DCE 1.1 (The Open Group C706), [MS-RPCE], [MS-CIFS] and [MS-SMB2], interfaces and numbers those of the
Microsoft Open Specification of each.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import numpy as np

from netsift.kernels.bytes import integer_16, integer_32, little_endian_64
from netsift.kernels.jit import hostile_kernel, inline_hostile_kernel, inline_kernel
from netsift.kernels.payload import SMB2_WORD, SMB_WORD

NO_CALL: Final = 0
BIND: Final = 0x8000
"""With the number of the interface plus 1, or 0 for one that :data:`INTERFACES` does not have."""
SHARE: Final = 0x4000
"""An administrative share is opened."""
_MOST_PROCEDURES: Final = 0x3FFF

INTERFACES: Final = {
    "drsuapi": "e3514235-4b06-11d1-ab04-00c04fc2dcd2",
    "svcctl": "367abb81-9844-35f1-ad32-98f038001003",
    "atsvc": "1ff70682-0a51-30e8-076d-740be8cee98b",
    "ITaskSchedulerService": "86d35949-83c9-4044-b424-db363231fd0c",
    "IWbemServices": "9556dc99-828c-11cf-a37e-00aa003240c7",
    "spoolss": "12345678-1234-abcd-ef00-0123456789ab",
    "IRemoteWinspool": "76f03f96-cdfd-44fc-a22c-64950a001209",
    "efsrpc": "c681d488-d850-11d0-8c52-00c04fd90f7e",
    "efsrpc (own pipe)": "df1941c5-fe89-4e79-bf10-463657acf44d",
    "netdfs": "4fc742e0-4a10-11cf-8273-00aa004ae673",
    "FileServerVssAgent": "a8e0653c-2744-4389-a61d-7373df8b2292",
    "lsarpc": "12345778-1234-abcd-ef00-0123456789ab",
    "BackupKey": "3dde7c30-165d-11d1-ab8f-00805f14db40",
    "samr": "12345778-1234-abcd-ef00-0123456789ac",
    "srvsvc": "4b324fc8-1670-01d3-1278-5a47bf6ee188",
    "wkssvc": "6bffd098-a112-3610-9833-46c3f87e345a",
    "epm": "e1af8308-5d1f-11c9-91a4-08002b14a0fa",
    "winreg": "338cd001-2244-31f1-aaaa-900038001003",
    "eventlog": "82273fdc-e32a-18c3-3f78-827929dc23ea",
    "IEventService": "f6beaff7-1e19-4fbb-9f8f-b89e2018337c",
}
"""Interfaces by name and identifier."""

CALLS: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "directory_replication": {"drsuapi": (3,)},
    "directory_change": {"drsuapi": (5, 17)},
    "service_start": {"svcctl": (12, 19, 24, 31, 44, 45, 60)},
    "task_start": {"atsvc": (0,), "ITaskSchedulerService": (1, 12)},
    "management_method": {"IWbemServices": (24, 25)},
    "printer_driver": {"spoolss": (9, 89), "IRemoteWinspool": (39,)},
    "forced_login": {
        "efsrpc": (0, 4, 5, 6, 7, 12, 13, 15), "efsrpc (own pipe)": (0, 4, 5, 6, 7, 12, 13, 15), "netdfs": (12, 13),
        "FileServerVssAgent": (8, 9),
    },
    "secret": {"lsarpc": (43,), "BackupKey": (0,)},
    "account_change": {"samr": (37, 50, 58)},
    "account_list": {"samr": (11, 13, 15, 25, 33, 40, 48, 51)},
    "session_list": {"srvsvc": (8, 9, 12), "wkssvc": (2,)},
    "share_list": {"srvsvc": (15, 36)},
    "endpoint_list": {"epm": (2,)},
    "registry_list": {"winreg": (9,)},
    "registry_change": {"winreg": (6, 22)},
    "log_cleared": {"eventlog": (0,), "IEventService": (6,)},
}  # fmt: skip
"""The procedures of each kind, by interface; the kind's place is its bit."""

SHARE_BIT: Final = len(CALLS)
"""The bit of an administrative share, the last of the kinds."""

_NUMBERS: Final = {name: number for number, name in enumerate(INTERFACES)}
_LOW = np.array([int.from_bytes(UUID(text).bytes_le[:8], "little") for text in INTERFACES.values()], np.uint64)
_HIGH = np.array([int.from_bytes(UUID(text).bytes_le[8:], "little") for text in INTERFACES.values()], np.uint64)
_CALLED = np.array(
    [
        (_NUMBERS[interface], procedure, bit)
        for bit, procedures in enumerate(CALLS.values())
        for interface, numbers in procedures.items()
        for procedure in numbers
    ],
    np.int64,
)

_REQUEST, _BIND, _ALTER_CONTEXT = 0, 11, 14
_SMB1_TRANSACTION, _SMB1_WRITE = 0x25, 0x2F
_SMB2_TREE_CONNECT, _SMB2_WRITE, _SMB2_IOCTL = 3, 9, 11
_PIPE_TRANSCEIVE = 0x0011C017
_SMB2_HEADER = 64
_DOLLAR = ord("$")


@inline_hostile_kernel
def remote_call(buffer, offset, end, prefix):
    """Return the code of what a segment's payload at ``offset`` calls; ``prefix`` holds its first eight bytes."""
    tail = np.int64(prefix >> np.uint64(32))
    if tail in (SMB_WORD, SMB2_WORD):
        return _smb_call(buffer, offset + 4, end, tail == SMB2_WORD)
    if np.int64(prefix & np.uint64(0xFFFF)) == 5:
        return _rpc_call(buffer, offset, end)
    return np.int64(NO_CALL)


@hostile_kernel
def _rpc_call(buffer, offset, end):
    """A DCE/RPC message of version 5.0, connection oriented (C706, section 12.6)."""
    if end - offset < 24 or integer_16(buffer, offset, False) != 5:
        return np.int64(NO_CALL)
    kind = np.int64(buffer[offset + 2])
    big_endian = buffer[offset + 4] >> 4 == 0
    if kind == _REQUEST:
        procedure = integer_16(buffer, offset + 22, big_endian)
        return procedure + 1 if procedure < _MOST_PROCEDURES else np.int64(NO_CALL)
    if kind not in (_BIND, _ALTER_CONTEXT) or end - offset < 48:
        return np.int64(NO_CALL)
    low, high = little_endian_64(buffer, offset + 32), little_endian_64(buffer, offset + 40)
    if big_endian:
        return np.int64(BIND)
    for number in range(_LOW.size):
        if low == _LOW[number] and high == _HIGH[number]:
            return np.int64(BIND + number + 1)
    return np.int64(BIND)


@hostile_kernel
def _smb_call(buffer, offset, end, second):
    return _smb2_call(buffer, offset, end) if second else _smb1_call(buffer, offset, end)


@inline_hostile_kernel
def _inside(buffer, message, place, end):
    """The DCE/RPC message at ``place`` of an SMB message, where it lies behind its header and was captured."""
    if place < 32 or message + place >= end:
        return np.int64(NO_CALL)
    return _rpc_call(buffer, message + place, end)


@inline_hostile_kernel
def _smb1_call(buffer, offset, end):
    """Requests that write to a named pipe, [MS-CIFS] sections 2.2.4.33 and 2.2.4.43; replies have fewer words."""
    if end - offset < 63:
        return np.int64(NO_CALL)
    command, words = buffer[offset + 4], buffer[offset + 32]
    if command == _SMB1_WRITE and words >= 12:
        return _inside(buffer, offset, integer_16(buffer, offset + 33 + 22, False), end)
    if command == _SMB1_TRANSACTION and words >= 14:
        return _inside(buffer, offset, integer_16(buffer, offset + 33 + 24, False), end)
    return np.int64(NO_CALL)


@inline_hostile_kernel
def _smb2_call(buffer, offset, end):
    """Requests of [MS-SMB2] sections 2.2.9, 2.2.21 and 2.2.31; the first message of a chain."""
    if end - offset < _SMB2_HEADER + 32 or buffer[offset + 16] & 1:
        return np.int64(NO_CALL)
    command = integer_16(buffer, offset + 12, False)
    body = offset + _SMB2_HEADER
    if command == _SMB2_WRITE:
        return _inside(buffer, offset, integer_16(buffer, body + 2, False), end)
    if command == _SMB2_IOCTL and integer_32(buffer, body + 4, False) == _PIPE_TRANSCEIVE:
        return _inside(buffer, offset, integer_32(buffer, body + 24, False), end)
    if command == _SMB2_TREE_CONNECT:
        start = offset + integer_16(buffer, body + 4, False)
        return _share(buffer, start, start + integer_16(buffer, body + 6, False), end)
    return np.int64(NO_CALL)


@inline_hostile_kernel
def _share(buffer, start, stop, end):
    r"""Whether the UTF-16 path is ``ADMIN$`` or a drive, ``C$``: ``$`` behind ``N``, or behind one letter alone."""
    if stop > end or stop - start < 6 or buffer[stop - 1] != 0 or buffer[stop - 2] != _DOLLAR:
        return np.int64(NO_CALL)
    before, further = buffer[stop - 4], buffer[stop - 6]
    return np.int64(SHARE) if before in (ord("N"), ord("n")) or further == ord("\\") else np.int64(NO_CALL)


@inline_kernel
def calls_of(interface, call):
    """Return the set of kinds, as bits, of a call that is no bind; ``interface`` is the code of the last bind."""
    if call & SHARE:
        return np.uint32(1 << SHARE_BIT)
    number, procedure = np.int64(interface & ~BIND) - 1, np.int64(call) - 1
    for place in range(_CALLED.shape[0]):
        if _CALLED[place, 0] == number and _CALLED[place, 1] == procedure:
            return np.uint32(1) << np.uint32(_CALLED[place, 2])
    return np.uint32(0)
