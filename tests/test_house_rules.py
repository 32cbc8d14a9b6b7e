"""The tree keeps the house rules, and every house rule can fail."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tools import house_rules
from tools.house_rules import LAYERS, Rule, Source, breaches, read_sources

KERNEL = "src/netsift/kernels/meter.py"
MODULE = "src/netsift/flows/meter.py"
GOOD_KERNEL = (
    '"""Meter."""\nfrom netsift.kernels.jit import kernel\n@kernel\ndef meter(rows):\n    """Count."""\n    return 0\n'
)


def messages(rule: Rule, **files: str) -> list[str]:
    """Return what one rule says of a project that consists of ``files``."""
    return [finding.message for finding in breaches([Source.parse(path, text) for path, text in files.items()], [rule])]


def test_the_tree_keeps_every_rule() -> None:
    assert "\n".join(map(str, breaches(read_sources(ROOT)))) == ""


def test_the_tree_is_read_whole() -> None:
    paths = {source.path for source in read_sources(ROOT)}
    assert {"src/netsift/flows/schema.py", "src/netsift/kernels/jit.py", "tests/test_house_rules.py"} <= paths


@pytest.mark.parametrize(
    "code",
    [
        "from numba import njit",
        "from numba import jit as fast",
        "import numba\n@numba.njit\ndef f(): ...",
        "import numba as nb\nf = nb.vectorize(abs)",
    ],
)
def test_compilers_are_only_called_in_one_file(code: str) -> None:
    rule = house_rules.compiled_only_by_the_decorators
    assert len(messages(rule, **{MODULE: code})) == 1
    assert len(messages(rule, **{"tests/test_x.py": code})) == 1
    assert messages(rule, **{house_rules.COMPILER: code}) == []


def test_what_numba_offers_besides_compilers_is_free() -> None:
    assert messages(house_rules.compiled_only_by_the_decorators, **{MODULE: "from numba import types"}) == []


def test_every_function_of_the_kernels_is_decorated() -> None:
    rule = house_rules.compiled_only_by_the_decorators
    assert messages(rule, **{KERNEL: GOOD_KERNEL}) == []
    assert messages(rule, **{KERNEL: GOOD_KERNEL.replace("@kernel", "@hostile_kernel")}) == []
    assert len(messages(rule, **{KERNEL: GOOD_KERNEL.replace("@kernel\n", "")})) == 1
    assert messages(rule, **{"src/netsift/kernels/layout.py": "def width(): ..."}) == []


def test_kernels_have_twins_and_tests() -> None:
    rule = house_rules.kernels_have_twins_and_tests
    twins = {house_rules.TWINS: 'TWINS = {"meter": "meter_flows"}'}
    naive = {"tests/naive.py": "def meter_flows(): ..."}
    tested = {"tests/kernels/test_meter.py": "meter(3)"}
    kernel = {KERNEL: GOOD_KERNEL}
    assert messages(rule, **kernel, **twins, **naive, **tested) == []
    assert messages(rule, **kernel, **naive, **tested) == [f"kernel meter has no naive twin in {house_rules.TWINS}"]
    assert messages(rule, **kernel, **twins, **tested) == ["the twin meter_flows of kernel meter is not in tests/naive"]
    assert messages(rule, **kernel, **twins, **naive) == ["kernel meter is named in no test file"]
    assert messages(rule, **{KERNEL: GOOD_KERNEL.replace("def meter", "def _meter")}) == []


@pytest.mark.parametrize("table", ["TWINS: Final = {'meter': naive.meter_flows}", "TWINS = {'meter': meter_flows}"])
def test_twins_may_be_given_by_name(table: str) -> None:
    files = {
        KERNEL: GOOD_KERNEL,
        house_rules.TWINS: table,
        "tests/naive/flows.py": "def meter_flows(): ...",
        "tests/kernels/test_meter.py": "meter(3)",
    }
    assert messages(house_rules.kernels_have_twins_and_tests, **files) == []


@pytest.mark.parametrize(
    "expression",
    [
        "np.zeros(3)",
        "np.empty_like(rows)",
        "rows.copy()",
        "rows.astype(np.uint8)",
        "[rows]",
        "{}",
        "list(rows)",
        "f'{rows}'",
    ],
)
def test_kernels_do_not_allocate(expression: str) -> None:
    rule = house_rules.kernels_do_not_allocate
    assert messages(rule, **{KERNEL: GOOD_KERNEL}) == []
    assert len(messages(rule, **{KERNEL: GOOD_KERNEL.replace("return 0", f"return {expression}")})) >= 1
    assert messages(rule, **{MODULE: GOOD_KERNEL.replace("return 0", f"return {expression}")}) == []


def test_scalars_and_tuples_are_no_allocation() -> None:
    kernel = GOOD_KERNEL.replace("return 0", "return np.uint64(3), (rows[0], 1)")
    assert messages(house_rules.kernels_do_not_allocate, **{KERNEL: kernel}) == []


def test_only_the_command_line_prints() -> None:
    rule = house_rules.printing_only_in_the_command_line
    assert messages(rule, **{MODULE: "def f():\n    print(1)"}) == ["print outside cli/"]
    assert messages(rule, **{"src/netsift/cli/flows.py": "print(1)"}) == []


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept (OSError, builtins.BaseException) as error:\n    raise",
        "with contextlib.suppress(Exception):\n    f()",
    ],
)
def test_broad_excepts_are_found(code: str) -> None:
    assert len(messages(house_rules.no_broad_except, **{MODULE: code})) == 1


def test_named_errors_and_named_boundaries_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = house_rules.no_broad_except
    assert messages(rule, **{MODULE: "try:\n    f()\nexcept (OSError, ValueError):\n    pass"}) == []
    worker = "def work():\n    try:\n        f()\n    except Exception:\n        pass"
    assert len(messages(rule, **{MODULE: worker})) == 1
    monkeypatch.setattr(house_rules, "BROAD_EXCEPT_BOUNDARIES", frozenset({f"{MODULE}:work"}))
    assert messages(rule, **{MODULE: worker}) == []


def test_public_names_have_docstrings() -> None:
    rule = house_rules.public_names_have_docstrings
    assert messages(rule, **{MODULE: "x = 1"}) == ["the module has no docstring"]
    assert messages(rule, **{MODULE: ""}) == []
    methods = "".join(f"    def {name}(self): ...\n" for name in ("__len__", "count", "_hidden"))
    code = f'"""M."""\nclass Meter:\n    """C."""\n{methods}'
    assert messages(rule, **{MODULE: code}) == ["count has no docstring"]
    assert messages(rule, **{MODULE: '"""M."""\nasync def read(): ...'}) == ["read has no docstring"]
    assert messages(rule, **{"tests/test_x.py": '"""M."""\ndef test_it_works(): ...'}) == []
    assert messages(rule, **{"tests/naive.py": '"""M."""\ndef meter_flows(): ...'}) == ["meter_flows has no docstring"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("src/netsift/capture/pcap.py", "from netsift.flows.meter import Meter"),
        ("src/netsift/capture/pcap.py", "from netsift.flows import meter"),
        ("src/netsift/capture/pcap.py", "from netsift import flows"),
        ("src/netsift/capture/pcap.py", "import netsift.cli.main"),
        ("src/netsift/capture/pcap.py", "def f():\n    from ..flows import meter"),
        ("src/netsift/capture/pcap/blocks.py", "from ...flows import meter"),
        ("src/netsift/flows/schema.py", "from netsift.flows import meter"),
        ("src/netsift/errors.py", "from netsift.kernels import jit"),
        ("src/netsift/capture/pcap.py", "from netsift import read_flows"),
        ("src/netsift/gadgets/new.py", "x = 1"),
    ],
)
def test_imports_to_the_right_are_found(path: str, code: str) -> None:
    assert len(messages(house_rules.imports_point_left, **{path: code})) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("src/netsift/cli/flows.py", "from netsift.flows.meter import Meter\nfrom netsift.cli import inputs"),
        ("src/netsift/kernels/rows.py", "from netsift.flows.schema import COLUMNS\nfrom netsift.flows import schema"),
        ("src/netsift/capture/pcap.py", "from netsift.errors import InputError\nfrom netsift.config import Settings"),
        ("src/netsift/capture/pcap.py", "from . import blocks\nfrom ..kernels import decode\nimport numpy.random"),
        ("src/netsift/__init__.py", "from netsift.cli import main"),
        ("tests/test_x.py", "from netsift.cli import main"),
    ],
)
def test_imports_to_the_left_are_free(path: str, code: str) -> None:
    assert messages(house_rules.imports_point_left, **{path: code}) == []


def test_the_command_line_stands_rightmost() -> None:
    assert LAYERS[-1] == "cli"


@pytest.mark.parametrize("code", ["import fcntl", "from resource import getrusage", "import os, winreg"])
def test_imports_of_one_system_are_found(code: str) -> None:
    rule = house_rules.nothing_of_one_system_is_imported
    assert len(messages(rule, **{MODULE: code})) == 1
    assert messages(rule, **{"tests/test_x.py": code}) == []
    assert messages(rule, **{MODULE: "import signal\nfrom . import resource"}) == []


def test_long_functions_and_modules_are_found() -> None:
    rule = house_rules.nothing_is_too_long
    body = "    x = 1\n"
    longest = "def f():\n" + body * (house_rules.FUNCTION_LINES - 1)
    assert messages(rule, **{MODULE: longest}) == []
    assert messages(rule, **{MODULE: longest + body}) == ["f has 61 lines, more than 60"]
    assert messages(rule, **{KERNEL: longest + body}) == []
    documented = longest.replace("def f():\n", 'def f():\n    """First.\n\n    Second.\n    """\n')
    assert messages(rule, **{MODULE: documented}) == []
    assert len(messages(rule, **{KERNEL: "x = 1\n" * (house_rules.MODULE_LINES + 1)})) == 1


def test_findings_are_ordered_and_name_the_place() -> None:
    sources = [Source.parse(MODULE, '"""M."""\n\n\nprint(2)\nprint(1)'), Source.parse("src/netsift/a.py", "")]
    found = breaches(sources, [house_rules.printing_only_in_the_command_line])
    assert [str(finding) for finding in found] == [f"{MODULE}:4: print outside cli/", f"{MODULE}:5: print outside cli/"]
