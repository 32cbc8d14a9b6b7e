"""What every test may use: real captures where they are present, and one Hypothesis profile.

Real captures are looked for in ``../shared/data`` beside the checkout, or where ``NETSIFT_SHARED_DATA`` points. Tests
that need them skip where neither exists. Where the folder exists, whatever it lacks is a failure and never a skip.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

ROOT: Final = Path(__file__).resolve().parent.parent
CAPTURE_SUFFIXES: Final = frozenset({".pcap", ".pcapng", ".cap", ".trace"})
COMPRESSION_SUFFIXES: Final = (".gz", ".zst")
VARIABLE: Final = "NETSIFT_SHARED_DATA"

settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def shared_data_folder() -> Path | None:
    """Return the folder of real captures, or None when this machine has none.

    Raises ``FileNotFoundError`` when ``NETSIFT_SHARED_DATA`` names something that is not a folder.
    """
    configured = os.environ.get(VARIABLE)
    if configured:
        if not Path(configured).is_dir():
            raise FileNotFoundError(f"{VARIABLE}={configured} is not a folder")
        return Path(configured)
    beside = ROOT.parent / "shared" / "data"
    return beside if beside.is_dir() else None


def skip_reason() -> str:
    """Return why a test that needs real captures cannot run here."""
    return f"real captures are not on this machine: no ../shared/data beside the checkout and {VARIABLE} is not set"


def shared_data() -> Path:
    """Return the folder of real captures; skips the running test where there is none."""
    folder = shared_data_folder()
    if folder is None:
        pytest.skip(skip_reason())
    return folder


def shared_captures(name: str) -> list[Path]:
    """Return the captures of one folder (``pcap-attack``, ``pcap-benign``, ``pcap-odd``), sorted by path.

    Skips the running test where there are no real captures at all; raises ``FileNotFoundError`` where only these lack.
    """
    return captures_below(shared_data() / name)


def shared_capture_parameters(*names: str) -> list[object]:
    """Return one ``pytest.param`` per capture of the named folders, for ``pytest.mark.parametrize``.

    Where there are no real captures it is one parameter that skips with the reason.
    """
    folder = shared_data_folder()
    if folder is None:
        return [pytest.param(Path("absent"), marks=pytest.mark.skip(reason=skip_reason()), id="absent")]
    return [
        pytest.param(path, id=path.relative_to(folder).as_posix())
        for name in names
        for path in captures_below(folder / name)
    ]


def is_capture(path: Path) -> bool:
    """Return whether a file's name is that of a capture, compressed or not."""
    stem = path.with_suffix("") if path.suffix in COMPRESSION_SUFFIXES else path
    return stem.suffix in CAPTURE_SUFFIXES


def captures_below(folder: Path) -> list[Path]:
    """Return every capture below ``folder``, compressed or not, by path; raises ``FileNotFoundError`` for none."""
    captures = sorted(path for path in folder.rglob("*") if is_capture(path))
    if not captures:
        raise FileNotFoundError(f"{folder} holds no capture")
    return captures
