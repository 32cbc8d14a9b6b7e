"""Times as data sets write them, into datetime64[ns] in UTC."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.sources.datasets.rows import Numbers

_US_PER_S: Final = 1e6
_LATEST_US: Final = 2.0**53
"""About the year 2255; float64 counts exactly up to here."""

_FIRST_HOUR: Final = 8
"""The captures ran from eight in the morning: an hour below it on the 12-hour clock is in the afternoon."""


def times_of_seconds(seconds: Numbers) -> npt.NDArray[np.datetime64]:
    """Return datetime64[ns] of seconds since 1970, to the microsecond; NaT where there is no value."""
    microseconds = np.rint(seconds * _US_PER_S)
    possible = np.abs(np.nan_to_num(microseconds, nan=np.inf)) < _LATEST_US
    times = np.where(possible, microseconds, 0).astype("datetime64[us]").astype("datetime64[ns]")
    times[~possible] = np.datetime64("NaT")
    return times


_DATE: Final = (
    r"^(?P<a>[0-9]{1,4})[/-](?P<b>[0-9]{1,2})[/-](?P<c>[0-9]{1,4})[ T](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})"
    r"(?::(?P<second>[0-9]{1,2}(?:\.[0-9]{1,9})?))? ?(?P<half>[APap]?)[Mm]?$"
)


def start_times(texts: pa.Array) -> npt.NDArray[np.datetime64]:
    """Return datetime64[ns] of time texts, NaT where there is none.

    ``2017-07-05 18:12:15.650811`` is UTC. Day-first texts (``6/7/2017 10:40``) are the clocks of two testbeds: those of
    July 2017 (UTC−3) and of February and March 2018 (UTC−4), whose hours are written without morning or afternoon.
    Other dates are taken as UTC.
    """
    parts = pc.extract_regex(texts, _DATE)
    a, b, c, hour, minute, second = (_part(parts, name) for name in ("a", "b", "c", "hour", "minute", "second"))
    year_first = a > 31
    year, day = np.where(year_first, a, c), np.where(year_first, c, a)
    half = _half(parts)
    afternoon = (half == "p") & (hour < 12)
    midnight = (half == "a") & (hour == 12)
    testbed_2017 = ~year_first & (year == 2017) & (b == 7)
    testbed_2018 = ~year_first & (year == 2018) & ((b == 2) | (b == 3))
    afternoon |= (half == "") & (testbed_2017 | testbed_2018) & (hour < _FIRST_HOUR)
    hour = hour + 12.0 * afternoon - 12.0 * midnight + 3.0 * testbed_2017 + 4.0 * testbed_2018
    return _time(year, b, day, hour * 3600 + minute * 60 + np.nan_to_num(second))


def _part(parts: pa.Array, name: str) -> Numbers:
    texts = pc.struct_field(parts, name)
    numbers = pc.cast(pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts), pa.float64())
    values: Numbers = numbers.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _half(parts: pa.Array) -> npt.NDArray[np.str_]:
    texts = pc.fill_null(pc.utf8_lower(pc.struct_field(parts, "half")), "")
    return np.asarray(texts.to_numpy(zero_copy_only=False), dtype=np.str_)


def _time(year: Numbers, month: Numbers, day: Numbers, seconds: Numbers) -> npt.NDArray[np.datetime64]:
    possible = (year >= 1970) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    possible &= np.isfinite(seconds)
    months = np.where(possible, (year - 1970) * 12 + month - 1, 0).astype(np.int64).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(possible, day - 1, 0).astype("timedelta64[D]")
    microseconds = np.rint(np.where(possible, seconds, 0) * 1e6).astype("timedelta64[us]")
    times: npt.NDArray[np.datetime64] = (days.astype("datetime64[us]") + microseconds).astype("datetime64[ns]")
    times[~possible] = np.datetime64("NaT")
    return times
