"""Flow files on disk: ``day=YYYY-MM-DD/hour=HH/part-….parquet`` by the hour (UTC) in which flows began.

Every file is whole when its name appears, and none changes afterwards. Joining small files is safe at any moment at
which the process may be killed: a note says which files the joined one stands for before it appears, and whoever lists
the folder heeds it; the note goes when those files are gone.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from netsift.errors import StoreError
from netsift.files import whole_file
from netsift.flows.schema import SCHEMA_VERSION

HOUR_NS: Final = 3_600 * 1_000_000_000
ROWS_PER_GROUP: Final = 32_768
"""Rows between which the statistics of a file tell apart; smaller groups skip more, larger ones pack better."""
MARK_DIGITS: Final = 16
"""Hexadecimal digits of a mark."""
DAMAGED: Final = "damaged"
"""Folder of files that cannot be read."""

_OTHER: Final = "day=other/hour=other"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_NAME: Final = re.compile(r"day=([0-9]{4}-[0-9]{2}-[0-9]{2})")
_HOUR_NAME: Final = re.compile(r"hour=([0-9]{2})")
_FILE_NAME: Final = re.compile(r"(?:part|joined)-v([0-9]{1,4})-[0-9a-f]{8,32}\.parquet")
_NOTE_SUFFIX: Final = ".replaces"
_UNFINISHED: Final = ".*.part"
_UNFINISHED_FOR_S: Final = 3_600
_LONGEST_NOTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A file of flows: the hour of their starts (None for flows of hours too many to have folders of their own)."""

    path: Path
    hour: int | None
    size: int
    written: float

    @property
    def version(self) -> int:
        """Version of the schema of its columns."""
        found = _FILE_NAME.fullmatch(self.path.name)
        return int(found[1]) if found else SCHEMA_VERSION

    @property
    def mark(self) -> str:
        """What its writer put into its name, empty where that was nothing."""
        digits = self.path.stem.rsplit("-", 1)[-1]
        return digits[:MARK_DIGITS] if len(digits) > MARK_DIGITS else ""

    @property
    def age_from(self) -> datetime:
        """The end of the hour or when the file was written, whichever is later: what its age counts from."""
        written = datetime.fromtimestamp(self.written, UTC)
        return written if self.hour is None else max(written, _hour_start(self.hour + 1))


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that was set aside because it cannot be read."""

    name: str
    size: int
    found: datetime


class FlowFolder:
    """The files of a flow store."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where there is none, and remove what killed writers left. Raises StoreError."""
        self.path = folder.absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._remove_unfinished()
        except OSError as error:
            raise StoreError(f"{folder}: cannot be opened: {error.strerror or error}") from None

    def write(self, table: pa.Table, hour: int | None, mark: str = "") -> FlowFile:
        """Write flows, sorted by start, as a new file, whose name has the mark in it. Raises OutputError."""
        path = self._new_path(hour, "part", mark)
        self._write_to(path, table)
        return _flow_file(path, hour)

    def files(self, begins_ns: int | None = None, ends_ns: int | None = None) -> list[FlowFile]:
        """Return the files that may hold flows that began in a time (``ends_ns`` exclusive), in order of it.

        Raises:
            StoreError: the folder cannot be read.
        """
        first = None if begins_ns is None else begins_ns // HOUR_NS
        last = None if ends_ns is None else -(-ends_ns // HOUR_NS) - 1
        found: list[FlowFile] = []
        for folder, hour in self._hours():
            if hour is None or ((first is None or hour >= first) and (last is None or hour <= last)):
                found += _files_of(folder, hour)
        return sorted(found, key=lambda file: (file.hour is None, file.hour or 0, file.path.name))

    def set_aside(self, path: Path) -> None:
        """Move a file that cannot be read out of the way. Raises StoreError when it cannot be moved."""
        try:
            (self.path / DAMAGED).mkdir(exist_ok=True)
            name = "-".join(path.relative_to(self.path).parts).replace("day=", "").replace("hour=", "")
            path.replace(self.path / DAMAGED / name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{path}: cannot be read, and not be set aside: {error.strerror or error}") from None

    def damaged(self) -> list[Damaged]:
        """Return the files that were set aside, the latest first."""
        try:
            found = [(entry.name, entry.stat()) for entry in os.scandir(self.path / DAMAGED) if entry.is_file()]
        except OSError:
            return []
        made = [Damaged(name, stat.st_size, datetime.fromtimestamp(stat.st_ctime, UTC)) for name, stat in found]
        return sorted(made, key=lambda one: one.found, reverse=True)

    def replace(self, old: Iterable[FlowFile], table: pa.Table, hour: int | None) -> FlowFile:
        """Write flows as a new file that takes the place of others, all at once for whoever lists the folder."""
        path = self._new_path(hour, "joined")
        replaced = [file.path for file in old]
        note = path.with_name(path.name + _NOTE_SUFFIX)
        with whole_file(note) as temporary:
            temporary.write_text(json.dumps([one.name for one in replaced]), encoding="utf-8")
        self._write_to(path, table)
        for one in replaced:
            one.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        return _flow_file(path, hour)

    def finish_replacing(self) -> None:
        """Remove the files for which others stand: what a killed :meth:`replace` had still to do."""
        for folder, _ in self._hours():
            for note in folder.glob(f"*{_NOTE_SUFFIX}"):
                joined = note.with_name(note.name.removesuffix(_NOTE_SUFFIX))
                if joined.exists():
                    for name in _replaced_by(note):
                        (folder / name).unlink(missing_ok=True)
                note.unlink(missing_ok=True)

    def delete(self, file: FlowFile) -> None:
        """Delete a file, and its folders when they are empty."""
        file.path.unlink(missing_ok=True)
        for folder in (file.path.parent, file.path.parent.parent):
            try:
                folder.rmdir()
            except OSError:
                return

    def with_mark(self, mark: str) -> list[Path]:
        """Return the files that were written with a mark in their names. Raises StoreError."""
        pattern = f"part-v*-{mark}*.parquet"
        return sorted(path for folder, _ in self._hours() for path in folder.glob(pattern))

    def _new_path(self, hour: int | None, kind: str, mark: str = "") -> Path:
        name = f"{kind}-v{SCHEMA_VERSION}-{mark}{secrets.token_hex(8)}.parquet"
        return self.path / folder_name(hour) / name

    def _write_to(self, path: Path, table: pa.Table) -> None:
        for _ in range(3):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{path.parent}: cannot be made: {error.strerror or error}") from None
            if path.parent.is_dir():  # deleting the last file of an hour removes its folder
                break
        with whole_file(path) as temporary, temporary.open("wb") as file:
            pq.write_table(
                table, file, compression="zstd", row_group_size=ROWS_PER_GROUP, write_page_checksum=True,
                sorting_columns=[pq.SortingColumn(table.schema.get_field_index("start_time"))],
            )  # fmt: skip

    def _hours(self) -> Iterator[tuple[Path, int | None]]:
        """Yield the folders of hours with their numbers since 1970."""
        try:
            days = [entry for entry in os.scandir(self.path) if entry.name.startswith("day=") and entry.is_dir()]
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror or error}") from None
        for day in days:
            try:
                names = [entry.name for entry in os.scandir(day.path)]
            except OSError:
                continue  # deleted meanwhile
            for name in names:
                hour = hour_number(day.name, name)
                if hour is not None or f"{day.name}/{name}" == _OTHER:
                    yield Path(day.path) / name, hour

    def _remove_unfinished(self) -> None:
        before = time.time() - _UNFINISHED_FOR_S
        for folder, _ in self._hours():
            for path in folder.glob(_UNFINISHED):
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)


def folder_name(hour: int | None) -> str:
    """Return the folder of an hour since 1970."""
    return _OTHER if hour is None else f"{_hour_start(hour):day=%Y-%m-%d/hour=%H}"


def hour_number(day: str, hour: str) -> int | None:
    """Return the hour since 1970 of the names of two folders, or None when they are others."""
    day_found, hour_found = _DAY_NAME.fullmatch(day), _HOUR_NAME.fullmatch(hour)
    if day_found is None or hour_found is None:
        return None
    try:
        start = datetime.fromisoformat(f"{day_found[1]}T{hour_found[1]}:00:00+00:00")
    except ValueError:
        return None
    return (start - _EPOCH) // timedelta(hours=1)


def rows_of(path: Path) -> int:
    """Return how many flows a file holds. Raises OSError or ArrowException when it cannot be read."""
    return int(pq.read_metadata(path).num_rows)


def is_sound(path: Path) -> bool:
    """Return whether all of a file can be read and has the checksums that it says."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(65_536):
                pass
    except FileNotFoundError:
        return True
    except (OSError, ValueError, pa.ArrowException):
        return False
    return True


def _hour_start(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)


def _flow_file(path: Path, hour: int | None) -> FlowFile:
    stat = path.stat()
    return FlowFile(path, hour, stat.st_size, stat.st_mtime)


def _files_of(folder: Path, hour: int | None) -> list[FlowFile]:
    """List one hour; again when files were joined meanwhile, so that no flow is there twice."""
    before: set[str] | None = None
    while True:
        try:
            entries = {entry.name: entry for entry in os.scandir(folder)}
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{folder}: cannot be read: {error.strerror or error}") from None
        names = set(entries)
        if before == names or not any(name.startswith("joined-") for name in names):
            break
        before = names
    replaced = {
        name
        for note in names
        if note.endswith(_NOTE_SUFFIX) and note.removesuffix(_NOTE_SUFFIX) in names
        for name in _replaced_by(folder / note)
    }
    found: list[FlowFile] = []
    for name in names - replaced:
        if _FILE_NAME.fullmatch(name):
            try:
                found.append(_flow_file(folder / name, hour))
            except FileNotFoundError:
                continue  # deleted meanwhile
    return found


def _replaced_by(note: Path) -> list[str]:
    try:
        with note.open("rb") as file:
            names = json.loads(file.read(_LONGEST_NOTE))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(names, list):
        return []
    return [name for name in names if isinstance(name, str) and _FILE_NAME.fullmatch(name)]
