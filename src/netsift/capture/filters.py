"""Filter expressions (pcap-filter(7)) as classic BPF programs, compiled by libpcap where it is present.

A program is a sequence of ``struct sock_filter`` of linux/filter.h, eight bytes each; the number that it returns is how
much of a packet is kept.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
from functools import cache
from ipaddress import ip_address
from typing import Any, Final

from netsift.errors import InputError, UsageError

_RETURN: Final = 0x06
_INSTRUCTION: Final = struct.Struct("=HBBI")
_ERROR_BYTES: Final = 256
_NETMASK_UNKNOWN: Final = 0xFFFF_FFFF
_ETHERNET: Final = 1
_NOT_UP: Final = -9
"""PCAP_ERROR_IFACE_NOT_UP."""


class _Program(ctypes.Structure):
    """``struct bpf_program``."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(ctypes.c_char)))


def everything(snap_length: int) -> bytes:
    """Return the program that keeps the first ``snap_length`` bytes of every packet."""
    return _INSTRUCTION.pack(_RETURN, 0, 0, snap_length)


def compiled(expression: str, interface: str, snap_length: int) -> bytes:
    """Return the program of a filter expression for an interface.

    Raises:
        InputError: libpcap is not installed, or refuses to look at the interface.
        UsageError: the expression makes no sense; libpcap says why.
    """
    pcap = _library()
    handle = _live_handle(pcap, interface, snap_length) or pcap.pcap_open_dead(_ETHERNET, snap_length)
    try:
        program = _Program()
        if pcap.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, _NETMASK_UNKNOWN) != 0:
            raise UsageError(f"the filter {expression!r}: {pcap.pcap_geterr(handle).decode(errors='replace')}")
        content = ctypes.string_at(program.instructions, program.length * _INSTRUCTION.size)
        pcap.pcap_freecode(ctypes.byref(program))
        return content
    finally:
        pcap.pcap_close(handle)


def without(expression: str, ends: list[str]) -> str:
    """Return a filter expression that also leaves out what goes to or comes from some hosts.

    ``ends`` are addresses, or addresses with a port: ``192.0.2.1``, ``192.0.2.1:514``, ``[2001:db8::1]:514``.

    Raises:
        UsageError: one of them is none.
    """
    # What stands behind the word vlan is looked for four bytes further on (pcap-filter(7)), so the expression is last.
    parts = [f"({expression})"] if expression else []
    return " and ".join([*(f"not ({_end(text)})" for text in ends), *parts])


def _end(text: str) -> str:
    address, port = text, ""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        host = ip_address(address)
        number = int(port) if port else None
    except ValueError:
        raise UsageError(f"{text!r} is no address, and no address with a port") from None
    return f"host {host}" if number is None else f"host {host} and port {number}"


def _live_handle(pcap: Any, interface: str, snap_length: int) -> Any:
    """Return a handle of the interface, for which VLAN tags are looked for where Linux keeps them; None if it is down.

    Without one, an expression with ``vlan`` in it would look for the tag within the frame, where it no longer is.
    """
    message = ctypes.create_string_buffer(_ERROR_BYTES)
    handle = pcap.pcap_create(interface.encode(), message)
    if not handle:
        raise InputError(f"{interface}: {message.value.decode(errors='replace')}")
    pcap.pcap_set_snaplen(handle, snap_length)
    status = pcap.pcap_activate(handle)
    if status >= 0:
        return handle
    said = pcap.pcap_geterr(handle).decode(errors="replace") or pcap.pcap_statustostr(status).decode()
    pcap.pcap_close(handle)
    if status == _NOT_UP:
        return None
    raise InputError(f"{interface}: {said}")


@cache
def _library() -> Any:
    for name in (ctypes.util.find_library("pcap"), "libpcap.so.0.8", "libpcap.so.1"):
        try:
            pcap = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if pcap is not None:
            return _declared(pcap)
    raise InputError(
        "a filter needs libpcap (Debian: apt install libpcap0.8); without it: tcpdump -w - FILTER | netsift watch -"
    )


def _declared(pcap: Any) -> Any:
    for name in ("pcap_create", "pcap_open_dead"):
        getattr(pcap, name).restype = ctypes.c_void_p
    for name in ("pcap_geterr", "pcap_statustostr"):
        getattr(pcap, name).restype = ctypes.c_char_p
    pcap.pcap_create.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    pcap.pcap_open_dead.argtypes = [ctypes.c_int, ctypes.c_int]
    pcap.pcap_set_snaplen.argtypes = [ctypes.c_void_p, ctypes.c_int]
    pcap.pcap_compile.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    ]  # fmt: skip
    pcap.pcap_freecode.argtypes = [ctypes.c_void_p]
    pcap.pcap_statustostr.argtypes = [ctypes.c_int]
    for name in ("pcap_activate", "pcap_close", "pcap_geterr"):
        getattr(pcap, name).argtypes = [ctypes.c_void_p]
    return pcap
