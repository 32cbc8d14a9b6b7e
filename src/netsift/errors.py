"""Errors that a user can act on; each carries one clear sentence and ends the command with a known status."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of every ``netsift`` command."""

    OK = 0
    NOTHING_READ = 1
    USAGE = 2
    DAMAGED_INPUT = 3
    INTERRUPTED = 130
    TERMINATED = 143


class NetsiftError(Exception):
    """Base of all errors that a user can act on."""

    exit_status = ExitStatus.NOTHING_READ


class InputError(NetsiftError):
    """An input that cannot be read at all: missing, not permitted, or of no known format."""


class OutputError(NetsiftError):
    """An output that cannot be written: no permission, no space, unknown suffix at the last moment."""


class StoreError(NetsiftError):
    """A database or a folder of stored data that cannot be opened, read or written: locked, gone, full, too new."""


class DatabaseError(StoreError):
    """The alert database cannot be used: locked, gone, full, stopped, too new."""


class UsageError(NetsiftError):
    """Arguments that contradict each other or lie outside their range."""

    exit_status = ExitStatus.USAGE
