"""Flow batches out of flow files that netsift wrote: Parquet, Arrow, CSV and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from netsift.errors import InputError
from netsift.flows.columns import arrow_schema
from netsift.flows.schema import BY_NAME
from netsift.flows.write import FORMATS

_ROWS_PER_BATCH: Final = 16_384
_LONGEST_LINE: Final = 1 << 20


def is_flow_file(name: str) -> bool:
    """Return whether a path's suffix is one that netsift writes flows under."""
    return Path(name).suffix.lower() in FORMATS


def flow_file(name: str, report: Callable[[str], None] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the flows of one file, every column that the schema knows in its canonical type and order.

    Columns that the schema does not know (a label, say) stay behind the known ones. Raises InputError when the file
    cannot be read or holds no column of the schema. A file that is damaged behind its first rows gives what can be read
    of it; then ``report`` is told how it is damaged, or InputError is raised where there is no ``report``.
    """
    path = Path(name)
    if not path.is_file():
        raise InputError(f"{name}: no such file")
    damage = _Damage()
    rows = 0
    try:
        for batch in _READERS[FORMATS[path.suffix.lower()]](path, damage):
            yield _canonical(name, batch)
            rows += batch.num_rows
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowKeyError, OSError, ValueError, RecursionError) as error:
        if not rows:
            raise InputError(f"{name}: cannot be read as flows: {_first_line(error)}") from None
        damage.sentences.append(f"reading stopped after {rows:,} rows: {_first_line(error)}")
    damage.sentences += damage.line_sentences()
    if damage.sentences:
        problem = f"{name}: damaged: {', '.join(damage.sentences)}"
        if report is None:
            raise InputError(problem)
        report(problem)


@dataclass(slots=True)
class _Damage:
    """What of a file could not be read; ``first_line`` is the number of the first such line, None if not known."""

    lines: int = 0
    first_line: int | None = None
    sentences: list[str] = field(default_factory=list)

    def count_line(self, number: int | None = None) -> None:
        self.lines += 1
        self.first_line = number if self.lines == 1 else self.first_line

    def line_sentences(self) -> list[str]:
        if not self.lines:
            return []
        which = (
            "" if self.first_line is None else f" ({'the first is ' if self.lines > 1 else ''}line {self.first_line:,})"
        )
        return [f"{self.lines:,} line{'s' if self.lines > 1 else ''} cannot be read{which}"]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _parquet(path: Path, _: _Damage) -> Iterator[pa.RecordBatch]:
    with closing(pa.parquet.ParquetFile(path)) as file:
        yield from file.iter_batches(_ROWS_PER_BATCH)


def _arrow(path: Path, _: _Damage) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(source)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
        else:
            source.seek(0)
            yield from pa.ipc.open_stream(source)


def _csv(path: Path, damage: _Damage) -> Iterator[pa.RecordBatch]:
    types = {}
    for column in arrow_schema():
        text = pa.types.is_dictionary(column.type) or pa.types.is_list(column.type)
        types[column.name] = pa.string() if text else column.type
    options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)

    def skip(_: Any) -> str:
        damage.count_line()
        return "skip"

    with pa.csv.open_csv(
        path, parse_options=pa.csv.ParseOptions(invalid_row_handler=skip), convert_options=options
    ) as reader:
        yield from reader


def _json_lines(path: Path, damage: _Damage) -> Iterator[pa.RecordBatch]:
    names: list[str] = []
    with path.open("rb") as file:
        lines = _numbered_lines(file)
        while rows := _parsed(lines, damage):
            names = names or list(dict.fromkeys(name for row in rows for name in row))
            yield _from_rows(rows, names)


def _numbered_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers from 1; one that is too long comes in pieces of the same number."""
    number = 1
    while line := file.readline(_LONGEST_LINE):
        yield number, line
        number += line.endswith(b"\n")


def _parsed(lines: Iterator[tuple[int, bytes]], damage: _Damage) -> list[dict[str, Any]]:
    """Return the objects of the next lines, a batch at most; what is no object, or nested too deeply, is counted."""
    rows: list[dict[str, Any]] = []
    for number, line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        elif line.strip():
            damage.count_line(number)
        if len(rows) == _ROWS_PER_BATCH:
            break
    return rows


def _from_rows(rows: list[dict[str, Any]], names: list[str]) -> pa.RecordBatch:
    """Return the rows as a batch of the columns that the file began with."""
    strangers = {name for row in rows for name in row} - set(names)
    if strangers:
        raise ValueError(f"column {min(strangers)!r} begins in the middle of the file")
    return pa.RecordBatch.from_arrays([_column(name, [row.get(name) for row in rows]) for name in names], names=names)


def _column(name: str, values: list[Any]) -> pa.Array:
    if name not in arrow_schema().names:
        return pa.array(values)
    kind = arrow_schema().field(name).type
    if pa.types.is_timestamp(kind):
        return pa.array([None if value is None else str(value).rstrip("Z") for value in values], pa.string())
    if pa.types.is_floating(kind):
        # What was written without a fraction comes back as an integer, which Arrow refuses beyond the float's digits.
        values = [float(value) if isinstance(value, int) else value for value in values]
    return pa.array(values, pa.string() if pa.types.is_dictionary(kind) else kind)


def _canonical(path: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    known = [column for column in arrow_schema() if column.name in batch.schema.names]
    if not known:
        raise InputError(
            f"{path}: has none of netsift's columns (docs/features.md), and is no known data set (docs/data-sets.md)"
        )
    extra = [name for name in batch.schema.names if name not in arrow_schema().names]
    arrays = [_cast(column.name, batch.column(column.name), column.type) for column in known]
    arrays += [batch.column(name) for name in extra]
    fields = [*known, *(batch.schema.field(name) for name in extra)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata=arrow_schema().metadata))


def _cast(name: str, column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return _categories(name, column)
    if column.type == kind:
        return column
    if pa.types.is_list(kind) and pa.types.is_string(column.type):
        values = [None if text is None else [float(part) for part in text.split()] for text in column.to_pylist()]
        return pa.array(values, pa.list_(pa.float64())).cast(kind)
    if pa.types.is_timestamp(kind) and pa.types.is_string(column.type):
        return column.cast(pa.timestamp("ns")).cast(kind)
    return column.cast(kind)


def _categories(name: str, column: pa.Array) -> pa.Array:
    """Return a category column with the schema's own list of categories, the same in every batch."""
    categories = pa.array(BY_NAME[name].categories, pa.string())
    texts = column.cast(pa.string())
    codes = pc.index_in(texts, categories)
    if codes.null_count > texts.null_count:
        stranger = texts.filter(pc.and_(pc.is_null(codes), pc.is_valid(texts)))[0].as_py()
        raise ValueError(f"{name} cannot be {stranger!r}")
    return pa.DictionaryArray.from_arrays(codes.cast(pa.int8()), categories)


_READERS: Final[dict[str, Callable[[Path, _Damage], Iterator[pa.RecordBatch]]]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _csv,
    "jsonl": _json_lines,
}
