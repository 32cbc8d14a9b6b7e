"""Which flows belong to which alerts: what is not to be learned from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.alerts.schema import MOST_MEMBERS, Alert
from netsift.models.dataset import address_digests

_START, _SOURCE, _DESTINATION = 0, 1, 2


def belonging(marks: npt.NDArray[np.int64], alerts: Iterable[Alert]) -> npt.NDArray[np.bool_]:
    """Return which flows belong to one of the alerts: its sources and targets (any, where it names not all), its time.

    ``marks`` (rows, …) are start, digests of source and destination, and further columns that are not looked at.
    """
    found = np.zeros(len(marks), np.bool_)
    for alert in alerts:
        within = (marks[:, _START] >= alert.start_ns) & (marks[:, _START] <= alert.end_ns)
        rows = np.flatnonzero(within & ~found)
        for place, names in ((_SOURCE, alert.sources), (_DESTINATION, alert.targets)):
            if len(names) < MOST_MEMBERS:
                rows = rows[np.isin(marks[rows, place], address_digests(pa.array(names, pa.string())))]
        found[rows] = True
    return found
