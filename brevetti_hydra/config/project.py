"""The user's project: its folder, its source roots, and its table in pyproject.toml."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.errors import ConfigSyntaxError, Place, UsageError

__all__ = ["Project", "find_project"]


class Project(NamedTuple):
    """What the user's own code and configuration is.

    Attributes:
        folder: The nearest parent with a pyproject.toml or a conf/, else the working directory.
        jobs: Patterns of `[tool.brevetti_hydra] jobs`, such as `our_jobs.*`: modules outside of
            the project folder whose classes `job._target_` may name.
        budget: Limits on YAML and overrides.
        migrations: `pkg.mod:NAME`, where the steps between versions of the configuration are.
    """

    folder: Path
    jobs: tuple[str, ...]
    budget: Budget
    migrations: str | None = None

    @property
    def source_roots(self) -> tuple[Path, ...]:
        """Where modules of the project are looked for: the folder, and `src/` in it."""
        return (self.folder, self.folder / "src")

    def holds(self, path: Path) -> bool:
        """Whether a file is the user's own: in the project, and not in an installed environment."""
        path = path.resolve()
        if not path.is_relative_to(self.folder.resolve()):
            return False
        return not any(path.is_relative_to(folder) for folder in _installed_folders()) and not any(
            (parent / "pyvenv.cfg").is_file() or parent.name in {"site-packages", "dist-packages"}
            for parent in path.parents
            if parent.is_relative_to(self.folder.resolve())
        )


def find_project(start: Path) -> Project:
    """Find the project that a folder belongs to.

    Raises:
        ConfigSyntaxError: Its pyproject.toml is no TOML.
        UsageError: Its `[tool.brevetti_hydra]` table has unknown keys or wrong values.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return _with_table(folder)
        if (folder / "conf").is_dir():
            return Project(folder, (), Budget())
    return Project(start, (), Budget())


def _with_table(folder: Path) -> Project:
    path = folder / "pyproject.toml"
    text = path.read_bytes()
    if b"tool.brevetti_hydra" not in text:
        # Nearly every project: spare the 5 ms that tomllib's import costs.
        return Project(folder, (), Budget())
    import tomllib

    try:
        tools = tomllib.loads(text.decode()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"'{path.name}' is no valid TOML"
        raise ConfigSyntaxError(message, where=Place(str(path)), notes=[str(error)]) from None
    table = tools.get("brevetti_hydra", {}) if isinstance(tools, dict) else None
    label = f"{path.name}: [tool.brevetti_hydra]"
    return Project(folder, *_read_table(table, label))


def _read_table(table: Any, label: str) -> tuple[tuple[str, ...], Budget, str | None]:
    if not isinstance(table, dict):
        raise UsageError("'tool.brevetti_hydra' must be a table", where=Place(label))
    unknown = sorted(set(table) - {"jobs", "budget", "migrations"})
    jobs, budget = table.get("jobs", []), table.get("budget", {})
    if unknown or not isinstance(budget, dict) or not isinstance(jobs, list):
        raise UsageError(
            "the table [tool.brevetti_hydra] cannot be read",
            where=Place(label),
            notes=[f"unknown keys: {', '.join(unknown)}"] if unknown else [],
            hint="it takes 'jobs', a list of module patterns, 'budget', a table of limits, and "
            "'migrations', 'package.module:NAME'",
        )
    if not all(isinstance(pattern, str) for pattern in jobs):
        raise UsageError("'jobs' must be a list of texts", where=Place(label))
    migrations = table.get("migrations")
    if migrations is not None and not isinstance(migrations, str):
        raise UsageError(
            "'migrations' must be a text",
            where=Place(label),
            hint="name the list of steps: 'package.module:MIGRATIONS'",
        )
    return tuple(jobs), Budget.of(budget, f"{label}.budget"), migrations


def _installed_folders() -> set[Path]:
    """Give the folders of the interpreter and of what is installed for it."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {Path(sysconfig.get_paths()[name]).resolve() for name in names}
    # A virtual environment's prefix is the environment itself; a system's is "/usr", which may
    # well hold a project, so that only its library folders count there.
    if sys.prefix != sys.base_prefix:
        folders.add(Path(sys.prefix).resolve())
    return folders
