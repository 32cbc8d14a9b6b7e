"""The one way kernels are compiled, and where the compiled code is kept.

Numba's on-disk cache does not notice a changed compiler flag, nor a changed callee in another file. So no kernel sets
flags by itself, and the cache directory's name carries a hash of the whole kernels folder and where it lies: any change
there starts a fresh cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final, cast

import numba
import numba.np.linalg
import numpy as np
from numba.core import config as numba_config
from numba.core.caching import NullCache

Function = Callable[..., Any]

config = cast("Any", numba_config)

METER: Final = "complete"
CONTEXT: Final = "complete-context"
"""Parts that are compiled at first use; a file of that name in the cache says that it was."""

_OTHER_CACHES_KEPT: Final = 6
_compiled: Final[list[Any]] = []


@cache
def cache_directory() -> Path | None:
    """Return the folder for compiled kernels, or None when no folder can be written (then each run compiles)."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).resolve().parent.glob("*.py")):
        # Numba itself compares path and time of change: another installation of the same source compiles again.
        digest.update(f"{source} {source.stat().st_mtime_ns}".encode())
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    for root in _cache_roots():
        folder = root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def _cache_roots() -> list[Path]:
    configured = os.environ.get("NETSIFT_CACHE_DIRECTORY")
    if configured:
        return [Path(configured)]
    base = os.environ.get("XDG_CACHE_HOME")
    home = Path(base) if base else Path.home() / ".cache"
    return [home / "netsift"]


def is_compiled(*parts: str) -> bool:
    """Return whether earlier runs compiled these parts of exactly this source; the meter unless named."""
    folder = cache_directory()
    return folder is not None and all((folder / part).exists() for part in parts or (METER,))


def mark_compiled(*parts: str) -> None:
    """Remember that all kernels of these parts of this source are in the cache; the meter's unless named."""
    folder = cache_directory()
    if folder is None or is_compiled(*parts):
        return
    for part in parts or (METER,):
        (folder / part).touch()
    _remove_old_caches(folder)


def forget_cache() -> None:
    """Read and write no compiled code any more: for a process that has become a user who may not."""
    for function in _compiled:
        function._cache = NullCache()  # Numba has no other way


def _remove_old_caches(kept: Path) -> None:
    """Remove the compiled kernels of other versions and installations, except the few that were made last."""
    caches = [path for path in kept.parent.glob("kernels-*") if path != kept and path.is_dir()]
    for path in sorted(caches, key=_changed_ns, reverse=True)[_OTHER_CACHES_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another process removed it
        return 0


def forgo_linear_algebra() -> None:
    """Keep Numba from importing SciPy's linear algebra, which no kernel uses and which takes a quarter of a second.

    For the command line only: it holds for the whole process, other users of Numba in it included.
    """

    def absent() -> None:
        raise ImportError("linear algebra is switched off in this process")

    numba.np.linalg.ensure_blas = absent


def _as_compiled_code_sees_it(value: Any) -> Any:
    """Return an array of records, or one record, with its fields as attributes."""
    if isinstance(value, np.ndarray) and value.dtype.fields and not isinstance(value, np.recarray):
        return value.view(_record_type(value.dtype)).view(np.recarray)
    return value


@cache
def _record_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    if kind.fields is None:
        return kind
    fields = {name: (_record_type(field[0]), field[1]) for name, field in kind.fields.items()}
    formats, offsets = [field[0] for field in fields.values()], [field[1] for field in fields.values()]
    layout = {"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": kind.itemsize}
    return np.dtype((np.record, np.dtype(cast("Any", layout))))


def _plain(function: Function) -> Function:
    """Return a kernel for runs without compilation (NUMBA_DISABLE_JIT=1)."""

    @wraps(function)
    def call(*arguments: Any) -> Any:
        with np.errstate(over="ignore"):
            return function(*map(_as_compiled_code_sees_it, arguments))

    return cast("Function", call)


def _compile(function: Function, *, boundscheck: bool, inline: bool) -> Function:
    if config.DISABLE_JIT:
        return _plain(function)
    folder = cache_directory()
    before = config.CACHE_DIR
    try:
        # Numba picks the cache folder while it decorates; the setting is global, so it is put back at once.
        config.CACHE_DIR = str(folder) if folder else before
        compiler = numba.njit(
            nogil=True,
            cache=folder is not None,
            boundscheck=boundscheck,
            forceinline=inline,
        )
        made = compiler(function)
        _compiled.append(made)
        return cast("Function", made)
    finally:
        config.CACHE_DIR = before


def kernel(function: Function) -> Function:
    """Compile an inner loop over memory that netsift itself laid out."""
    return _compile(function, boundscheck=False, inline=False)


def inline_kernel(function: Function) -> Function:
    """Compile a part of kernels that is copied into each of them.

    A call passes every array as seven words, which costs more than most parts do.
    """
    return _compile(function, boundscheck=False, inline=True)


def hostile_kernel(function: Function) -> Function:
    """Compile a loop over bytes that came from outside; every index is checked. Also for what few packets need."""
    return _compile(function, boundscheck=True, inline=False)


def inline_hostile_kernel(function: Function) -> Function:
    """Compile a part of hostile kernels that nearly every packet needs: checked like them, copied into each."""
    return _compile(function, boundscheck=True, inline=True)
