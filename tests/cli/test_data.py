"""``netsift data``: what a person types, sees and gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.errors import ExitStatus
from netsift.sources.catalogue import CATALOGUE, DataFile, DataSet
from tests.cli.running import Program
from tests.sources.test_collection import CONTENT, DIGEST, data_set
from tests.sources.web import Behaviour, serving


def listed(monkeypatch: pytest.MonkeyPatch, one: DataSet) -> None:
    """Put a data set into the catalogue for one test."""
    monkeypatch.setitem(CATALOGUE, one.name, one)


def test_list_names_every_data_set_and_says_all_about_one(run: Program, tmp_path: Path) -> None:
    (tmp_path / "nsl-kdd").mkdir()
    lines = run("data", "list", "--folder", tmp_path).text.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(CATALOGUE)
    assert [line for line in lines if "in the folder" in line] == [
        "nsl-kdd                   NSL-KDD (by hand, in the folder)"
    ]
    assert lines[-1] == f"folder: {tmp_path}"
    text = run("data", "list", "cse-cic-ids2018").text
    assert text.count("file: ") == 10
    assert "Wednesday-28-02-2018_TrafficForML_CICFlowMeter.csv (209,249,758 bytes)" in text


def test_fetch_and_verify(run: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as address:
        listed(monkeypatch, data_set(DataFile("x.txt", address), DataFile("y.txt", address)))
        fetched = run("data", "fetch", "example", "--folder", tmp_path, "--file", "x*")
    assert (fetched.status, fetched.text) == (0, f"x.txt: {len(CONTENT)} bytes, SHA-256 {DIGEST}\n")
    assert f"{tmp_path}/example; terms: free; citation: none" in fetched.errors
    verified = run("data", "verify", "example", "--folder", tmp_path)
    assert verified.status == 0
    assert verified.text.splitlines() == [
        "x.txt: good: NSL-KDD connections (43 columns); SHA-256 as fetched",
        f"y.txt: missing: not there; {address}",
    ]
    (tmp_path / "example" / "x.txt").write_bytes(CONTENT + b"x")
    changed = run("data", "verify", "example", "--folder", tmp_path)
    assert (changed.status, "x.txt: wrong: SHA-256" in changed.text) == (ExitStatus.NOTHING_READ, True)


def test_a_folder_of_files_that_are_no_data_set_is_not_taken_for_one(run: Program, tmp_path: Path) -> None:
    (tmp_path / "nsl-kdd").mkdir()
    (tmp_path / "nsl-kdd" / "README").write_text("read me\n")
    result = run("data", "verify", "nsl-kdd", "--folder", tmp_path)
    assert (result.status, result.text) == (
        ExitStatus.NOTHING_READ, "README: not a data set: none of the data sets that netsift knows\n",
    )  # fmt: skip


def test_without_a_network_one_sentence_says_how_to_place_the_files(
    run: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed(monkeypatch, data_set(DataFile("x.txt", "https://netsift.invalid/x.txt")))
    result = run("data", "fetch", "example", "--folder", tmp_path)
    assert (result.status, result.text) == (ExitStatus.NOTHING_READ, "")
    assert result.errors.count("\n") == 1
    assert f"download x.txt, put the files into {tmp_path}/example, then run netsift data verify" in result.errors


def test_a_name_that_is_not_known_is_a_wrong_argument(run: Program, tmp_path: Path) -> None:
    result = run("data", "fetch", "nothing", "--folder", tmp_path)
    assert (result.status, "is none of the data sets" in result.errors) == (ExitStatus.USAGE, True)
