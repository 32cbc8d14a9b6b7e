"""How reasons say numbers and hosts."""

from __future__ import annotations

import math
from typing import Final

_DURATIONS: Final = ((172_800.0, 86_400.0, "d"), (7_200.0, 3_600.0, "h"), (120.0, 60.0, "min"), (1.0, 1.0, "s"))
_BYTES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def lasted(seconds: float) -> str:
    """Return a duration in words: ``12 s``, ``45 min``."""
    if not math.isfinite(seconds):
        return "an unknown time"
    for least, unit_s, unit in _DURATIONS:
        if seconds >= least:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds * 1000:.0f} ms"


def volume(bytes_: float) -> str:
    """Return a number of bytes in words: ``1.2 MB``."""
    if not math.isfinite(bytes_):
        return "an unknown volume"
    for least, unit in _BYTES:
        if bytes_ >= least:
            return f"{bytes_ / least:.1f} {unit}"
    return f"{bytes_:.0f} bytes"


def number(value: float, digits: int = 0) -> str:
    """Return a number with so many digits behind the point: ``1,024``; ``unknown`` where there is none."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "unknown"


def at_port(value: float) -> str:
    """Return `` port 22``, and nothing where there is no port."""
    return f" port {value:.0f}" if 0 <= value <= 65_535 else ""


def counted(number: int, noun: str) -> str:
    """Return a number of things: ``1 flow``, ``2 flows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def hosts(names: set[str], noun: str = "host") -> str:
    """Return the one host there is, or how many there are."""
    return next(iter(names)) if len(names) == 1 else f"{len(names):,} {noun}s"
