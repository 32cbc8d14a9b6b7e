"""Alerts that an earlier ``netsift detect -o`` wrote, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from netsift.alerts import arrow
from netsift.alerts.schema import SEVERITIES, Alert
from netsift.errors import InputError

LONGEST_LINE: Final = 64 << 20
"""Bytes of a line: an incident names all hosts of its alerts."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BARE: Final = re.compile(r"(-?[0-9]{1,19}) ns")
_ALERT: Final = TypeAdapter(Alert)
_LAST_PORT: Final = 65_535


def stored_alerts(path: Path) -> Iterator[Alert]:
    """Yield the incidents and alerts of a file one at a time: JSON lines, netsift's own or ECS, Parquet or Arrow.

    Times have microseconds in JSON, so they are up to a microsecond early.

    Raises:
        InputError: the file cannot be read, or a line is no alert; the line is named.
    """
    if path.suffix.lower() in arrow.SUFFIXES:
        yield from _from_table(path)
        return
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file, path), 1):
                try:
                    yield alert_from_json(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise InputError(f"{path}: line {number} is no alert: {_sentence(error)}") from None
    except OSError as error:
        raise InputError(f"{path}: {_system_words(error)}") from None


def alert_from_json(value: Any) -> Alert:
    """Return the alert that :meth:`Alert.as_json` or :func:`netsift.alerts.ecs.as_ecs` made this JSON value of.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, dict) and isinstance(value.get("netsift"), dict):
        value = value["netsift"]
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    evidence = [_with_times(flow) for flow in _objects(value.get("evidence", []))]
    suppressed = value.get("suppressed") or ""
    normal = value.get("normal")
    if normal is not None:
        (normal,) = (_with_times(flow) for flow in _objects([normal]))
    return _alert(_with_times(value) | {"evidence": evidence, "normal": normal, "suppressed": suppressed})


def _from_table(path: Path) -> Iterator[Alert]:
    try:
        for batch in arrow.file_batches(path):
            yield from map(_alert, arrow.alert_objects(batch))
    except OSError as error:
        raise InputError(f"{path}: {_system_words(error)}") from None
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{path}: holds no alerts: {_sentence(error)}") from None


def _system_words(error: OSError) -> str:
    return error.strerror or str(error)


def _alert(fields: dict[str, Any]) -> Alert:
    alert: Alert = _ALERT.validate_python(fields)
    if alert.severity not in SEVERITIES:
        raise ValueError(f"severity {alert.severity!r}")
    if not all(0 <= port <= _LAST_PORT for port in alert.ports):
        raise ValueError("a port is none")
    return alert


def named_alert(alerts: Callable[[], Iterable[Alert]], wanted: str) -> tuple[Alert, list[Alert]]:
    """Return the incident or alert of an id, and the alerts of which it consists (an alert: itself).

    ``alerts`` is called to go through all of them, twice for an incident, so that only the wanted ones are kept.

    Raises:
        InputError: there is none of that id.
    """
    found = next((alert for alert in alerts() if alert.id == wanted), None)
    if found is None:
        raise InputError(f"there is no incident or alert {wanted[:80]!r}")
    members = set(found.members)
    consists = [alert for alert in alerts() if alert.id in members and alert.kind == "alert"] if members else []
    return found, consists or [found]


def parse_time(text: object) -> int:
    """Return the nanoseconds since 1970 of a time that :func:`netsift.alerts.schema.utc_text` wrote.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str):
        raise ValueError("a time is missing")
    if bare := _BARE.fullmatch(text):
        return _within_range(int(bare[1]))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return _within_range((moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def _within_range(time_ns: int) -> int:
    return min(max(time_ns, -(2**63)), 2**63 - 1)


def _with_times(value: dict[str, Any]) -> dict[str, Any]:
    return value | {"start_ns": parse_time(value.get("start")), "end_ns": parse_time(value.get("end"))}


def _objects(values: object) -> list[dict[str, Any]]:
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise ValueError("evidence: not a list of flows")
    return values


def _lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise InputError(f"{path}: a line is longer than {LONGEST_LINE:,} bytes")
        if line.strip():
            yield line


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return (str(error).splitlines() or [type(error).__name__])[0]
