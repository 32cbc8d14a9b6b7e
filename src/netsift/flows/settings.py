"""The meter's settings, with the defaults that docs/flow-meter.md explains."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from netsift.errors import UsageError
from netsift.kernels.layout import NANOSECONDS_PER_SECOND, SETTINGS

SMALLEST_TABLE = 16
LARGEST_TABLE = 100_000_000
MOST_FIRST_PACKETS = 1000
LONGEST_TIMEOUT_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """How packets become flows. Times in seconds of packet time; see docs/flow-meter.md section 2.

    Raises :class:`netsift.errors.UsageError` for values outside their range.
    """

    idle_timeout_s: float = 120.0
    active_timeout_s: float = 3600.0
    linger_s: float = 1.0
    activity_timeout_s: float = 5.0
    subflow_gap_s: float = 1.0
    bulk_gap_s: float = 1.0
    bulk_packets: int = 4
    first_packets: int = 20
    max_flows: int = 1_000_000
    tcp_end: bool = True

    def __post_init__(self) -> None:
        """Refuse what the meter could not keep its promises with."""
        for name, value in asdict(self).items():
            if name.endswith("_s") and not 0 <= value <= LONGEST_TIMEOUT_S:
                what = name.removesuffix("_s").replace("_", " ")
                raise UsageError(f"the {what} must lie between 0 and {LONGEST_TIMEOUT_S:.0f} seconds, not {value}")
        if self.linger_s > self.idle_timeout_s:
            raise UsageError(
                f"the linger ({self.linger_s} s) must not exceed the idle timeout, {self.idle_timeout_s} s"
            )
        if not SMALLEST_TABLE <= self.max_flows <= LARGEST_TABLE:
            raise UsageError(f"max_flows must lie between {SMALLEST_TABLE} and {LARGEST_TABLE}, not {self.max_flows}")
        if not 0 <= self.first_packets <= MOST_FIRST_PACKETS:
            raise UsageError(f"first_packets must lie between 0 and {MOST_FIRST_PACKETS}, not {self.first_packets}")
        if self.bulk_packets < 2:
            raise UsageError(f"bulk_packets must be at least 2, not {self.bulk_packets}")

    def as_array(self) -> np.ndarray:
        """Return the settings as a SETTINGS array of shape (1,), the form the kernels read."""
        array = np.zeros(1, SETTINGS)
        for name in ("idle_timeout", "active_timeout", "linger", "activity_timeout", "subflow_gap", "bulk_gap"):
            array[f"{name}_ns"] = round(getattr(self, f"{name}_s") * NANOSECONDS_PER_SECOND)
        array["max_flows"] = self.max_flows
        array["bulk_packets"] = self.bulk_packets
        array["tcp_end"] = self.tcp_end
        return array
