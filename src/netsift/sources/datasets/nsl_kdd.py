"""NSL-KDD: connections of the 1998 DARPA capture with Bro's features (Tavallaee and others, 2009).

The text files have no header; the Parquet edition has one, with fewer columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netsift.sources.datasets.canonical import US_PER_S
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names
from netsift.sources.datasets.protocols import protocol_numbers
from netsift.sources.datasets.rows import Rows

DIALECT: Final = "nsl_kdd"

TEXT_COLUMNS: Final = (
    "duration", "protocol_type", "service", "flag", "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent", "hot",
    "num_failed_logins", "logged_in", "num_compromised", "root_shell", "su_attempted", "num_root",
    "num_file_creations", "num_shells", "num_access_files", "num_outbound_cmds", "is_host_login", "is_guest_login",
    "count", "srv_count", "serror_rate", "srv_serror_rate", "rerror_rate", "srv_rerror_rate", "same_srv_rate",
    "diff_srv_rate", "srv_diff_host_rate", "dst_host_count", "dst_host_srv_count", "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate", "dst_host_same_src_port_rate", "dst_host_srv_diff_host_rate", "dst_host_serror_rate",
    "dst_host_srv_serror_rate", "dst_host_rerror_rate", "dst_host_srv_rerror_rate", "class", "difficulty",
)  # fmt: skip
"""Columns of the text files, in order; the last is missing in some."""

_PROTOCOLS: Final = frozenset({"tcp", "udp", "icmp"})
_MAPPED: Final = frozenset({"duration", "protocol_type", "flag", "src_bytes", "dst_bytes", "urgent"})
_LABELS: Final = ("class", "label", "attack")
_UNUSED: Final = ("service", "difficulty", "classnum", "difficulty_level")
_FOREIGN: Final = tuple(name for name in TEXT_COLUMNS if name not in {*_MAPPED, *_UNUSED, "class"})
_CORE: Final = frozenset({*_MAPPED, "count", "dst_host_count", "serror_rate"})
_KNOWN: Final = frozenset({*_MAPPED, *_FOREIGN, *_UNUSED, *_LABELS})


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when it is not of NSL-KDD."""
    if not set(names) >= _CORE:
        return None
    return Layout(
        title=f"NSL-KDD connections ({len(names)} columns)",
        translate=_translate,
        foreign=foreign_names(DIALECT, [name for name in names if name in _FOREIGN]),
        unknown=tuple(name for name in names if name not in _KNOWN),
    )


def columns_of_first_row(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns of a file without header by its first row, None when that is not of NSL-KDD."""
    with_difficulty = len(TEXT_COLUMNS)
    if len(values) not in (with_difficulty, with_difficulty - 1) or values[1] not in _PROTOCOLS:
        return None
    numbers = [values[0], *values[4:41]]
    return TEXT_COLUMNS[: len(values)] if all(one.replace(".", "", 1).isdigit() for one in numbers) else None


def _translate(rows: Rows) -> Columns:
    columns: Columns = {
        "duration_us": rows.number("duration") * US_PER_S,
        "protocol": protocol_numbers(rows.text("protocol_type")),
        "conn_state": rows.text("flag"),
        "payload_bytes_fwd": rows.number("src_bytes"),
        "payload_bytes_bwd": rows.number("dst_bytes"),
        "urg_packets": rows.number("urgent"),
    }
    label = next((name for name in _LABELS if name in rows.names), None)
    return columns if label is None else {**columns, "label": rows.text(label)}
