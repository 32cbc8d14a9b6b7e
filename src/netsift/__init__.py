"""netsift: find attacks and anomalies in network traffic.

``netsift.read_flows(path)`` yields flow batches (``pyarrow.RecordBatch``, one row per bidirectional flow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "read_flows"]

if TYPE_CHECKING:
    from netsift.sources.flows import read_flows


def __getattr__(name: str) -> Any:
    """Load the reader, and with it the kernels, only when it is asked for."""
    if name == "read_flows":
        from netsift.sources.flows import read_flows

        return read_flows
    raise AttributeError(f"module 'netsift' has no attribute {name!r}")
