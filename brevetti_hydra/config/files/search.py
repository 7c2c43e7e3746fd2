"""Where configuration is looked for, and which files of it take part.

The search path, first match wins: `--config-path` or the user's `./conf`, then `--config-dir`, then
`hydra.searchpath`, then what the harness ships. As in Hydra a file shadows a whole file of the same
name further down the path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from brevetti_hydra.config import _hydra
from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.config.files.added_folders import added_folder, listed
from brevetti_hydra.config.files.planned import PlannedDocument, pulled_by
from brevetti_hydra.config.files.source import (
    ClassSource,
    DocumentSource,
    FolderSource,
    is_kind,
    shown_path,
)
from brevetti_hydra.config.tree.budget import Budget, check_trees, too_many_files
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    ConfigNotFoundError,
    InvalidSettingError,
    SweepNotAskedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.documents import Document

__all__ = [
    "PRIMARY",
    "SHIPPED",
    "Plan",
    "SearchPath",
    "describe_defaults",
    "open_repository",
    "plan",
    "shipped_folder",
]

_Answer = TypeVar("_Answer")

# The primary config that the harness ships; another name than Hydra's customary `config`, so that
# a user's `conf/config.yaml` does not shadow it by accident.
PRIMARY = "brevetti"
# How often Hydra asks for each file, about.
_LOADS_OF_A_FILE = 3

# Provider of the folder that the harness ships, unless it is the user's own `./conf`.
SHIPPED = "brevetti_hydra"


class SearchPath(NamedTuple):
    """An opened search path.

    Attributes:
        repository: Hydra's view of it.
        primary: Name of the primary config.
        budget: How much may be listed.
    """

    repository: _hydra.Repository
    primary: str
    budget: Budget

    def document(self, config_path: str) -> Document:
        """Give the document of a config that takes part.

        Raises:
            ConfigNotFoundError: No source has it.
        """
        source = self.repository.source_of(config_path)
        if not isinstance(source, DocumentSource):
            from brevetti_hydra.config.files.faults import config_not_found

            raise config_not_found(config_path, self.repository)
        self.repository.load_config(config_path)
        return source.documents[config_path]

    def loaded(self) -> dict[str, Document]:
        """Give every document that was read so far, by config path."""
        found: dict[str, Document] = {}
        for source in reversed(self.repository.get_sources()):
            found |= getattr(source, "documents", {})
        return found

    def exchange(self, config_path: str, document: Document) -> None:
        """Serve another document under a name from now on.

        Raises:
            ConfigNotFoundError: No source has the name.
        """
        source = self.repository.source_of(config_path)
        if not isinstance(source, DocumentSource):
            from brevetti_hydra.config.files.faults import config_not_found

            raise config_not_found(config_path, self.repository)
        source.documents[config_path] = document
        self.repository.forget(config_path)


class Plan(NamedTuple):
    """What a command line makes of the search path.

    Attributes:
        files: What takes part, lowest first.
        choices: Group -> chosen option.
        values: The arguments that set values, not options.
    """

    files: list[PlannedDocument]
    choices: dict[str, str | None]
    values: list[Argument]


def shipped_folder() -> Path:
    """Find the configuration that the harness ships: in the wheel, or beside the package."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def open_repository(
    request: Request,
    project: Project,
    folder: Path,
    prepare: Callable[[SearchPath], object] = lambda _: None,
) -> SearchPath:
    """Open the search path of a command line.

    Args:
        request: The command line.
        project: The user's project.
        folder: Where the command was started.
        prepare: Called with the search path before any file of it is read; a second time where
            `hydra.searchpath` makes it longer.

    Raises:
        ConfigNotFoundError: A named folder or the primary config does not exist.
        ConfigError: The primary config cannot be read, or `hydra.searchpath` is wrong.
        TargetRefusedError: `pkg://` in `hydra.searchpath` names no package of the project.
    """
    flags = request.flags
    named = [
        (flag, value)
        for flag, value in (
            ("--config-path", flags.config_path),
            ("--config-dir", flags.config_dir),
        )
        if value is not None
    ]
    folders: list[tuple[str, Path]] = []
    if flags.config_path is None:
        own = next((f / "conf" for f in (folder, project.folder) if (f / "conf").is_dir()), None)
        if own is not None:
            folders.append(("the project", own))
    for flag, value in named:
        path = folder / value
        if not is_kind(path.is_dir):
            raise ConfigNotFoundError(
                f"the folder '{value}' of {flag} does not exist", notes=[f"looked for {path}"]
            )
        folders.append((flag, path))
    primary = (flags.config_name or PRIMARY).removesuffix(".yaml")
    search = _search_path(folders, primary, project, folder)
    prepare(search)
    added = _added_folders(search, request.arguments, project, folder)
    if added:
        search = _search_path([*folders, *added], primary, project, folder)
        prepare(search)
    return search


def plan(search: SearchPath, arguments: Sequence[Argument]) -> Plan:
    """Compute which files take part.

    Raises:
        ConfigError: An option does not exist, or a defaults list is wrong.
    """
    repository = search.repository
    groups = [argument for argument in arguments if _is_group_choice(argument, repository)]
    values = [argument for argument in arguments if argument not in groups]
    _check_choices(groups, repository)
    chosen = {argument.parsed.get_key_element(): argument for argument in groups if argument.parsed}
    files, choices = _asked(search, list(chosen.values()), arguments, _hydra.plan_files)
    choosing = [argument.origin for argument in chosen.values()]
    planned = [
        PlannedDocument(
            search.document(file.config_path),
            file.package,
            pulled_by(file.pull, choosing, search.document),
        )
        for file in files
    ]
    placed = [(each.document.label, each.document.tree, each.depth) for each in planned]
    check_trees(placed, search.budget)
    return Plan(planned, choices, values)


def describe_defaults(
    search: SearchPath, arguments: Sequence[Argument]
) -> tuple[list[_hydra.DefaultsRow], _hydra.DefaultsBranch]:
    """Give the final defaults list of a command line, and the tree that it was made of.

    Raises:
        ConfigError: An option does not exist, or a defaults list is wrong.
    """
    groups = [a for a in arguments if _is_group_choice(a, search.repository)]
    _check_choices(groups, search.repository)
    chosen = {a.parsed.get_key_element(): a for a in groups if a.parsed}
    return _asked(search, list(chosen.values()), arguments, _hydra.describe_defaults)


def _asked(
    search: SearchPath,
    groups: Sequence[Argument],
    arguments: Sequence[Argument],
    ask: Callable[[_hydra.Repository, str, Sequence[_hydra.Override]], _Answer],
) -> _Answer:
    """Ask Hydra; `k=x` and `+k=x` mean the same, whether a defaults list has the group or not."""
    signs: dict[str, str] = {}
    while True:
        overrides = [_with_sign(group, signs.get(group.text, group.sign)) for group in groups]
        try:
            return ask(search.repository, search.primary, overrides)
        except _hydra.TooManyLoadsError as error:
            raise too_many_files(search.budget) from error
        except _hydra.COMPOSITION_FAULTS as error:
            turned = _turned(error, groups, signs)
            if turned is None:
                from brevetti_hydra.config.files.faults import composition_error

                raise composition_error(
                    error, search.repository, search.primary, arguments
                ) from error
            signs.update(turned)


def _search_path(
    folders: Sequence[tuple[str, Path]], primary: str, project: Project, folder: Path
) -> SearchPath:
    shipped = shipped_folder()
    sources: list[_hydra.ConfigSource] = []
    seen: set[Path] = set()
    for provider, path in [*folders, (SHIPPED, shipped)]:
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        sources.append(FolderSource(provider, path, shown_path(path, folder), project.budget))
    sources.append(ClassSource())
    repository = _hydra.Repository(sources, project.budget.files * _LOADS_OF_A_FILE)
    if not repository.config_exists(primary):
        from brevetti_hydra.config.files.faults import config_not_found

        raise config_not_found(primary, repository)
    return SearchPath(repository, primary, project.budget)


def _added_folders(
    search: SearchPath, arguments: Sequence[Argument], project: Project, folder: Path
) -> list[tuple[str, Path]]:
    node = search.document(search.primary).tree.at(("hydra", "searchpath"))
    value, origin = (node.plain(), node.origin) if node is not None else (None, None)
    for argument in arguments:
        if argument.key == "hydra.searchpath":
            value, origin = listed(argument), argument.origin
    if value is None or origin is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidSettingError(
            "'hydra.searchpath' must be a list of folders", where=origin.place()
        )
    return [("hydra.searchpath", added_folder(item, origin, project, folder)) for item in value]


def _is_group_choice(argument: Argument, repository: _hydra.Repository) -> bool:
    parsed = argument.parsed
    if parsed is None or argument.is_literal or "." in argument.key.partition("@")[0]:
        return False
    if argument.key.startswith("hydra/"):
        return False
    if not repository.group_exists(parsed.key_or_group):
        # What stands in quotes and brackets is the key of a mapping, and may hold anything.
        name = argument.key.partition("[")[0]
        if "/" in name or "@" in name:
            from brevetti_hydra.config.files.faults import unknown_group

            raise unknown_group(argument, repository)
        return False
    return parsed.is_sweep_override() or not isinstance(parsed.value(), dict)


def _check_choices(groups: Sequence[Argument], repository: _hydra.Repository) -> None:
    problems: list[BrevettiHydraError] = []
    for argument in groups:
        parsed = argument.parsed
        if parsed is None or argument.sign == "~":
            continue
        group = parsed.key_or_group
        if parsed.is_sweep_override():
            problems.append(_sweep(argument))
            continue
        value = parsed.value()
        if value is None:
            from brevetti_hydra.config.files.faults import no_option

            problems.append(no_option(argument))
            continue
        for option in value if isinstance(value, list) else [value]:
            if "${" in str(option):
                continue
            if not isinstance(option, str) or not repository.config_exists(f"{group}/{option}"):
                from brevetti_hydra.config.files.faults import unknown_option

                problems.append(unknown_option(group, str(option), argument.origin, repository))
    if problems:
        raise ConfigErrors(problems)


def _with_sign(argument: Argument, sign: str) -> _hydra.Override:
    if argument.parsed is None:  # groups have been parsed
        message = f"{argument.shown} is not parsed"
        raise TypeError(message)
    if sign == "~":
        return argument.parsed
    bare = argument.text.strip().lstrip("+")
    return _hydra.parse_override(f"{'+' if sign == '+' else ''}{bare}")


def _turned(
    error: Exception, groups: Sequence[Argument], signs: dict[str, str]
) -> dict[str, str] | None:
    """Find the group argument that the error is about, and the sign that it needs instead."""
    text = str(error)
    # Of Hydra 1.4 the text names the file as well, which may bear the group's name.
    repeated = re.search(r"Multiple values for (\S+?)\.\s|(\S+) appears more than once", text)
    group = (repeated[1] or repeated[2]).partition("@")[0] if repeated is not None else None
    for argument in groups:
        if argument.sign == "~" or argument.parsed is None:
            continue
        sign = signs.get(argument.text, argument.sign)
        if sign == "++":
            return {argument.text: ""}
        key = argument.parsed.get_key_element().lstrip("+")
        is_missed = f"Could not override '{key}'. No match" in text
        if sign == "" and argument.sign != "+" and is_missed:
            return {argument.text: "+"}
        is_first_try = argument.text not in signs
        if sign == "+" and is_first_try and argument.parsed.key_or_group == group:
            return {argument.text: ""}
    return None


def _sweep(argument: Argument) -> SweepNotAskedError:
    return SweepNotAskedError(
        f"'{argument.shown}' is a sweep, but this is a single run",
        where=argument.origin.place(),
        notes=["with -m each of its values is a run of its own"],
        hint="choose one option",
    )
