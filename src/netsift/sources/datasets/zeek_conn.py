"""Connections that Zeek logged: ``conn.log`` as tab-separated text or JSON, labelled or not, and IoT-23 as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netsift.sources.datasets.canonical import US_PER_S
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names
from netsift.sources.datasets.protocols import protocol_numbers
from netsift.sources.datasets.rows import Numbers, Rows
from netsift.sources.datasets.times import times_of_seconds

DIALECT: Final = "zeek"

_MAPPED: Final = {
    "orig_pkts": "packets_fwd", "resp_pkts": "packets_bwd", "orig_ip_bytes": "bytes_fwd", "resp_ip_bytes": "bytes_bwd",
    "orig_bytes": "payload_bytes_fwd", "resp_bytes": "payload_bytes_bwd",
}  # fmt: skip
_PORTS: Final = {"id.orig_p": "src_port", "id.resp_p": "dst_port"}
_ADDRESSES: Final = {"id.orig_h": "src_ip", "id.resp_h": "dst_ip"}
_FOREIGN: Final = ("missed_bytes",)
_DETAILS: Final = ("detailed-label", "detailedlabel", "detailed_label")
_UNUSED: Final = (
    "uid", "service", "local_orig", "local_resp", "history", "tunnel_parents", "orig_l2_addr", "resp_l2_addr", "vlan",
    "inner_vlan", "community_id", "ip_proto", "orig_cc", "resp_cc", "_path", "_write_ts",
)  # fmt: skip
_CORE: Final = frozenset({"ts", "proto", "duration", "conn_state", *_ADDRESSES, *_PORTS, *_MAPPED})
_ALWAYS_SET: Final = frozenset({"ts", "proto", "conn_state", "orig_pkts", *_ADDRESSES, *_PORTS})
_KNOWN: Final = frozenset({*_CORE, *_FOREIGN, *_UNUSED, *_DETAILS, "label"})
_EMPTY: Final = pa.array(["-", "(empty)"])
_ICMP: Final = 1
_ICMP6: Final = 58
_GAP_OF_IOT23: Final = b"   "
"""IoT-23 separates the label columns with three spaces in the place of a tab."""


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when it is not of a connection log."""
    if not set(names) >= _CORE:
        return None
    return Layout(
        title=f"Zeek connections ({'labelled, ' if 'label' in names else ''}{len(names)} columns)",
        translate=_translate,
        foreign=foreign_names(DIALECT, [name for name in names if name in _FOREIGN]),
        unknown=tuple(name for name in names if name not in _KNOWN),
        repair=_mended,
        quoted=False,
    )


def field_names(lines: Sequence[str]) -> tuple[str, ...] | None:
    """Return the names of the ``#fields`` line at the head of a Zeek log, None when there is none."""
    fields = next((line for line in lines if line.startswith("#fields\t")), None)
    return None if fields is None else tuple(fields.replace(_GAP_OF_IOT23.decode(), "\t").split("\t")[1:])


def fields_of_objects(objects: Sequence[Mapping[str, object]]) -> tuple[str, ...] | None:
    """Return the fields of a log in JSON by its first objects, None when they are no connections.

    An object leaves out what is unset, so that fields may appear later: those that a connection log always has come
    first, whether they were seen or not.
    """
    seen = dict.fromkeys(name for one in objects for name in one)
    if not set(seen) >= _ALWAYS_SET:
        return None
    return (*sorted(_CORE), *(name for name in seen if name not in _CORE))


def _mended(lines: bytes) -> bytes:
    return lines.replace(_GAP_OF_IOT23, b"\t")


def _translate(rows: Rows) -> Columns:
    columns: Columns = {ours: rows.number(name) for name, ours in {**_MAPPED, **_PORTS}.items()}
    columns |= {ours: _text(rows, name) for name, ours in _ADDRESSES.items()}
    columns["start_time"] = times_of_seconds(rows.number("ts"))
    columns["conn_state"] = _text(rows, "conn_state")
    columns["duration_us"] = _duration_us(rows.number("duration"), columns)
    columns["protocol"] = _protocol(rows, columns)
    is_icmp = np.isin(columns["protocol"], (_ICMP, _ICMP6))
    columns["icmp_type"] = np.where(is_icmp, columns["src_port"], np.nan)
    if "label" in rows.names:
        columns["label"] = _text(rows, "label")
    if detail := next((name for name in _DETAILS if name in rows.names), None):
        columns["attack"] = _text(rows, detail)
    return columns


def _text(rows: Rows, name: str) -> pa.Array:
    texts = rows.text(name)
    return pc.if_else(pc.is_in(texts, value_set=_EMPTY), pa.scalar(None, pa.string()), texts)


def _duration_us(seconds: Numbers, columns: Columns) -> Numbers:
    """Zeek leaves the duration of a single packet unset; netsift's meter says 0."""
    single = columns["packets_fwd"] + columns["packets_bwd"] <= 1
    return np.where(np.isnan(seconds) & single, 0.0, seconds * US_PER_S)


def _protocol(rows: Rows, columns: Columns) -> Numbers:
    numbers = protocol_numbers(rows.text("proto"))
    is_v6 = pc.fill_null(pc.match_substring(columns["src_ip"], ":"), fill_value=False).to_numpy(zero_copy_only=False)
    return np.where((numbers == _ICMP) & is_v6, float(_ICMP6), numbers)
