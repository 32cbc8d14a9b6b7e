"""Where files are kept that nobody named: the user's configuration and state (XDG Base Directory Specification 0.8)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from netsift.errors import OutputError


def suppressions_file() -> Path:
    """Return where the rules that hide alerts are kept: ``$XDG_CONFIG_HOME/netsift/suppressions.json``."""
    return _base("XDG_CONFIG_HOME", ".config") / "suppressions.json"


def feedback_file() -> Path:
    """Return where what people said of alerts is kept: ``$XDG_STATE_HOME/netsift/feedback.jsonl``."""
    return _base("XDG_STATE_HOME", ".local/state") / "feedback.jsonl"


def journal_file(folder: Path) -> Path:
    """Return where is kept which files of a watched folder were read: below ``$XDG_STATE_HOME/netsift/watched``."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return _base("XDG_STATE_HOME", ".local/state") / "watched" / f"{name}.json"


def make_folder_of(path: Path) -> None:
    """Make the folder in which one of these files is written. Raises OutputError when that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made: {error.strerror or error}") from None


def _base(variable: str, otherwise: str) -> Path:
    home = os.environ.get(variable, "")
    # The specification asks to ignore what is not absolute.
    return (Path(home) if Path(home).is_absolute() else Path.home() / otherwise) / "netsift"
