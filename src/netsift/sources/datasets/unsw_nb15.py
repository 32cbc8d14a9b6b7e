"""UNSW-NB15: the training and testing files, made with Argus and Bro (Moustafa and Slay, 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netsift.sources.datasets.canonical import US_PER_S
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names
from netsift.sources.datasets.protocols import protocol_numbers
from netsift.sources.datasets.rows import Rows

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


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when it is not of UNSW-NB15."""
    if not set(names) >= _CORE:
        return None
    return Layout(
        title=f"UNSW-NB15 flows (Argus and Bro, {len(names)} columns)",
        translate=_translate,
        foreign=foreign_names(DIALECT, [name for name in names if name in _FOREIGN]),
        unknown=tuple(name for name in names if name not in _KNOWN),
    )


def _translate(rows: Rows) -> Columns:
    columns: Columns = {ours: rows.number(name) for name, ours in _MAPPED.items()}
    columns["duration_us"] = rows.number("dur") * US_PER_S
    columns["protocol"] = protocol_numbers(rows.text("proto"))
    columns["iat_fwd_mean_us"] = rows.number("sinpkt") * _US_PER_MS
    if "dinpkt" in rows.names:
        columns["iat_bwd_mean_us"] = rows.number("dinpkt") * _US_PER_MS
    if "attack_cat" in rows.names:
        columns["label"] = rows.text("attack_cat")
    elif "label" in rows.names:
        columns["label"] = rows.text("label")
    return columns
