"""The folder of public data sets: what is in it, what is fetched into it, and whether it is what it should be.

Each data set has a folder of its own name. ``SHA256SUMS`` there (the format of ``sha256sum``) holds the sum of every
fetched file, so that damage shows later even where the publisher says no sum. Archives are never unpacked.
"""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from netsift.errors import InputError, OutputError, UsageError
from netsift.files import whole_file
from netsift.sources.catalogue import CATALOGUE, DataFile, DataSet
from netsift.sources.datasets.reading import DatasetCounts, dataset_flows, recognise
from netsift.sources.download import Progress, UnreachableError, Wanted, download, sha256_of

SUMS: Final = "SHA256SUMS"
_PART: Final = ".part"
_MOST_FILES: Final = 10_000
_MOST_SUMS_BYTES: Final = 1 << 20
_SUM_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


class State(Enum):
    """What a file of a data set turned out to be."""

    GOOD = "good"
    ARCHIVE = "archive"
    WRONG = "wrong"
    UNKNOWN = "not a data set"
    PARTIAL = "not complete"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to say about one file: ``sentence`` is for people."""

    name: str
    state: State
    sentence: str


def default_folder() -> Path:
    """Return where data sets are kept: ``$XDG_DATA_HOME/netsift/data``, or ``~/.local/share/netsift/data``."""
    home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG base directory specification asks to ignore what is not absolute.
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "share"
    return base / "netsift" / "data"


def find(name: str) -> DataSet:
    """Return a data set by its name. Raises UsageError that lists the names."""
    if name not in CATALOGUE:
        raise UsageError(f"{name} is none of the data sets: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def selected(data_set: DataSet, patterns: Sequence[str]) -> tuple[DataFile, ...]:
    """Return the files whose names match a pattern (``*`` and ``?``), all without patterns. Raises UsageError."""
    if not patterns:
        return data_set.files
    for pattern in patterns:
        if not any(fnmatchcase(file.name, pattern) for file in data_set.files):
            raise UsageError(f"{data_set.name} has no file {pattern}: netsift data list {data_set.name} names them")
    return tuple(one for one in data_set.files if any(fnmatchcase(one.name, pattern) for pattern in patterns))


def fetch(
    data_set: DataSet, folder: Path, files: Sequence[DataFile], progress: Callable[[DataFile], Progress]
) -> Iterator[Verdict]:
    """Fetch files into ``folder / data_set.name``, yielding what became of each; one that is there and right stays.

    Raises:
        InputError: by hand only, no connection, or not the file that it should be; the sentence says what to do.
        OutputError: the folder cannot be written.
    """
    place = folder / data_set.name
    if not data_set.files:
        raise InputError(f"{data_set.name} cannot be fetched: {_by_hand(data_set, (), place)}")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place}: cannot be made: {error.strerror}") from None
    for file in files:
        target = place / file.name
        if target.is_file() and _difference(file, target, read_sums(place)) is None:
            yield Verdict(file.name, State.GOOD, "is there already")
            continue
        yield _fetch_one(data_set, file, target, progress(file))


def _fetch_one(data_set: DataSet, file: DataFile, target: Path, progress: Progress) -> Verdict:
    try:
        digest = download(Wanted(file.address, file.size_bytes, file.sha256), target, progress)
    except UnreachableError as error:
        raise InputError(f"{error}: {_by_hand(data_set, (file,), target.parent)}") from None
    _write_sum(target.parent, file.name, digest)
    checked = "SHA-256 as published" if file.sha256 else f"SHA-256 {digest}"
    return Verdict(file.name, State.GOOD, f"{target.stat().st_size:,} bytes, {checked}")


def _by_hand(data_set: DataSet, files: Sequence[DataFile], place: Path) -> str:
    """Return what a person does where the program cannot."""
    names = ", ".join(file.name for file in files)
    what = f"download {names}" if names else data_set.by_hand
    return f"open {data_set.page}, {what}, put the files into {place}, then run netsift data verify {data_set.name}"


def verify(data_set: DataSet, folder: Path) -> list[Verdict]:
    """Check every file in ``folder / data_set.name``: size and SHA-256 where known, and that its rows can be read.

    Files of the catalogue that are not there come last. Raises InputError when the folder holds no file.
    """
    place = folder / data_set.name
    present = _files_below(place)
    if not present:
        raise InputError(f"{place} holds no file: {_by_hand(data_set, data_set.files, place)}")
    sums = read_sums(place)
    known = {file.name: file for file in data_set.files}
    verdicts = [_verdict(place, name, known.get(name), sums) for name in present]
    verdicts += [
        Verdict(name, State.MISSING, f"not there; {file.address}")
        for name, file in known.items()
        if name not in present and name + _PART not in present
    ]
    return verdicts


def _files_below(place: Path) -> list[str]:
    """Return the files of a folder by their path in it, those left out that are no data."""
    names = []
    for path in place.rglob("*"):
        if path.is_file() and not path.name.startswith(".") and path.name != SUMS:
            names.append(path.relative_to(place).as_posix())
        if len(names) > _MOST_FILES:
            raise InputError(f"{place} holds more than {_MOST_FILES:,} files")
    return sorted(name for name in names if not name.endswith(_PART + ".json"))


def _verdict(place: Path, name: str, file: DataFile | None, sums: dict[str, str]) -> Verdict:
    path = place / name
    if name.endswith(_PART):
        return Verdict(name, State.PARTIAL, f"{path.stat().st_size:,} bytes so far; netsift data fetch goes on")
    if wrong := _difference(file or DataFile(name, ""), path, sums):
        return Verdict(name, State.WRONG, wrong)
    state, sentence = _readable(path)
    if state is State.UNKNOWN and file is not None:
        state = State.WRONG
    return Verdict(name, state, sentence + _how_checked(file, name in sums))


def _difference(file: DataFile, path: Path, sums: dict[str, str]) -> str | None:
    """Return how a file differs from what is published or was fetched, None when it does not."""
    size = path.stat().st_size
    if file.size_bytes is not None and size != file.size_bytes:
        return f"{size:,} bytes, and the publisher says {file.size_bytes:,}"
    expected = file.sha256 or sums.get(file.name)
    if expected is None or (digest := sha256_of(path)) == expected:
        return None
    return f"SHA-256 {digest}, and {'the publisher says' if file.sha256 else 'it was fetched as'} {expected}"


def _how_checked(file: DataFile | None, in_sums: bool) -> str:
    if file is not None and file.sha256:
        return "; SHA-256 as published"
    if in_sums:
        return "; SHA-256 as fetched"
    return "; size as published" if file is not None and file.size_bytes is not None else ""


def _readable(path: Path) -> tuple[State, str]:
    """Return whether a file's first rows can be read as flows, and what to say."""
    try:
        recognised = recognise(path)
        if recognised is not None:
            counts = DatasetCounts()
            next(dataset_flows(recognised, counts), None)
            if counts.rows:
                return State.GOOD, recognised.layout.title
            return State.WRONG, f"{recognised.layout.title}, but no row can be read"
        is_archive = tarfile.is_tarfile(path)
    except InputError as error:
        if zipfile.is_zipfile(path):
            return State.ARCHIVE, _without_path(error, path)
        return State.WRONG, _without_path(error, path)
    if is_archive:
        return State.ARCHIVE, "an archive; unpack it here"
    return State.UNKNOWN, "none of the data sets that netsift knows"


def _without_path(error: InputError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def read_sums(place: Path) -> dict[str, str]:
    """Return the SHA-256 of the fetched files of a folder by their names; empty when there are none."""
    try:
        with (place / SUMS).open("rb") as file:
            text = file.read(_MOST_SUMS_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return {}
    matches = (_SUM_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in matches if match}


def _write_sum(place: Path, name: str, digest: str) -> None:
    sums = {**read_sums(place), name: digest}
    with whole_file(place / SUMS) as temporary:
        temporary.write_text("".join(f"{sums[one]}  {one}\n" for one in sorted(sums)), encoding="utf-8")
