"""The slow truth: capture files, packets and flows in plain Python, obvious rather than fast.

Written from ``docs/flow-meter.md`` and ``netsift.flows.schema`` alone, so that the compiled meter can be held against
it.
"""

from __future__ import annotations

from .containers import Record, read_records
from .decode import FragmentCache, Packet, decode, decode_all
from .meter import Settings, meter

__all__ = ["FragmentCache", "Packet", "Record", "Settings", "decode", "decode_all", "meter", "read_records"]
