"""Questions to flow files, answered by DuckDB: values are bound, and only the store's files can be read.

A file that cannot be read is set aside and the question asked again, so that one bad file takes nothing else with it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from netsift.errors import StoreError, UsageError
from netsift.flows.schema import BY_NAME, Kind
from netsift.store.flow_files import FlowFile, FlowFolder, is_sound
from netsift.store.flow_filter import FlowFilter, FlowOrder
from netsift.store.flow_results import FACETS, Facet, FlowSettings, Series, Talkers, Totals
from netsift.store.pages import Page, Position, checked_limit, page_from, position_of

if TYPE_CHECKING:
    import duckdb

MOST_POINTS: Final = 2_000
"""Points of a series at most."""

_USUAL_POINTS: Final = 600
_STEPS_S: Final = (1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000)
_ROW_ID: Final = (
    "concat_ws('|', epoch_ns(start_time), src_ip, coalesce(src_port, 0), dst_ip, coalesce(dst_port, 0), protocol, part)"
)
"""Tells apart flows that have the same number to be ordered by."""

_TOTALS: Final = (
    "SELECT count(*), coalesce(sum(packets), 0), coalesce(sum(bytes), 0), epoch_ns(min(start_time)), "
    "epoch_ns(max(start_time)) FROM flows WHERE"
)
_BY_TIME: Final = "SELECT epoch_ns(start_time) // $step AS place, count(*), sum(packets), sum(bytes) FROM flows WHERE"
_TALKERS: Final = "SELECT src_ip, dst_ip, count(*), sum(packets), sum(bytes_fwd), sum(bytes_bwd) FROM flows WHERE"
_BY_PAIR: Final = "GROUP BY src_ip, dst_ip ORDER BY sum(bytes) DESC, src_ip, dst_ip"
_LATER_TIME: Final = "make_timestamp_ns($at)::TIMESTAMPTZ_NS"
_NUMBERS: Final = frozenset({Kind.UINT8, Kind.UINT16})
_TRIES: Final = 5
_NS_PER_S: Final = 1_000_000_000


class FlowQueries:
    """Asks the files of a folder; from any number of threads."""

    def __init__(self, folder: FlowFolder, settings: FlowSettings) -> None:
        """Take the folder; DuckDB is loaded at the first question."""
        self._folder = folder
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def find(
        self, wanted: FlowFilter, order: FlowOrder, cursor: str | None, limit: int, columns: Sequence[str]
    ) -> Page[dict[str, Any]]:
        """Return a page of flows."""
        checked_limit(limit)
        listed = ", ".join(_selected(name) for name in columns)
        conditions, parameters = _where(wanted)
        timed = order.expression == "start_time"
        if cursor is not None:
            position = position_of(cursor, order.value, int if timed else float, str)
            value, sign = _LATER_TIME if timed else "$at", "<" if order.descending else ">"
            same = f"({order.expression} = {value} AND {_ROW_ID} {sign} $row)"
            conditions += f" AND ({order.expression} {sign} {value} OR {same})"
            parameters |= {"at": position.value, "row": position.id}
        number = "epoch_ns(start_time)" if timed else order.expression
        direction = "DESC" if order.descending else "ASC"
        rows = self._ask(
            _sql(
                "SELECT",
                f"{listed}, {number}, {_ROW_ID} AS row_id",
                "FROM flows WHERE",
                conditions,
                f"ORDER BY {order.expression} {direction}, row_id {direction} LIMIT {limit + 1}",
            ),
            parameters,
            wanted,
        )
        return page_from(
            rows,
            limit,
            lambda row: dict(zip(columns, row, strict=False)),
            lambda row: Position(order.value, row[-2], row[-1]),
        )

    def totals(self, wanted: FlowFilter) -> Totals:
        """Return how many flows there are, and sums."""
        conditions, parameters = _where(wanted)
        ((flows, packets, size, first, last),) = self._ask(
            _sql(_TOTALS, conditions),
            parameters,
            wanted,
        ) or [(0, 0, 0, None, None)]
        return Totals(flows, int(packets), int(size), first, last)

    def series(self, wanted: FlowFilter, step_s: int | None) -> Series:
        """Return flows, packets and bytes by time."""
        first_ns, last_ns = wanted.begins_ns, None if wanted.ends_ns is None else wanted.ends_ns - 1
        if first_ns is None or last_ns is None:
            totals = self.totals(wanted)
            first_ns = totals.first_ns if first_ns is None else first_ns
            last_ns = totals.last_ns if last_ns is None else last_ns
        if first_ns is None or last_ns is None or last_ns < first_ns:
            return Series(step_s or _STEPS_S[0], [], [], [], [])
        step_s = step_s or _step(last_ns - first_ns)
        if step_s < 1 or (last_ns - first_ns) // (step_s * _NS_PER_S) >= MOST_POINTS:
            raise UsageError(f"a series has at most {MOST_POINTS:,} points: take longer steps or less time")
        conditions, parameters = _where(wanted)
        found = {
            int(place): values
            for place, *values in self._ask(
                _sql(_BY_TIME, conditions, "GROUP BY place"),
                parameters | {"step": step_s * _NS_PER_S},
                wanted,
            )
        }
        places = range(first_ns // (step_s * _NS_PER_S), last_ns // (step_s * _NS_PER_S) + 1)
        rows = [found.get(place, (0, 0, 0)) for place in places]
        flows, packets, sizes = ([int(row[number]) for row in rows] for number in range(3))
        return Series(step_s, [place * step_s * _NS_PER_S for place in places], flows, packets, sizes)

    def facets(self, wanted: FlowFilter, columns: Sequence[str], top: int) -> dict[str, list[Facet]]:
        """Return the commonest values of columns."""
        unknown = [name for name in columns if name not in FACETS]
        if unknown:
            raise UsageError(f"{unknown[0][:40]!r} is none of {', '.join(FACETS)}")
        checked_limit(top)
        conditions, parameters = _where(wanted)
        tables = [
            _sql(
                "(SELECT",
                f"'{name}', CAST({name} AS VARCHAR), count(*) AS flows, sum(bytes)",
                "FROM chosen",
                f"GROUP BY {name} ORDER BY flows DESC, {name} LIMIT {top})",
            )
            for name in dict.fromkeys(columns)
        ]
        found: dict[str, list[Facet]] = {name: [] for name in columns}
        if not found:
            return found
        listed = ", ".join([*found, "bytes"])
        for name, value, flows, size in self._ask(
            _sql(
                ", chosen AS MATERIALIZED (SELECT",
                listed,
                "FROM flows WHERE",
                conditions,
                ")",
                " UNION ALL ".join(tables),
            ),
            parameters,
            wanted,
        ):
            is_number = value is not None and BY_NAME[name].kind in _NUMBERS
            found[name].append(Facet(int(value) if is_number else value, flows, int(size)))
        for facets in found.values():
            facets.sort(key=lambda one: (-one.flows, one.value is None, one.value or 0))
        return found

    def talkers(self, wanted: FlowFilter, top: int) -> list[Talkers]:
        """Return the pairs of hosts that said most."""
        conditions, parameters = _where(wanted)
        rows = self._ask(
            _sql(_TALKERS, conditions, _BY_PAIR, f"LIMIT {checked_limit(top)}"),
            parameters,
            wanted,
        )
        return [Talkers(row[0], row[1], *map(int, row[2:])) for row in rows]

    def close(self) -> None:
        """Close DuckDB."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _ask(self, sql: str, parameters: dict[str, Any], wanted: FlowFilter) -> list[Any]:
        """Return the rows of a question about ``flows``, none where there are no files.

        Raises:
            StoreError: the files cannot be read, or it takes too long or too much memory.
        """
        import duckdb

        said = ""
        for _ in range(_TRIES):
            files = self._folder.files(wanted.begins_ns, wanted.ends_ns)
            if not files:
                return []
            try:
                return self._rows(sql, parameters, files)
            except duckdb.InterruptException:
                raise StoreError(
                    f"the question takes longer than {self._settings.query_s:g} s: ask less time"
                ) from None
            except duckdb.OutOfMemoryException:
                raise StoreError("the question takes too much memory: ask for less time or fewer columns") from None
            except duckdb.Error as error:
                said = str(error).splitlines()[0]
                for file in files:
                    if file.path.exists() and not is_sound(file.path):
                        self._folder.set_aside(file.path)
        raise StoreError(f"{self._folder.path}: the flows cannot be read: {said}")

    def _rows(self, sql: str, parameters: dict[str, Any], files: Sequence[FlowFile]) -> list[Any]:
        several = len({file.version for file in files}) > 1
        flows = f"WITH flows AS (FROM read_parquet($files, hive_partitioning = false, union_by_name = {several})) "
        cursor = self._cursor()
        timer = threading.Timer(self._settings.query_s, cursor.interrupt)
        timer.start()
        try:
            return cursor.execute(flows + sql, parameters | {"files": [str(file.path) for file in files]}).fetchall()
        finally:
            timer.cancel()
            cursor.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:", config=self._configuration())
                folder = str(self._folder.path).replace("'", "''")
                self._connection.execute(f"SET allowed_directories = ['{folder}']")
                self._connection.execute("SET TimeZone = 'UTC'")
                self._connection.execute("SET enable_external_access = false")
                self._connection.execute("SET lock_configuration = true")
            return self._connection.cursor()

    def _configuration(self) -> dict[str, Any]:
        return {
            "threads": self._settings.threads,
            "memory_limit": f"{self._settings.memory_bytes}B",
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }


def _sql(*parts: str) -> str:
    """Return a question of parts that all stand in the source: texts, the schema's names of columns, conditions.

    What somebody asks for is never among them; it is bound to a parameter or chosen from a list.
    """
    return " ".join(parts)


def _where(wanted: FlowFilter) -> tuple[str, dict[str, Any]]:
    """Return the conditions of a filter as SQL and its parameters."""
    texts = ["true"]
    parameters: dict[str, Any] = {}
    for text, values in wanted.conditions():
        texts.append(text)
        parameters |= values
    return " AND ".join(texts), parameters


def _selected(name: str) -> str:
    """Return what is selected for a column: times are integers in ns. Raises UsageError for a name that is none."""
    column = BY_NAME.get(name)
    if column is None:
        raise UsageError(f"{name[:60]!r} is no column of flows")
    return f"epoch_ns({name})" if column.kind is Kind.TIME else name


def _step(time_ns: int) -> int:
    """Return the shortest usual step that makes a chart's number of points of a time."""
    longest = -(-time_ns // (_USUAL_POINTS * _NS_PER_S))
    return next((step for step in _STEPS_S if step >= longest), max(longest, 1))
