"""Made-up flow batches in the true schema, with labels that a forest can learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netsift.flows.columns import arrow_schema
from netsift.flows.schema import COLUMNS, Column, Kind, Validity

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
GREATEST = {Kind.UINT8: 255, Kind.UINT16: 65535, Kind.UINT32: 10_000, Kind.UINT64: 1_000_000, Kind.SET: 2**17 - 1}


def random_batch(
    rows: int, seed: int, attacks: tuple[str, ...] = ("scan", "flood")
) -> tuple[pa.RecordBatch, list[str]]:
    """Return a batch of random flows and the class of each: benign, or one of the attacks.

    Attacks stand out in a few columns: scans are single SYN packets, floods have many packets.
    """
    random = np.random.default_rng(seed)
    classes = random.choice(["benign", *attacks], size=rows, p=[0.6, *[0.4 / len(attacks)] * len(attacks)])
    arrays = [_column(column, rows, random) for column in COLUMNS]
    batch = pa.RecordBatch.from_arrays(arrays, schema=arrow_schema())
    number = np.array([["benign", *attacks].index(name) for name in classes])
    for name, typical in (("syn_packets_fwd", (4, 1, 30)), ("packets", (40, 2, 900)), ("payload_bytes", (9000, 0, 10))):
        values = random.poisson(np.array([typical[k % 3] for k in range(len(attacks) + 1)])[number])
        batch = _replaced(batch, name, pa.array(values))
    return batch, classes.tolist()


def labelled_batch(rows: int, seed: int, attacks: tuple[str, ...] = ("scan", "flood")) -> pa.RecordBatch:
    """Return random flows with the columns ``label`` and ``attack``."""
    batch, classes = random_batch(rows, seed, attacks)
    batch = batch.append_column("label", pa.array(["benign" if name == "benign" else "malicious" for name in classes]))
    return batch.append_column(
        "attack", pa.array([None if name == "benign" else name for name in classes], pa.string())
    )


def _replaced(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(place), values.cast(batch.schema.field(place).type))


def _column(column: Column, rows: int, random: np.random.Generator) -> pa.Array:
    absent = random.random(rows) < (0.0 if column.validity is Validity.ALWAYS else 0.3)
    data_type = arrow_schema().field(column.name).type
    values: Any
    if column.kind is Kind.TIME:
        offset = 0 if column.name == "start_time" else SECOND_NS
        values = START_NS + np.arange(rows, dtype=np.int64) * SECOND_NS + offset
    elif column.kind is Kind.ADDRESS:
        values = [f"10.0.{host // 250}.{host % 250}" for host in random.integers(0, 20, rows).tolist()]
    elif column.kind is Kind.CATEGORY:
        codes = pa.array(random.integers(0, len(column.categories), rows).astype(np.int8), mask=absent)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.categories))
    elif column.kind in (Kind.INT32_LIST, Kind.FLOAT64_LIST):
        return pa.array([[1, 2]] * rows, data_type)
    elif column.kind in (Kind.FLOAT32, Kind.FLOAT64):
        values = random.exponential(1000.0, rows)
    else:
        values = random.integers(0, GREATEST[column.kind], rows, endpoint=True)
    return pa.array(values, mask=None if column.kind is Kind.ADDRESS else absent).cast(data_type)
