"""The project's own rules, those that no linter knows, checked over the syntax tree of ``src/`` and ``tests/``.

``python tools/house_rules.py`` prints one ``file:line: message`` per breach and exits 1, or prints nothing and exits 0.
``CONTRIBUTING.md`` says what each rule is for.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

FUNCTION_LINES: Final = 60
MODULE_LINES: Final = 600

KERNELS: Final = "src/netsift/kernels/"
COMPILER: Final = KERNELS + "jit.py"
NOT_KERNELS: Final = frozenset(
    f"{KERNELS}{name}.py" for name in ("__init__", "bytes", "context_layout", "jit", "layout", "prefetch", "protocols")
)
"""What makes kernels or describes their data: the compiler, machine instructions, layouts."""
DECORATORS: Final = frozenset({"kernel", "inline_kernel", "hostile_kernel", "inline_hostile_kernel"})
TWINS: Final = "tests/kernels/twins.py"

LAYERS: Final = (
    "errors", "files", "flows.schema", "kernels", "capture", "flows", "sources", "simulate", "context", "models",
    "detectors", "alerts", "sinks", "store", "sensor", "evaluation", "cluster", "web", "cli",
)  # fmt: skip
"""The parts of the package from left to right; a part imports only itself and what stands left of it."""
EVERYBODYS: Final = frozenset({"config", "__version__"})
"""Names of the package that stand in no layer and that every part may import."""

ONE_SYSTEM: Final = frozenset(
    {"crypt", "fcntl", "grp", "msvcrt", "nt", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty",
     "winreg", "winsound"}
)  # fmt: skip
"""Modules of the standard library that only Unix or only Windows has."""

PRINTERS: Final = ("src/netsift/cli/", "tests/fuzz")
BROAD_EXCEPT_BOUNDARIES: Final[frozenset[str]] = frozenset(
    {
        # What fails on the reading thread is raised again on the one that waits for it.
        "src/netsift/sources/captures.py:produce",
        # What fails in a stage is shown as its trouble and tried again; the watch goes on.
        "src/netsift/sensor/stage.py:_attempted",
        "tests/fuzz/__main__.py:check_range",
    }
)
"""Functions, as ``path:function``, where a worker may catch everything in order to report it."""

_COMPILERS: Final = frozenset(
    {"njit", "jit", "generated_jit", "vectorize", "guvectorize", "cfunc", "stencil", "jit_module"}
)
_ALLOCATORS: Final = frozenset(
    f"{name}{suffix}" for name in ("empty", "zeros", "ones", "full") for suffix in ("", "_like")
) | frozenset(
    {"arange", "array", "asarray", "ascontiguousarray", "concatenate", "copy", "frombuffer", "hstack", "linspace",
     "repeat", "stack", "tile", "vstack", "where"}
)  # fmt: skip
_ALLOCATING_METHODS: Final = frozenset({"astype", "copy", "flatten", "tobytes", "tolist"})
_ALLOCATING_BUILTINS: Final = frozenset({"bytearray", "bytes", "dict", "list", "set", "sorted", "str"})
_ALLOCATING_NODES: Final = (
    ast.List, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr,
)  # fmt: skip

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One breach of a rule; ``path`` is relative to the repository, ``line`` counts from 1."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: its path relative to the repository with forward slashes, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> Source:
        """Parse ``text``; raises ``SyntaxError`` when it is not Python."""
        return cls(path, text, ast.parse(text, path))

    def finding(self, node: ast.AST, message: str) -> Finding:
        """Return a finding at the node's line."""
        return Finding(self.path, getattr(node, "lineno", 1), message)


Rule = Callable[[Sequence[Source]], Iterator[Finding]]


def compiled_only_by_the_decorators(sources: Sequence[Source]) -> Iterator[Finding]:
    """Nothing but ``kernels/jit.py`` calls Numba's compilers, and every function in ``kernels/`` is compiled."""
    for source in sources:
        if source.path == COMPILER:
            continue
        for node, name in _numba_names(source.tree):
            if name in _COMPILERS:
                yield source.finding(
                    node, f"numba.{name} is used outside kernels/jit.py; decorate with kernel or hostile_kernel"
                )
        if _holds_kernels(source):
            for function in _top_level_functions(source):
                if not _is_kernel(function):
                    yield source.finding(
                        function, f"{function.name} in kernels/ is not decorated with kernel or hostile_kernel"
                    )


def kernels_have_twins_and_tests(sources: Sequence[Source]) -> Iterator[Finding]:
    """Every public kernel has a naive twin in ``tests/kernels/twins.py`` and is named in a test file."""
    twins = _twins(sources)
    naive_names = {
        function.name
        for source in sources
        if source.path.startswith("tests/naive")
        for function in _top_level_functions(source)
    }
    tested_names = {
        name
        for source in sources
        if PurePosixPath(source.path).match("tests/**/test_*.py") or PurePosixPath(source.path).match("tests/test_*.py")
        for name in re.findall(r"\w+", source.text)
    }
    for source in filter(_holds_kernels, sources):
        for function in _top_level_functions(source):
            if function.name.startswith("_"):
                continue
            if function.name not in twins:
                yield source.finding(function, f"kernel {function.name} has no naive twin in {TWINS}")
            elif twins[function.name] not in naive_names:
                yield source.finding(
                    function, f"the twin {twins[function.name]} of kernel {function.name} is not in tests/naive"
                )
            if function.name not in tested_names:
                yield source.finding(function, f"kernel {function.name} is named in no test file")


def kernels_do_not_allocate(sources: Sequence[Source]) -> Iterator[Finding]:
    """A kernel works in the memory its Python owner gives it: no new arrays, containers or strings."""
    for source in filter(_holds_kernels, sources):
        for function in filter(_is_kernel, _top_level_functions(source)):
            for statement in function.body:
                for node in ast.walk(statement):
                    what = _allocation(node)
                    if what:
                        yield source.finding(node, f"kernel {function.name} allocates: {what}")


def printing_only_in_the_command_line(sources: Sequence[Source]) -> Iterator[Finding]:
    """Only ``cli/`` prints."""
    for source in sources:
        if source.path.startswith(PRINTERS):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield source.finding(node, "print outside cli/")


def no_broad_except(sources: Sequence[Source]) -> Iterator[Finding]:
    """Nobody catches everything, except the boundaries named in ``BROAD_EXCEPT_BOUNDARIES``."""
    for source in sources:
        for owner, node in _with_owner(source.tree, ""):
            if f"{source.path}:{owner}" in BROAD_EXCEPT_BOUNDARIES:
                continue
            if isinstance(node, ast.ExceptHandler) and _is_broad(node.type):
                yield source.finding(node, "broad except; name the errors that can happen here")
            elif isinstance(node, ast.Call) and _last_name(node.func) == "suppress" and any(map(_is_broad, node.args)):
                yield source.finding(node, "broad suppress; name the errors that can happen here")


def public_names_have_docstrings(sources: Sequence[Source]) -> Iterator[Finding]:
    """Every module, public class, function and method has a docstring; a test's name is its own."""
    for source in sources:
        if source.text.strip() and not ast.get_docstring(source.tree):
            yield Finding(source.path, 1, "the module has no docstring")
        in_tests = source.path.startswith("tests/")
        for definition in _public_definitions(source.tree):
            if in_tests and definition.name.lower().startswith("test"):
                continue
            if not ast.get_docstring(definition):
                yield source.finding(definition, f"{definition.name} has no docstring")


def imports_point_left(sources: Sequence[Source]) -> Iterator[Finding]:
    """No part imports what stands right of it in ``LAYERS``."""
    for source in sources:
        importer = _part_of_file(source.path)
        if importer is None:
            continue
        if importer not in LAYERS:
            yield Finding(source.path, 1, f"{importer} has no place in LAYERS of tools/house_rules.py")
            continue
        for node, name in _package_imports(source):
            imported = _part_of_name(name)
            if imported in EVERYBODYS:
                continue
            if imported not in LAYERS:
                yield source.finding(node, f"{importer} imports netsift.{name}, which is in no layer")
            elif LAYERS.index(imported) > LAYERS.index(importer):
                yield source.finding(node, f"{importer} imports {imported}, which stands right of it")


def nothing_of_one_system_is_imported(sources: Sequence[Source]) -> Iterator[Finding]:
    """What only Unix or only Windows has is imported by nothing in the package, so that it runs on both."""
    for source in sources:
        if not source.path.startswith("src/"):
            continue
        for node in ast.walk(source.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                if name.partition(".")[0] in ONE_SYSTEM:
                    yield source.finding(node, f"{name} does not exist on every system")


def nothing_is_too_long(sources: Sequence[Source]) -> Iterator[Finding]:
    """Functions outside ``kernels/`` and modules keep to a size that can be read; docstrings do not count."""
    for source in sources:
        lines = source.text.count("\n")
        if lines > MODULE_LINES:
            yield Finding(source.path, 1, f"the module has {lines} lines, more than {MODULE_LINES}")
        if source.path.startswith(KERNELS):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, _FUNCTIONS) and (length := _length(node)) > FUNCTION_LINES:
                yield source.finding(node, f"{node.name} has {length} lines, more than {FUNCTION_LINES}")


RULES: Final[tuple[Rule, ...]] = (
    compiled_only_by_the_decorators,
    kernels_have_twins_and_tests,
    kernels_do_not_allocate,
    printing_only_in_the_command_line,
    no_broad_except,
    public_names_have_docstrings,
    imports_point_left,
    nothing_of_one_system_is_imported,
    nothing_is_too_long,
)


def breaches(sources: Sequence[Source], rules: Sequence[Rule] = RULES) -> list[Finding]:
    """Return what ``sources``, taken as the whole project, break, ordered by place."""
    return sorted({finding for rule in rules for finding in rule(sources)})


def read_sources(root: Path) -> list[Source]:
    """Read every Python file of ``src/`` and ``tests/`` under the repository's folder ``root``."""
    paths = sorted(path for folder in ("src", "tests") for path in (root / folder).rglob("*.py"))
    return [Source.parse(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def main() -> int:
    """Check the repository this file stands in; return 1 when a rule is broken."""
    try:
        found = breaches(read_sources(Path(__file__).resolve().parent.parent))
    except SyntaxError as error:
        found = [
            Finding(
                error.filename or "",
                error.lineno or 1,
                f"not Python {sys.version_info[0]}.{sys.version_info[1]}: {error.msg}",
            )
        ]
    for finding in found:
        print(finding)
    return 1 if found else 0


def _holds_kernels(source: Source) -> bool:
    return source.path.startswith(KERNELS) and source.path not in NOT_KERNELS


def _top_level_functions(source: Source) -> list[ast.FunctionDef]:
    return [node for node in source.tree.body if isinstance(node, ast.FunctionDef)]


def _is_kernel(function: ast.FunctionDef) -> bool:
    names = (_last_name(node.func if isinstance(node, ast.Call) else node) for node in function.decorator_list)
    return any(name in DECORATORS for name in names)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _numba_names(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "numba"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numba":
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node, node.attr


def _twins(sources: Sequence[Source]) -> dict[str, str]:
    for source in sources:
        if source.path != TWINS:
            continue
        for node in source.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(_last_name(target) == "TWINS" for target in targets):
                    return {
                        _text(key): _text(value)
                        for key, value in zip(node.value.keys, node.value.values, strict=True)
                        if key
                    }
    return {}


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else _last_name(node)


def _allocation(node: ast.AST) -> str | None:
    if isinstance(node, _ALLOCATING_NODES):
        return type(node).__name__
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        return node.func.id if node.func.id in _ALLOCATING_BUILTINS else None
    if not isinstance(node.func, ast.Attribute):
        return None
    from_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy")
    names = _ALLOCATORS if from_numpy else _ALLOCATING_METHODS
    return node.func.attr if node.func.attr in names else None


def _with_owner(node: ast.AST, owner: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield owner, child
        yield from _with_owner(child, child.name if isinstance(child, _FUNCTIONS) else owner)


def _is_broad(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(map(_is_broad, node.elts))
    return node is None or _last_name(node) in ("Exception", "BaseException")


def _public_definitions(node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for child in node.body:
        if not isinstance(child, Definition) or child.name.startswith("_"):
            continue
        decorators = {_last_name(item.func if isinstance(item, ast.Call) else item) for item in child.decorator_list}
        if decorators & {"overload", "override", "setter"}:
            continue
        yield child
        if isinstance(child, ast.ClassDef):
            yield from _public_definitions(child)


def _part_of_file(path: str) -> str | None:
    """Return the layer of a file of the package, or None for what stands beside the layers."""
    if not path.startswith("src/netsift/"):
        return None
    name = path.removeprefix("src/netsift/").removesuffix(".py").replace("/", ".")
    part = _part_of_name(name)
    return None if part in EVERYBODYS or part.startswith("__") else part


def _part_of_name(name: str) -> str:
    """Return the layer of a dotted name below the package: ``flows.meter.Meter`` is in ``flows``."""
    return "flows.schema" if f"{name}.".startswith("flows.schema.") else name.split(".", maxsplit=1)[0]


def _package_imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield every import of the package as a dotted name below it."""
    package = source.path.removeprefix("src/").split("/")[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node, name.removeprefix("netsift.")) for name in names if name.startswith("netsift."))


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return length


if __name__ == "__main__":
    sys.exit(main())
