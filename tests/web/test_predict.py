"""Predictions: what is right is scored, and what is wrong is named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from netsift.cli.detect import default_model
from netsift.detectors.model import ModelDetector
from netsift.models.bundle import load_bundle
from netsift.web.prediction import MOST_ROWS, Predictor

PATH = "/api/v1/predict"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """Return the packaged model's."""
    return Predictor(load_bundle(default_model()))


def text_of(row: dict[str, Any]) -> str:
    """Return a row as the paste box takes it."""
    return ", ".join("" if value is None else str(value) for value in row.values())


def fields(answer: Any) -> list[str]:
    """Return the fields that an answer refuses."""
    assert answer.status_code == 422, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    return [error["field"] for error in answer.json["errors"]]


def test_rows_lists_and_text_are_the_same_flow(client: FlaskClient, predictor: Predictor) -> None:
    row = predictor.example("scan")
    bodies = (
        {"rows": [row]},
        {"rows": [dict(reversed(row.items()))]},
        {"columns": list(row), "rows": [list(row.values())]},
        {"columns": list(reversed(row)), "rows": [list(reversed(row.values()))]},
        {"features": text_of(row)},
    )
    answers = [client.post(PATH, json=body).get_json() for body in bodies]
    assert all(answer == answers[0] for answer in answers)
    found = answers[0]["predictions"][0]
    assert found["class"] == "scan"
    assert found["flagged"]
    assert found["explanation"][0]["words"]
    assert found["probability"] == max(found["probabilities"].values())
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert found["score"] == pytest.approx(1 - found["probabilities"]["benign"], abs=1e-4)


def test_scores_are_those_of_the_detector(client: FlaskClient, predictor: Predictor) -> None:
    rows = [predictor.example(name) for name in ("benign", "flood", "tunnel", "c2")]
    answer = client.post(PATH, json={"rows": rows, "explain": "none"}).get_json()
    detector = ModelDetector(predictor.bundle)
    expected = detector.score_matrix(predictor.matrix_of_rows(rows)).score
    assert [one["score"] for one in answer["predictions"]] == pytest.approx(expected.tolist(), abs=1e-5)
    assert all(one["explanation"] is None for one in answer["predictions"])


def test_reasons_are_given_for_what_is_asked(client: FlaskClient, predictor: Predictor) -> None:
    rows = [predictor.example("benign"), predictor.example("scan")]
    flagged = client.post(PATH, json={"rows": rows}).get_json()["predictions"]
    assert [one["explanation"] is None for one in flagged] == [True, False]
    every = client.post(PATH, json={"rows": rows, "explain": "all"}).get_json()["predictions"]
    assert all(one["explanation"] is not None for one in every)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("bytes_fwd", "many"),
        ("bytes_fwd", -1),
        ("bytes_fwd", True),
        ("bytes_fwd", [1]),
        ("bytes_fwd", 1e39),
        ("bytes_fwd", 10**400),
        ("conn_state", "SLEEPING"),
        ("conn_state", 999),
        ("service", 1.5),
    ],
)
def test_a_wrong_value_is_named(client: FlaskClient, predictor: Predictor, column: str, value: object) -> None:
    rows = [predictor.example("benign"), predictor.example("benign") | {column: value}]
    assert fields(client.post(PATH, json={"rows": rows})) == [f"rows.1.{column}"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_not_finite_is_named(client: FlaskClient, predictor: Predictor, value: str) -> None:
    row = json.dumps(predictor.example("benign") | {"bytes_fwd": "HERE"}).replace('"HERE"', value)
    answer = client.post(PATH, data=f'{{"rows": [{row}]}}', content_type="application/json")
    assert fields(answer) == ["rows.0.bytes_fwd"]


def test_unknown_and_missing_columns_are_named(client: FlaskClient, predictor: Predictor) -> None:
    row = predictor.example("benign")
    unknown = fields(client.post(PATH, json={"rows": [row | {"bites": 1}]}))
    missing = fields(client.post(PATH, json={"rows": [{name: row[name] for name in row if name != "bytes_fwd"}]}))
    swapped = fields(client.post(PATH, json={"columns": ["bites", *list(row)[1:]], "rows": [list(row.values())]}))
    assert (unknown, missing) == (["rows.0.bites"], ["rows.0.bytes_fwd"])
    assert swapped == ["columns.bites", "columns.protocol"]
    assert fields(client.post(PATH, json={"rows": [7]})) == ["rows.0"]
    assert fields(client.post(PATH, json={"columns": list(row), "rows": [[1, 2]]})) == ["rows.0"]


def test_text_of_the_wrong_length_or_kind_is_named(client: FlaskClient, predictor: Predictor) -> None:
    row = predictor.example("benign")
    short, long = text_of(row).rsplit(",", 1)[0], f"{text_of(row)}, 1"
    assert fields(client.post(PATH, json={"features": short})) == ["features"]
    assert fields(client.post(PATH, json={"features": long})) == ["features"]
    for value in ("x", "nan", "inf", "-3", "1_000", "0x10", "١"):  # noqa: RUF001 - a digit that is none of ours
        wrong = ", ".join([value, *text_of(row).split(",")[1:]])
        assert fields(client.post(PATH, json={"features": wrong})) == ["features.1 (protocol)"], value


def test_the_wrong_form_is_refused(client: FlaskClient, predictor: Predictor) -> None:
    row = predictor.example("benign")
    wrong: list[Any] = [{}, {"rows": []}, {"rows": [row], "features": "1"}, {"rows": [row], "more": 1}, [1], "x"]
    for body in wrong:
        assert client.post(PATH, json=body).status_code == 422
    assert client.post(PATH, data="{", content_type="application/json").status_code == 400
    assert fields(client.post(PATH, json={"rows": [row], "false_positive_rate": 0.5})) == ["false_positive_rate"]
    assert client.post(PATH, json={"rows": [{}] * (MOST_ROWS + 1)}).status_code == 422


def test_many_rows_at_once(client: FlaskClient, predictor: Predictor) -> None:
    rows = [list(predictor.example(name).values()) for name in ("benign", "scan")] * (MOST_ROWS // 2)
    body = {"columns": list(predictor.names), "rows": rows, "explain": "none"}
    found = client.post(PATH, json=body).get_json()["predictions"]
    assert len(found) == MOST_ROWS
    assert {one["class"] for one in found} == {"benign", "scan"}


def test_whole_numbers_that_no_float_holds_exactly_are_numbers(client: FlaskClient, predictor: Predictor) -> None:
    row = predictor.example("benign") | {"bytes_fwd": 2**60 + 1}
    matrix = predictor.matrix_of_rows([row])
    assert matrix[0, predictor.names.index("bytes_fwd")] == 2.0**60
    assert client.post(PATH, json={"rows": [row]}).status_code == 200


def test_no_value_is_missing_and_not_zero(predictor: Predictor) -> None:
    row = predictor.example("benign")
    without = predictor.matrix_of_rows([row | {"bytes_fwd": None}])
    place = predictor.names.index("bytes_fwd")
    assert without[0, place] == -1
    assert np.isfinite(without).all()


def test_a_word_and_its_number_are_the_same(predictor: Predictor) -> None:
    row = predictor.example("benign") | {"service": "dns"}
    number = predictor.features[-1].categories.index("dns")
    assert (predictor.matrix_of_rows([row]) == predictor.matrix_of_rows([row | {"service": number}])).all()
