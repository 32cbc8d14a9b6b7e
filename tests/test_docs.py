"""The docs and the project files say what is true: pages are fresh, links lead somewhere, versions are pinned."""

from __future__ import annotations

import ast
import gzip
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import pytest

from netsift.flows.schema import COLUMNS
from tests.conftest import ROOT
from tools import demo, generate_docs

PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS: Final = frozenset(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def canonical(name: str) -> str:
    """Return a distribution's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_names(requirements: list[str]) -> set[str]:
    """Return the normalised names of requirement lines, the package itself left out."""
    names = {canonical(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in requirements}
    return names - {PROJECT["name"]}


def page_id(path: Path) -> str:
    """Return a page's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return the link targets that a page's headings make, as code forges spell them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_generated_pages_are_fresh() -> None:
    assert [page_id(path) for path in generate_docs.stale_pages()] == []


def test_a_changed_page_is_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "features.md"
    monkeypatch.setattr(generate_docs, "pages", lambda: {page: "fresh"})
    assert generate_docs.stale_pages() == [page]
    page.write_text("edited", encoding="utf-8")
    assert generate_docs.stale_pages() == [page]
    page.write_text("fresh", encoding="utf-8")
    assert generate_docs.stale_pages() == []


def test_the_features_reference_has_every_column_once() -> None:
    table = generate_docs.features_page().split("## Columns\n")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [column.name for column in COLUMNS]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page_id(page)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page_id(page)} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_in_the_docs_exist(page: Path) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(encoding="utf-8"), re.DOTALL))
    mentioned = {name for line in re.findall(r"\bmake ([a-z ]+)", code) for name in line.split()}
    assert mentioned <= TARGETS


def test_every_target_explains_itself() -> None:
    assert frozenset(re.findall(r"^([a-z]+):.*## \w", MAKEFILE, re.MULTILINE)) == TARGETS


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == PROJECT["version"]


def test_every_direct_dependency_is_pinned_and_no_other() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    declared = [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
    assert requirement_names(lines) == requirement_names(declared)


def test_the_package_imports_only_what_it_declares() -> None:
    extras = {"plots", "learners", "pandas", "polars", "web"}
    declared = requirement_names(
        [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    )
    distributions = packages_distributions()
    undeclared = {
        f"{page_id(path)} imports {module}"
        for path in (ROOT / "src").rglob("*.py")
        for module in imported_modules(path)
        if declared.isdisjoint(map(canonical, distributions.get(module, [module])))
    }
    assert undeclared == set()


def imported_modules(path: Path) -> set[str]:
    """Return the top-level names of everything a file imports from outside the package and the standard library."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"netsift"}


def test_the_demo_names_the_plots_and_trains_on_other_traffic_than_it_judges() -> None:
    arguments = {command[0]: command for _, command in demo.steps()}
    assert list(arguments) == ["simulate", "flows", "train", "detect"]
    assert str(demo.CAPTURE) in arguments["detect"]
    assert str(demo.CAPTURE) not in arguments["train"]
    assert str(demo.PLOTS) in arguments["train"]


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "capture.pcap").write_bytes(gzip.decompress((ROOT / "examples" / "demo.pcap.gz").read_bytes()))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - the project's own page
    assert names["table"].num_rows > 100
