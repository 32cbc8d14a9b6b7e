"""What single flows are, as far as several behaviours ask: probes, answers, logins."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Concatenate, Final, ParamSpec

import numpy as np
import numpy.typing as npt

from netsift.context.tracker import FAILED_STATES
from netsift.detectors.behaviour.base import ICMP, ICMP_V6, TCP, UDP, FlowView, Numbers, Rows
from netsift.flows.schema import REMOTE_CALLS
from netsift.models.services import PORTS_BY_SERVICE, SERVICES, service_codes

Names = ParamSpec("Names")

WEB_PORTS: Final = PORTS_BY_SERVICE["web"]

_HIGH_PORT: Final = 1024
_ECHO_REQUESTS: Final = (8, 128)
_MOST_PROBE_PACKETS: Final = 6


def port_numbers(view: FlowView, name: str) -> npt.NDArray[np.int64]:
    """Return a column of ports as int64, −1 where there is no port, and for what can be none."""
    ports = view.number(name)
    return np.where((ports >= 0) & (ports <= 65_535), ports, -1).astype(np.int64)


def once(find: Callable[Concatenate[FlowView, Names], Rows]) -> Callable[Concatenate[FlowView, Names], Rows]:
    """Return a function of a batch that finds an answer once and keeps it, read-only, with the batch."""

    @wraps(find)
    def kept(view: FlowView, /, *names: Names.args, **named: Names.kwargs) -> Rows:
        key = (find.__name__, *names, *named.items())
        if key not in view.answers:
            found = find(view, *names, **named)
            found.flags.writeable = False
            view.answers[key] = found
        return view.answers[key]

    return kept


@once
def service(view: FlowView, *names: str) -> Rows:
    """Return which flows have the well-known port of one of the services at either end."""
    ports = [port_numbers(view, name) for name in ("src_port", "dst_port")]
    return np.isin(service_codes(ports[0], ports[1]), [SERVICES.index(name) for name in names])


@once
def to_service(view: FlowView, *names: str) -> Rows:
    """Return which flows go to a well-known port of one of the services."""
    ports = [port for name in names for port in PORTS_BY_SERVICE[name]]
    return np.isin(view.number("dst_port"), ports)


@once
def tcp(view: FlowView) -> Rows:
    """Return which flows are TCP."""
    found: Rows = view.number("protocol") == TCP
    return found


@once
def udp(view: FlowView) -> Rows:
    """Return which flows are UDP."""
    found: Rows = view.number("protocol") == UDP
    return found


@once
def icmp(view: FlowView) -> Rows:
    """Return which flows are ICMP or ICMPv6."""
    return np.isin(view.number("protocol"), (ICMP, ICMP_V6))


@once
def is_answer(view: FlowView) -> Rows:
    """Return which UDP flows come from a well-known port and go to a high one: answers whose question was not seen."""
    source = port_numbers(view, "src_port")
    known = service_codes(source, np.full(view.rows, -1)) > SERVICES.index("other")
    return udp(view) & known & (view.number("dst_port") >= _HIGH_PORT)


@once
def unanswered(view: FlowView) -> Rows:
    """Return which flows nobody answered."""
    found: Rows = view.number("packets_bwd") == 0
    return found


@once
def tcp_probe(view: FlowView) -> Rows:
    """Return which TCP flows carried nothing: refused, unanswered, or ended before anybody said a word."""
    never_open = view.among("conn_state", ("S0", "REJ"))
    empty = ((view.number("payload_packets") == 0) | never_open) & ~(view.number("packets_fwd") > _MOST_PROBE_PACKETS)
    fruitless = view.among("conn_state", FAILED_STATES) | unanswered(view) | (view.number("rst_packets") > 0)
    found: Rows = tcp(view) & empty & fruitless
    return found


@once
def udp_probe(view: FlowView) -> Rows:
    """Return which UDP flows are short questions without an answer."""
    few = view.number("packets_fwd") <= _MOST_PROBE_PACKETS
    return udp(view) & unanswered(view) & few & ~is_answer(view) & ~is_trace(view)


@once
def is_trace(view: FlowView) -> Rows:
    """Return which UDP flows are those of traceroute: ports from 33434 on, with a small TTL (RFC 1393, its manual)."""
    port = view.number("dst_port")
    return udp(view) & (port >= 33434) & (port <= 33534) & (view.number("ttl_fwd_min") <= 32)


@once
def echo_probe(view: FlowView) -> Rows:
    """Return which flows are ICMP echo requests without an answer."""
    return icmp(view) & np.isin(view.number("icmp_type"), _ECHO_REQUESTS) & unanswered(view)


def is_echo_request(view: FlowView) -> Rows:
    """Return which flows are ICMP echo, answered or not."""
    return icmp(view) & np.isin(view.number("icmp_type"), _ECHO_REQUESTS)


def packets_in_5s(view: FlowView) -> Numbers:
    """Return how many forward packets a flow sends in 5 s, in the mean of its time; of shorter flows all."""
    seconds = np.nan_to_num(view.number("duration_us"), posinf=0) / 1e6
    return np.nan_to_num(view.number("packets_fwd")) * 5 / np.maximum(seconds, 5)


@once
def to_group(view: FlowView) -> Rows:
    """Return which flows go to a multicast or broadcast address."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(view.batch.column("dst_ip"), pa.string())
    found = pc.match_substring_regex(texts, r"^(2(2[4-9]|3[0-9])\.|255\.|ff|0\.0\.0\.0)|\.255$")
    group: Rows = pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False)
    return group


_PRIVATE: Final = (
    r"^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|127\.|169\.254\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)"
)


def is_internal_address(text: str) -> bool:
    """Return whether an address is private, link-local or loopback."""
    return re.match(_PRIVATE, text) is not None


@once
def is_internal(view: FlowView, column: str) -> Rows:
    """Return which flows have a private, link-local or loopback address in a column (RFC 1918, 3927, 4193, 4291)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.match_substring_regex(pc.cast(view.batch.column(column), pa.string()), _PRIVATE)
    internal: Rows = pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False)
    return internal


@once
def called(view: FlowView, *kinds: str) -> Rows:
    """Return which flows called remote procedures of one of the kinds."""
    found: Rows = _bits(view) & sum(1 << REMOTE_CALLS.index(kind) for kind in kinds) != 0
    return found


def kinds_called(view: FlowView, *kinds: str) -> Numbers:
    """Return how many of the kinds of remote procedure each flow called."""
    counts: Numbers = np.sum([called(view, kind) for kind in kinds], axis=0, dtype=np.float64)
    return counts


def call_words(calls: float, words: Mapping[str, str]) -> str:
    """Return what the calls of a flow do, joined by commas; ``words`` of each kind."""
    bits = int(calls) if math.isfinite(calls) and calls >= 0 else 0
    return ", ".join(text for kind, text in words.items() if bits >> REMOTE_CALLS.index(kind) & 1)


def _bits(view: FlowView) -> npt.NDArray[np.int64]:
    return np.maximum(view.integer("remote_calls"), 0)
