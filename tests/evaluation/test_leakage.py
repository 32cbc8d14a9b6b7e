"""Every check of the audit finds what it is for, and nothing in rows without fault."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from netsift.evaluation.leakage import Finding, Severity, address_area, audit, row_hashes
from netsift.flows.schema import COLUMNS
from netsift.models.artefacts import REASONS, plain_name
from netsift.models.dataset import Dataset
from tests.evaluation.rows import DAY_S, rows

COUNT = 2000


def columns(seed: int = 0) -> npt.NDArray[np.float32]:
    """Return columns without fault, of which the first helps a little."""
    return np.random.default_rng(seed).random((COUNT, 4)).astype(np.float32)


def labels(seed: int = 1) -> npt.NDArray[np.int64]:
    """Return benign rows and two kinds of attack, without order."""
    return np.random.default_rng(seed).integers(0, 3, COUNT)


def dataset(
    matrix: npt.NDArray[np.float32] | None = None,
    names: tuple[str, ...] = ("packets", "bytes", "duration_us", "fragments"),
    times_s: npt.NDArray[np.int64] | None = None,
    sources: npt.NDArray[np.int64] | None = None,
    destinations: npt.NDArray[np.int64] | None = None,
) -> Dataset:
    """Return rows whose times and hosts say nothing about their class, unless others are given."""
    random = np.random.default_rng(2)
    return rows(
        labels(),
        columns() if matrix is None else matrix,
        feature_names=names,
        times_s=random.integers(0, DAY_S, COUNT) if times_s is None else times_s,
        sources=random.integers(0, 50, COUNT) if sources is None else sources,
        destinations=random.integers(50, 100, COUNT) if destinations is None else destinations,
    )


def found(data: Dataset) -> dict[str, Finding]:
    """Return what the audit found, by check."""
    findings = audit(data)
    assert all(finding.what and finding.advice for finding in findings)
    return {finding.check: finding for finding in findings}


def test_rows_without_fault_have_no_finding() -> None:
    assert audit(dataset()) == ()


def test_identifiers_are_found_by_name_in_any_spelling() -> None:
    finding = found(dataset(names=("packets", " Source IP", "Flow ID", "start_time")))["identifiers"]
    assert finding.columns == (" Source IP", "Flow ID", "start_time")
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize("what", ["time", "falling time", "source", "port of the victim"])
def test_identifiers_are_found_in_disguise(what: str) -> None:
    data = dataset()
    known = data.circumstances
    column = {
        "time": known.start_ns,
        "falling time": -np.sqrt(known.start_ns - known.start_ns.min() + 1.0),
        "source": (known.source * 37) % 50,
        "port of the victim": known.destination,
    }[what]
    matrix = columns()
    matrix[:, 2] = column
    finding = found(dataset(matrix))["identifiers in disguise"]
    assert finding.columns == ("duration_us",)


def test_constant_and_missing_columns_are_found() -> None:
    matrix = columns()
    matrix[:, 1], matrix[:, 3] = 7, -1
    findings = found(dataset(matrix))
    assert findings["constant columns"].columns == ("bytes",)
    assert findings["missing columns"].columns == ("fragments",)
    assert {finding.severity for finding in findings.values()} == {Severity.NOTE}


def test_copies_across_a_cut_are_counted() -> None:
    matrix = columns()
    matrix[: COUNT // 4] = 0.5
    findings = found(dataset(matrix))
    assert findings["copies across a cut"].numbers["share"] == pytest.approx(0.25, abs=0.05)
    assert "near copies across a cut" not in findings
    assert findings["copies of another class"].numbers["rows"] == COUNT // 4
    assert findings["copies of another class"].severity is Severity.WARNING


def test_near_copies_are_found_where_exact_ones_are_not() -> None:
    matrix = columns()
    matrix[: COUNT // 4] = 0.5 + np.random.default_rng(0).random((COUNT // 4, 4)) * 1e-5
    findings = found(dataset(matrix))
    assert findings["near copies across a cut"].numbers["share"] == pytest.approx(0.25, abs=0.05)
    assert "copies across a cut" not in findings


def test_copies_of_another_kind_of_attack_are_only_noted() -> None:
    matrix = columns()
    one, other = np.flatnonzero(labels() == 1)[0], np.flatnonzero(labels() == 2)[0]
    matrix[one] = matrix[other]
    finding = found(dataset(matrix))["copies of another class"]
    assert (finding.severity, finding.numbers) == (Severity.NOTE, {"rows": 2, "benign_and_attack": 0})


def test_a_column_that_tells_a_class_by_order_is_found() -> None:
    matrix = columns()
    matrix[:, 1] -= 0.999 * (labels() == 2)
    finding = found(dataset(matrix))["one column tells a class"]
    assert finding.columns == ("bytes",)
    assert finding.what.startswith("attack2: 1 columns")
    assert "ROC AUC" in finding.what


def test_a_column_that_tells_a_class_by_one_value_is_found() -> None:
    matrix = columns()
    matrix[labels() == 2, 1] = 0.5
    finding = found(dataset(matrix))["one column tells a class"]
    assert finding.columns == ("bytes",)
    assert "0.5 in 100.0% of its rows, 0.0% elsewhere" in finding.what


def test_a_label_that_follows_time_is_found() -> None:
    order = np.argsort(np.argsort(labels() > 0, kind="stable"))
    finding = found(dataset(times_s=order))["label follows time"]
    assert finding.numbers["runs"] == 2


def test_a_label_that_follows_addresses_is_found() -> None:
    random = np.random.default_rng(5)
    attacker = np.where(labels() > 0, random.integers(0, 5, COUNT), random.integers(5, 50, COUNT))
    findings = found(dataset(sources=attacker))
    assert set(findings) == {"label follows address"}
    assert findings["label follows address"].numbers["roc_auc"] == 1
    assert "source" in findings["label follows address"].what


def test_a_class_that_is_one_host_is_found() -> None:
    victims = np.where(labels() == 2, 7, np.random.default_rng(5).integers(50, 100, COUNT))
    findings = found(dataset(destinations=victims))
    assert set(findings) == {"one address is a class"}
    assert "attack2" in findings["one address is a class"].what


def test_columns_of_the_meter_are_named_with_their_reason() -> None:
    finding = found(dataset(names=("packets", "ttl_fwd_min", "Init Fwd Win Byts", "fragments")))["columns of the meter"]
    assert finding.columns == ("ttl_fwd_min", "Init Fwd Win Byts")
    assert "hops away" in finding.what


def test_meter_columns_are_columns_by_their_plain_name() -> None:
    names = {column.name for column in COLUMNS}
    aliases = {plain_name(name) for one in COLUMNS for name in (one.cicflowmeter_2017, one.cicflowmeter_2018) if name}
    others = {"sttl", "dttl", "swin", "dwin", "fwd_init_win_bytes", "bwd_init_win_bytes"}
    assert set(REASONS) <= names | aliases | others


def test_findings_are_plain_values_the_gravest_first() -> None:
    matrix = columns()
    matrix[:, 1] = 7
    findings = audit(dataset(matrix, names=("src_ip", "bytes", "ttl_fwd_min", "fragments")))
    assert [finding.severity for finding in findings] == ["error", "note", "note"]
    assert findings[0].as_json()["columns"] == ["src_ip"]
    assert findings == audit(dataset(matrix, names=("src_ip", "bytes", "ttl_fwd_min", "fragments")))


def test_few_or_single_rows_are_no_obstacle() -> None:
    assert audit(rows([0])) != ()
    assert Counter(one.check for one in audit(rows([0, 1])))["one column tells a class"] == 0


@given(st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, -1.0, 1.0004, 3e38])] * 3), min_size=1, max_size=30))
def test_hashes_are_equal_where_rows_are(values: list[tuple[float, ...]]) -> None:
    matrix = np.array(values, dtype=np.float32)
    exact, near = row_hashes(matrix), row_hashes(matrix, 3)
    for one, first in enumerate(values):
        for other, second in enumerate(values):
            assert (exact[one] == exact[other]) == (first == second)
            assert (near[one] == near[other]) == ([round(v, 3) for v in first] == [round(v, 3) for v in second])


def test_the_area_of_an_address_is_that_of_leaving_each_row_out() -> None:
    random = np.random.default_rng(3)
    hosts, attack = random.integers(0, 30, 200), random.random(200) < 0.4
    share = []
    for row in range(200):
        others = [attack[other] for other in range(200) if other != row and hosts[other] == hosts[row]]
        share.append(np.mean(others) if others else 0.5)
    assert address_area(hosts, attack) == pytest.approx(roc_auc_score(attack, share))
