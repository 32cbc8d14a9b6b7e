"""UNSW-NB15, made with Argus and Bro (Moustafa and Slay, 2015): the training and testing files, and the raw files.

The four raw files have addresses and times, other names for some columns, and no header; ``UNSW-NB15_features.csv``,
which is published beside them, lists their 49 columns.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from netsift.sources.datasets.canonical import US_PER_S
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names
from netsift.sources.datasets.protocols import protocol_numbers
from netsift.sources.datasets.rows import Rows
from netsift.sources.datasets.times import times_of_seconds

DIALECT: Final = "unsw_nb15"

_MAPPED: Final = {"spkts": "packets_fwd", "dpkts": "packets_bwd", "sbytes": "bytes_fwd", "dbytes": "bytes_bwd"}
_FOREIGN: Final = (
    "rate", "sttl", "dttl", "sload", "dload", "sloss", "dloss", "sjit", "djit", "swin", "dwin", "tcprtt", "synack",
    "ackdat", "trans_depth", "response_body_len", "ct_srv_src", "ct_state_ttl", "ct_dst_ltm", "ct_src_dport_ltm",
    "ct_dst_sport_ltm", "ct_dst_src_ltm", "is_ftp_login", "ct_ftp_cmd", "ct_flw_http_mthd", "ct_src_ltm", "ct_srv_dst",
    "is_sm_ips_ports",
)  # fmt: skip
# smean and dmean follow from bytes and packets; stcpb and dtcpb are random numbers; state and service are words.
_UNUSED: Final = ("id", "smean", "dmean", "stcpb", "dtcpb", "state", "service")
_CORE: Final = frozenset({"dur", "proto", "spkts", "dpkts", "sbytes", "dbytes", "sinpkt", "tcprtt"})
_KNOWN: Final = frozenset({*_CORE, *_FOREIGN, *_UNUSED, "dinpkt", "attack_cat", "label"})
_US_PER_MS: Final = 1000.0

RAW_COLUMNS: Final = (
    "srcip", "sport", "dstip", "dsport", "proto", "state", "dur", "sbytes", "dbytes", "sttl", "dttl", "sloss", "dloss",
    "service", "sload", "dload", "spkts", "dpkts", "swin", "dwin", "stcpb", "dtcpb", "smeansz", "dmeansz",
    "trans_depth", "res_bdy_len", "sjit", "djit", "stime", "ltime", "sintpkt", "dintpkt", "tcprtt", "synack", "ackdat",
    "is_sm_ips_ports", "ct_state_ttl", "ct_flw_http_mthd", "is_ftp_login", "ct_ftp_cmd", "ct_srv_src", "ct_srv_dst",
    "ct_dst_ltm", "ct_src_ltm", "ct_src_dport_ltm", "ct_dst_sport_ltm", "ct_dst_src_ltm", "attack_cat", "label",
)  # fmt: skip
"""Columns of the raw files, in order and in lower case."""

_OTHER_NAMES: Final = {"smeansz": "smean", "dmeansz": "dmean", "res_bdy_len": "response_body_len",
                       "sintpkt": "sinpkt", "dintpkt": "dinpkt"}  # fmt: skip
"""Name in the training and testing files of each column that the raw files call differently."""
_RAW_CORE: Final = frozenset({"srcip", "dstip", "stime"})
_RAW_ONLY: Final = frozenset({*_RAW_CORE, "sport", "dsport", "ltime"})
_BENIGN: Final = "Normal"


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when it is not of UNSW-NB15."""
    known = {_OTHER_NAMES.get(name.casefold(), name.casefold()): name for name in names}
    if not set(known) >= _CORE:
        return None
    is_raw = set(known) >= _RAW_CORE
    foreign = foreign_names(DIALECT, [name for name in known if name in _FOREIGN])
    return Layout(
        title=f"UNSW-NB15 flows{', raw' if is_raw else ''} (Argus and Bro, {len(names)} columns)",
        translate=partial(_translate_raw if is_raw else _translate, known=known),
        foreign={known[name]: tool_name for name, tool_name in foreign.items()},
        unknown=tuple(own for name, own in known.items() if name not in _KNOWN | _RAW_ONLY),
    )


def columns_of_first_row(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns of a file without header by its first row, None when that is not of a raw file."""
    if len(values) != len(RAW_COLUMNS) or values[-1] not in ("0", "1"):
        return None
    return RAW_COLUMNS if _is_address(values[0]) and _is_address(values[2]) else None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _translate(rows: Rows, known: Mapping[str, str]) -> Columns:
    columns: Columns = {ours: rows.number(known[name]) for name, ours in _MAPPED.items()}
    columns["duration_us"] = rows.number(known["dur"]) * US_PER_S
    columns["protocol"] = protocol_numbers(rows.text(known["proto"]))
    columns["iat_fwd_mean_us"] = rows.number(known["sinpkt"]) * _US_PER_MS
    if "dinpkt" in known:
        columns["iat_bwd_mean_us"] = rows.number(known["dinpkt"]) * _US_PER_MS
    if "attack_cat" in known:
        columns["label"] = rows.text(known["attack_cat"])
    elif "label" in known:
        columns["label"] = rows.text(known["label"])
    return columns


def _translate_raw(rows: Rows, known: Mapping[str, str]) -> Columns:
    columns = _translate(rows, known)
    columns["start_time"] = times_of_seconds(rows.number(known["stime"]))
    columns |= {ours: rows.text(known[name]) for name, ours in (("srcip", "src_ip"), ("dstip", "dst_ip"))}
    for name, ours in (("sport", "src_port"), ("dsport", "dst_port")):
        # A few ports are hexadecimal or a dash: those of ICMP and of protocols that have none.
        columns[ours] = rows.number(known[name], lenient=True)
    if "label" in known and "attack_cat" in known:
        columns["label"] = _raw_label(columns["label"], rows.text(known["label"]))
    return columns


def _raw_label(categories: pa.Array, labels: pa.Array) -> pa.Array:
    """Ordinary traffic has no category in the raw files; the label says that it is ordinary."""
    return pc.if_else(pc.fill_null(pc.equal(labels, "0"), fill_value=False), pa.scalar(_BENIGN), categories)
