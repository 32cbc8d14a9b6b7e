"""What every behaviour detector must keep to."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields

import numpy as np
import pyarrow as pa

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.episodes import SAMPLES, Episodes
from netsift.alerts.schema import Alert
from netsift.context.schema import CONTEXT_COLUMNS
from netsift.context.tracker import REQUIRED_COLUMNS, ContextTracker
from netsift.detectors.behaviour.base import Behaviour, FlowView
from netsift.flows.schema import BY_NAME
from netsift.models.taxonomy import NAMES

_NOT_LIMITS = frozenset({"name", "category", "technique", "severity", "scale", "scope", "context", "facts"})


def check_behaviour(behaviour: Behaviour, batch: pa.RecordBatch) -> None:
    """Hold a behaviour detector to the contract of all of them; ``batch`` has flows for which it raises alerts."""
    check_description(behaviour)
    expected = alerts_of(behaviour, [batch])
    assert expected, "the batch is no example of the behaviour"
    check_alerts(behaviour, expected)
    check_batching(behaviour, batch, expected)
    turned = batch.select(batch.schema.names[::-1])
    assert alerts_of(behaviour, [turned]) == expected, "the order of columns matters"
    check_missing_columns(behaviour, batch)
    check_hostile_values(behaviour, batch)
    check_memory(behaviour, batch)


def alerts_of(behaviour: Behaviour, batches: Iterable[pa.RecordBatch]) -> list[Alert]:
    """Return the alerts of one behaviour, in order."""
    search = BehaviourSearch((behaviour,))
    for batch in batches:
        search.add(batch)
    return sorted(search.alerts(), key=lambda alert: alert.id)


def check_description(behaviour: Behaviour) -> None:
    """Names, columns, documentation and limits are such that docs/behaviour.md can be made of them."""
    text = re.sub(r"\s+", " ", type(behaviour).__doc__ or "")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", behaviour.name)
    assert behaviour.category in NAMES
    assert behaviour.category != "benign"
    assert re.fullmatch(r"T1\d{3}(\.\d{3})?", behaviour.technique)
    assert "What it assumes: " in text, "the docstring does not say what it assumes"
    assert "It fails on " in text, "the docstring does not say what it fails on"
    assert set(behaviour.context) <= set(CONTEXT_COLUMNS)
    assert set(behaviour.facts) <= {*behaviour.context, *BY_NAME}
    for one in fields(behaviour):  # type: ignore[arg-type] # every behaviour is a dataclass
        if one.name not in _NOT_LIMITS:
            assert one.metadata["unit"], f"{one.name} has no unit"
            assert one.metadata["meaning"], f"{one.name} is not explained"
            assert one.name in text or one.name == "gap_s", f"the docstring gives no reason for {one.name}"


def check_alerts(behaviour: Behaviour, alerts: list[Alert]) -> None:
    """Alerts have figures in range, evidence, and a reason in one sentence without what is no number."""
    assert len({alert.id for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert.detectors == (behaviour.name,)
        assert 0.5 <= alert.confidence <= 1
        assert alert.start_ns <= alert.end_ns
        assert 1 <= len(alert.evidence) <= SAMPLES
        assert all(math.isfinite(one.value) for one in alert.columns if isinstance(one.value, float))
        check_reason(alert.reason)


def check_reason(reason: str) -> None:
    """A reason is one sentence without a full stop, a line break, or what is no number."""
    assert reason
    assert not re.search(r"\b(nan|inf|None|unknown)\b|\n|\. |\.$|  ", reason), reason


def check_batching(behaviour: Behaviour, batch: pa.RecordBatch, expected: list[Alert]) -> None:
    """However the flows are cut into batches, empty ones among them, the alerts are the same."""
    for rows in (1, 7, 100):
        parts = [batch.slice(start, rows) for start in range(0, batch.num_rows, rows)]
        parts.insert(1, batch.slice(0, 0))
        assert alerts_of(behaviour, parts) == expected, f"batches of {rows} rows give other alerts"
    assert alerts_of(behaviour, [batch]) == expected, "the same flows give other alerts the second time"
    assert alerts_of(behaviour, [batch.slice(0, 0)]) == []


def check_missing_columns(behaviour: Behaviour, batch: pa.RecordBatch) -> None:
    """Columns that other meters lack may lack, one by one and all together."""
    optional = [name for name in batch.schema.names if name not in REQUIRED_COLUMNS]
    for name in optional:
        alerts_of(behaviour, [batch.drop_columns([name])])
    for alert in alerts_of(behaviour, [batch.select(list(REQUIRED_COLUMNS))]):
        assert "nan" not in alert.reason


def check_hostile_values(behaviour: Behaviour, batch: pa.RecordBatch) -> None:
    """Nulls, NaN, infinities and numbers that nothing can be raise nothing and get into no reason."""
    for hostile in hostile_batches(batch):
        for alert in alerts_of(behaviour, [hostile, batch]):
            assert not re.search(r"\b(nan|inf)\b", alert.reason), alert.reason
            assert all(math.isfinite(one.value) for one in alert.columns if isinstance(one.value, float))


def hostile_batches(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield copies of a batch with absurd values: nulls everywhere, in some places, extremes, and other types."""
    random = np.random.default_rng(1)
    some = random.random(batch.num_rows) < 0.3
    yield pa.RecordBatch.from_arrays(
        [pa.nulls(batch.num_rows, field.type) for field in batch.schema], schema=batch.schema
    )
    yield _changed(batch, lambda values: pa.array(values.to_pylist(), values.type, mask=some))
    for extreme in (np.nan, np.inf, -np.inf, -1.0, 1e308):
        yield _changed(batch, lambda values, extreme=extreme: _with_extreme(values, some, extreme))
    yield _changed(batch, _greatest)


def _changed(batch: pa.RecordBatch, change: object) -> pa.RecordBatch:
    assert callable(change)
    columns = {
        name: change(column) if _is_number(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pa.RecordBatch.from_pydict(columns)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _with_extreme(values: pa.Array, some: np.ndarray[tuple[int], np.dtype[np.bool_]], extreme: float) -> pa.Array:
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).copy()
    numbers[some] = extreme
    return pa.array(numbers)


def _greatest(values: pa.Array) -> pa.Array:
    kind = values.type.to_pandas_dtype()
    greatest = np.iinfo(kind).max if pa.types.is_integer(values.type) else np.finfo(kind).max
    return pa.array(np.full(len(values), greatest, kind))


def check_memory(behaviour: Behaviour, batch: pa.RecordBatch) -> None:
    """With next to no room, what finds none is counted and nothing grows beyond it."""
    tracker = ContextTracker(tuple(behaviour.context))
    episodes = Episodes(behaviour, max_episodes=1, max_members=2)
    suspects = 0
    for start in range(0, batch.num_rows, 5):
        part = batch.slice(start, 5)
        view = FlowView(part, dict(zip(tracker.names, tracker.add(part), strict=True)))
        suspects += int(behaviour.suspects(view).sum())
        episodes.add(view)
        kept = list(episodes.episodes())
        assert len(kept) <= 1
        members = sum(len(one.sources) + len(one.targets) + len(one.ports) for one in kept)
        assert members <= 2 + 3, "an episode may have one source, target and port without room for them"
    assert sum(one.flows for one in episodes.episodes()) + episodes.overflow_flows <= suspects
