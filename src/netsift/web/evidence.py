"""The packets of an alert, cut out of the captures that were uploaded and of those that a sensor keeps."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import IO, Final, cast

from netsift.errors import InputError
from netsift.store.alerts import StoredAlert
from netsift.store.packets import segments
from netsift.web.errors import Refusal
from netsift.web.services import services

MOST_BYTES: Final = 256 << 20
"""Size of the packets of one alert; what comes behind is left out."""
_IN_MEMORY_BYTES: Final = 4 << 20
_one_at_a_time: Final = threading.Semaphore(1)


def evidence_file(found: StoredAlert) -> IO[bytes]:
    """Return a temporary file, at its beginning, of the packets of an alert or of the alerts of an incident.

    Raises:
        Refusal: no capture of that time is kept or none of its packets is in one (404), or somebody else's packets are
            being looked for (503).
    """
    captures = _captures_of(found)
    if not captures:
        raise Refusal(404, "No packets of that time are kept.")
    if not _one_at_a_time.acquire(timeout=5):
        raise Refusal(503, "The packets of another alert are being looked for.", headers={"Retry-After": "5"})
    try:
        return _cut(found, captures)
    finally:
        _one_at_a_time.release()


def has_evidence(found: StoredAlert) -> bool:
    """Return whether packets of an alert's time are kept."""
    return bool(_captures_of(found))


def _captures_of(found: StoredAlert) -> list[Path]:
    """Return the uploaded captures and the segments of a sensor's ring with packets of an alert's time."""
    folder, alert = services().captures, found.alert
    uploaded = [
        folder.path(one)
        for one in folder.every()
        if one.begins_ns <= alert.end_ns and one.ends_ns >= alert.start_ns and not _holds_flows(folder.path(one))
    ]
    return uploaded + [
        one.path
        for one in segments(services().settings.data / "packets")
        if one.first_ns <= alert.end_ns and (one.last_ns is None or one.last_ns >= alert.start_ns)
    ]


def _holds_flows(path: Path) -> bool:
    from netsift.sources.suffixes import may_be_table

    return may_be_table(path)


def _cut(found: StoredAlert, captures: list[Path]) -> IO[bytes]:
    from netsift.alerts.coverage import Coverage
    from netsift.capture.writer import PcapWriter
    from netsift.sources.slices import chosen_packets
    from netsift.sources.statistics import ReadStatistics

    members = [one.alert for one in services().store.alerts.members(found.alert.id)] or [found.alert]
    file = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))  # noqa: SIM115 - it is sent later
    writer, written = PcapWriter(file), 0
    coverage = Coverage(members)
    try:
        for packet in chosen_packets(
            [str(path) for path in captures], coverage.chooses, ReadStatistics(), arp=coverage.arp
        ):
            writer.write(packet)
            written += 1
            if file.tell() >= MOST_BYTES:
                break
    except InputError:
        if not written:
            raise
    if not written:
        raise Refusal(404, "None of its packets are in what is kept.")
    file.seek(0)
    return file
