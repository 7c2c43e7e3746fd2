"""How modules are cut: sizes, public names, docstrings, nothing done at import."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[2] / "brevetti_hydra"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in MODULES]
FORBIDDEN_WORDS = {"utils", "util", "manager", "helper", "helpers", "data", "info", "common"}

# The noun there is the platform's info.json.
NAMED_BY_OTHERS = {"platform/info.py"}

DOORS = {"config/_hydra.py"}

# errors.py is one list of leaves, and is read as one; so are the models of the documents.
LINES_AT_MOST = {"errors.py": 700, "cli/documents.py": 700}

# What a no-op import may not cost: 30 ms to a second each.
HEAVY = {
    "PIL",
    "antlr4",
    "fsspec",
    "hydra",
    "numpy",
    "omegaconf",
    "pandas",
    "pydantic",
    "requests",
    "rich",
    "sklearn",
    "upath",
    "yaml",
}

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def bound_names(tree: ast.Module) -> Iterator[str]:
    """Give the names that a module defines at its top level, imports left out."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def imported_names(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def declared(tree: ast.Module) -> list[str] | None:
    """Give the module's `__all__`, or None."""
    for node in tree.body:
        target = None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        if isinstance(target, ast.Name) and target.id == "__all__":
            assert isinstance(node, (ast.Assign, ast.AnnAssign))
            assert node.value is not None
            return list(ast.literal_eval(node.value))
    return None


def functions(tree: ast.AST) -> Iterator[Definition]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@pytest.mark.parametrize("name", NAMES)
def test_all_lists_the_public_names(name: str) -> None:
    """The `__all__` of a module is what it defines without an underscore."""
    tree = parse(PACKAGE / name)
    if not [node for node in tree.body if not isinstance(node, ast.Expr)]:
        return  # a package's mark without any code
    listed = declared(tree)
    assert listed is not None
    public = {each for each in bound_names(tree) if not each.startswith("_")}
    # A package hands on the names of its modules, and a door those of the library behind it.
    handed_on = {each for each in bound_names(tree) if each.startswith("__")}
    if name.endswith("__init__.py") or name in DOORS:
        handed_on |= imported_names(tree)

    assert (set(), set()) == (public - set(listed), set(listed) - public - handed_on)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_one_noun(name: str) -> None:
    """No module is long, and none is named after nothing in particular."""
    lines = len((PACKAGE / name).read_text(encoding="utf-8").splitlines())
    words = set() if name in NAMED_BY_OTHERS else set(Path(name).stem.strip("_").split("_"))

    assert (True, set()) == (lines <= LINES_AT_MOST.get(name, 450), words & FORBIDDEN_WORDS)


def test_functions_are_short() -> None:
    """Half of all functions have fewer than 12 lines, docstrings left out."""
    lengths = []
    for path in MODULES:
        for function in functions(parse(path)):
            body = function.body[1:] if ast.get_docstring(function) else function.body
            if body and body[-1].end_lineno is not None:
                lengths.append(body[-1].end_lineno - body[0].lineno + 2)

    assert statistics.median(lengths) < 12


@pytest.mark.parametrize("name", NAMES)
def test_no_star_imports(name: str) -> None:
    """Nobody imports names without naming them."""
    stars = [
        node.lineno
        for node in ast.walk(parse(PACKAGE / name))
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]

    assert [] == stars


def own_raises(function: Definition) -> list[str]:
    """Give what a function raises itself, not what functions inside it do."""
    inner = {
        node for each in functions(function) if each is not function for node in ast.walk(each)
    }
    return [
        ast.unparse(node.exc)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and node.exc is not None and node not in inner
    ]


def public_functions(tree: ast.Module) -> Iterator[Definition]:
    """Give public functions and the public methods of public classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            members: list[ast.stmt] = node.body
        else:
            members = [node]
        for member in members:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
                not member.name.startswith("_") or member.name == "__init__"
            ):
                yield member


@pytest.mark.parametrize("name", NAMES)
def test_what_is_raised_is_documented(name: str) -> None:
    """A public function that raises says so under `Raises:`."""
    silent = [
        f"{function.name}:{function.lineno}"
        for function in public_functions(parse(PACKAGE / name))
        if {*own_raises(function)} - {"NotImplementedError"}
        if "Raises:" not in (ast.get_docstring(function) or "")
    ]

    assert [] == silent


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-B", "-c", code], check=False, capture_output=True, text=True
    )
    assert (0, "") == (result.returncode, result.stderr)
    return result.stdout


def test_importing_the_package_is_free() -> None:
    """`import brevetti_hydra` imports no heavy library."""
    code = "import sys, json, brevetti_hydra; print(json.dumps(sorted(sys.modules)))"
    before = set(json.loads(run_python("import sys, json; print(json.dumps(sorted(sys.modules)))")))

    new = {each.partition(".")[0] for each in set(json.loads(run_python(code))) - before}

    assert set() == new & HEAVY


def test_nothing_is_done_at_import() -> None:
    """Importing every module writes, connects and starts nothing, and leaves the process as it was."""
    code = """
import importlib, json, logging, os, pkgutil, signal, sys, threading
seen = []
def watch(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        seen.append([event, str(args[0])])
    if event.split(".")[0] in {"socket", "subprocess"} and event != "socket.__new__":
        seen.append([event, str(args)[:200]])
    if event in {"os.mkdir", "os.system", "os.rename", "os.fork", "os.chdir"}:
        seen.append([event, str(args)[:200]])
sys.addaudithook(watch)
handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
hook, environment = sys.excepthook, dict(os.environ)
import brevetti_hydra
for module in pkgutil.walk_packages(brevetti_hydra.__path__, "brevetti_hydra."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
if handlers != {number: signal.getsignal(number) for number in handlers}:
    seen.append(["signals", ""])
if logging.root.handlers or threading.active_count() != 1 or sys.excepthook is not hook:
    seen.append(["logging, threads or excepthook", ""])
if environment != dict(os.environ):
    seen.append(["environment", ""])
print(json.dumps(seen))
"""

    assert [] == json.loads(run_python(code))
