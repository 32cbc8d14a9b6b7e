"""Giving up rights that are needed only to open a capture (capabilities(7), prctl(2))."""

from __future__ import annotations

import ctypes
import importlib
import os
import struct
import sys
from typing import Any, Final

from netsift.errors import InputError, UsageError
from netsift.kernels.jit import forget_cache

_NO_NEW_PRIVILEGES: Final = 38
_CAPABILITY_VERSION: Final = 0x2008_0522
"""_LINUX_CAPABILITY_VERSION_3, whose sets have two words each."""
_FILE_ACCESS: Final = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


def drop_privileges(user: str | None = None) -> None:
    """Give up the capabilities of this thread and of those it starts later, and the way to new ones.

    ``user`` is who to become, which only root can; files are then opened as that user. Root that stays root keeps the
    right to read and write any file, because it would not find its own output in somebody's home otherwise.

    Raises:
        UsageError: there is no such user.
        InputError: this process may not become that user, that user cannot read this program, or the system refuses to
            take the rights back.
    """
    if user is not None:
        _become(user)
        forget_cache()
    if sys.platform != "linux":
        return
    library: Any = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION, 0))
    kept = _FILE_ACCESS if os.geteuid() == 0 else 0
    sets = ctypes.create_string_buffer(struct.pack("=6I", kept, kept, 0, 0, 0, 0))
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0 or library.capset(header, sets) != 0:
        raise InputError(f"privileges cannot be given up: {os.strerror(ctypes.get_errno())}")


def _become(user: str) -> None:
    try:
        # By name, because Windows has no such module and this one is imported there too.
        entry: Any = importlib.import_module("pwd").getpwnam(user)
    except (KeyError, ImportError):
        raise UsageError(f"--user: there is no user {user!r}") from None
    try:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except PermissionError:
        raise InputError(f"only root can become the user {user!r}") from None
    # What is imported later is read as that user.
    for path in (os.__file__, __file__):
        if not os.access(path, os.R_OK):
            raise InputError(f"the user {user!r} cannot read {path}: install netsift where every user can read it")
