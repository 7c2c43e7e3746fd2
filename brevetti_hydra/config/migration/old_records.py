"""Records of older versions: what a run was composed of, as the project has it today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.migration.migrating import migrate_tree, trace
from brevetti_hydra.config.migration.versions import Numbers, load_tables, says_fired
from brevetti_hydra.config.tree.origins import Origin, dotted, node_of, walk
from brevetti_hydra.errors import BrevettiHydraError, MigrationError
from brevetti_hydra.migrations import read_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevetti_hydra.config.project import Project
    from brevetti_hydra.migrations import Change
    from brevetti_hydra.record import Snapshot

__all__ = ["RecordedToday", "final_target", "moved_target", "read_record_today"]

_RECORD = Origin("yaml", "the record")


class RecordedToday(NamedTuple):
    """A recorded tree at the newest version.

    Attributes:
        config: The tree.
        origins: Who wrote each key, by the keys of today.
        versions: The newest version, `project` and `harness`.
        notices: A line if anything changed.
        problems: What cannot be decided, and what would be lost.
    """

    config: dict[str, Any]
    origins: dict[str, list[str]]
    versions: dict[str, int]
    notices: list[str]
    problems: list[BrevettiHydraError]


def read_record_today(
    snapshot: Snapshot, target: str, project: Project, *, allow_lossy: bool
) -> RecordedToday:
    """Bring a recorded tree to the newest version, in memory.

    A record that says no version was written before there were any: it is of version 1.

    Raises:
        NewerConfigError: It is newer than known.
        ConfigError: The project's steps are wrong, or cannot be loaded.
    """
    tables = load_tables(project)
    said = snapshot.config_version
    tables.check_numbers(said.get("project"), said.get("harness"), _RECORD)
    numbers = Numbers(said.get("project", 1), said.get("harness", 1))
    changes = tables.between(numbers, target)
    tree = node_of(dict(snapshot.config), _RECORD)
    for path, node in walk(tree):
        writers = snapshot.origins.get(dotted(path), [])
        if writers and writers[0].startswith("default of "):
            # What nobody wrote is not lost.
            node.origin = Origin("default", writers[0])
    migration = migrate_tree(tree, changes, allow_lossy=allow_lossy)
    notices = []
    if migration.fired:
        notices.append(
            f"the record is of version {numbers.project} and was taken as version "
            f"{tables.current.project}: {says_fired(migration.fired)}"
        )
    origins = dict(snapshot.origins)
    for key, writers in snapshot.origins.items():
        for path in _paths_today(key, changes):
            origins.setdefault(dotted(path), writers)
    config: dict[str, Any] = migration.tree.plain()
    return RecordedToday(config, origins, tables.current._asdict(), notices, migration.problems)


def moved_target(target: str, project: Project) -> str:
    """Give today's name of a recorded Job class; raises as `load_tables`."""
    return load_tables(project).project.moved_target(target)


def final_target(target: str, project: Project) -> str:
    """Give today's name of a Job class in one spelling, to compare; raises as `load_tables`."""
    return load_tables(project).project.final_target(target)


def _paths_today(key: str, changes: Iterable[tuple[int, Change]]) -> tuple[tuple[str, ...], ...]:
    try:
        return trace(read_key(key), changes).paths
    except MigrationError:
        return ()
