"""Flow batches out of flow files that netsift wrote: Parquet, Arrow, CSV and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from netsift.errors import InputError
from netsift.flows.columns import arrow_schema
from netsift.flows.write import FORMATS

_ROWS_PER_BATCH: Final = 16_384
_LONGEST_LINE: Final = 1 << 20


def is_flow_file(name: str) -> bool:
    """Return whether a path's suffix is one that netsift writes flows under."""
    return Path(name).suffix.lower() in FORMATS


def flow_file(name: str) -> Iterator[pa.RecordBatch]:
    """Yield the flows of one file, every column that the schema knows in its canonical type and order.

    Columns that the schema does not know (a label, say) stay behind the known ones. Raises InputError when the file
    cannot be read or holds no column of the schema.
    """
    readers = {"parquet": _parquet, "arrow": _arrow, "csv": _csv, "jsonl": _json_lines}
    path = Path(name)
    if not path.is_file():
        raise InputError(f"{name}: no such file")
    try:
        for batch in readers[FORMATS[path.suffix.lower()]](path):
            yield _canonical(name, batch)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowKeyError, OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read as flows: {str(error).splitlines()[0]}") from None


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with closing(pa.parquet.ParquetFile(path)) as file:
        yield from file.iter_batches(_ROWS_PER_BATCH)


def _arrow(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(source)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
        else:
            source.seek(0)
            yield from pa.ipc.open_stream(source)


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    types = {}
    for field in arrow_schema():
        text = pa.types.is_dictionary(field.type) or pa.types.is_list(field.type)
        types[field.name] = pa.string() if text else field.type
    options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    with pa.csv.open_csv(path, convert_options=options) as reader:
        yield from reader


def _json_lines(path: Path) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, Any]] = []
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE):
            rows.append(json.loads(line))
            if len(rows) == _ROWS_PER_BATCH:
                yield _from_rows(rows)
                rows = []
    if rows:
        yield _from_rows(rows)


def _from_rows(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    names = list(dict.fromkeys(name for row in rows for name in row))
    times = {field.name for field in arrow_schema() if pa.types.is_timestamp(field.type)}
    arrays = []
    for name in names:
        values = [row.get(name) for row in rows]
        arrays.append(pa.array([str(value).rstrip("Z") for value in values]) if name in times else pa.array(values))
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _canonical(name: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    known = [field for field in arrow_schema() if field.name in batch.schema.names]
    if not known:
        raise InputError(f"{name}: has none of netsift's columns (docs/features.md)")
    extra = [column for column in batch.schema.names if column not in arrow_schema().names]
    arrays = [_cast(batch.column(field.name), field.type) for field in known]
    arrays += [batch.column(column) for column in extra]
    return pa.RecordBatch.from_arrays(arrays, names=[*(field.name for field in known), *extra])


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    if pa.types.is_list(kind) and pa.types.is_string(column.type):
        values = [None if text is None else [float(part) for part in text.split()] for text in column.to_pylist()]
        return pa.array(values, pa.list_(pa.float64())).cast(kind)
    if pa.types.is_dictionary(kind):
        return column.cast(pa.string()).dictionary_encode().cast(kind)
    if pa.types.is_timestamp(kind) and pa.types.is_string(column.type):
        return column.cast(pa.timestamp("ns")).cast(kind)
    return column.cast(kind)
