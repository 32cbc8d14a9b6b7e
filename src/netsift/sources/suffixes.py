"""Which files may hold flows already, by their names alone: what reads them is only loaded for those."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from netsift.flows.write import FORMATS

TEXT_SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt", ".log", ".json", ".labeled", ".labelled", ".binetflow"})
"""Suffixes of public data sets as text, before any compression."""

PACKED_SUFFIXES: Final = frozenset({".gz", ".zst"})
PARQUET: Final = ".parquet"
ZIP: Final = ".zip"


def stem_suffix(path: Path) -> str:
    """Return a path's suffix in lower case, that before the compression's where it is compressed."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED_SUFFIXES else suffix


def may_be_table(path: Path) -> bool:
    """Return whether a path's suffix is one that flow files or public data sets have."""
    return path.suffix.lower() in FORMATS or stem_suffix(path) in TEXT_SUFFIXES | {ZIP}
