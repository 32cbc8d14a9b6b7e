"""What every dialect gives back once it has recognised a header."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netsift.sources.datasets.rows import Rows

Columns = dict[str, Any]
"""Columns by their name in netsift's schema, or by a foreign name (with a dot), plus ``label`` and ``attack``.

Numbers are float64 arrays with NaN for no value, times datetime64[ns] with NaT; text is an Arrow array.
"""

LABEL_COLUMNS: Final = ("label", "attack")
"""What stands behind the flow columns: the label as the data set spells it, and its detail where there is one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A header that a dialect knows.

    ``title`` is said to the user. ``translate`` makes columns from raw rows. ``foreign`` gives each numeric column
    without an equivalent its foreign name. ``unknown`` are the header's names that the dialect's table does not have.
    ``repair`` mends whole lines of text before they are split; ``quoted`` says whether values may stand in quotes.
    """

    title: str
    translate: Callable[[Rows], Columns]
    foreign: Mapping[str, str]
    unknown: tuple[str, ...]
    repair: Callable[[bytes], bytes] | None = None
    quoted: bool = True


def foreign_names(dialect: str, names: Sequence[str]) -> dict[str, str]:
    """Return ``dialect.name`` for every header name, the name in lower case with underscores."""
    return {name: f"{dialect}.{re.sub(r'[^a-z0-9]+', '_', name.casefold()).strip('_')}" for name in names}


def plain(name: str) -> str:
    """Return a header name without what files spell differently: letters and digits only, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())
