"""A plain phrase for every column: what a reader is told instead of ``iat_bwd_mean_us``.

The phrase is the column's definition in the schema, shortened by a few rules; where the definition is no phrase,
:data:`_OWN` has one. Units stand with the values, not in the phrase.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from netsift.context.schema import CONTEXT_COLUMNS
from netsift.flows.schema import BY_NAME
from netsift.models.features import SERVICE

_OWN: Final[dict[str, str]] = {
    SERVICE: "service",
    "start_time": "start",
    "end_time": "end",
    "part": "parts of this conversation before this one",
    "end_reason": "end of the flow",
    "duration_us": "duration",
    "protocol": "IP protocol",
    "ip_version": "IP version",
    "tunnel": "tunnel",
    "conn_state": "connection state",
    "payload_kind_fwd": "forward payload",
    "payload_kind_bwd": "backward payload",
    "packets_ratio": "backward packets per forward packet",
    "bytes_ratio": "backward bytes per forward byte",
    "rate_bytes_s": "bytes per second",
    "rate_bytes_fwd_s": "forward bytes per second",
    "rate_bytes_bwd_s": "backward bytes per second",
}
"""By column."""

_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\.$", ""),
        (r"^Number of ", ""),
        (r"^Sum of the IP lengths of the", "IP bytes of the"),
        (r"^Sum of the transport payload lengths of the", "payload bytes of the"),
        (r"^Sum of the transport header lengths of the", "header bytes of the"),
        (r"^Standard deviation of the", "spread of the"),
        (r" time between successive packets$", " time between packets"),
        (r" between successive", " between"),
        (r" ÷ (their total )?duration$", " per second"),
        (r" ÷ subflows$", " per subflow"),
    )
)
"""Pattern in the definition and what takes its place, one after the other."""


@cache
def phrase(column: str) -> str:
    """Return the phrase for a column of the flows or their context, or the service; others keep their name."""
    if column in _OWN:
        return _OWN[column]
    if column in CONTEXT_COLUMNS:
        return CONTEXT_COLUMNS[column].phrase
    if column not in BY_NAME:
        return column
    text = BY_NAME[column].definition
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    first, _, rest = text.partition(" ")
    return text if first.isupper() or not rest else f"{first.lower()} {rest}"
