"""The error tree is drawn, its codes are unique and documented, and its branches are not raised."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from brevetti_hydra import errors
from brevetti_hydra.errors import BrevettiHydraError

REPOSITORY = Path(__file__).resolve().parents[2]
# What the command line prints for an exception that is none of the tree: a mistake of the harness.
BESIDE_THE_TREE = "internal-error"
LINE = re.compile(
    r"^(?P<bars>[│├└─ ]*)(?P<name>[A-Z]\w+)\s*(?P<code>[a-z]+(?:-[a-z]+)*(?=\s|$))?(?P<rest>.*)$"
)


def all_errors() -> list[type[BrevettiHydraError]]:
    """Give the root and everything below it, in depth-first order."""
    found: list[type[BrevettiHydraError]] = [BrevettiHydraError]
    for kind in found:
        found += [child for child in kind.__subclasses__() if child not in found]
    return [kind for kind in found if kind.__module__.startswith("brevetti_hydra")]


def leaves() -> list[type[BrevettiHydraError]]:
    return [kind for kind in all_errors() if not kind.__subclasses__() or "Errors" in kind.__name__]


def drawn() -> dict[str, tuple[str | None, str | None, int]]:
    """Read the drawn tree: name -> (parent, code, exit code in force)."""
    assert errors.__doc__ is not None
    tree: dict[str, tuple[str | None, str | None, int]] = {}
    path: list[tuple[str, int]] = []
    for line in errors.__doc__.partition("drawn::")[2].splitlines():
        match = LINE.match(line)
        if match is None or line.strip().startswith(("RunInterrupted", "RunPruned")):
            continue
        name, code = match["name"], match["code"]
        # The docstring is indented by one step.
        depth = len(match["bars"]) // 4 - 1
        del path[depth:]
        code = None if code == "exit" else code
        stated = re.search(r"exit (\d+)", line)
        inherited = path[-1][1] if path else 1
        exit_code = int(stated[1]) if stated else inherited
        tree[name] = (path[-1][0] if path else None, code, exit_code)
        path.append((name, exit_code))
    return tree


def test_the_drawn_tree_is_the_tree() -> None:
    """The tree in errors.py names each error, its parent, its code and its exit code."""
    actual = {
        kind.__name__: (
            None if kind is BrevettiHydraError else kind.__mro__[1].__name__,
            kind.code if kind in leaves() else None,
            kind.exit_code,
        )
        for kind in all_errors()
    }

    assert drawn() == actual


def test_codes_are_unique() -> None:
    """No two errors share a code, and a code is made of words and dashes."""
    codes = [kind.code for kind in all_errors()]

    assert sorted(set(codes)) == sorted(codes)
    assert [] == [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)]


def test_every_error_stands_in_one_module() -> None:
    """Errors are defined in errors.py alone."""
    assert {"brevetti_hydra.errors"} == {kind.__module__ for kind in all_errors()}


def test_every_code_has_a_section() -> None:
    """docs/errors.md has one section per code, with an example that starts as the error does."""
    text = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## `([a-z-]+)`\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    )
    codes = sorted([*(kind.code for kind in leaves()), BESIDE_THE_TREE])
    # A report of several errors ends in their number, and has no line of its own.
    without_line = {"invalid-config"}

    assert codes == sorted(sections)
    assert [] == [
        code
        for code in codes
        if code not in without_line and f"error[{code}]: " not in sections[code]
    ]


def test_every_exit_code_is_documented() -> None:
    """The section of an error says what the command line ends with."""
    text = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## `([a-z-]+)`\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    )
    expected = {kind.code: f"Exit code {kind.exit_code}." for kind in leaves()}

    assert {} == {code: line for code, line in expected.items() if line not in sections[code]}


def test_branches_are_never_raised() -> None:
    """Only leaves are raised: a branch is there to be caught."""
    branches = {kind.__name__ for kind in all_errors()} - {kind.__name__ for kind in leaves()}
    raised = [
        f"{path.name}:{node.lineno}: {node.func.id}"
        for path in sorted((REPOSITORY / "brevetti_hydra").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in branches
    ]

    assert [] == raised


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.code)
def test_every_leaf_is_raised(kind: type[BrevettiHydraError]) -> None:
    """No error is kept that nothing raises."""
    uses = [
        path
        for path in (REPOSITORY / "brevetti_hydra").rglob("*.py")
        if path.name != "errors.py" and kind.__name__ in path.read_text(encoding="utf-8")
    ]

    assert [] != uses
