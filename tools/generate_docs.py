"""Writes the pages of ``docs/`` that are generated from the code.

``python tools/generate_docs.py`` writes them; with ``--check`` it writes nothing and exits 1 when a page is not what
the code would generate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netsift.flows.schema import COLUMNS, SCHEMA_VERSION, Column, Kind, Validity  # noqa: E402
from tools.behaviour_docs import behaviour_page  # noqa: E402

DIALECTS: Final = {
    "CICFlowMeter 2017": "cicflowmeter_2017",
    "CICFlowMeter 2018": "cicflowmeter_2018",
    "NFStream": "nfstream",
    "Zeek": "zeek",
    "IPFIX": "ipfix",
}

INTRODUCTION: Final = """\
# Features reference

Generated from `src/netsift/flows/schema.py` by `python tools/generate_docs.py`; do not edit.

A flow batch is a `pyarrow.RecordBatch` with one row per bidirectional flow and the {total} columns below, in this order
(schema version {version}). How packets become flows, and every rule that needs more than a line, stands in
[flow-meter.md](flow-meter.md). A value that does not exist is null, never 0 or -1; "exists when" says when it does.

{identity} columns, marked *identity*, name a flow instead of describing it. No model sees them.
"""


def features_page() -> str:
    """Return ``docs/features.md``: every column, the values of the categories and the names in other tools."""
    introduction = INTRODUCTION.format(
        total=len(COLUMNS), version=SCHEMA_VERSION, identity=sum(column.identity for column in COLUMNS)
    )
    sections = (
        introduction,
        "## Columns\n",
        _table(("column", "type", "unit", "definition", "exists when", "source"), map(_column_row, COLUMNS)),
        "## Values of the category columns\n",
        _table(("column", "values, by code from 0"), _category_rows()),
        "## Names in other tools\n",
        "Columns that no other tool has are left out. Where a unit differs, the dialect converts it.\n",
        _table(("column", *DIALECTS), _dialect_rows()),
    )
    return "\n".join(sections)


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    return {ROOT / "docs" / "features.md": features_page(), ROOT / "docs" / "behaviour.md": behaviour_page()}


def stale_pages() -> list[Path]:
    """Return the generated pages that are missing or not what the code would generate."""
    return [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def main() -> int:
    """Write or check the generated pages; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    if parser.parse_args().check:
        stale = stale_pages()
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`")
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


def _column_row(column: Column) -> tuple[str, ...]:
    name = f"`{column.name}`" + (" *identity*" if column.identity else "")
    validity = "" if column.validity is Validity.ALWAYS else str(column.validity)
    return name, str(column.kind), column.unit, column.definition, validity, column.source


def _category_rows() -> Iterator[tuple[str, ...]]:
    for column in COLUMNS:
        if column.kind in (Kind.CATEGORY, Kind.SET):
            yield f"`{column.name}`", ", ".join(f"`{value}`" for value in column.categories)


def _dialect_rows() -> Iterator[tuple[str, ...]]:
    for column in COLUMNS:
        names = [getattr(column, field) for field in DIALECTS.values()]
        if any(names):
            yield f"`{column.name}`", *(f"`{name}`" if name else "" for name in names)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
