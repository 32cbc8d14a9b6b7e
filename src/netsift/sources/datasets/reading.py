"""Recognise a data set by its header, and read it as flow batches in bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from netsift.errors import InputError
from netsift.sources.datasets import binetflow, cicflowmeter, ciciot2023, nsl_kdd, unsw_nb15, zeek_conn
from netsift.sources.datasets.canonical import flow_batch
from netsift.sources.datasets.dialect import Layout
from netsift.sources.datasets.objects import LinesOfObjects, parsed
from netsift.sources.datasets.opening import TextLines, as_utf8, head, opened, take
from netsift.sources.datasets.rows import Rows
from netsift.sources.suffixes import PARQUET, TEXT_SUFFIXES, ZIP, stem_suffix

RECOGNISERS: Final[tuple[Callable[[Sequence[str]], Layout | None], ...]] = (
    cicflowmeter.recognise, ciciot2023.recognise, unsw_nb15.recognise, nsl_kdd.recognise, zeek_conn.recognise,
    binetflow.recognise,
)  # fmt: skip
"""One per dialect; at most one knows a header."""

_TABLE_SUFFIXES: Final = frozenset({".csv", ".tsv", ".binetflow"})
_HEAD_BYTES: Final = 1 << 16
_MOST_COLUMNS: Final = 1000
_BLOCK_BYTES: Final = 1 << 21
_ROWS_PER_BATCH: Final = 16_384
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file whose header is known: ``names`` are its cleaned column names.

    ``body`` is the byte behind the header and ``delimiter`` what stands between values; both say nothing of Parquet.
    ``objects`` says that each line is a JSON object.
    """

    path: Path
    layout: Layout
    names: tuple[str, ...]
    delimiter: str = ","
    body: int = 0
    objects: bool = False

    def sentences(self) -> list[str]:
        """Return what the user should know before anything is read."""
        told = [f"{self.path.name}: {self.layout.title}"]
        if self.layout.unknown:
            unknown = ", ".join(self.layout.unknown)
            told.append(f"{self.path.name}: columns that are not known and not used: {unknown}")
        return told


@dataclass(slots=True)
class DatasetCounts:
    """What became of the rows of a file: ``rows`` are its flows, the others were left out."""

    rows: int = 0
    repeated_headers: int = 0
    empty_rows: int = 0
    broken_rows: int = 0
    damage: list[str] = field(default_factory=list)

    @property
    def all_rows(self) -> int:
        """Lines of the file behind its header, whatever became of them."""
        return self.rows + self.repeated_headers + self.empty_rows + self.broken_rows


def recognise(path: Path) -> Recognised | None:
    """Return what data set a file is, None when it is none that is known.

    Raises:
        InputError: an archive that cannot be opened, or holds other than one file.
    """
    suffix = path.suffix.lower()
    if suffix == PARQUET:
        return _recognise_parquet(path)
    if not path.is_file() or (stem_suffix(path) not in TEXT_SUFFIXES and suffix != ZIP):
        return None
    return _recognise_text(path, head(path, _HEAD_BYTES))


def header_of_table(path: Path) -> str | None:
    """Return the first line of what looks like a table by its suffix, None for any other file. Raises InputError."""
    if not path.is_file() or stem_suffix(path) not in _TABLE_SUFFIXES:
        return None
    return as_utf8(head(path, _HEAD_BYTES).partition(b"\n")[0]).decode().strip()


def dataset_flows(recognised: Recognised, counts: DatasetCounts) -> Iterator[pa.RecordBatch]:
    """Yield the flows of a recognised file, with the columns ``label`` and ``attack`` behind them; fill ``counts``.

    Raises:
        InputError: not a single row can be read.
    """
    batches = _parquet_batches(recognised) if _is_parquet(recognised.path) else _text_batches(recognised, counts)
    try:
        for raw in batches:
            batch = _translated(recognised.layout, raw, counts)
            if batch.num_rows:
                yield batch
    except (pa.ArrowException, OSError) as error:
        counts.damage.append(f"reading stopped after {counts.rows:,} rows: {(str(error).splitlines() or ['?'])[0]}")
    if not counts.rows and counts.damage:
        raise InputError(f"{recognised.path}: cannot be read: {', '.join(counts.damage)}")


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == PARQUET


def _layout(names: Sequence[str]) -> Layout | None:
    if len(names) > _MOST_COLUMNS:
        return None
    return next((layout for recogniser in RECOGNISERS if (layout := recogniser(names)) is not None), None)


def _recognise_parquet(path: Path) -> Recognised | None:
    try:
        names = tuple(pa.parquet.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return None
    layout = _layout(names) if len(set(names)) == len(names) else None
    return None if layout is None else Recognised(path, layout, names)


def _recognise_text(path: Path, start: bytes) -> Recognised | None:
    text = start.removeprefix(_BYTE_ORDER_MARK)
    line, newline, _ = text.partition(b"\n")
    if not newline:
        return None
    if line.lstrip().startswith(b"#"):
        return _recognise_zeek_log(path, text)
    if line.startswith(b"{"):
        return _recognise_objects(path, text, len(start) - len(text))
    first = as_utf8(line).decode().rstrip("\r")
    delimiter = max(",\t;", key=first.count)
    values = _split(first, delimiter)
    names = _distinct(values)
    if layout := _layout(names):
        return Recognised(path, layout, names, delimiter, body=len(start) - len(text) + len(line) + 1)
    without_header = nsl_kdd.columns_of_first_row(values) or unsw_nb15.columns_of_first_row(values)
    if without_header and (layout := _layout(without_header)):
        return Recognised(path, layout, without_header, delimiter, body=len(start) - len(text))
    return None


def _split(line: str, delimiter: str) -> list[str]:
    """Return the trimmed values of a line; none when its quotes or line ends are out of place."""
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _recognise_zeek_log(path: Path, text: bytes) -> Recognised | None:
    lines = []
    for line in io.BytesIO(text):
        if not line.lstrip().startswith(b"#"):
            break
        lines.append(line)
    names = zeek_conn.field_names([as_utf8(line).decode().rstrip("\r\n") for line in lines])
    layout = _layout(names) if names and len(set(names)) == len(names) else None
    return Recognised(path, layout, names, "\t", body=sum(map(len, lines))) if names and layout else None


def _recognise_objects(path: Path, text: bytes, body: int) -> Recognised | None:
    whole_lines = text.rpartition(b"\n")[0].splitlines()
    objects = [row for line in whole_lines if (row := parsed(line)) is not None]
    names = zeek_conn.fields_of_objects(objects)
    layout = _layout(names) if names else None
    return Recognised(path, layout, names, body=body, objects=True) if names and layout else None


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, each that stood before with the number of its repetition behind it."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        distinct.append(f"{name}.{seen[name]}" if seen[name] else name)
    return tuple(distinct)


def _parquet_batches(recognised: Recognised) -> Iterator[pa.RecordBatch]:
    with closing(pa.parquet.ParquetFile(recognised.path)) as file:
        yield from file.iter_batches(_ROWS_PER_BATCH)


def _text_batches(recognised: Recognised, counts: DatasetCounts) -> Iterator[pa.RecordBatch]:
    repair = None if recognised.objects else recognised.layout.repair
    with opened(recognised.path) as stream:
        take(stream, recognised.body)
        lines = TextLines(stream, repair)
        if lines.has_more():
            yield from (_object_batches if recognised.objects else _table_batches)(recognised, lines, counts)
        if lines.damage:
            counts.damage.append(lines.damage)


def _object_batches(recognised: Recognised, lines: TextLines, counts: DatasetCounts) -> Iterator[pa.RecordBatch]:
    reader = LinesOfObjects(lines)
    yield from reader.batches(recognised.names)
    counts.broken_rows += reader.broken
    counts.empty_rows += reader.empty


def _table_batches(recognised: Recognised, lines: TextLines, counts: DatasetCounts) -> Iterator[pa.RecordBatch]:
    def skip(row: Any) -> str:
        if not (row.text or "").startswith("#"):
            counts.broken_rows += 1
        return "skip"

    names = recognised.names
    with pa.csv.open_csv(
        pa.PythonFile(lines, mode="r"),
        read_options=pa.csv.ReadOptions(column_names=list(names), block_size=_BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(
            delimiter=recognised.delimiter,
            quote_char='"' if recognised.layout.quoted else False,
            invalid_row_handler=skip,
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    ) as reader:
        yield from reader


def _translated(layout: Layout, raw: pa.RecordBatch, counts: DatasetCounts) -> pa.RecordBatch:
    """Return the flows of a raw batch without repeated headers, empty and broken rows, which are counted."""
    raw = _without_repeated_headers(raw, counts)
    rows = Rows(_without_empty_rows(raw, counts))
    with np.errstate(all="ignore"):  # what absurd numbers lead to becomes null
        columns = layout.translate(rows)
        columns |= {foreign: rows.number(name) for name, foreign in layout.foreign.items()}
        batch = flow_batch(columns)
    if rows.broken.any():
        counts.broken_rows += int(rows.broken.sum())
        batch = batch.filter(pa.array(~rows.broken))
    counts.rows += batch.num_rows
    return batch


def _without_repeated_headers(raw: pa.RecordBatch, counts: DatasetCounts) -> pa.RecordBatch:
    """Leave out rows that repeat the header: files that were put together from several have them in the middle."""
    texts = [column for column in range(raw.num_columns) if pa.types.is_string(raw.schema.field(column).type)][:2]
    if not texts or not raw.num_rows:
        return raw
    repeated = np.ones(raw.num_rows, dtype=np.bool_)
    for column in texts:
        same = pc.equal(pc.utf8_trim_whitespace(raw.column(column)), raw.schema.names[column])
        repeated &= pc.fill_null(same, fill_value=False).to_numpy(zero_copy_only=False)
    counts.repeated_headers += int(repeated.sum())
    return raw.filter(pa.array(~repeated)) if repeated.any() else raw


def _without_empty_rows(raw: pa.RecordBatch, counts: DatasetCounts) -> pa.RecordBatch:
    """Leave out rows of delimiters only, of which the public CIC-IDS2017 files have hundreds of thousands."""
    if not raw.num_rows or not raw.column(0).null_count:
        return raw
    empty = np.logical_and.reduce([pc.is_null(column).to_numpy(zero_copy_only=False) for column in raw.columns])
    counts.empty_rows += int(empty.sum())
    return raw.filter(pa.array(~empty)) if empty.any() else raw
