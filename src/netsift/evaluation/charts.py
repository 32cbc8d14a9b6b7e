"""Charts as SVG text for a page: no script, no outside font or image; colours come from the page's style sheet.

Lines differ by dash pattern as well as by colour, so that they can be told apart in print. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Final

COLOURS: Final = 8
"""Line styles that the style sheet has, ``line-0`` and so on; more lines begin again."""

_WIDTH: Final = 640
_HEIGHT: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 12, 46
_ROW: Final = 26
_NAMES: Final = 210
_LONGEST_NAME: Final = 30


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what it says, its range, where it has marks with their text, and whether it is logarithmic."""

    label: str
    low: float
    high: float
    marks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one; what lies outside stands at the end."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)


SHARES: Final = tuple((mark / 5, f"{mark * 20} %") for mark in range(6))
"""Marks of an axis from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through points; ``steps`` draws it as stairs, ``dots`` marks every point."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    steps: bool = False
    dots: bool = False


def line_chart(lines: Sequence[Line], x_axis: Axis, y_axis: Axis, meaning: str, *, diagonal: bool = False) -> str:
    """Return lines over two axes with a legend; ``meaning`` is what a screen reader says."""

    def x(value: float) -> float:
        return _LEFT + x_axis.share(value) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - y_axis.share(value)) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [*_frame(x_axis, y_axis, x, y)]
    if diagonal:
        parts.append(f'<path class="ideal" d="M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}"/>')
    for number, line in enumerate(lines):
        points = [(x(across), y(up)) for across, up in zip(line.x, line.y, strict=True)]
        parts.append(f'<path class="line line-{number % COLOURS}" d="{_path(points, steps=line.steps)}"/>')
        if line.dots:
            parts += [f'<circle class="dot-{number % COLOURS}" cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in points]
    return _svg(parts, _HEIGHT, meaning) + _legend([line.name for line in lines], _LINE)


def _path(points: Sequence[tuple[float, float]], *, steps: bool) -> str:
    if not points:
        return ""
    first, *rest = points
    drawn = [f"M{first[0]:.1f} {first[1]:.1f}"]
    drawn += [f"H{across:.1f}V{up:.1f}" if steps else f"L{across:.1f} {up:.1f}" for across, up in rest]
    return "".join(drawn)


def _frame(x_axis: Axis, y_axis: Axis, x: Callable[[float], float], y: Callable[[float], float]) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for value, text in x_axis.marks:
        yield f'<path class="grid" d="M{x(value):.1f} {_TOP}V{bottom}"/>'
        yield f'<text x="{x(value):.1f}" y="{bottom + 17}" text-anchor="middle">{escape(text)}</text>'
    for value, text in y_axis.marks:
        yield f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{right}"/>'
        yield f'<text x="{_LEFT - 7}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    across = f'x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}"'
    yield f'<text class="label" {across} text-anchor="middle">{escape(x_axis.label)}</text>'
    middle = (_TOP + bottom) / 2
    yield (
        f'<text class="label" x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        f"{escape(y_axis.label)}</text>"
    )


def _svg(parts: Sequence[str], height: float, meaning: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(meaning)}">{"".join(parts)}</svg>'


_LINE: Final = '<path class="line line-{}" d="M0 5H30"/>'
_BOX: Final = '<rect class="dot-{}" x="10" width="10" height="10"/>'


def _legend(names: Sequence[str], sample: str) -> str:
    entries = "".join(
        f'<li><svg viewBox="0 0 30 10" aria-hidden="true">{sample.format(number % COLOURS)}</svg>{escape(name)}</li>'
        for number, name in enumerate(names)
    )
    return f'<ul class="legend">{entries}</ul>'


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure on a row, from 0 to 1, with the interval around it where there is one; None is not drawn."""

    value: float | None
    low: float | None = None
    high: float | None = None


def dot_rows(rows: Sequence[tuple[str, Sequence[Measure]]], names: Sequence[str], meaning: str) -> str:
    """Return one row of dots per name on an axis from 0 to 1, one dot per measure; ``names`` are those of measures."""
    height = _TOP + _ROW * len(rows) + 24

    def x(value: float) -> float:
        return _NAMES + min(max(value, 0.0), 1.0) * (_WIDTH - _NAMES - 20)

    parts = []
    for value, text in SHARES:
        parts.append(f'<path class="grid" d="M{x(value):.1f} {_TOP}V{height - 22}"/>')
        parts.append(f'<text x="{x(value):.1f}" y="{height - 6}" text-anchor="middle">{text}</text>')
    for number, (name, measures) in enumerate(rows):
        middle = _TOP + _ROW * (number + 0.5)
        parts.append(_row_name(name, middle))
        for place, one in enumerate(measures):
            up = middle + 7 * (place - (len(measures) - 1) / 2)
            if one.low is not None and one.high is not None:
                parts.append(f'<path class="whisker line-{place}" d="M{x(one.low):.1f} {up}H{x(one.high):.1f}"/>')
            if one.value is not None:
                parts.append(f'<circle class="dot-{place}" cx="{x(one.value):.1f}" cy="{up}" r="4"/>')
    return _svg(parts, height, meaning) + _legend(names, _BOX)


def bar_rows(rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], meaning: str) -> str:
    """Return one row of bars per name, one bar per measure, each relative to the greatest of its measure."""
    height = _TOP + _ROW * len(rows) + 4
    greatest = [max((values[place] for _, values in rows), default=0.0) or 1.0 for place in range(len(names))]
    parts = []
    for number, (name, values) in enumerate(rows):
        parts.append(_row_name(name, _TOP + _ROW * (number + 0.5)))
        for place, value in enumerate(values):
            length = min(max(value / greatest[place], 0.0), 1.0) * (_WIDTH - _NAMES - 70)
            top = _TOP + _ROW * number + 3 + 10 * place
            parts.append(f'<rect class="dot-{place}" x="{_NAMES}" y="{top}" width="{length:.1f}" height="9"/>')
            parts.append(
                f'<text class="value" x="{_NAMES + length + 4:.1f}" y="{top + 8}">{round(value, 4) + 0.0:.4f}</text>'
            )
    return _svg(parts, height, meaning) + _legend(names, _BOX)


def _row_name(name: str, middle: float) -> str:
    shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    title = f"<title>{escape(name)}</title>"
    return f'<text x="{_NAMES - 10}" y="{middle + 4}" text-anchor="end">{title}{escape(shown)}</text>'
