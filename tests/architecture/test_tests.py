"""How tests are written: one sentence each, nothing of ours replaced."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))


def parse(name: str) -> ast.Module:
    return ast.parse((TESTS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_a_test_has_one_sentence(name: str) -> None:
    """The docstring of a test says in one sentence what holds."""
    wrong = [
        f"{node.name}:{node.lineno}"
        for node in ast.walk(parse(name))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if node.name.startswith("test_") and "item" not in node.name
        if not (ast.get_docstring(node) or "").endswith((".", "?"))
    ]

    assert [] == wrong


@pytest.mark.parametrize("name", FILES)
def test_our_own_modules_are_never_patched(name: str) -> None:
    """No test uses mocks, or replaces a name inside the package."""
    text = (TESTS / name).read_text(encoding="utf-8")
    if name == "architecture/test_tests.py":
        return
    found = re.findall(
        r"unittest[.]mock|\bMagicMock\b|setattr\(\s*[\"']brevetti_hydra[.][^)]*", text
    )

    assert [] == found


@pytest.mark.parametrize("name", FILES)
def test_no_test_asserts_on_absolute_time(name: str) -> None:
    """Nothing is asserted about seconds that passed: a shared machine may pause at any moment."""
    wrong = [
        ast.unparse(node.test)
        for node in ast.walk(parse(name))
        if isinstance(node, ast.Assert)
        if re.search(r"(perf_counter|monotonic|time)\(\) - ", ast.unparse(node.test))
    ]

    assert [] == wrong
