"""What people said of alerts, one JSON line each, and the labels that follow from it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from netsift.alerts.coverage import listed_whole
from netsift.alerts.schema import Alert
from netsift.alerts.stored import LONGEST_LINE, alert_from_json
from netsift.errors import InputError, OutputError, UsageError
from netsift.models.rules import MOST_RULES, Rule, RulesFile
from netsift.models.taxonomy import BENIGN

MOST_BYTES: Final = 1 << 30
"""Size of a feedback file."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_PROTOCOL: Final = 255
_MICROSECOND: Final = timedelta(microseconds=1)


class Verdict(StrEnum):
    """What a person says of an alert: it is what it says, it is wrong, or right but nothing bad."""

    TRUE = "true"
    FALSE = "false"
    BENIGN = "benign"


class Feedback(BaseModel):
    """One line: a verdict, when it was given, and the alert of which it was given as it was then.

    ``incident`` is the id under which the alert was named, where that was an incident's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    time: AwareDatetime
    verdict: Verdict
    note: Annotated[str, Field(max_length=1_000)] = ""
    incident: Annotated[str, Field(max_length=64)] = ""
    alert: Alert

    def as_json(self) -> dict[str, Any]:
        """Return the line as a JSON object."""
        return {
            "time": self.time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "verdict": self.verdict.value,
            "note": self.note,
            "incident": self.incident or None,
            "alert": self.alert.as_json(),
        }


def feedback_on(
    named: Alert, members: Sequence[Alert], verdict: Verdict, now: datetime, note: str = ""
) -> list[Feedback]:
    """Return what is said by a verdict on an alert, or on an incident: the same of each of its alerts.

    Raises:
        UsageError: the note is too long.
    """
    incident = named.id if named.kind == "incident" else ""
    try:
        return [Feedback(time=now, verdict=verdict, note=note, incident=incident, alert=alert) for alert in members]
    except ValidationError as error:
        raise UsageError(f"--note: {error.errors()[0]['msg']}") from None


def append_feedback(path: Path, lines: Iterable[Feedback]) -> None:
    """Append lines to a file in one write; a line that a crash left unfinished is ended first.

    Raises:
        InputError: the file begins with something other than feedback.
        OutputError: the file cannot be written.
    """
    data = "".join(json.dumps(line.as_json(), ensure_ascii=False) + "\n" for line in lines).encode()
    try:
        with path.open("ab+") as file:
            file.seek(0)
            if first := file.readline(LONGEST_LINE):
                _read_line(first, f"{path}: line 1")
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                data = data if file.read(1) == b"\n" else b"\n" + data
            file.write(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None


def read_feedback(path: Path) -> dict[str, Feedback]:
    """Return the last verdict on each alert by its id, in the order in which they were given.

    Raises:
        InputError: the file cannot be read or is too large, or a line is no feedback; the line is named.
    """
    last: dict[str, Feedback] = {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: a feedback file has at most {MOST_BYTES:,} bytes")
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
                if line.strip():
                    said = _read_line(line, f"{path}: line {number}")
                    last.pop(said.alert.id, None)
                    last[said.alert.id] = said
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    return last


def label_rules(feedback: Iterable[Feedback]) -> RulesFile:
    """Return rules that label the flows of alerts: true ones with their category, the others as benign.

    Where alerts overlap, what is true comes first: that one alert about a flow was wrong does not make it harmless when
    another was right. Flows of no alert get no label.

    Raises:
        UsageError: nothing was said, or of more alerts than there may be rules.
    """
    ordered = sorted(feedback, key=lambda said: said.verdict is not Verdict.TRUE)
    rules = [rule for said in ordered for rule in _label_rules(said)]
    if not 1 <= len(rules) <= MOST_RULES:
        raise UsageError(f"labels follow from feedback on 1 to {MOST_RULES:,} alerts with hosts, not {len(rules):,}")
    return RulesFile(rule=rules)


def _label_rules(said: Feedback) -> Iterator[Rule]:
    """Yield a rule for the flows of an alert to its ports, and one for each protocol of it that has none."""
    sources, targets, ports = listed_whole(said.alert)
    networks = [[host for host in hosts if _is_address(host)] for hosts in (sources, targets)]
    if (sources and not networks[0]) or (targets and not networks[1]) or not any(networks):
        return
    try:
        begins, last = (_EPOCH + _MICROSECOND * (time // 1000) for time in (said.alert.start_ns, said.alert.end_ns))
    except OverflowError:
        return
    asked = {
        "label": said.alert.category if said.verdict is Verdict.TRUE else BENIGN,
        "from": begins,
        "to": last + _MICROSECOND,
        "source": networks[0],
        "destination": networks[1],
        "either_way": True,
    }
    yield Rule.model_validate(asked | {"port": list(ports)})
    for protocol in _portless_protocols(said.alert) if ports else ():
        yield Rule.model_validate(asked | {"protocol": protocol})


def _portless_protocols(alert: Alert) -> tuple[int, ...]:
    """Return the protocols of the flows without ports that the evidence of an alert names."""
    named = {flow.protocol for flow in alert.evidence if flow.src_port is None and flow.dst_port is None}
    return tuple(sorted(protocol for protocol in named if protocol is not None and 0 <= protocol <= _LAST_PROTOCOL))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _read_line(line: bytes, where: str) -> Feedback:
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        alert = alert_from_json(value.get("alert"))
        return Feedback.model_validate(value | {"alert": alert, "incident": value.get("incident") or ""})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where} is no feedback: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no feedback: {error}") from None
