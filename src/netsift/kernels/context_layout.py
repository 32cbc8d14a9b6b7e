"""What the context kernel keeps of each host, pair and service, and where in an entry each value lies."""

from __future__ import annotations

from typing import Final

import numpy as np

WINDOWS_S: Final = (5, 60, 600, 3600)
"""Time constants of the windows in seconds."""

FLOWS: Final = 0
PACKETS: Final = 1
BYTES_FWD: Final = 2
BYTES_BWD: Final = 3
FAILED: Final = 4
UNANSWERED: Final = 5
RESETS: Final = 6
DISTINCT: Final = 7
GAP_WEIGHT: Final = 10
SIZE_MEAN: Final = 11
SIZE_VARIANCE: Final = 12
GAP_MEAN: Final = 13
GAP_VARIANCE: Final = 14
VALUES: Final = 15
"""Places of the values of one window; ``DISTINCT`` has three. All before the means are sums, which age."""

NOTHING: Final = 1e-30
"""Sums that have aged below this are 0, so that no arithmetic is done with numbers too small to be normal."""

ENTRY: Final = np.dtype(
    [
        ("last_start_ns", np.int64),
        ("first_ns", np.int64),
        ("values", np.float64, (len(WINDOWS_S), VALUES)),
        ("unused", np.int64, (2,)),
    ],
    align=True,
)
"""What is remembered of one host, pair or service: eight cache lines. Its last time stands apart, beside its tag, since
of a full bucket the last times of all are asked.

The sums are float64: of a million flows, one more is lost in float32, and so is the ageing of a microsecond.
"""


FLOW: Final = np.dtype(
    [
        ("source", np.uint64),
        ("destination", np.uint64),
        ("start_ns", np.int64),
        ("end_ns", np.int64),
        ("packets", np.float32),
        ("bytes_fwd", np.float32),
        ("bytes_bwd", np.float32),
        ("service", np.uint32),
        ("failed", np.uint8),
        ("unanswered", np.uint8),
        ("reset", np.uint8),
        ("continued", np.uint8),
    ],
    align=True,
)
"""One flow as the context sees it: hashes of the addresses, times, volume, and how it ended."""

SOURCE: Final = 0
DESTINATION: Final = 1
PAIR: Final = 2
SOURCE_SERVICE: Final = 3
DESTINATION_SERVICE: Final = 4
ENTITIES: Final = 5
"""Kinds of what is remembered; each has its own part of the table."""

TRIPLES: Final = 5
"""Source, destination and service together: of these only the last time is remembered."""

WAYS: Final = 8
"""Entries of a bucket; the one that was seen longest ago makes room."""

BACKWARD_LIMIT_NS: Final = 7_200_000_000_000
"""A flow that ended so long before the latest of its entity belongs to another clock, and the entity starts anew."""

NEVER: Final = -(2**63)

SIZE_STD: Final = 15
GAP_STD: Final = 16
GAP_REGULARITY: Final = 17
AGE: Final = 18
STATISTICS: Final = 19
"""Places beyond those of an entry, and the number of all: what :func:`netsift.kernels.context.context_columns` works
out from them. The age stands in the first window."""

SUMS: Final = 1
MEANS: Final = 2
"""What of a window is asked for: values that stand in the entry, or also those that are worked out."""
