"""What `--info` prints: how a configuration is put together, one part or all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.describe import cfg_text, cfg_tree, table
from brevetti_hydra.config.files.search import describe_defaults, open_repository
from brevetti_hydra.config.files.source import FolderSource
from brevetti_hydra.config.plugins import find_plugins
from brevetti_hydra.config.project import find_project
from brevetti_hydra.errors import NoJobChosenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.config._hydra import DefaultsBranch
    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.composition import Composition

__all__ = ["Anatomy", "describe_anatomy"]


class Anatomy(NamedTuple):
    """The answer to `--info`.

    Attributes:
        text: For people.
        searchpath: Providers and folders, the first one wins.
        defaults: The rows of the final defaults list, the last one wins.
        defaults_tree: The tree that they come from.
        config: The composed configuration.
        plugins: The installed Hydra plugins.
        composition: The Composition, if anything was composed.

    What was not asked for is None.
    """

    text: str
    searchpath: list[dict[str, str]] | None = None
    defaults: list[dict[str, Any]] | None = None
    defaults_tree: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    plugins: list[dict[str, str | None]] | None = None
    composition: Any = None


def describe_anatomy(
    request: Request, folder: Path, composed: Callable[[], Composition]
) -> Anatomy:
    """Describe what `--info` asks for; only `config` composes.

    Raises:
        ConfigError: The search path, a defaults list or the configuration is wrong.
        NoJobChosenError: `--info config` has no job; `--info all` does without.
    """
    topic = request.flags.info or "all"
    compositions: list[Composition] = []

    def kept() -> Composition:
        compositions[:] = compositions or [composed()]
        return compositions[0]

    makers: dict[str, Callable[[], tuple[str, Any]]] = {
        "searchpath": lambda: _search_path(request, folder),
        "defaults-tree": lambda: _defaults_tree(request, folder),
        "defaults": lambda: _defaults(request, folder),
        "config": lambda: _config(kept, is_needed=topic == "config"),
        "plugins": _plugins,
    }
    texts = []
    parts: dict[str, Any] = {}
    for name, make in makers.items():
        if topic in {name, "all"}:
            text, parts[name.replace("-", "_")] = make()
            texts.append(f"{_TITLES[name]}\n{text}" if topic == "all" else text)
    composition = compositions[0] if compositions else None
    if composition is not None and topic == "all":
        texts.insert(0, _summary(composition))
    return Anatomy("\n\n".join(texts), composition=composition, **parts)


def _summary(composition: Composition) -> str:
    choices = sorted(composition.choices.items())
    options = " ".join(f"{group}={option or 'null'}" for group, option in choices)
    rows = [("project", str(composition.project.folder)), ("job", composition.target)]
    return "Summary\n" + table([*rows, ("options", options)])


_TITLES = {
    "searchpath": "Search path, the first that has a file wins",
    "defaults-tree": "Defaults tree",
    "defaults": "Defaults list, the last one wins",
    "config": "Configuration",
    "plugins": "Hydra plugins",
}


def _search_path(request: Request, folder: Path) -> tuple[str, Any]:
    search = open_repository(request, find_project(folder), folder)
    rows = [
        {"provider": source.provider, "path": source.path}
        for source in search.repository.get_sources()
        if isinstance(source, FolderSource)
    ]
    return table([("provider", "path"), *((row["provider"], row["path"]) for row in rows)]), rows


def _defaults(request: Request, folder: Path) -> tuple[str, Any]:
    search = open_repository(request, find_project(folder), folder)
    rows, _ = describe_defaults(search, request.arguments)
    heads = ("config", "package", "is_self", "parent", "file")
    plain = [
        row._asdict()
        | {
            "package": row.package or "_global_",
            "file": search.document(row.config_path).label,
        }
        for row in rows
    ]
    cells = [
        (
            row["config_path"],
            row["package"],
            "yes" if row["is_self"] else "",
            row["parent"] or "",
            row["file"],
        )
        for row in plain
    ]
    return table([heads, *cells]), plain


def _defaults_tree(request: Request, folder: Path) -> tuple[str, Any]:
    search = open_repository(request, find_project(folder), folder)
    _, root = describe_defaults(search, request.arguments)
    branch = root if root.text else root.children[0]
    return "\n".join(_branch_lines(branch, 1)), _branch_plain(branch)


def _branch_lines(branch: DefaultsBranch, depth: int) -> list[str]:
    colon = ":" if branch.children else ""
    below = [line for child in branch.children for line in _branch_lines(child, depth + 1)]
    return [f"{'  ' * depth}{branch.text}{colon}", *below]


def _branch_plain(branch: DefaultsBranch) -> dict[str, Any]:
    return {"name": branch.text, "children": [_branch_plain(each) for each in branch.children]}


def _config(composed: Callable[[], Composition], *, is_needed: bool) -> tuple[str, Any]:
    try:
        composition = composed()
    except NoJobChosenError:
        if is_needed:
            raise
        return "  (no job is chosen: job=NAME --info)", None
    text = cfg_text(composition, resolved=False, package=None)
    return text, cfg_tree(composition, resolved=False, package=None)


def _plugins() -> tuple[str, Any]:
    plugins = find_plugins()
    rows = [(plugin.kind or "broken", plugin.name, plugin.fault or "") for plugin in plugins]
    text = table([("kind", "plugin", ""), *rows]) if rows else "  (none)"
    return text, [plugin._asdict() for plugin in plugins]
