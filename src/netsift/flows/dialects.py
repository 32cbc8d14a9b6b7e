"""Flow batches under other tools' column names, as models trained on those tools' data expect them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import pyarrow as pa

from netsift.errors import InputError, UsageError
from netsift.flows.schema import BY_NAME, COLUMNS

NETSIFT: Final = "netsift"

# Header of the MachineLearningCVE files of CIC-IDS2017 (Canadian Institute for Cybersecurity), without the label.
# Five columns have no column of their own here: their definitions repeat or square another.
CICFLOWMETER_2017: Final = (
    "Destination Port", "Flow Duration", "Total Fwd Packets", "Total Backward Packets", "Total Length of Fwd Packets",
    "Total Length of Bwd Packets", "Fwd Packet Length Max", "Fwd Packet Length Min", "Fwd Packet Length Mean",
    "Fwd Packet Length Std", "Bwd Packet Length Max", "Bwd Packet Length Min", "Bwd Packet Length Mean",
    "Bwd Packet Length Std", "Flow Bytes/s", "Flow Packets/s", "Flow IAT Mean", "Flow IAT Std", "Flow IAT Max",
    "Flow IAT Min", "Fwd IAT Total", "Fwd IAT Mean", "Fwd IAT Std", "Fwd IAT Max", "Fwd IAT Min", "Bwd IAT Total",
    "Bwd IAT Mean", "Bwd IAT Std", "Bwd IAT Max", "Bwd IAT Min", "Fwd PSH Flags", "Bwd PSH Flags", "Fwd URG Flags",
    "Bwd URG Flags", "Fwd Header Length", "Bwd Header Length", "Fwd Packets/s", "Bwd Packets/s", "Min Packet Length",
    "Max Packet Length", "Packet Length Mean", "Packet Length Std", "Packet Length Variance", "FIN Flag Count",
    "SYN Flag Count", "RST Flag Count", "PSH Flag Count", "ACK Flag Count", "URG Flag Count", "CWE Flag Count",
    "ECE Flag Count", "Down/Up Ratio", "Average Packet Size", "Avg Fwd Segment Size", "Avg Bwd Segment Size",
    "Fwd Header Length.1", "Fwd Avg Bytes/Bulk", "Fwd Avg Packets/Bulk", "Fwd Avg Bulk Rate", "Bwd Avg Bytes/Bulk",
    "Bwd Avg Packets/Bulk", "Bwd Avg Bulk Rate", "Subflow Fwd Packets", "Subflow Fwd Bytes", "Subflow Bwd Packets",
    "Subflow Bwd Bytes", "Init_Win_bytes_forward", "Init_Win_bytes_backward", "act_data_pkt_fwd",
    "min_seg_size_forward", "Active Mean", "Active Std", "Active Max", "Active Min", "Idle Mean", "Idle Std",
    "Idle Max", "Idle Min",
)  # fmt: skip

# Header of the CSE-CIC-IDS2018 processed files, without the label.
_CICFLOWMETER_2018: Final = (
    "Dst Port", "Protocol", "Timestamp", "Flow Duration", "Tot Fwd Pkts", "Tot Bwd Pkts", "TotLen Fwd Pkts",
    "TotLen Bwd Pkts", "Fwd Pkt Len Max", "Fwd Pkt Len Min", "Fwd Pkt Len Mean", "Fwd Pkt Len Std", "Bwd Pkt Len Max",
    "Bwd Pkt Len Min", "Bwd Pkt Len Mean", "Bwd Pkt Len Std", "Flow Byts/s", "Flow Pkts/s", "Flow IAT Mean",
    "Flow IAT Std", "Flow IAT Max", "Flow IAT Min", "Fwd IAT Tot", "Fwd IAT Mean", "Fwd IAT Std", "Fwd IAT Max",
    "Fwd IAT Min", "Bwd IAT Tot", "Bwd IAT Mean", "Bwd IAT Std", "Bwd IAT Max", "Bwd IAT Min", "Fwd PSH Flags",
    "Bwd PSH Flags", "Fwd URG Flags", "Bwd URG Flags", "Fwd Header Len", "Bwd Header Len", "Fwd Pkts/s", "Bwd Pkts/s",
    "Pkt Len Min", "Pkt Len Max", "Pkt Len Mean", "Pkt Len Std", "Pkt Len Var", "FIN Flag Cnt", "SYN Flag Cnt",
    "RST Flag Cnt", "PSH Flag Cnt", "ACK Flag Cnt", "URG Flag Cnt", "CWE Flag Count", "ECE Flag Cnt", "Down/Up Ratio",
    "Pkt Size Avg", "Fwd Seg Size Avg", "Bwd Seg Size Avg", "Fwd Byts/b Avg", "Fwd Pkts/b Avg", "Fwd Blk Rate Avg",
    "Bwd Byts/b Avg", "Bwd Pkts/b Avg", "Bwd Blk Rate Avg", "Subflow Fwd Pkts", "Subflow Fwd Byts", "Subflow Bwd Pkts",
    "Subflow Bwd Byts", "Init Fwd Win Byts", "Init Bwd Win Byts", "Fwd Act Data Pkts", "Fwd Seg Size Min",
    "Active Mean", "Active Std", "Active Max", "Active Min", "Idle Mean", "Idle Std", "Idle Max", "Idle Min",
)  # fmt: skip

_REPEATED: Final = {
    "Average Packet Size": "payload_mean",
    "Avg Fwd Segment Size": "payload_fwd_mean",
    "Avg Bwd Segment Size": "payload_bwd_mean",
    "Fwd Header Length.1": "header_bytes_fwd",
    "Pkt Size Avg": "payload_mean",
    "Fwd Seg Size Avg": "payload_fwd_mean",
    "Bwd Seg Size Avg": "payload_bwd_mean",
}
_VARIANCES: Final = ("Packet Length Variance", "Pkt Len Var")
_NO_WINDOW: Final = -1
"""What the CIC data sets hold where a flow has no TCP window."""

DIALECTS: Final = (NETSIFT, "cicflowmeter", "cicflowmeter-2018")
"""Values of ``--columns`` that stand for a whole dialect."""


def column_selection(choice: str) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Return the function that turns flow batches into what ``choice`` names: a dialect, or canonical columns by comma.

    Raises UsageError for an unknown name; the function raises InputError for a batch that lacks a column it needs.
    """
    if choice == NETSIFT:
        return lambda batch: batch
    if choice == "cicflowmeter":
        return lambda batch: _cicflowmeter(batch, CICFLOWMETER_2017, "cicflowmeter_2017")
    if choice == "cicflowmeter-2018":
        return lambda batch: _cicflowmeter(batch, _CICFLOWMETER_2018, "cicflowmeter_2018")
    names = list(dict.fromkeys(name.strip() for name in choice.split(",")))
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        known = f"a dialect ({', '.join(DIALECTS)}) or column names from docs/features.md"
        raise UsageError(f"unknown column {unknown[0]!r}: give {known}")
    return lambda batch: _with_columns(batch, names).select(names)


def _with_columns(batch: pa.RecordBatch, names: Iterable[str]) -> pa.RecordBatch:
    """Return the batch if it has these columns; raise InputError with the ones it lacks otherwise."""
    missing = sorted(set(names) - set(batch.schema.names))
    if missing:
        raise InputError(f"the input lacks columns that are asked for: {', '.join(missing)}")
    return batch


def _cicflowmeter(batch: pa.RecordBatch, header: tuple[str, ...], field: str) -> pa.RecordBatch:
    """Return the batch with exactly the columns of ``header``; every value a number, as those files have it."""
    ours = {getattr(column, field): column.name for column in COLUMNS if getattr(column, field)} | _REPEATED
    ours |= dict.fromkeys(_VARIANCES, "payload_std")
    _with_columns(batch, [ours[name] for name in header])
    return pa.RecordBatch.from_arrays([_cic_column(batch, name, ours) for name in header], names=list(header))


def _cic_column(batch: pa.RecordBatch, name: str, ours: dict[str, str]) -> pa.Array:
    import pyarrow.compute as pc  # takes 30 ms, and most runs write netsift's own columns

    if name in _VARIANCES:
        deviation = batch.column("payload_std").cast(pa.float64())
        return pc.multiply(deviation, deviation)
    column = batch.column(ours[name])
    if name == "Timestamp":
        return pc.strftime(column.cast(pa.timestamp("s", "UTC"), safe=False), format="%d/%m/%Y %H:%M:%S")
    if ours[name] in ("window_fwd_initial", "window_bwd_initial"):
        return pc.fill_null(column.cast(pa.int64()), _NO_WINDOW)
    if name == "Flow Duration":
        return pc.cast(pc.floor(column), pa.int64())
    return pc.fill_null(column, np.array(0, column.type.to_pandas_dtype()).item())
