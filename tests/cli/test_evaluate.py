"""``netsift evaluate``: what a person types, sees and gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from netsift.cli.evaluate import evaluate
from netsift.cli.labelled import common_columns, named_input
from netsift.cli.main import application
from netsift.errors import InputError, OutputError, UsageError
from netsift.evaluation.metrics import thresholds_from
from netsift.evaluation.protocols import PROTOCOLS
from netsift.models.bundle import load_bundle, save_bundle
from netsift.models.labelled import LabelledInput
from tests.cli.running import leftovers
from tests.models.fitted import small_bundle
from tests.models.traffic import labelled_batch

SMALL = ("--trees", "8", "--depth", "5", "--folds", "2")


def run(*arguments: object) -> Result:
    """Run ``netsift evaluate`` with a small forest."""
    return CliRunner().invoke(application, ["evaluate", *map(str, arguments), *SMALL], catch_exceptions=False)


def loaded(path: Path) -> Any:
    """Return the JSON in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three flow files."""
    paths = [tmp_path / f"{name}.parquet" for name in "abc"]
    for seed, path in enumerate(paths):
        pa.parquet.write_table(pa.Table.from_batches([labelled_batch(200, seed)]), path)
    return paths


def test_protocols_stand_side_by_side_worst_honest_first(files: list[Path], tmp_path: Path) -> None:
    result = run(f"office={files[0]}", f"lab={files[1]}", files[2], "--json", tmp_path / "e.json")
    assert result.exit_code == 0
    assert "600 labelled flows from 3 inputs" in result.stderr
    account = loaded(tmp_path / "e.json")
    names = [one["protocol"] for one in account["protocols"]]
    assert set(names) | set(account["refused"]) == {protocol.name for protocol in PROTOCOLS}
    assert {"cross-network", "leave-one-network-out", "leave-one-attack-out"} <= set(names)
    assert account["refused"] == {"by day": "the flows span fewer than three days"}
    assert account["headline"] == names[0]
    assert names[-1] == "random split"
    assert f"Headline: {names[0]}, ROC AUC" in result.stdout
    assert result.stdout.index("Audit:") < result.stdout.index("quote the first row")
    for text in (*names, "flatters", "office → lab", "alerts a day", "by day: not measured, because", "needs 10,000"):
        assert text in result.stdout
    assert [one["network"] for one in account["inputs"]] == ["office", "lab", "c.parquet"]
    assert leftovers(tmp_path) == []


def test_alerts_a_day_follow_from_the_stated_network(files: list[Path], tmp_path: Path) -> None:
    use = ("--base-rate", "0.01", "--flows-per-day", "50000", "--protocols", "by input")
    run(*files, *use, "--json", tmp_path / "e.json")
    account = loaded(tmp_path / "e.json")
    (result,) = account["protocols"]
    assert (account["base_rate"], account["flows_per_day"]) == (0.01, 50000)
    for point in result["in_use"]:
        false = 50000 * 0.99 * point["false_positive_rate"]
        assert point["false_alerts_per_day"] == pytest.approx(false)
        if point["recall"] is None:
            assert point["precision"] is None
        else:
            right = 500 * point["recall"]
            assert point["alerts_per_day"] == pytest.approx(false + right)
            assert point["precision"] == pytest.approx(right / (right + false), abs=1e-6)


def test_the_same_seed_gives_the_same_account(files: list[Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(*files, "--seed", 4, "--protocols", "random split,by_campaign", "--json", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_strict_findings_end_it_before_anything_is_learned(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="findings that flatter, and --strict makes them an error") as raised:
        run(*files, "--strict", "--json", tmp_path / "e.json")
    assert raised.value.exit_status == 2
    assert not (tmp_path / "e.json").exists()


def test_a_model_is_scored_as_it_is(files: list[Path], tmp_path: Path) -> None:
    model = tmp_path / "model.netsift"
    save_bundle(small_bundle(), model)
    before = model.read_bytes()
    result = run(f"here={files[0]}", f"there={files[2]}", "--model", model, "--json", tmp_path / "e.json")
    account = loaded(tmp_path / "e.json")
    (figures,) = account["protocols"]
    assert figures["protocol"] == account["headline"] == "model as it is"
    assert [part["name"] for part in figures["parts"]] == ["here", "there"]
    assert figures["threshold"] == thresholds_from(load_bundle(model).manifest.evaluation).threshold
    promised = [one["promised"] for one in account["promises"]]
    assert promised == [one.false_positive_rate for one in load_bundle(model).manifest.thresholds]
    assert "What the model promised" in result.stdout
    assert account["columns"] == list(load_bundle(model).manifest.feature_names)
    assert model.read_bytes() == before


def test_a_model_judged_by_what_it_learned_from_is_found_out(files: list[Path], tmp_path: Path) -> None:
    model = tmp_path / "model.netsift"
    CliRunner().invoke(application, ["train", str(files[0]), "-o", str(model), *SMALL], catch_exceptions=False)
    result = run(files[0], files[1], "--model", model)
    assert "the model learned from 1 of these 2 files: a.parquet" in result.stdout
    assert "It flatters: nothing honest could be measured." in result.stdout
    assert "It flatters" not in run(files[1], files[2], "--model", model).stdout
    with pytest.raises(UsageError, match="--strict"):
        run(files[0], files[1], "--model", model, "--strict")


def test_the_columns_that_travel_can_be_learned_from(files: list[Path], tmp_path: Path) -> None:
    out, account = tmp_path / "columns.txt", tmp_path / "t.json"
    result = run(*files, "--transfer", "--columns-out", out, "--json", account)
    assert "ROC AUC lost when a column is shuffled: a.parquet, b.parquet, c.parquet" in result.stdout
    found = loaded(account)["transfer"]
    assert out.read_text(encoding="utf-8").split() == found["travelling"]
    assert {one["column"] for one in found["columns"]} == set(loaded(account)["columns"])
    out.write_text("packets\npayload_bytes\n", encoding="utf-8")
    model = tmp_path / "m.netsift"
    trained = ["train", *map(str, files), "-o", str(model), "--columns", str(out), "--protocols", "by input", *SMALL]
    CliRunner().invoke(application, trained, catch_exceptions=False)
    manifest = load_bundle(model).manifest
    assert manifest.feature_names == ("packets", "payload_bytes")
    assert [result.protocol for result in manifest.evaluation] == ["by input"]


def test_wrong_arguments_are_errors(files: list[Path], tmp_path: Path) -> None:
    model = tmp_path / "model.netsift"
    save_bundle(small_bundle(), model)
    for arguments, words in (
        (["--transfer", "--model", model], "leave --model out"),
        (["--columns-out", tmp_path / "x"], "belongs to --transfer"),
        (["--model", model, "--protocols", "by input"], "a finished model has its columns"),
        (["--protocols", "magic"], "there is no protocol 'magic'"),
    ):
        with pytest.raises(UsageError, match=words):
            run(files[0], *arguments)
    with pytest.raises(UsageError, match="there is nothing to read"):
        run()
    with pytest.raises(UsageError, match="must be PATH or NAME=PATH"):
        run("=x")
    with pytest.raises(InputError, match=r"absent\.parquet"):
        run(f"lab={tmp_path / 'absent.parquet'}")
    with pytest.raises(OutputError, match=r"e\.json"):
        run(files[0], "--protocols", "random split", "--json", tmp_path / "absent" / "e.json")


def test_whole_files_are_labelled_by_option(files: list[Path], tmp_path: Path) -> None:
    whole = ("--benign", f"office={files[0]}", "--attack", f"lab={files[1]}")
    run(*whole, "--protocols", "random split", "--json", tmp_path / "e.json")
    account = loaded(tmp_path / "e.json")
    assert account["classes"] == {"benign": 200, "other": 200}
    assert [one["network"] for one in account["inputs"]] == ["office", "lab"]


def test_transfer_needs_two_networks(files: list[Path]) -> None:
    with pytest.raises(InputError, match="two networks with at least 20 benign and 20 attack flows"):
        run(f"lab={files[0]}", f"lab={files[1]}", "--transfer")


def test_a_path_that_exists_is_a_path(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.parquet"
    odd.touch()
    plain, named = named_input(str(odd)), named_input("lab=x.parquet", "benign")
    assert (plain.path, plain.network) == (odd, "")
    assert (named.path, named.label, named.network) == (Path("x.parquet"), "benign", "lab")


def test_a_list_of_columns_is_checked(tmp_path: Path) -> None:
    path, flows = tmp_path / "columns.txt", tmp_path / "flows.parquet"
    pa.parquet.write_table(pa.Table.from_batches([labelled_batch(50, 1)]), flows)
    inputs = [LabelledInput(flows)]
    path.write_text("duration_us packets\n", encoding="utf-8")
    in_order = [name for name in common_columns(inputs, None) if name in ("duration_us", "packets")]
    assert common_columns(inputs, path) == in_order
    for content, words in ((b"src_ip\n", "'src_ip' is not a column"), (b"", "is empty"), (b"\xff", "not a text file")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            common_columns(inputs, path)
    with pytest.raises(InputError, match="cannot be read"):
        common_columns(inputs, tmp_path / "absent")


def test_every_option_is_in_the_docs() -> None:
    from typing import get_type_hints

    from tests.conftest import ROOT

    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    options = {"json_file": "json"}
    for name in get_type_hints(evaluate):
        if name not in ("return", "data"):
            assert f"`--{options.get(name, name).replace('_', '-')}" in page, name
