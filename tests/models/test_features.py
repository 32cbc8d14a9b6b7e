"""The feature matrix: what a model may see, and how each value becomes a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.errors import InputError
from netsift.flows import schema
from netsift.models.features import MISSING, feature_matrix, feature_named, required_columns
from netsift.models.services import PORTS_BY_SERVICE, SERVICES, service_codes
from tests.models.fitted import FEATURE_NAMES
from tests.models.traffic import random_batch
from tests.naive import features as naive


def test_identity_columns_and_lists_are_never_features() -> None:
    forbidden = {column.name for column in schema.COLUMNS if column.identity}
    assert not forbidden & set(FEATURE_NAMES)
    assert {"src_ip", "dst_port", "start_time", "vlan_id"} <= forbidden
    assert not {"first_lengths", "first_iats_us"} & set(FEATURE_NAMES)
    assert len(FEATURE_NAMES) > 110


def test_matrix_is_one_contiguous_float32_block() -> None:
    batch, _ = random_batch(50, 1)
    matrix = feature_matrix(batch, FEATURE_NAMES)
    assert matrix.shape == (50, len(FEATURE_NAMES))
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert np.isfinite(matrix).all()


def test_column_order_and_extra_columns_do_not_matter() -> None:
    batch, _ = random_batch(40, 2)
    turned = batch.select(batch.schema.names[::-1]).append_column("stranger", pa.array(["x"] * 40))
    assert np.array_equal(feature_matrix(batch, FEATURE_NAMES), feature_matrix(turned, FEATURE_NAMES))


def test_identity_values_do_not_matter() -> None:
    batch, _ = random_batch(40, 3)
    other = batch
    for name in ("src_ip", "dst_ip"):
        other = other.set_column(other.schema.get_field_index(name), name, pa.array(["192.0.2.1"] * 40))
    assert np.array_equal(feature_matrix(batch, FEATURE_NAMES), feature_matrix(other, FEATURE_NAMES))


def test_all_missing_columns_are_named() -> None:
    batch, _ = random_batch(5, 4)
    with pytest.raises(InputError, match=r"lack 3 of the columns .*: packets, bytes, dst_port$"):
        feature_matrix(batch.drop_columns(["packets", "bytes", "dst_port"]), ["packets", "bytes", "service"])


def test_required_columns_replace_the_service_by_its_ports() -> None:
    assert required_columns(["packets", "service"]) == ("packets", "src_port", "dst_port")
    assert required_columns(["packets"]) == ("packets",)


def test_text_in_a_number_column_is_refused() -> None:
    with pytest.raises(InputError, match="column packets holds string, not numbers"):
        feature_matrix(pa.record_batch({"packets": ["many"]}), ["packets"])


@given(st.lists(st.none() | st.floats(), max_size=20))
def test_numbers_become_finite_and_missing_ones_the_sentinel(values: list[float | None]) -> None:
    matrix = feature_matrix(pa.record_batch({"duration_us": pa.array(values, pa.float64())}), ["duration_us"])
    assert np.isfinite(matrix).all()
    for value, number in zip(values, matrix[:, 0].tolist(), strict=True):
        if value is None or np.isnan(value):
            assert number == MISSING


def test_greatest_counts_are_kept() -> None:
    matrix = feature_matrix(pa.record_batch({"bytes": pa.array([2**64 - 1], pa.uint64())}), ["bytes"])
    assert matrix[0, 0] == np.float32(2**64 - 1)


@pytest.mark.parametrize("as_dictionary", [True, False])
def test_categories_have_their_index_in_the_schema(as_dictionary: bool) -> None:
    words = pa.array(["SF", None, "S0", "nonsense"])
    column = words.dictionary_encode() if as_dictionary else words
    matrix = feature_matrix(pa.record_batch({"conn_state": column}), ["conn_state"])
    states = schema.CONNECTION_STATES
    assert matrix[:, 0].tolist() == [states.index("SF"), MISSING, states.index("S0"), MISSING]


def test_no_port_stands_for_two_services() -> None:
    ports = [port for of_service in PORTS_BY_SERVICE.values() for port in of_service]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize(
    ("source", "destination", "service"),
    [
        (50000, 443, "web"),
        (443, 50000, "web"),
        (53, 443, "web"),
        (50000, 50001, "other"),
        (-1, -1, "none"),
        (-1, 22, "ssh"),
        (22, -1, "ssh"),
        (0, 70000, "other"),
    ],
)
def test_service_is_that_of_the_well_known_port(source: int, destination: int, service: str) -> None:
    codes = service_codes(np.array([source]), np.array([destination]))
    assert SERVICES[int(codes[0])] == service


def test_columns_of_other_tools_are_numbers() -> None:
    batch = pa.RecordBatch.from_pydict({"unsw_nb15.ct_srv_src": [3.0, None], "duration_us": [1.0, 2.0]})
    matrix = feature_matrix(batch, ["unsw_nb15.ct_srv_src", "duration_us"])
    assert matrix.tolist() == [[3.0, 1.0], [-1.0, 2.0]]
    assert feature_named("unsw_nb15.ct_srv_src").categories == ()
    with pytest.raises(KeyError):
        feature_named("no_such_column")
    with pytest.raises(InputError, match=r"zeek\.missed_bytes"):
        feature_matrix(batch, ["zeek.missed_bytes"])


NUMBERS: tuple[tuple[pa.DataType, st.SearchStrategy[Any]], ...] = (
    (pa.float64(), st.floats() | st.sampled_from([1e300, -1e300, 3.4028235e38, -3.5e38, -0.0])),
    (pa.float32(), st.floats(width=32)),
    (pa.uint64(), st.integers(0, 2**64 - 1) | st.sampled_from([2**53 + 2**29 + 1, 2**61 + 2**37 + 1])),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**60 + 2**36 + 1, -(2**60) - 2**36 - 1])),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.uint8(), st.integers(0, 255)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.integers(-(10**20), 10**20).map(str)),
    (pa.decimal128(10, 2), st.integers(-(10**6), 10**6)),
)
WORDS = st.none() | st.sampled_from([*schema.CONNECTION_STATES, "nonsense", ""])
PORTS = st.none() | st.sampled_from([0, 22, 53, 443, 50_000, 65_535])
COLUMNS = ("duration_us", "packets", "bytes", "conn_state", "rate_bytes_s", "service", "unsw_nb15.ct_srv_src")


@st.composite
def flow_batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Return batches of few rows whose columns have any types and order, cut out of longer ones."""
    rows = draw(st.integers(0, 12))

    def values(of: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(of, min_size=rows, max_size=rows))

    columns = {}
    for name in COLUMNS:
        kind, numbers = draw(st.sampled_from(NUMBERS))
        columns[name] = pa.array(values(numbers | st.none() if draw(st.booleans()) else numbers), kind)
    words = pa.array(values(WORDS), pa.string())
    columns["conn_state"] = words.dictionary_encode() if draw(st.booleans()) else words
    for name in ("src_port", "dst_port"):
        columns[name] = pa.array(values(PORTS), draw(st.sampled_from([pa.uint16(), pa.int64(), pa.float64()])))
    del columns["service"]
    batch = pa.record_batch({name: columns[name] for name in draw(st.permutations(sorted(columns)))})
    first = draw(st.integers(0, rows))
    return batch.slice(first, draw(st.integers(0, rows - first)))


@given(flow_batches(), st.permutations(COLUMNS))
def test_matrix_is_that_of_column_by_column(batch: pa.RecordBatch, names: list[str]) -> None:
    assert feature_matrix(batch, names).tobytes() == naive.feature_matrix(batch, names).tobytes()


@pytest.mark.parametrize("rows", [1, 64, 65, 2048, 5000])
def test_matrix_of_many_rows_is_that_of_column_by_column(rows: int) -> None:
    batch = random_batch(rows + 7, 5)[0].slice(5, rows)
    assert feature_matrix(batch, FEATURE_NAMES).tobytes() == naive.feature_matrix(batch, FEATURE_NAMES).tobytes()


def test_counts_beyond_exact_floats_are_rounded_once_in_every_part_of_a_batch() -> None:
    large = 2**61 + 2**37 + 1
    columns = {"duration_us": np.ones(5000), "packets": np.ones(5000, np.uint32)}
    whole = pa.array([large] * 5000, pa.uint64())
    for numbers in (whole, pa.array([*[large] * 4999, None], pa.uint64()), pa.array([*[1] * 4999, large], pa.uint64())):
        batch = pa.record_batch({**columns, "bytes": numbers})
        names = ["bytes", "packets", "duration_us"]
        assert feature_matrix(batch, names).tobytes() == naive.feature_matrix(batch, names).tobytes()
    assert np.uint64(large).astype(np.float32) != np.float64(large).astype(np.float32)


def test_text_that_is_none_counts_as_missing() -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    assert feature_matrix(pa.record_batch({"conn_state": broken}), ["conn_state"]).tolist() == [[MISSING]]


def test_a_column_that_stands_twice_is_refused() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], ["packets", "packets"])
    with pytest.raises(InputError, match="the flows have the column packets 2 times"):
        feature_matrix(batch, ["packets"])


def test_batches_of_many_schemas_take_turns() -> None:
    batch, _ = random_batch(3, 6)
    names = batch.schema.names
    expected = feature_matrix(batch, FEATURE_NAMES)
    for turn in range(12):
        turned = batch.select(names[turn:] + names[:turn])
        assert np.array_equal(feature_matrix(turned, FEATURE_NAMES), expected)
        assert np.array_equal(feature_matrix(batch, FEATURE_NAMES), expected)
