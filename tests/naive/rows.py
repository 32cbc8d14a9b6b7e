"""Equal rows, found by looking each up among those before it."""

from __future__ import annotations

from typing import Any


def distinct_rows(rows: Any) -> tuple[list[int], list[int]]:
    """Return the first row of each that is different, and of every row which of them it is."""
    place_of: dict[tuple[Any, ...], int] = {}
    first: list[int] = []
    number: list[int] = []
    for row, values in enumerate(rows):
        key = tuple(values)
        if key not in place_of:
            place_of[key] = len(first)
            first.append(row)
        number.append(place_of[key])
    return first, number
