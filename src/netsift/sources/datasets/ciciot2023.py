"""CIC-IoT2023: statistics of windows of packets, not of flows, so that no column is one of netsift's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netsift.sources.datasets.dialect import Columns, Layout, foreign_names, plain
from netsift.sources.datasets.rows import Rows

DIALECT: Final = "ciciot2023"

_COLUMNS: Final = (
    "flow_duration", "Header_Length", "Protocol Type", "Duration", "Time_To_Live", "Rate", "Srate", "Drate",
    "fin_flag_number", "syn_flag_number", "rst_flag_number", "psh_flag_number", "ack_flag_number", "ece_flag_number",
    "cwr_flag_number", "ack_count", "syn_count", "fin_count", "urg_count", "rst_count", "HTTP", "HTTPS", "DNS",
    "Telnet", "SMTP", "SSH", "IRC", "TCP", "UDP", "DHCP", "ARP", "ICMP", "IGMP", "IPv", "LLC", "Tot sum", "Min", "Max",
    "AVG", "Std", "Tot size", "IAT", "Number", "Magnitue", "Radius", "Covariance", "Variance", "Weight",
)  # fmt: skip
"""Of the published CSV files and of their later edition."""

_CORE: Final = frozenset(
    map(plain, ("Header_Length", "Protocol Type", "fin_flag_number", "Tot sum", "Tot size", "IAT"))
)
_KNOWN: Final = frozenset(map(plain, _COLUMNS))
_LABEL: Final = "label"


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when it is not of CIC-IoT2023."""
    if not set(map(plain, names)) >= _CORE:
        return None
    return Layout(
        title=f"CIC-IoT2023 packet windows ({len(names)} columns)",
        translate=_translate,
        foreign=foreign_names(DIALECT, [name for name in names if plain(name) in _KNOWN]),
        unknown=tuple(name for name in names if plain(name) not in _KNOWN and plain(name) != _LABEL),
    )


def _translate(rows: Rows) -> Columns:
    name = next((name for name in rows.names if plain(name) == _LABEL), None)
    return {} if name is None else {"label": rows.text(name)}
