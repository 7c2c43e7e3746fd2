"""The user's project: which folder it is, which files are its own, what its table says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.config.project import Project, find_project
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.errors import ConfigSyntaxError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")


@pytest.mark.parametrize(
    ("names", "start", "expected"),
    [
        (["pyproject.toml", "a/b/"], "a/b", "."),
        (["conf/", "a/b/"], "a/b", "."),
        (["pyproject.toml", "a/conf/", "a/b/"], "a/b", "a"),
        (["a/pyproject.toml", "conf/", "a/b/"], "a/b", "a"),
        (["pyproject.toml", "a/conf"], "a", "."),
        (["pyproject.toml/", "a/conf/"], "a", "a"),
    ],
)
def test_the_nearest_marked_folder_is_the_project(
    names: list[str], start: str, expected: str, tmp_path: Path
) -> None:
    """A pyproject.toml or a folder conf marks it; a file conf does not."""
    make(tmp_path, *names)

    assert tmp_path / expected == find_project(tmp_path / start).folder


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("train.py", True),
        ("src/pack/mod.py", True),
        ("site-packages/x.py", False),
        ("lib/dist-packages/x.py", False),
        (".venv/lib/x.py", False),
        (".venv/x.py", False),
        ("deep/env/bin/x.py", False),
        ("my site-packages/x.py", True),
        ("../x.py", False),
        ("link.py", False),
    ],
)
def test_its_own_files_are_told_from_installed_ones(
    file: str, expected: bool, tmp_path: Path
) -> None:
    """Environments in the project, links out of it and what lies beside it are not its own."""
    folder = tmp_path / "project"
    make(folder, "pyproject.toml", ".venv/pyvenv.cfg", "deep/env/pyvenv.cfg", "../x.py")
    (folder / "link.py").symlink_to(tmp_path / "x.py")

    assert expected is Project(folder, (), Budget()).holds(folder / file)


def test_a_linked_project_is_still_one(tmp_path: Path) -> None:
    """A project that is reached by a link holds its files."""
    make(tmp_path, "real/train.py", "real/pyproject.toml")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)

    project = find_project(tmp_path / "link")

    assert project.holds(tmp_path / "link" / "train.py")
    assert project.holds(tmp_path / "real" / "train.py")


def test_the_table_sets_patterns_and_limits(tmp_path: Path) -> None:
    """`jobs` and `budget`; what is not named stays as it is."""
    text = '[tool.brevetti_hydra]\njobs = ["a.*"]\n[tool.brevetti_hydra.budget]\ndepth = 5\n'
    (tmp_path / "pyproject.toml").write_text(text)

    project = find_project(tmp_path)

    assert (("a.*",), Budget()._replace(depth=5)) == (project.jobs, project.budget)


@pytest.mark.parametrize("text", ["", "[tool.ruff]\nline-length = 9\n", "[project\n"])
def test_a_file_without_our_table_is_not_judged(text: str, tmp_path: Path) -> None:
    """Whether it is valid TOML is the matter of others then."""
    (tmp_path / "pyproject.toml").write_text(text)

    assert Project(tmp_path, (), Budget()) == find_project(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[tool.brevetti_hydra]\njobs = 'a'\n",
        "[tool.brevetti_hydra]\njobs = [1]\n",
        "[tool.brevetti_hydra]\nbudget = 3\n",
        "[tool.brevetti_hydra]\nzzz = 3\n",
        "[tool]\nbrevetti_hydra = 3 # tool.brevetti_hydra\n",
        "tool = 3 # tool.brevetti_hydra\n",
    ],
)
def test_a_wrong_table_is_a_usage_error(text: str, tmp_path: Path) -> None:
    """Unknown keys and values of other types are named with the file."""
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(UsageError) as caught:
        find_project(tmp_path)

    assert caught.value.where is not None
    assert "pyproject.toml" in caught.value.where.label


@pytest.mark.parametrize(
    "content", [b"[tool.brevetti_hydra]\n[", b"[tool.brevetti_hydra]\nx = '\xff'\n"]
)
def test_a_broken_file_with_our_table_is_a_syntax_error(content: bytes, tmp_path: Path) -> None:
    """No TOML, and no UTF-8."""
    (tmp_path / "pyproject.toml").write_bytes(content)

    with pytest.raises(ConfigSyntaxError):
        find_project(tmp_path)
