"""What templates write numbers, times and names with, and the menu."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from flask import Flask, request
from markupsafe import Markup

from netsift import __version__
from netsift.alerts.explain import format_value
from netsift.alerts.schema import utc_text

_STEPS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP: Final = 1024
_RANGE: Final = 2
_THOUSAND: Final = 1000
_LONGEST_HOST: Final = 20
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}


class Entry(NamedTuple):
    """One entry of the menu: its endpoint, what it is called and its picture."""

    endpoint: str
    title: str
    icon: str


MENU: Final = (
    Entry("overview.overview", "Overview", "overview"),
    Entry("alerts_pages.alerts", "Alerts", "alerts"),
    Entry("analyse.analyse", "Analyse", "analyse"),
    Entry("model_pages.models", "Models", "models"),
    Entry("explore.explore", "Explore", "explore"),
    Entry("settings.settings", "Settings", "settings"),
)


def register(application: Flask) -> None:
    """Give the templates their filters and globals."""
    for function in (
        bits, capitalize_first, cell, counted, lasting, losses, measured, number, percent, plain, protocol, short_host,
        size, usual, when, words,
    ):  # fmt: skip
        application.add_template_filter(function)
    application.jinja_env.globals.update(menu=MENU, version=__version__)
    application.add_template_global(is_here)


def is_here(entry: Entry) -> bool:
    """Return whether the present page belongs to an entry of the menu."""
    return (request.endpoint or "").partition(".")[0] == entry.endpoint.partition(".")[0]


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: 1 flow, 2,000 flows."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number(value: float) -> str:
    """Return a number with commas between thousands, or with three digits when it is small."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= _STEP else f"{value:.3g}"


def size(count: float) -> str:
    """Return a number of bytes in the unit that fits (IEC 80000-13)."""
    for step in _STEPS[:-1]:
        if count < _STEP:
            return f"{count:.3g} {step}" if step != "bytes" else f"{count:.0f} bytes"
        count /= _STEP
    return f"{count:,.0f} {_STEPS[-1]}"


def bits(rate: float) -> str:
    """Return bits a second in the unit that fits."""
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if rate < _THOUSAND:
            return f"{rate:.3g} {unit}"
        rate /= _THOUSAND
    return f"{rate:,.3g} Gbit/s"


def losses(lost: dict[str, int]) -> str:
    """Return in words what was lost by stage."""
    return ", ".join(f"{count:,} {name}" for name, count in lost.items() if count) or "nothing lost"


def percent(share: float, digits: int = 1) -> str:
    """Return a share of 1 as a percentage."""
    return f"{share * 100:.{digits}f} %"


def words(name: str) -> str:
    """Return an identifier as words: brute_force is brute force."""
    return name.replace("_", " ")


def capitalize_first(text: str) -> str:
    """Return a text that begins with a capital; the rest stays, unlike with Jinja's own filter."""
    return text[:1].upper() + text[1:]


def cell(value: float | str | None) -> str:
    """Return a value for a table."""
    if value is None:
        return "–"
    return value.replace("_", " ") if isinstance(value, str) else number(value)


def measured(value: float | str | None, unit: str) -> str:
    """Return a value with its unit, which counts of nothing in particular have not: 1 flow, 2 flows, 3."""
    if isinstance(value, str) or value is None or unit in ("", "count"):
        return cell(value)
    return f"{cell(value)} {unit.removesuffix('s') if value == 1 else unit}"


def usual(values: tuple[float | str, ...]) -> str:
    """Return what is usual: a range of numbers, or some words."""
    if len(values) == _RANGE and all(isinstance(value, int | float) for value in values):
        low, high = (cell(value) for value in values)
        return low if low == high else f"{low} to {high}"
    return ", ".join(map(cell, values)) or "none"


def lasting(duration_us: float | None) -> str:
    """Return a duration in the unit that fits."""
    return "–" if duration_us is None else format_value(float(duration_us), "µs")


def protocol(value: int) -> str:
    """Return the name of an IP protocol that everybody knows, else its number."""
    return _PROTOCOLS.get(value, str(value))


def short_host(name: str) -> str:
    """Return a host's name with its middle left out where it is long, as IPv6 addresses are."""
    return name if len(name) <= _LONGEST_HOST else f"{name[:10]}…{name[-9:]}"


def plain(value: float) -> str:
    """Return a number as a form field has it: no commas, six digits at most."""
    return f"{value:.0f}" if value == int(value) else f"{value:.6g}"


def when(moment: Any) -> Markup:
    """Return a time element, in UTC until the page's script writes it in the viewer's zone.

    ``moment`` is a datetime, nanoseconds since 1970, or what :func:`netsift.alerts.schema.utc_text` wrote.
    """
    text = moment if isinstance(moment, str) else utc_text(_nanoseconds(moment))
    shown = text[:19].replace("T", " ") + " UTC" if text.endswith("Z") else text
    return Markup('<time datetime="{0}" title="{1}">{1}</time>').format(text, shown)


def _nanoseconds(moment: datetime | int) -> int:
    if isinstance(moment, int):
        return moment
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000) * 1_000
