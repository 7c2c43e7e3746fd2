"""Names of older versions where nobody says a version: on the command line and in info.json."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.command_line.overrides import Argument, split_key
from brevetti_hydra.config.command_line.values import json_or_text
from brevetti_hydra.config.migration.migrating import Migration, Trace, migrate_tree, trace
from brevetti_hydra.config.tree.origins import Node, Origin, Path, dotted, node_of, walk
from brevetti_hydra.errors import (
    BrevettiHydraError,
    InvalidSettingError,
    LossyMigrationError,
    MigrationError,
    OverrideSyntaxError,
    UnknownSettingError,
)
from brevetti_hydra.migrations import JobMove, Removal, Substitution
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.migration.versions import Tables
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.migrations import Change, Migrations

__all__ = ["Former", "OldNames", "take_old_names"]

_UNCHECKED = ("hydra", "sweep", "search", "launcher", "defaults", "config_version")


def take_old_names(composition: Composition, values: list[Argument], root: Shape) -> list[Argument]:
    """Take names of older versions, in arguments and info.json, for what they are now.

    What is to be told of them, and of the files, goes into the composition.

    Returns:
        The arguments by the names of today.
    """
    files = composition.migrations
    if files is None:
        return values
    names = OldNames(files.tables, root, composition.target, allow_lossy=files.allow_lossy)
    composition.old_names = names
    renamed = names.arguments(values)
    composition.arguments = names.shown(composition.arguments)
    if composition.info is not None:
        sent = names.settings(composition.info.get("settings") or {})
        composition.info = {**composition.info, "settings": sent}
    composition.notices += [*files.notices, *names.notices]
    composition.problems += [*files.problems, *names.problems]
    return renamed


class Former(NamedTuple):
    """What the steps say of a name that nothing has any more.

    Attributes:
        text: `renamed to 'optim.lr' in version 3`.
        version: The newest version in which the name was known.
    """

    text: str
    version: int


class OldNames:
    """Takes names of older versions for what they are now.

    Attributes:
        notices: A line for each name that was taken for another.
        problems: What has several meanings, cannot be decided, or would be lost.
    """

    def __init__(self, tables: Tables, root: Shape, target: str, *, allow_lossy: bool) -> None:
        """Begin.

        Args:
            tables: All steps.
            root: The shape of the whole tree.
            target: The Job class.
            allow_lossy: Whether something may be lost.
        """
        self.notices: list[str] = []
        self.problems: list[BrevettiHydraError] = []
        self._tables = tables
        self._root = root
        self._target = target
        self._allow_lossy = allow_lossy
        self._become: dict[int, list[Argument]] = {}

    def arguments(self, arguments: Sequence[Argument]) -> list[Argument]:
        """Give the arguments by the names of today; each keeps its place and its text."""
        for argument in arguments:
            self._become[id(argument)] = self._argument(argument)
        return [each for argument in arguments for each in self._become[id(argument)]]

    def shown(self, arguments: Iterable[Argument]) -> tuple[Argument, ...]:
        """Give one argument for each that was given, for records and places."""
        return tuple((self._become.get(id(a)) or [a])[0] for a in arguments)

    def hide_together(self) -> None:
        """Hide all that one argument became, where a part of it is a secret."""
        for parts in self._become.values():
            if len(parts) > 1 and any(each.is_hidden for each in parts):
                for each in parts:
                    each.show(hidden=True)

    def settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Give the settings of an info.json by the names of today."""
        kept: dict[str, Any] = {}
        changed: list[Node] = []
        for path, value in _unknown_parts(settings, self._root):
            origin = Origin("info", f"info.json: settings.{dotted(path)}")
            moved = self._migrated(path, value, origin)
            if moved is not None:
                changed.append(moved.tree)
            else:
                _put(kept, path, value)
        for tree in changed:
            for path, node in walk(tree):
                # What is given by its name of today wins.
                if path and not _has(kept, path):
                    _put(kept, path, node.plain())
        return kept

    def former(self, path: Path) -> Former | None:
        """Tell what became of a name that nobody knows, or give None."""
        table = self._table_of(path)
        for version in range(table.current - 1, 0, -1):
            went = trace(path, table.between(version, self._target))
            if not went.numbers or went.numbers[0] != version:
                continue
            newest = went.numbers[-1] + 1
            if went.removal is not None:
                return Former(f"removed in version {newest}: {went.removal.reason}", version)
            word = "renamed to" if len(went.paths) == 1 else "split into"
            if went.paths != (path,):
                names = ", ".join(f"'{dotted(each)}'" for each in went.paths)
                return Former(f"{word} {names} in version {newest}", version)
        return None

    def settle(self, problems: list[BrevettiHydraError]) -> None:
        """Say of unknown settings what they became, in place.

        In files of today they are mended from the oldest version of which a name is. What could
        not be migrated has been told of, and what is wrong with it besides comes of that.
        """
        own = [p for p in problems if isinstance(p, (MigrationError, LossyMigrationError))]
        # By the label: what the line says may be hidden in one of them.
        told = {problem.where.label for problem in own if problem.where is not None}
        problems[:] = [
            p for p in problems if p in own or p.where is None or p.where.label not in told
        ]
        oldest: dict[str, int] = {}
        mended: list[tuple[BrevettiHydraError, str]] = []
        for problem in problems:
            former = self._former_of(problem)
            if former is None:
                continue
            is_value = isinstance(problem, InvalidSettingError)
            problem.notes = (*(problem.notes if is_value else ()), former.text)
            if problem.where is not None and problem.where.line is not None:
                file = problem.where.label.rsplit(":", 2)[0]
                oldest[file] = min(former.version, oldest.get(file, former.version))
                mended.append((problem, file))
        is_of_jobs = any(each.job for each in self._tables.project.steps)
        job = f" --job {self._target}" if is_of_jobs else ""
        for problem, file in mended:
            problem.hint = f"brevetti-hydra config migrate {file} --from {oldest[file]}{job}"

    def _former_of(self, problem: BrevettiHydraError) -> Former | None:
        if isinstance(problem, InvalidSettingError):
            return self._former_value_of(problem)
        if not isinstance(problem, UnknownSettingError) or not problem.key:
            return None
        return self.former(tuple(map(str, problem.key)))

    def _former_value_of(self, problem: InvalidSettingError) -> Former | None:
        """Tell how a value is written now, where a table of a step has it."""
        given = problem.given
        if given is None:
            return None
        for number, change in self._tables.project.between(1, self._target):
            is_meant = isinstance(change, Substitution) and change.old == problem.key
            new = _written_since(change, given) if is_meant else None
            if new is not None:
                text = f"'{given}' is written '{new}' since version {number + 1}"
                return Former(text, number)
        return None

    def _argument(self, argument: Argument) -> list[Argument]:
        try:
            path = split_key(argument)
        except OverrideSyntaxError:
            return [argument]
        if _is_known(path, self._root):
            return [argument]
        if argument.sign == "~" or _is_unread(argument):
            return self._followed(argument, path)
        value = _value(argument)
        moved = self._migrated(path, value, argument.origin)
        if moved is None:
            return [argument]
        for key, node in _only_keys(moved.tree):
            if node.plain() == value and type(node.value) is type(value):
                return [_renamed(argument, key)]
        leaves = [(key, node.plain()) for key, node in walk(moved.tree) if key]
        return [_rewritten(argument, key, each) for key, each in leaves]

    def _followed(self, argument: Argument, path: Path) -> list[Argument]:
        """Follow a key whose value is of no interest, or cannot be read."""
        found = {went for _, went in self._traces(path)}
        if not found:
            return [argument]
        paths = {went.paths for went in found}
        if len(paths) > 1:
            self.problems.append(_ambiguous(path, argument.origin))
            return [argument]
        names = next(iter(paths))
        if not names:
            return [argument]
        self.notices.append(_taken(path, names))
        return [_renamed(argument, name) for name in names]

    def _traces(self, path: Path) -> list[tuple[int, Trace]]:
        table = self._table_of(path)
        found = [
            (version, trace(path, self._between(table, version)))
            for version in range(1, table.current)
        ]
        return [(version, went) for version, went in found if went.numbers]

    def _migrated(self, path: Path, value: Any, origin: Origin) -> Migration | None:
        """Migrate one key with its value, from whichever version knew it."""
        table = self._table_of(path)
        found: list[Migration] = []
        for version in range(1, table.current):
            tree = node_of(value, origin)
            for key in reversed(path):
                tree = Node(origin, children={key: tree})
            migration = migrate_tree(
                tree, self._between(table, version), allow_lossy=self._allow_lossy
            )
            if migration.fired or migration.problems:
                found.append(migration)
        if not found:
            return None
        first = found[0]
        if any(each.tree.plain() != first.tree.plain() for each in found[1:]):
            self.problems.append(_ambiguous(path, origin))
            return None
        self.problems += first.problems
        if first.problems:
            # Left out: what is to be said of it has been said.
            first.tree.children = {}
            return first
        self._tell(path, value, first)
        return first

    def _tell(self, path: Path, value: Any, migration: Migration) -> None:
        removed = [f.change for f in migration.fired if isinstance(f.change, Removal)]
        names = [key for key, _ in walk(migration.tree) if key]
        if removed and not names:
            self.notices.append(f"'{dotted(path)}' is gone and was left out: {removed[0].reason}")
            return
        written = [_written_since(f.change, value) for f in migration.fired]
        if len(written) == 1 and written[0] is not None:
            self.notices.append(
                f"'{value}' of '{dotted(path)}' is now '{written[0]}'; taken as that"
            )
            return
        went = trace(path, [(f.number, f.change) for f in migration.fired])
        told = went.paths if went.numbers and went.paths else tuple(names)
        self.notices.append(_taken(path, told))

    def _table_of(self, path: Path) -> Migrations:
        return self._tables.harness if path[0] in RESERVED_NODES else self._tables.project

    def _between(self, table: Migrations, version: int) -> list[tuple[int, Change]]:
        changes = table.between(version, self._target)
        return [(n, change) for n, change in changes if not isinstance(change, JobMove)]


def _is_known(path: Path, root: Shape) -> bool:
    """Whether the class, or a node of the harness, has a key, or takes any there."""
    if path[0] in _UNCHECKED or path[0].startswith("hydra/"):
        return True
    place: Shape | None = root
    for key in path:
        if place is None:
            return True
        below = place.at(key)
        if below is None:
            # What is no model at all takes any key.
            return not (place is root or place.names())
        place = below
    return True


def _unknown_parts(
    settings: Mapping[str, Any], root: Shape, path: Path = ()
) -> Iterable[tuple[Path, Any]]:
    """Take settings apart into the values whose keys are known, and the highest unknown keys."""
    for key, value in settings.items():
        here = (*path, str(key))
        if isinstance(value, dict) and value and _is_known(here, root):
            yield from _unknown_parts(value, root, here)
        else:
            yield here, value


def _renamed(argument: Argument, path: Path) -> Argument:
    """Give the same argument for another key; its text and place stay as given."""
    renamed = copy.copy(argument)
    renamed.key = dotted(path)
    return renamed


def _rewritten(argument: Argument, path: Path, value: Any) -> Argument:
    """Give an argument for another key and value; its text and place stay as given."""
    written = _renamed(argument, path)
    written.value = value if isinstance(value, str) else json.dumps(value)
    written.is_literal, written.parsed, written.fault = True, None, None
    return written


def _is_unread(argument: Argument) -> bool:
    parsed = argument.parsed
    return parsed is not None and parsed.is_sweep_override()


def _value(argument: Argument) -> Any:
    if argument.parsed is not None:
        return argument.parsed.value()
    if argument.value is None:
        return True
    return json_or_text(argument.value) if argument.is_literal else argument.value


def _only_keys(tree: Node) -> Iterable[tuple[Path, Node]]:
    """Give the keys of a tree from the root down, as long as there is one beside none other."""
    path: Path = ()
    while tree.children is not None and len(tree.children) == 1:
        ((key, tree),) = tree.children.items()
        path = (*path, key)
        yield path, tree


def _taken(path: Path, names: Iterable[Path]) -> str:
    told = list(dict.fromkeys(names))
    verb = "is now" if len(told) == 1 else "is now split into"
    if told == [path]:
        return f"'{dotted(path)}' is of an older version; taken as what it is now"
    named = ", ".join(f"'{dotted(name)}'" for name in told)
    return f"'{dotted(path)}' {verb} {named}; taken as that"


def _ambiguous(path: Path, origin: Origin) -> MigrationError:
    return MigrationError(
        f"'{dotted(path)}' had several meanings in older versions",
        where=origin.place(),
        hint="write it by the name that it has today",
    )


def _written_since(change: Change, value: Any) -> Any:
    """Give what a step's table has for a value, or None."""
    if not isinstance(change, Substitution) or callable(change.how) or not isinstance(value, str):
        return None
    return change.how.get(value)


def _put(settings: dict[str, Any], path: Path, value: Any) -> None:
    holder = settings
    for key in path[:-1]:
        below = holder.setdefault(key, {})
        if not isinstance(below, dict):
            return
        holder = below
    holder[path[-1]] = value


def _has(settings: Mapping[str, Any], path: Path) -> bool:
    holder: Any = settings
    for key in path:
        if not isinstance(holder, dict) or key not in holder:
            return False
        holder = holder[key]
    return True
