"""The context columns: which statistic of which entity over which window, as columns of the flow schema.

``docs/context.md`` says what each is; the kernel that keeps them is :mod:`netsift.kernels.context`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from netsift.flows.schema import Column, Kind
from netsift.kernels import context_layout as layout

_SOURCE: Final = "docs/context.md"

WINDOWS: Final = ("5s", "1min", "10min", "1h")
"""Names of the windows; their time constants are :data:`netsift.kernels.context_layout.WINDOWS_S`."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of what flows have in common; ``distinct`` names what is counted of it without repetition."""

    name: str
    kind: int
    meaning: str
    distinct: tuple[tuple[str, str], ...]


ENTITIES: Final = (
    Entity("source", layout.SOURCE, "flows from this source", (
        ("destinations", "different destinations"), ("ports", "different destination ports"),
        ("destination_port_pairs", "different destinations with port"))),
    Entity("destination", layout.DESTINATION, "flows to this destination", (
        ("sources", "different sources"), ("ports", "different destination ports"),
        ("source_port_pairs", "different sources with destination port"))),
    Entity("pair", layout.PAIR, "flows from this source to this destination",
           (("ports", "different destination ports"),)),
    Entity("source_service", layout.SOURCE_SERVICE, "flows from this source to this port anywhere",
           (("destinations", "different destinations"),)),
    Entity("destination_service", layout.DESTINATION_SERVICE, "flows to this port of this destination",
           (("sources", "different sources"),)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number of an entity and a window, and its place in the kernel's entries."""

    name: str
    place: int
    unit: str
    meaning: str


_REGULARITY: Final = "mean ÷ (mean + standard deviation)"

STATISTICS: Final = (
    Statistic("flows", layout.FLOWS, "flows", "number"),
    Statistic("packets", layout.PACKETS, "packets", "packets"),
    Statistic("bytes_fwd", layout.BYTES_FWD, "bytes", "forward IP bytes"),
    Statistic("bytes_bwd", layout.BYTES_BWD, "bytes", "backward IP bytes"),
    Statistic("failed", layout.FAILED, "flows", "TCP connections that did not come about"),
    Statistic("unanswered", layout.UNANSWERED, "flows", "flows without an answer"),
    Statistic("resets", layout.RESETS, "flows", "connections that were reset"),
    Statistic("size_mean", layout.SIZE_MEAN, "bytes", "mean IP bytes"),
    Statistic("size_std", layout.SIZE_STD, "bytes", "standard deviation of the IP bytes"),
    Statistic("gap_mean_s", layout.GAP_MEAN, "s", "mean time between the starts of successive flows"),
    Statistic("gap_std_s", layout.GAP_STD, "s", "standard deviation of the time between the starts"),
    Statistic("gap_regularity", layout.GAP_REGULARITY, "share",
              f"{_REGULARITY} of the time between the starts; 1 is clockwork"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """A context column, what a reader is told instead of its name, and where the kernel keeps it."""

    column: Column
    phrase: str
    kind: int
    window: int
    place: int


_IN_WORDS: Final = ("5 seconds", "a minute", "10 minutes", "an hour")
"""What the windows are called in a sentence."""


def _columns() -> Iterator[ContextColumn]:
    for entity in ENTITIES:
        distinct = tuple(
            Statistic(name, layout.DISTINCT + number, "count", meaning)
            for number, (name, meaning) in enumerate(entity.distinct)
        )
        for window, name in enumerate(WINDOWS):
            for statistic in (*STATISTICS, *distinct):
                text = f"Of the {entity.meaning}, damped over {name}: {statistic.meaning}."
                column = Column(f"{entity.name}_{statistic.name}_{name}", Kind.FLOAT32, statistic.unit, text, _SOURCE)
                meaning = statistic.meaning.partition("; ")[0].replace(_REGULARITY, "regularity")
                phrase = f"{meaning} of the {entity.meaning} within about {_IN_WORDS[window]}"
                yield ContextColumn(column, phrase, entity.kind, window, statistic.place)
        age = f"Time since the first of the {entity.meaning} that is remembered; 0 in that flow."
        column = Column(f"{entity.name}_age_s", Kind.FLOAT32, "s", age, _SOURCE)
        phrase = f"time since the first of the {entity.meaning}"
        yield ContextColumn(column, phrase, entity.kind, 0, layout.AGE)


CONTEXT_COLUMNS: Final[dict[str, ContextColumn]] = {one.column.name: one for one in _columns()}
"""Every context column by name, in order."""
