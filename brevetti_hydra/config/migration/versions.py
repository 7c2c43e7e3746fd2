"""Which version of the configuration a file is of, and the way from there to the newest.

Nothing here is imported for a project that names no migrations and states no version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.config.files.source import DocumentSource, FolderSource
from brevetti_hydra.config.migration.migrating import Fired, describe_change, migrate_tree
from brevetti_hydra.config.safety.targets import is_target, load_object
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    MigrationError,
    NewerConfigError,
    Place,
)
from brevetti_hydra.migrations import JobMove, Migrations, Relocation, Rescaling, Splitting, Step
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brevetti_hydra.config._hydra import Repository
    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.files.planned import PlannedDocument
    from brevetti_hydra.config.files.search import Plan, SearchPath
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.documents import Document, Version
    from brevetti_hydra.config.tree.origins import Node, Origin, Path
    from brevetti_hydra.migrations import Change

__all__ = [
    "HARNESS",
    "Numbers",
    "Tables",
    "VersionedFiles",
    "load_tables",
    "open_versions",
    "says_fired",
]

# The steps of the harness's own nodes: `job`, `platform`, `run` and the like.
HARNESS = Migrations()

_TABLE = "pyproject.toml: [tool.brevetti_hydra] migrations"
_SHIPPED = "brevetti_hydra"


class Numbers(NamedTuple):
    """The version of one file, tree or record: the project's number and the harness's."""

    project: int
    harness: int


class Tables(NamedTuple):
    """The steps of a project, and those of the harness.

    Attributes:
        project: The project's.
        harness: The harness's.
        named: What pyproject.toml names, or None.
    """

    project: Migrations
    harness: Migrations
    named: str | None

    @property
    def current(self) -> Numbers:
        """The newest version."""
        return Numbers(self.project.current, self.harness.current)

    def between(self, numbers: Numbers, target: str | None) -> list[tuple[int, Change]]:
        """Give what changed since a version; the harness's own nodes first."""
        return [
            *self.harness.between(numbers.harness, target),
            *self.project.between(numbers.project, target),
        ]

    def check(self, version: Version | None) -> None:
        """Refuse what is newer than known.

        Raises:
            NewerConfigError: It is.
        """
        if version is not None:
            self.check_numbers(version.project, version.harness, version.origin)

    def check_numbers(self, project: int | None, harness: int | None, origin: Origin) -> None:
        """Refuse what is newer than known; None is not said.

        Raises:
            NewerConfigError: It is.
        """
        name = origin.label.partition(":")[0]
        if project is not None and project > self.project.current:
            told = f"named there is '{self.named}'" if self.named else "none is named there"
            raise NewerConfigError(
                f"'{name}' is of version {project}, but this project knows "
                f"{_known(self.project.current)}",
                where=origin.place(),
                notes=[f"the steps between versions stand in {_TABLE}; {told}"],
                hint="take the newest state of the project",
            )
        if harness is not None and harness > self.harness.current:
            raise NewerConfigError(
                f"'{name}' is of version {harness} of the harness's own nodes, but this harness "
                f"knows {_known(self.harness.current)}",
                where=origin.place(),
                hint="install a newer brevetti-hydra",
            )


def load_tables(project: Project, harness: Migrations | None = None) -> Tables:
    """Load the steps that a project names.

    Args:
        project: The project.
        harness: Steps of the harness in the place of its own.

    Raises:
        MigrationError: They are no steps, have gaps, or are about the harness's own nodes.
        TargetRefusedError: They lie outside of what configuration may load.
        TargetNotFoundError: There is no such module or name, or its import failed.
    """
    own = HARNESS if harness is None else harness
    if project.migrations is None:
        return Tables(Migrations(), own, None)
    place = Place(_TABLE)
    if not is_target(project.migrations):
        raise MigrationError(
            f"'{project.migrations}' names no list of steps",
            where=place,
            hint="write it as 'package.module:MIGRATIONS'",
        )
    try:
        steps = _as_migrations(
            load_object(project.migrations, project, place, kind="list"), project.migrations
        )
        _refuse_reserved(steps)
    except MigrationError as error:
        error.where = error.where or place
        raise
    return Tables(steps, own, project.migrations)


def _as_migrations(found: object, named: str) -> Migrations:
    if isinstance(found, Migrations):
        return found
    if isinstance(found, Step):
        return Migrations(found)
    if isinstance(found, (list, tuple)):
        return Migrations(*found)
    raise MigrationError(
        f"'{named}' is no list of steps",
        notes=[f"it is {found!r}"],
        hint="write it as: MIGRATIONS = Migrations(step(1, rename('old', 'new')))",
    )


def _refuse_reserved(steps: Migrations) -> None:
    for each in steps.steps:
        for change in each.changes:
            for path in _paths(change):
                if path[0] in RESERVED_NODES:
                    raise MigrationError(
                        f"the step {each.number} changes '{path[0]}', a node of the harness",
                        notes=[f"it is: {describe_change(change)}"],
                        hint="a project's steps are about settings, and move_job about classes",
                    )


def _paths(change: Change) -> Iterator[Path]:
    if isinstance(change, JobMove):
        return
    yield change.old
    if isinstance(change, Splitting):
        yield from change.into
    elif isinstance(change, (Relocation, Rescaling)):
        yield change.new


def _known(current: int) -> str:
    return "version 1 only" if current == 1 else f"the versions 1 to {current}"


def open_versions(
    composition: Composition, search: SearchPath, chosen: Plan, request: Request
) -> VersionedFiles:
    """Find the versions of the files that take part.

    Raises:
        ConfigErrors: A file is newer than known.
        ConfigError: The project's steps are wrong, or cannot be loaded.
    """
    tables = load_tables(composition.project)
    allow_lossy = request.flags.allow_lossy
    files = VersionedFiles(tables, search, chosen.files, allow_lossy=allow_lossy)
    composition.versions = tables.current._asdict()
    composition.migrations = files
    return files


class VersionedFiles:
    """The files of one composition, each with its version.

    Attributes:
        tables: All steps.
        allow_lossy: Whether something may be lost.
        notices: A line for each file that was migrated.
        problems: What cannot be decided, and what would be lost.
        fired: Label of a file -> the changes that it held something for.
        lost: What was removed under a name that looks like a secret's.
    """

    def __init__(
        self,
        tables: Tables,
        search: SearchPath,
        files: Sequence[PlannedDocument],
        *,
        allow_lossy: bool,
    ) -> None:
        """Find the version of each file.

        Raises:
            ConfigErrors: A file is newer than known.
        """
        self.tables = tables
        self.notices: list[str] = []
        self.problems: list[BrevettiHydraError] = []
        self.fired: dict[str, list[Fired]] = {}
        self.lost: list[Node] = []
        self._files = files
        self.allow_lossy = allow_lossy
        shipped = _shipped(search.repository)
        own = [file.document for file in files if id(file.document) not in shipped]
        _refuse_newer(tables, own)
        primary = next((d for d in own if d is search.document(search.primary)), None)
        above = None if primary is None else primary.version
        self._numbers = [
            tables.current if id(file.document) in shipped else _numbers(file, above, tables)
            for file in files
        ]

    def trees(self, target: str | None) -> list[Node]:
        """Give the placed trees of all files at the newest version.

        Args:
            target: The Job class; None: it is not known yet, and what is about one class alone is
                left out.
        """
        self.notices, self.problems, self.fired, self.lost = [], [], {}, []
        return [
            self._tree(file, numbers, target)
            for file, numbers in zip(self._files, self._numbers, strict=True)
        ]

    def _tree(self, file: PlannedDocument, numbers: Numbers, target: str | None) -> Node:
        tree = file.placed_tree()
        if numbers == self.tables.current:
            return tree
        label = file.document.label
        migration = migrate_tree(
            tree,
            self.tables.between(numbers, target),
            written_as=f", version {numbers.project}",
            allow_lossy=self.allow_lossy,
        )
        self.problems += migration.problems
        self.lost += migration.lost
        if migration.fired:
            self.fired.setdefault(label, []).extend(migration.fired)
            self.notices.append(
                f"'{label}' is of version {numbers.project} and was taken as version "
                f"{self.tables.project.current}: {says_fired(migration.fired)}"
            )
        return migration.tree


def says_fired(fired: Iterable[Fired]) -> str:
    """Name changes with their steps: `lr -> optim.lr (step 2)`."""
    by_step: dict[int, list[str]] = {}
    for each in fired:
        by_step.setdefault(each.number, []).append(describe_change(each.change))
    return "; ".join(
        f"step {number} ({', '.join(dict.fromkeys(texts))})" for number, texts in by_step.items()
    )


def _shipped(repository: Repository) -> set[int]:
    """Give the documents that are not the project's: they are of the harness's own version."""
    return {
        id(document)
        for source in repository.sources
        if isinstance(source, DocumentSource)
        and (not isinstance(source, FolderSource) or source.provider == _SHIPPED)
        for document in source.documents.values()
    }


def _refuse_newer(tables: Tables, documents: Iterable[Document]) -> None:
    problems: list[BrevettiHydraError] = []
    for document in documents:
        try:
            tables.check(document.version)
        except NewerConfigError as error:
            problems.append(error)
    if problems:
        raise ConfigErrors(problems)


def _numbers(file: PlannedDocument, above: Version | None, tables: Tables) -> Numbers:
    """Give a file's version: its own, else the primary's, else the newest."""
    said = [each for each in (file.document.version, above) if each is not None]
    project = next((v.project for v in said if v.project is not None), tables.current.project)
    harness = next((v.harness for v in said if v.harness is not None), tables.current.harness)
    return Numbers(project, harness)
