"""Argus flows as CTU and Stratosphere publish them (``.binetflow``), separated by commas or tabs.

Argus counts bytes from the link layer on, so the header of Ethernet is taken off each packet. Where a file has no
``SrcPkts``, the packets of each direction are known only of flows that nobody answered, and the headers are taken off
both directions in proportion to their bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netsift.flows.schema import CONNECTION_STATES
from netsift.sources.datasets.canonical import US_PER_S, ratio
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names
from netsift.sources.datasets.protocols import protocol_numbers
from netsift.sources.datasets.rows import Numbers, Rows
from netsift.sources.datasets.times import start_times

DIALECT: Final = "argus"

_CORE: Final = frozenset(
    {"StartTime", "Dur", "Proto", "SrcAddr", "Sport", "DstAddr", "Dport", "State", "TotPkts", "TotBytes", "SrcBytes"}
)
_FOREIGN: Final = ("TotBytes", "SrcBytes", "sTos", "dTos")
_UNUSED: Final = ("Dir", "srcUdata", "dstUdata")
_ETHERNET_BYTES: Final = 14
_WORDS: Final = {"REQ": "S0", "INT": "S0", "ACC": "S1", "EST": "S1", "CON": "SF", "FIN": "SF", "CLO": "SF"}
"""States that Argus names (ra(1)), as Zeek's, which stand in some files; of a reset it does not say whose it was."""
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
    columns["conn_state"] = _states(rows.text("State"))
    columns |= _directions(columns["packets"], rows)
    if "Label" in rows.names:
        columns["label"] = rows.text("Label")
    return columns


def _directions(packets: Numbers, rows: Rows) -> Columns:
    """Return packets and IP bytes by direction."""
    total, sent = rows.number("TotBytes"), rows.number("SrcBytes")
    got = total - sent
    if "SrcPkts" in rows.names:
        forward = rows.number("SrcPkts")
        headers_fwd, headers_bwd = _ETHERNET_BYTES * forward, _ETHERNET_BYTES * (packets - forward)
    else:
        forward = np.where(got == 0, packets, np.where(sent == 0, 0, np.nan))
        headers_fwd, headers_bwd = (_ETHERNET_BYTES * packets * ratio(side, total) for side in (sent, got))
    return {
        "packets_fwd": forward,
        "packets_bwd": packets - forward,
        "bytes_fwd": np.maximum(sent - np.nan_to_num(headers_fwd), 0),
        "bytes_bwd": np.maximum(got - np.nan_to_num(headers_bwd), 0),
    }


def _states(texts: pa.Array) -> pa.Array:
    """Return the states of connections as Zeek's, by Argus' words or by the TCP flags of both directions."""
    encoded = pc.dictionary_encode(texts)
    entries = [None if text is None else _state(text) for text in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(entries, pa.string()), encoded.indices)


def _state(text: str) -> str | None:
    """Return Zeek's state of a connection for ``flags_flags``, such as S0 for ``S_``, or for a word.

    Example:
        >>> [_state(text) for text in ("S_", "S_RA", "FSPA_FSPA", "SPA_SPA", "FSRPA_SPA", "PA_PA", "CON", "URP")]
        ['S0', 'REJ', 'SF', 'S1', 'RSTO', 'OTH', 'SF', None]
    """
    forward, separator, backward = text.partition("_")
    if not separator:
        return text if text in CONNECTION_STATES else _WORDS.get(text)
    if "S" not in forward:
        return "OTH"
    if "S" not in backward:
        return _unopened(forward, backward)
    if "R" in forward + backward:
        return "RSTO" if "R" in forward else "RSTR"
    return {(True, True): "SF", (True, False): "S2", (False, True): "S3"}.get(("F" in forward, "F" in backward), "S1")


def _unopened(forward: str, backward: str) -> str:
    if backward:
        return "REJ" if "R" in backward else "OTH"
    return "SH" if "F" in forward else "RSTOS0" if "R" in forward else "S0"


def _address(rows: Rows, name: str) -> pa.Array:
    """Return IP addresses; Argus also writes the hardware addresses of ARP and LLC, which become null."""
    texts = rows.text(name)
    hardware = pc.match_substring_regex(texts, r"^([0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}$")
    is_address = pc.and_(pc.match_substring_regex(texts, "[.:]"), pc.invert(hardware))
    return pc.if_else(is_address, texts, pa.scalar(None, pa.string()))
