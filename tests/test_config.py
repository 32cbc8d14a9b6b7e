"""The configuration: which value wins, where it came from, what is refused and how, and what is never shown."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netsift.config import STARS, Loaded, known_names, load
from netsift.errors import InputError, NetsiftError, UsageError
from tests.cli.running import program
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away whatever configuration this machine has."""
    for name in os.environ:
        if name.startswith("NETSIFT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes a configuration file."""

    def write(text: str) -> Path:
        path = tmp_path / "netsift.toml"
        path.write_text(text)
        return path

    return write


def origins(loaded: Loaded) -> dict[str, tuple[object, str]]:
    """Return what is shown of values that are not the default."""
    return {one.name: (one.shown, one.origin) for one in loaded.values if one.origin != "default"}


def test_without_anything_every_value_is_the_default() -> None:
    loaded = load()
    assert loaded.file is None
    assert origins(loaded) == {}
    assert {one.name for one in loaded.values} == set(known_names())


def test_the_environment_is_stronger_than_the_file_and_a_flag_than_both(
    file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(
        '[store]\nflow_days = 1\nalert_days = 1\naudit_days = 1\ndata = "/srv/netsift"\n[flows]\ntcp_end = false'
    )
    monkeypatch.setenv("NETSIFT_STORE__FLOW_DAYS", "2")
    monkeypatch.setenv("NETSIFT_STORE__ALERT_DAYS", "2")
    loaded = load(path, {"store.flow_days": 3, "store.audit_days": None})
    assert origins(loaded) == {
        "store.data": ("/srv/netsift", f"file {path}"),
        "store.flow_days": (3.0, "flag"),
        "store.alert_days": (2.0, "environment"),
        "store.audit_days": (1.0, f"file {path}"),
        "flows.tcp_end": (False, f"file {path}"),
    }
    assert loaded.configuration.store.folder == Path("/srv/netsift")
    assert loaded.configuration.flows.tcp_end is False


def test_sizes_may_be_written_with_their_unit(file: Callable[[str], Path]) -> None:
    loaded = load(file('[store]\nflow_bytes = "2GiB"\npacket_bytes = "20GB"'))
    assert (loaded.configuration.store.flow_bytes, loaded.configuration.store.packet_bytes) == (2 << 30, 20 * 10**9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[store]\nflow_day = 1", "file .*: there is no 'store.flow_day'; did you mean store.flow_days?"),
        ("[stores]\nflow_days = 1", "there is no 'stores'; did you mean"),
        ("flow_days = 1", "there is no 'flow_days'; did you mean store.flow_days?"),
        ("xyzzy = 1", r"there is no 'xyzzy'$"),
        ("store = 1", r"store is a section, not a value: \[store\]"),
        ("[store.flow_days]\nx = 1", "store.flow_days: Input should be a valid number"),
        ("[store]\nflow_days = 'week'", "file .*: store.flow_days: Input should be a valid number"),
        ("[store]\nflow_days = -1", "store.flow_days: Input should be greater than 0"),
        ("[store]\npacket_bytes = '20 bananas'", "store.packet_bytes: could not interpret byte unit: bananas"),
        ("[detection]\nfalse_positive_rate = 2", "false_positive_rate: Input should be less than 1"),
        ("[flows]\nmax_flows = 1", "max_flows must lie between 16 and"),
        ("[flows]\nmax_flows = 1.5", "flows.max_flows: Input should be a valid integer"),
        ("[flows\n", "is not TOML"),
        ("\0", "is not TOML"),
    ],
)
def test_what_a_file_cannot_say_is_refused(file: Callable[[str], Path], text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(file(text))


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("NETSIFT_STORE__FLOWDAYS", "1", "environment NETSIFT_STORE__FLOWDAYS: .*did you mean store.flow_days?"),
        ("NETSIFT_STOR__FLOW_DAYS", "1", "did you mean store.flow_days?"),
        ("NETSIFT_STORE", "{}", "environment NETSIFT_STORE: is a section"),
        ("NETSIFT_STORE__FLOW_DAYS", "week", "environment: store.flow_days: Input should be a valid number"),
    ],
)
def test_what_the_environment_cannot_say_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=says):
        load()


def test_other_variables_of_the_program_are_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSIFT_MODEL_KEY", "/keys/model.pem")
    assert origins(load()) == {}


def test_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"flag: there is no 'store\.days'"):
        load(flags={"store.days": 1})


@pytest.mark.parametrize("way", ["file", "environment", "flag"])
def test_a_secret_may_stand_in_a_file_of_its_own(
    file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    secret = tmp_path / "database.url"
    secret.write_text("postgresql://ada:hunter2@db/alerts\n")
    path, flags = None, {}
    if way == "file":
        path = file(f'[store]\ndatabase_file = "{secret}"')
    elif way == "environment":
        monkeypatch.setenv("NETSIFT_STORE__DATABASE_FILE", str(secret))
    else:
        flags = {"store.database_file": str(secret)}
    loaded = load(path, flags)
    assert loaded.configuration.store.database_url == "postgresql://ada:hunter2@db/alerts"
    ((shown, origin),) = origins(loaded).values()
    assert shown == STARS
    assert origin == f"{f'file {path}' if path else way}, from {secret}"
    assert "hunter2" not in repr(loaded.configuration)


def test_a_stronger_secret_replaces_a_weaker_one(
    file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("sqlite:////weak.db")
    monkeypatch.setenv("NETSIFT_STORE__DATABASE", "sqlite:////strong.db")
    loaded = load(file(f'[store]\ndatabase_file = "{tmp_path / "secret"}"'))
    assert loaded.configuration.store.database_url == "sqlite:////strong.db"
    assert origins(loaded) == {"store.database": (STARS, "environment")}


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (None, InputError, "No such file"),
        (b"", InputError, "holds no secret"),
        (b"\n", InputError, "holds no secret"),
        (b"\xff\xfe", InputError, "holds no text"),
        (b"x" * 70_000, InputError, "more than 65,536 bytes"),
    ],
)
def test_a_file_without_a_secret_is_named(
    tmp_path: Path, content: bytes | None, error: type[NetsiftError], says: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=says) as refused:
        load(flags={"store.database_file": str(path)})
    assert str(refused.value).startswith(f"{path}: ")


def test_a_secret_and_its_file_exclude_each_other(file: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match=r"store\.database and store\.database_file exclude each other"):
        load(file('[store]\ndatabase = "x"\ndatabase_file = "y"'))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (2 << 20))
    with pytest.raises(InputError, match="at most 1,048,576 bytes"):
        load(large)


def test_the_file_is_found_where_it_is_expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "netsift" / "netsift.toml"
    own.parent.mkdir()
    own.write_text("[store]\nflow_days = 1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load().file == own
    named = tmp_path / "other.toml"
    named.write_text("[store]\nflow_days = 2")
    monkeypatch.setenv("NETSIFT_CONFIG", str(named))
    assert load().configuration.store.flow_days == 2


def test_the_command_shows_each_value_and_its_origin_but_no_secret(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], file: Callable[[str], Path]
) -> None:
    netsift = program(monkeypatch, capfdbinary)
    path = file('[store]\nflow_days = 7\ndatabase = "postgresql://ada:hunter2@db/alerts"')
    dump = netsift("config", "check", "--config", path, "--dump", "--set", "flows.max_flows=5000")
    assert dump.status == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in dump.text.splitlines())
    assert list(lines) == list(known_names())
    assert re.split(r"  +", lines["store.flow_days"]) == ["7.0", f"file {path}"]
    assert re.split(r"  +", lines["flows.max_flows"]) == ["5000", "flag"]
    assert re.split(r"  +", lines["flows.tcp_end"]) == ["true", "default"]
    assert re.split(r"  +", lines["store.database"]) == [f'"{STARS}"', f"file {path}"]
    as_json = netsift("config", "check", "--config", path, "--json")
    assert json.loads(as_json.output)["store.flow_days"] == {"value": 7.0, "origin": f"file {path}"}
    assert "hunter2" not in dump.text + as_json.text
    assert netsift("config", "check", "--config", path).text == (
        f"{path}: right; 2 of {len(known_names())} values differ from the default\n"
    )
    wrong = netsift("config", "check", "--set", "store.flow_day=1")
    assert (wrong.status, wrong.errors) == (
        2, "netsift: flag: there is no 'store.flow_day'; did you mean store.flow_days?\n",
    )  # fmt: skip
    assert netsift("config", "check", "--set", "store.flow_days").errors == (
        "netsift: --set store.flow_days: is not of the form NAME=VALUE\n"
    )


def test_the_docs_name_every_value_and_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| `([^`]+)` \|", page, re.MULTILINE)
    assert rows == [(one.name, json.dumps(one.shown)) for one in load().values]
