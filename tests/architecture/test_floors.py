"""Imports go down the floors, and each foreign library has one door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

PACKAGE = Path(__file__).resolve().parents[2] / "brevetti_hydra"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Library -> the files that may import it, as prefixes of their paths in the package.
DOORS = {
    "hydra": ("config/_hydra.py", "config/_hydra_plugins.py"),
    "omegaconf": ("config/_hydra.py", "config/_omegaconf.py", "config/_hydra_plugins.py"),
    "fsspec": ("storage/",),
    "upath": ("storage/",),
    "requests": ("platform/http.py",),
    "rich": ("cli/", "run/display.py"),
    "sklearn": ("jobs/", "run/environment.py"),
    "pytest": ("testing/",),
    "hypothesis": ("testing/",),
    # fcntl and msvcrt exist on one kind of system each.
    "fcntl": ("_files.py", "run/descriptors.py"),
    "msvcrt": ("_files.py",),
}


def imported(path: Path) -> set[str]:
    """Give the top-level packages that a file imports while it runs, at any depth."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_imports_go_down_the_floors(capsys: pytest.CaptureFixture[str]) -> None:
    """The contracts of import-linter in pyproject.toml are kept."""
    pyproject = str(PACKAGE.parent / "pyproject.toml")

    code = lint_imports(config_filename=pyproject, no_cache=True)

    assert (0, True) == (code, "0 broken" in capsys.readouterr().out)


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_foreign_library_has_one_door(library: str) -> None:
    """Only the modules behind its door import a foreign library."""
    importers = [
        name
        for path in MODULES
        if library in imported(path)
        if not (name := path.relative_to(PACKAGE).as_posix()).startswith(DOORS[library])
    ]

    assert [] == importers


def test_the_face_of_the_package_is_for_users() -> None:
    """Below the jobs that ship, no module takes anything but the version from the package's face."""
    taken = {
        f"{path.name}: {alias.name}"
        for path in MODULES
        if not path.relative_to(PACKAGE).as_posix().startswith(("jobs/", "cli/", "testing/"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "brevetti_hydra"
        for alias in node.names
        if not (PACKAGE / alias.name).is_dir() and not (PACKAGE / f"{alias.name}.py").is_file()
    }

    assert set() == {each for each in taken if not each.endswith("__version__")}


def test_tests_stay_outside_of_the_package() -> None:
    """No module of the package imports the tests, the benchmarks or the examples."""
    strangers = {
        path.name for path in MODULES if imported(path) & {"tests", "benchmarks", "examples"}
    }

    assert set() == strangers
