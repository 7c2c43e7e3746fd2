"""The schemas by which an editor completes and checks the YAML files of a search path.

A file's keys are those below its package, and what it may choose in `defaults` depends on its
group; so there is one schema for each group, package and job that a file belongs to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config import _hydra
from brevetti_hydra.config.compose import job_class_of
from brevetti_hydra.config.editor.defaults_schema import DefaultsSchemas
from brevetti_hydra.config.editor.node_schema import Schema
from brevetti_hydra.config.editor.tree_schema import KnownJob, KnownVersions, tree_schema
from brevetti_hydra.config.files.claimed_job import claimed_job
from brevetti_hydra.config.files.groups import group_names
from brevetti_hydra.config.files.packages import Package, relocations, written_package
from brevetti_hydra.config.files.search import SHIPPED
from brevetti_hydra.config.files.source import FolderSource
from brevetti_hydra.config.models.job_shapes import class_shapes
from brevetti_hydra.config.safety.targets import is_target
from brevetti_hydra.config.tree.documents import Document
from brevetti_hydra.errors import BrevettiHydraError, NoJobChosenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brevetti_hydra.config.files.search import SearchPath
    from brevetti_hydra.config.project import Project

__all__ = ["EditorSchemas", "JudgedFile", "editor_schemas", "job_schema", "own_folders"]


class JudgedFile(NamedTuple):
    """One of the user's own files, and the schema that judges it.

    Attributes:
        path: The file.
        label: How places name it.
        schema: The schema's name.
        job: The job that the file belongs to; None for any.
        package: Where its keys go, dotted; "" for the root.
    """

    path: Path
    label: str
    schema: str
    job: str | None
    package: str


class EditorSchemas(NamedTuple):
    """What an editor needs for a search path.

    Attributes:
        schemas: Name of each schema, a path with `/`, and its content.
        files: The user's own files, sorted.
        problems: Jobs and files that could not be read; the rest is whole without them.
        is_without_job: Whether no job is known but those that the harness ships.
    """

    schemas: dict[str, Schema]
    files: tuple[JudgedFile, ...]
    problems: tuple[BrevettiHydraError, ...]
    is_without_job: bool


# In the place of a job: another one than the one that is asked for.
_OTHER = ""


class _Own(NamedTuple):
    """A file of the user: its group and name, where its keys go, which job it belongs to."""

    source: FolderSource
    config_path: str
    document: Document
    packages: tuple[Package, ...]
    job: str | None

    @property
    def group(self) -> str:
        return self.config_path.rpartition("/")[0]

    def judged_by(self, schema: str) -> JudgedFile:
        path = Path(self.source.folder, f"{self.config_path}.yaml")
        package = " + ".join(".".join(each) for each in self.packages)
        return JudgedFile(path, self.document.label, schema, self.job, package)


def editor_schemas(
    search: SearchPath, project: Project, base: type, *, job: str | None = None
) -> EditorSchemas:
    """Make the schemas of all files that are the user's own: those that the harness ships are not.

    Args:
        search: The search path.
        project: The user's project.
        base: The class that a job must derive from.
        job: An option of the group `job`, or a class: then files are judged by that job alone, and
            files of other jobs are left out.

    Raises:
        BrevettiHydraError: The job that is named cannot be loaded, or the search path has more
            groups than the budget allows.
    """
    jobs = _Jobs(search, project, base, job)
    unread: list[BrevettiHydraError] = []
    documents = dict(_documents(search, unread))
    # All of them first: what one file says of a job counts for the others.
    belongs = {path: jobs.find(claimed_job(path, doc)) for path, (_, doc) in documents.items()}
    moved = relocations({path: document for path, (_, document) in documents.items()})
    own = [
        _Own(source, path, document, _packages(path, document, moved, jobs), belongs[path])
        for path, (source, document) in documents.items()
        if _is_own(source, project) and belongs[path] != _OTHER
    ]
    names, versions = _Names(own), _versions(search, project)
    defaults = DefaultsSchemas(search)
    schemas = {
        names.of(file): tree_schema(
            jobs.of(file.job),
            file.packages,
            defaults.of(file.group),
            versions=versions,
            is_open=jobs.is_open(file.job),
        )
        for file in {names.of(file): file for file in own}.values()
    }
    files = tuple(file.judged_by(names.of(file)) for file in own)
    # A job's file that cannot be read is told of once.
    told = {problem.message for problem in jobs.problems}
    problems = (*jobs.problems, *(each for each in unread if each.message not in told))
    return EditorSchemas(schemas, files, problems, _is_without_job(search, jobs))


def job_schema(
    search: SearchPath, project: Project, base: type, job: str | None
) -> tuple[Schema, tuple[BrevettiHydraError, ...]]:
    """Make the schema of a file whose keys stand at the root.

    Args:
        search: The search path.
        project: The user's project.
        base: The class that a job must derive from.
        job: The job that judges it; None for all jobs of the group.

    Returns:
        The schema, and the problems of jobs that are left out.

    Raises:
        BrevettiHydraError: The job that is named cannot be loaded, or the search path has more
            groups than the budget allows.
    """
    jobs = _Jobs(search, project, base, job)
    schema = tree_schema(
        jobs.of(job),
        [()],
        DefaultsSchemas(search).of(""),
        versions=_versions(search, project),
        is_open=jobs.is_open(job),
    )
    return schema, tuple(jobs.problems)


def own_folders(search: SearchPath, project: Project) -> list[Path]:
    """Give the folders of a search path that are the user's own, first match first."""
    sources = search.repository.get_sources()
    folders = [source for source in sources if isinstance(source, FolderSource)]
    return [source.folder for source in folders if _is_own(source, project)]


def _is_own(source: FolderSource, project: Project) -> bool:
    """Whether a folder is the project's, or was named on the line; others are left alone."""
    if source.provider == "hydra.searchpath":
        return project.holds(source.folder / "any.yaml")
    return source.provider != SHIPPED


class _Jobs:
    """The jobs of a search path, loaded once each.

    Attributes:
        known: Option or class -> what its settings are.
        problems: Why others are not there.
    """

    def __init__(self, search: SearchPath, project: Project, base: type, alone: str | None) -> None:
        self.known: dict[str, KnownJob] = {}
        self.problems: list[BrevettiHydraError] = []
        self._failed: set[str] = set()
        self._search = search
        self._project = project
        self._base = base
        self._alone = alone
        if alone is None:
            # What names no class is no job.
            for option in _option_names(search, "job"):
                self._try(option)
        else:
            self.known[alone] = self._load(alone)

    def _load(self, option: str) -> KnownJob:
        job_class = job_class_of(self._search, self._project, self._base, option)
        return KnownJob(option, class_shapes(job_class, of_sweeps=True))

    def _try(self, option: str) -> KnownJob | None:
        if option not in self.known and option not in self._failed:
            try:
                self.known[option] = self._load(option)
            except NoJobChosenError:
                self._failed.add(option)
            except BrevettiHydraError as error:
                self._failed.add(option)
                error.notes = (*error.notes, f"the schemas leave the job '{option}' out")
                self.problems.append(error)
        return self.known.get(option)

    def find(self, claimed: str | None) -> str | None:
        """Give the job that judges a file.

        Args:
            claimed: What the file says of itself: an option, a class, or nothing.

        Returns:
            The job; None for all of them; `_OTHER` where another one is asked for.
        """
        if self._alone is None:
            # Another option than there is will be marked where it is chosen.
            is_known = claimed in self.known or (claimed is not None and is_target(claimed))
            return claimed if is_known and self._try(str(claimed)) is not None else None
        if claimed in {None, self._alone}:
            return self._alone
        try:
            same = self._load(str(claimed)).shapes[""].model is self._model_alone()
        except NoJobChosenError:
            return self._alone
        except BrevettiHydraError:
            # Whatever is wrong with it: it was not asked for.
            return _OTHER
        return self._alone if same else _OTHER

    def _model_alone(self) -> type | None:
        return self.known[str(self._alone)].shapes[""].model

    def of(self, job: str | None) -> list[KnownJob]:
        """Give the jobs that judge a file."""
        return [self.known[job]] if job is not None else list(self.known.values())

    def is_open(self, job: str | None) -> bool:
        """Whether a key may belong to a job that could not be loaded."""
        return job is None and bool(self.problems)


def _versions(search: SearchPath, project: Project) -> KnownVersions:
    """Find the newest version, and whether the primary config is of an older one."""
    from brevetti_hydra.config.migration.versions import load_tables

    newest = load_tables(project).current
    stated = search.document(search.primary).version
    is_old = stated is not None and (
        (stated.project or newest.project) < newest.project
        or (stated.harness or newest.harness) < newest.harness
    )
    return KnownVersions(newest.project, newest.harness, is_old)


def _option_names(search: SearchPath, group: str) -> list[str]:
    """Name the options of a group and of the groups in it."""
    groups = [each for each in group_names(search) if f"{each}/".startswith(f"{group}/")]
    return [
        f"{each}/{name}".removeprefix(f"{group}/")
        for each in groups
        for name in search.repository.get_group_options(each)
    ]


def _documents(
    search: SearchPath, problems: list[BrevettiHydraError]
) -> Iterator[tuple[str, tuple[FolderSource, Document]]]:
    """Read every file of the search path, those that are shadowed left out."""
    seen: set[str] = set()
    groups = ["", *group_names(search)]
    for source in search.repository.get_sources():
        if not isinstance(source, FolderSource):
            continue
        for path in _config_paths(source, groups):
            if path in seen:
                continue
            seen.add(path)
            try:
                yield path, (source, source.document(path))
            except BrevettiHydraError as error:
                problems.append(error)


def _config_paths(source: FolderSource, groups: Sequence[str]) -> Iterator[str]:
    for group in groups:
        for name in source.list(group, _hydra.ObjectType.CONFIG):
            yield f"{group}/{name}".lstrip("/")


def _packages(
    config_path: str,
    document: Document,
    moved: Mapping[str, tuple[Package, ...]],
    jobs: _Jobs,
) -> tuple[Package, ...]:
    """Give the packages of a file: its own and where others move it, as far as a job knows them."""
    written = written_package(document.package, config_path.rpartition("/")[0])
    packages = tuple(dict.fromkeys((written, *moved.get(config_path, ()))))
    known = [
        package
        for package in packages
        if package[:1] == ("hydra",) or any(job.has(package) for job in jobs.known.values())
    ]
    return tuple(known) or (written,)


def _is_without_job(search: SearchPath, jobs: _Jobs) -> bool:
    """Whether all known jobs are options that the harness ships."""
    repository = search.repository
    sources = [repository.source_of(f"job/{name}") for name in jobs.known]
    return all(source is not None and source.provider == SHIPPED for source in sources)


class _Names:
    """Names of schemas: after the group; what tells one from others of the group follows."""

    def __init__(self, own: Sequence[_Own]) -> None:
        self._packages: dict[str, set[tuple[Package, ...]]] = {}
        for file in own:
            self._packages.setdefault(file.group, set()).add(file.packages)
        self._taken: dict[str, Any] = {}

    def of(self, file: _Own) -> str:
        """Give the name of a file's schema."""
        key = (file.group, file.packages, file.job)
        name = self._stem(file)
        while self._taken.setdefault(name, key) != key:
            name += "_"
        return f"{name}.json"

    def _stem(self, file: _Own) -> str:
        stem = file.group or "primary"
        usual = tuple(file.group.split("/")) if file.group else ()
        is_rooted = file.packages == ((),)
        is_usual = file.packages == (usual,) and ((),) not in self._packages[file.group]
        if not is_rooted and not is_usual:
            stem += "@" + "+".join(".".join(each) or "_global_" for each in file.packages)
        if file.job is not None:
            stem += "." + _plain_name(file.job)
        return stem


def _plain_name(job: str) -> str:
    """Write a job's name so that it may stand in a modeline, which ends at a blank."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in job)
