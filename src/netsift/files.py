"""Output files that are whole or not there: written beside their final name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from netsift.errors import OutputError


@contextlib.contextmanager
def whole_file(path: Path, *, passing: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to ``path`` on success, remove it on any error.

    The file is on the disk before it gets its name, and the name before this ends, so that after a loss of power there
    is the whole file or the one before. What is written anew every second is ``passing`` and is not waited for.

    A device or a named pipe is written in place. Raises OutputError with one sentence when the folder is missing, not
    writable, or the disk is full.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with _sentences(path):
            yield path
        return
    temporary = _file_beside(path)
    try:
        with _sentences(path):
            yield temporary
            _keep_permissions(temporary)
            if not passing:
                _wait_for_disk(temporary, os.O_RDWR)
            temporary.replace(path)
            if not passing and os.name == "posix":
                _wait_for_disk(path.parent, os.O_RDONLY)
    finally:
        temporary.unlink(missing_ok=True)


def _wait_for_disk(path: Path, flags: int) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk (fsync(2))."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot do that for a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def refuse_unwritable(path: Path) -> None:
    """Raise OutputError now if no file can be written at ``path``, so that nobody finds out after an hour's work."""
    _file_beside(path).unlink()


def _file_beside(path: Path) -> Path:
    if path.is_dir():
        raise OutputError(f"{path}: is a directory")
    with _sentences(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    return Path(name)


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence; a broken pipe stays one, since nobody is left to read it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None


def _keep_permissions(temporary: Path) -> None:
    """Give the file the permissions that a plain ``open`` would have given (mkstemp makes it private)."""
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)
