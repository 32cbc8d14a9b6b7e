"""Argus flows as CTU and Stratosphere publish them (``.binetflow``), separated by commas or tabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from netsift.sources.datasets.canonical import US_PER_S
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names
from netsift.sources.datasets.protocols import protocol_numbers
from netsift.sources.datasets.rows import Rows
from netsift.sources.datasets.times import start_times

DIALECT: Final = "argus"

_CORE: Final = frozenset(
    {"StartTime", "Dur", "Proto", "SrcAddr", "Sport", "DstAddr", "Dport", "State", "TotPkts", "TotBytes", "SrcBytes"}
)
_FOREIGN: Final = ("TotBytes", "SrcBytes", "sTos", "dTos")
_UNUSED: Final = ("Dir", "srcUdata", "dstUdata")
_KNOWN: Final = frozenset({*_CORE, *_FOREIGN, *_UNUSED, "SrcPkts", "Label"})


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when it is not of Argus flows."""
    if not set(names) >= _CORE:
        return None
    return Layout(
        title=f"Argus flows (binetflow, {len(names)} columns)",
        translate=_translate,
        foreign=foreign_names(DIALECT, [name for name in names if name in _FOREIGN]),
        unknown=tuple(name for name in names if name not in _KNOWN),
        quoted=False,
    )


def _translate(rows: Rows) -> Columns:
    columns: Columns = {
        "start_time": start_times(rows.text("StartTime")),
        "src_ip": _address(rows, "SrcAddr"),
        "dst_ip": _address(rows, "DstAddr"),
        # Argus writes ICMP identifiers and types here in hexadecimal, which are no ports.
        "src_port": rows.number("Sport", lenient=True),
        "dst_port": rows.number("Dport", lenient=True),
        "protocol": protocol_numbers(rows.text("Proto")),
        "duration_us": rows.number("Dur") * US_PER_S,
        "packets": rows.number("TotPkts"),
    }
    if "SrcPkts" in rows.names:
        columns["packets_fwd"] = rows.number("SrcPkts")
        columns["packets_bwd"] = columns["packets"] - columns["packets_fwd"]
    if "Label" in rows.names:
        columns["label"] = rows.text("Label")
    return columns


def _address(rows: Rows, name: str) -> pa.Array:
    """Return IP addresses; Argus also writes the hardware addresses of ARP and LLC, which become null."""
    texts = rows.text(name)
    hardware = pc.match_substring_regex(texts, r"^([0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}$")
    is_address = pc.and_(pc.match_substring_regex(texts, "[.:]"), pc.invert(hardware))
    return pc.if_else(is_address, texts, pa.scalar(None, pa.string()))
