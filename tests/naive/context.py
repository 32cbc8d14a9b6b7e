"""The slow truth of the context columns: every flow of every entity is kept, every weight is an exponential.

Written from ``docs/context.md`` alone. Costs the square of the number of flows.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

NAN: Final = float("nan")
WINDOWS_S: Final = {"5s": 5.0, "1min": 60.0, "10min": 600.0, "1h": 3600.0}
FAILED: Final = frozenset({"S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"})
RESET: Final = frozenset({"REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH"})
SECOND_NS: Final = 1_000_000_000
OTHER_CLOCK_NS: Final = 2 * 3600 * SECOND_NS
NOTHING: Final = 1e-30
"""Weights that add up to less are none."""
MOST: Final = 1e12
"""No flow counts more packets or bytes than this."""


@dataclass(frozen=True)
class Flow:
    """What the context is made of, of one flow; times in ns, ``service`` is protocol and port or ICMP type."""

    source: str
    destination: str
    service: tuple[int | None, int | None]
    start_ns: int
    end_ns: int
    packets: float
    bytes_fwd: float
    bytes_bwd: float
    later_part: bool
    failed: bool
    reset: bool
    unanswered: bool


@dataclass
class Entity:
    """All that is remembered of one source, destination, pair or service: (flow, gap in s or None) in order."""

    flows: list[tuple[Flow, float | None]] = field(default_factory=list)
    seen: list[dict[Any, int]] = field(default_factory=list)

    def add(self, flow: Flow, things: Sequence[Any]) -> None:
        """Take a flow; ``things`` is one value per distinct count."""
        if self.flows and flow.end_ns < self.latest_ns() - OTHER_CLOCK_NS:
            self.flows, self.seen = [], []
        starts = [before.start_ns for before, _ in self.flows if not before.later_part]
        gap = None
        if starts and not flow.later_part and flow.start_ns >= max(starts):
            gap = (flow.start_ns - max(starts)) / SECOND_NS
        self.flows.append((flow, gap))
        self.seen = self.seen or [{} for _ in things]
        for last, thing in zip(self.seen, things, strict=True):
            last[thing] = max(last.get(thing, flow.end_ns), flow.end_ns)

    def latest_ns(self) -> int:
        """Return the greatest end of the flows."""
        return max(flow.end_ns for flow, _ in self.flows)

    def statistics(self, tau_s: float) -> dict[str, float]:
        """Return the statistics of the flows with weights e^(−age/τ), by the ends of the columns' names."""
        latest = self.latest_ns()
        flows = [flow for flow, _ in self.flows]
        weights = np.exp(-(latest - np.array([flow.end_ns for flow in flows])) / SECOND_NS / tau_s)
        first = weights * ~np.array([flow.later_part for flow in flows])
        gap_rows = [row for row, (_, gap) in enumerate(self.flows) if gap is not None]
        gap_mean, gap_std = weighted(weights[gap_rows], [gap for _, gap in self.flows if gap is not None])
        size_mean, size_std = weighted(first, [flow.bytes_fwd + flow.bytes_bwd for flow in flows])

        def total(name: str, by: Any) -> float:
            return float(np.sum(by * np.array([getattr(flow, name) for flow in flows], float)))

        return {
            "flows": float(first.sum()),
            "packets": total("packets", weights),
            "bytes_fwd": total("bytes_fwd", weights),
            "bytes_bwd": total("bytes_bwd", weights),
            "failed": total("failed", first),
            "unanswered": total("unanswered", first),
            "resets": total("reset", weights),
            "size_mean": size_mean,
            "size_std": size_std,
            "gap_mean_s": gap_mean,
            "gap_std_s": gap_std,
            "gap_regularity": gap_mean / (gap_mean + gap_std) if gap_mean + gap_std > 0 else NAN,
        }

    def distinct(self, number: int, tau_s: float) -> float:
        """Return how many different things there are, each weighed by the last flow that had it."""
        ages = np.array([self.latest_ns() - last for last in self.seen[number].values()]) / SECOND_NS
        return float(np.exp(-ages / tau_s).sum())


def weighted(weights: Any, values: Iterable[Any]) -> tuple[float, float]:
    """Return mean and standard deviation of the population; NaN without weight."""
    numbers = np.array(list(values), float)
    if not len(numbers) or weights.sum() <= NOTHING:
        return NAN, NAN
    mean = np.sum(weights * numbers) / weights.sum()
    return float(mean), math.sqrt(np.sum(weights * (numbers - mean) ** 2) / weights.sum())


def context_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, float]]:
    """Return the context columns of every row of a flow table, given in the order in which the flows come."""
    kinds: dict[str, dict[Any, Entity]] = {}
    return [_columns(kinds, read_flow(row)) for row in rows]


def _columns(kinds: dict[str, dict[Any, Entity]], flow: Flow | None) -> dict[str, float]:
    columns: dict[str, float] = {}
    if flow is None:
        return columns
    source, destination, service = flow.source, flow.destination, flow.service
    plan: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("source", source, {"destinations": destination, "ports": service,
                            "destination_port_pairs": (destination, service)}),
        ("destination", destination, {"sources": source, "ports": service, "source_port_pairs": (source, service)}),
        ("pair", (source, destination), {"ports": service}),
        ("source_service", (source, service), {"destinations": destination}),
        ("destination_service", (destination, service), {"sources": source}),
    )  # fmt: skip
    for kind, key, things in plan:
        entity = kinds.setdefault(kind, {}).setdefault(key, Entity())
        entity.add(flow, list(things.values()))
        for window, tau_s in WINDOWS_S.items():
            named = entity.statistics(tau_s)
            named |= {name: entity.distinct(number, tau_s) for number, name in enumerate(things)}
            columns |= {f"{kind}_{name}_{window}": value for name, value in named.items()}
        first_ns = min(each.start_ns for each, _ in entity.flows)
        columns[f"{kind}_age_s"] = (flow.start_ns - first_ns) / SECOND_NS
    return columns


def read_flow(row: dict[str, Any]) -> Flow | None:
    """Return a row of a flow table as a flow; None for one without a start, which has no place in time."""
    if row["start_time"] is None:
        return None
    end = row["end_time"] if row["end_time"] is not None else row["start_time"]
    protocol, port = row["protocol"], row["dst_port"]
    if protocol in (1, 58) and row.get("icmp_type") is not None:
        port = row["icmp_type"]
    destination = row["dst_ip"] or ""
    state = row.get("conn_state")
    return Flow(
        source=row["src_ip"] or "",
        destination=destination,
        service=(protocol, port),
        start_ns=row["start_time"],
        end_ns=max(row["start_time"], end),
        packets=_number(row["packets"]),
        bytes_fwd=_number(row["bytes_fwd"]),
        bytes_bwd=_number(row["bytes_bwd"]),
        later_part=(row.get("part") or 0) > 0,
        failed=protocol == 6 and (state in FAILED or came_to_nothing(row, state)),
        reset=state in RESET,
        unanswered=row["packets_bwd"] == 0 and not is_group(destination),
    )


def came_to_nothing(row: dict[str, Any], state: str | None) -> bool:
    """Return whether a connection was accepted, and nobody ever said a word."""
    if row.get("payload_packets") != 0:
        return False
    asked = row.get("packets_fwd")
    never_acknowledged = state == "S1" and bool(asked) and asked == row.get("syn_packets_fwd")
    return state in ("RSTO", "RSTR") or never_acknowledged


def _number(value: float | None) -> float:
    return 0.0 if value is None else min(max(float(value), 0.0), MOST)


def is_group(address: str) -> bool:
    """Return whether an address is multicast or counts as broadcast."""
    try:
        return ipaddress.ip_address(address).is_multicast or ("." in address and address.endswith(".255"))
    except ValueError:
        return False
