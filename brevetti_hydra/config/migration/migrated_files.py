"""The project's own YAML files at the newest version: computed all first, then written."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._files import write_whole
from brevetti_hydra.config.files.claimed_job import claimed_job
from brevetti_hydra.config.files.config_files import SUFFIX, ConfigFile, decoded, files_below
from brevetti_hydra.config.files.packages import Package, relocations, written_package
from brevetti_hydra.config.files.search import shipped_folder
from brevetti_hydra.config.migration.migrating import Fired, Migration, migrate_tree
from brevetti_hydra.config.migration.rewriting import comments_in, rewritten
from brevetti_hydra.config.migration.versions import Numbers, Tables
from brevetti_hydra.config.safety.targets import is_target
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.documents import parse_document, read_document
from brevetti_hydra.config.tree.lines import UnwritableError
from brevetti_hydra.config.tree.origins import Node, dotted, is_same
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    ConfigNotFoundError,
    MigrationError,
    Place,
    StorageWriteError,
)
from brevetti_hydra.migrations import Removal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brevetti_hydra.config.tree.documents import Document

__all__ = ["MigratedFile", "migrate_files", "write_files"]

_PRIMARIES = ("brevetti", "config")


class MigratedFile(NamedTuple):
    """What became of a file.

    Attributes:
        file: The file.
        version: The project's version that it is of; None where it could not be read.
        fired: The changes that it held something for.
        before: Its content.
        after: Its content at the newest version, the same where nothing changes.
        problems: Why it cannot be written; then it stays as it is.
        trees: What it says before and after, keys from the root; each key knows its old line.
        target: The Job class that it belongs to, or None.
    """

    file: ConfigFile
    version: int | None
    fired: tuple[Fired, ...]
    before: bytes
    after: bytes
    problems: tuple[BrevettiHydraError, ...]
    trees: tuple[Node, ...] = ()
    target: str | None = None

    @property
    def is_changed(self) -> bool:
        """Whether there is something to write."""
        return self.after != self.before


def migrate_files(
    files: Sequence[ConfigFile],
    tables: Tables,
    budget: Budget,
    *,
    start: int | None = None,
    target: str | None = None,
    allow_lossy: bool = False,
) -> list[MigratedFile]:
    """Compute what files are at the newest version; nothing is written.

    Args:
        files: The files.
        tables: All steps.
        budget: Limits on YAML.
        start: The project's version of files that say none.
        target: The Job class of files that name none.
        allow_lossy: Whether something may be lost.
    """
    folders: dict[Path, _Folder] = {}
    found: list[MigratedFile] = []
    for file in files:
        if file.root not in folders:
            prefix = file.label.removesuffix(f"{file.name}{SUFFIX}")
            folders[file.root] = _Folder(file.root, prefix, tables, budget, start)
        found.append(_migrated(file, folders[file.root], target, allow_lossy=allow_lossy))
    options = [each for each in found if each.file.name not in _PRIMARIES]
    primaries = [each for each in found if each.file.name in _PRIMARIES]
    # A primary's number is that of many files: it is written when those have their own.
    return [
        *options,
        *(
            _with_dependents(
                each, folders[each.file.root], options, target, allow_lossy=allow_lossy
            )
            for each in primaries
        ),
    ]


def _with_dependents(
    primary: MigratedFile,
    folder: _Folder,
    migrated: Sequence[MigratedFile],
    target: str | None,
    *,
    allow_lossy: bool,
) -> MigratedFile:
    """Leave a primary's number where other files would lose theirs by it."""
    document = folder.documents.get(primary.file.name)
    if not primary.is_changed or document is None or document.version is None:
        return primary
    done = {each.file.name: each for each in migrated if each.file.root == primary.file.root}
    waiting = []
    for name, other in folder.documents.items():
        if name == primary.file.name or other.version is not None:
            continue
        path = primary.file.root / f"{name}{SUFFIX}"
        file = ConfigFile(path, path.name, name, primary.file.root)
        found = done.get(name) or _migrated(file, folder, target, allow_lossy=allow_lossy)
        if found.problems or (found.is_changed and name not in done):
            waiting.append(f"{name}{SUFFIX}")
    if not waiting:
        return primary
    problem = MigrationError(
        f"'{primary.file.label}' stays of version {primary.version}, which other files share",
        where=document.version.origin.place(),
        notes=[f"not migrated yet: {', '.join(waiting)}"],
        hint="migrate the whole folder at once, and mend what is left by hand first",
    )
    return primary._replace(after=primary.before, problems=(problem,))


def write_files(
    files: Iterable[MigratedFile],
) -> tuple[list[MigratedFile], list[BrevettiHydraError]]:
    """Write what changed, each file as a whole.

    Returns:
        What was written, and why others were not.
    """
    written: list[MigratedFile] = []
    problems: list[BrevettiHydraError] = []
    for each in files:
        if not each.is_changed:
            continue
        try:
            _write(each)
        except StorageWriteError as error:
            problems.append(error)
        else:
            written.append(each)
    return written, problems


def _write(migrated: MigratedFile) -> None:
    # Through a link: what it leads to is replaced, the link stays.
    path = migrated.file.path.resolve()
    label = migrated.file.label
    try:
        mode = path.stat().st_mode
        current = path.read_bytes()
    except OSError as error:
        message = f"cannot write '{label}'"
        raise StorageWriteError(message, notes=[error.strerror or str(error)]) from error
    if current != migrated.before:
        raise StorageWriteError(
            f"'{label}' was changed meanwhile, and stays as it is", hint="migrate it again"
        )
    if not mode & stat.S_IWUSR or not os.access(path, os.W_OK):
        raise StorageWriteError(
            f"'{label}' is read-only, and stays as it is", hint="make it writable"
        )
    try:
        write_whole(path, migrated.after, point="yaml.migrated", mode=stat.S_IMODE(mode))
    except StorageWriteError as error:
        message = f"cannot write '{label}'"
        hint = "make room or rights there"
        raise StorageWriteError(message, notes=error.notes, hint=hint) from error


class _Folder:
    """A folder of configuration: what its files say of each other."""

    def __init__(
        self, root: Path, prefix: str, tables: Tables, budget: Budget, start: int | None
    ) -> None:
        self.tables = tables
        self.budget = budget
        self._start = start
        self.documents: dict[str, Document] = {}
        for path in files_below(root):
            place = Path(os.path.normpath(path.absolute()))
            name = place.relative_to(root).as_posix().removesuffix(SUFFIX)
            try:
                text = decoded(path.read_bytes())[0]
                label = f"{prefix}{name}{SUFFIX}"
                self.documents[name] = parse_document(text, label, budget)
            except (BrevettiHydraError, OSError, UnicodeDecodeError):
                continue  # told of where the file itself is looked at
        self._relocations: Mapping[str, tuple[Package, ...]] = relocations(self.documents)

    def numbers(self, file: ConfigFile, document: Document) -> Numbers:
        """Give a file's version: its own, else the primary's, else what was said to be."""
        primary = next((self.documents[n] for n in _PRIMARIES if n in self.documents), None)
        is_primary = file.name in _PRIMARIES
        above = None if is_primary or primary is None else primary.version
        said = [each for each in (document.version, above) if each is not None]
        current = self.tables.current
        start = current.project if self._start is None else self._start
        if document.version is None and self._start is not None:
            above = None
            said = []
        return Numbers(
            next((v.project for v in said if v.project is not None), start),
            next((v.harness for v in said if v.harness is not None), current.harness),
        )

    def target_of(self, job: str | None) -> str | None:
        """Give the Job class that a file's claim means, be it a class or an option."""
        if job is None or (is_target(job) and any(sign in job for sign in ".:")):
            return job
        name = f"job/{job}"
        document = self.documents.get(name) or _shipped_job(job)
        if document is None:
            return None
        placed = _placed(document.tree, written_package(document.package, "job"))
        named = placed.at(("job", "_target_"))
        return named.value if named is not None and isinstance(named.value, str) else None

    def packages(self, file: ConfigFile, document: Document) -> list[Package]:
        """Give every package in which a file is used, its own first."""
        own = written_package(document.package, file.name.rpartition("/")[0])
        return list(dict.fromkeys([own, *self._relocations.get(file.name, ())]))


def _shipped_job(option: str) -> Document | None:
    path = shipped_folder() / "job" / f"{option}{SUFFIX}"
    return read_document(path, str(path), Budget()) if path.is_file() else None


class _Result(NamedTuple):
    migration: Migration
    tree: Node
    trees: tuple[Node, ...]
    target: str | None


def _migrated(
    file: ConfigFile, folder: _Folder, target: str | None, *, allow_lossy: bool
) -> MigratedFile:
    content = b""
    version: int | None = None
    fired: tuple[Fired, ...] = ()
    try:
        content = file.path.read_bytes()
        text, bom = decoded(content)
        document = parse_document(text, file.label, folder.budget)
        folder.tables.check(document.version)
        numbers = folder.numbers(file, document)
        version = numbers.project
        if numbers == folder.tables.current:
            return MigratedFile(file, version, (), content, content, ())
        result = _computed(file, document, folder, numbers, target, allow_lossy=allow_lossy)
        fired = tuple(result.migration.fired)
        is_said = document.version is not None
        number = _number(document, folder.tables) if is_said or fired else None
        after = _rewritten(document, result, number, folder.budget)
        encoded = bom + after.encode()
        return MigratedFile(file, version, fired, content, encoded, (), result.trees, result.target)
    except ConfigErrors as errors:
        problems = errors.errors
    except BrevettiHydraError as error:
        problems = (error,)
    except OSError as error:
        reason = error.strerror or str(error)
        problems = (ConfigNotFoundError(f"cannot read '{file.label}'", notes=[reason]),)
    except UnicodeDecodeError as error:
        problems = (
            MigrationError(
                f"'{file.label}' is no UTF-8 text", where=Place(file.label), notes=[str(error)]
            ),
        )
    return MigratedFile(file, version, fired, content, content, tuple(problems))


def _computed(
    file: ConfigFile,
    document: Document,
    folder: _Folder,
    numbers: Numbers,
    target: str | None,
    *,
    allow_lossy: bool,
) -> _Result:
    """Migrate a file's tree in every package in which it is used, which must agree.

    Raises:
        ConfigErrors: Something cannot be decided.
    """
    results: list[_Result] = []
    for package in folder.packages(file, document):
        placed = _placed(document.tree.copy(), package)
        own = folder.target_of(claimed_job(file.name, document)) or target
        before = placed.copy()
        _refuse_unknown_job(document, placed, folder.tables, numbers, own)
        migration = migrate_tree(
            placed, folder.tables.between(numbers, own), allow_lossy=allow_lossy
        )
        if migration.problems:
            raise ConfigErrors(migration.problems)
        inner = _unplaced(document, migration.tree, package)
        results.append(_Result(migration, inner, (before, migration.tree), own))
    first = results[0]
    for other in results[1:]:
        if not is_same(first.tree.plain(), other.tree.plain()):
            raise MigrationError(
                f"'{file.label}' is used in several packages, and changes differently in each",
                where=Place(file.label),
                hint="make a file for each of them, or mend it by hand",
            )
    return first


def _refuse_unknown_job(
    document: Document, placed: Node, tables: Tables, numbers: Numbers, target: str | None
) -> None:
    """Refuse to leave out what is about one job alone, where the file holds something for it."""
    if target is not None:
        return
    jobs = {
        each.job for each in tables.project.steps if each.job and each.number >= numbers.project
    }
    without = migrate_tree(placed.copy(), tables.between(numbers, None), allow_lossy=True)
    for job in sorted(jobs):
        with_job = migrate_tree(placed.copy(), tables.between(numbers, job), allow_lossy=True)
        found = [f for f in with_job.fired if f.change not in [w.change for w in without.fired]]
        if found or _told(with_job) != _told(without):
            raise MigrationError(
                f"'{document.label}' names no job, and the steps of '{job}' may be about it",
                where=found[0].origin.place() if found else Place(document.label),
                hint=f"say which job it is for: --job {job}",
            )


def _told(migration: Migration) -> list[str]:
    return [str(problem) for problem in migration.problems]


def _rewritten(document: Document, result: _Result, version: Any, budget: Budget) -> str:
    """Write the text, and read it again.

    Raises:
        MigrationError: It cannot be written, or would read otherwise.
    """
    try:
        text = rewritten(document, result.tree, result.migration.made, version)
    except UnwritableError as error:
        raise _by_hand(document, str(error)) from error
    try:
        again = parse_document(text, document.label, budget)
    except BrevettiHydraError as error:
        raise _by_hand(document, error.message) from error
    is_right = is_same(again.tree.plain(), result.tree.plain())
    if not is_right or again.defaults != document.defaults or again.package != document.package:
        raise _by_hand(document, "anchors or '<<' let one line stand for several keys")
    lost = _lost_comments(document.text, text)
    if lost and not any(_is_removal(f) for f in result.migration.fired):
        raise _by_hand(document, f"the comment '{lost[0]}' would be lost")
    return text


def _by_hand(document: Document, reason: str) -> MigrationError:
    return MigrationError(
        f"'{document.label}' cannot be written anew by a machine",
        where=Place(document.label),
        notes=[reason],
        hint="mend it by hand; until then it is migrated in memory",
    )


def _lost_comments(before: str, after: str) -> list[str]:
    left = comments_in(after)
    lost = []
    for comment in comments_in(before):
        if comment in left:
            left.remove(comment)
        else:
            lost.append(comment)
    return lost


def _is_removal(fired: Fired) -> bool:
    return isinstance(fired.change, Removal)


def _number(document: Document, tables: Tables) -> Any:
    """Give what the file's `config_version` is to be, in the form that it has."""
    said = document.version
    if said is None or said.harness is None:
        return tables.current.project
    return tables.current._asdict()


def _placed(tree: Node, package: Package) -> Node:
    for key in reversed(package):
        tree = Node(tree.origin, children={key: tree})
    return tree


def _unplaced(document: Document, tree: Node, package: Package) -> Node:
    """Take a tree out of its package again.

    Raises:
        MigrationError: Something of it does not stand there any more.
    """
    inside = tree.at(package)
    holder = tree
    for key in package:
        beside = [name for name in holder.children or {} if name != key]
        if beside:
            raise MigrationError(
                f"the keys of '{document.label}' leave its package '{dotted(package)}'",
                where=Place(document.label),
                notes=[f"they go to {', '.join(sorted(beside))}"],
                hint="begin it with another '# @package' line, or move them by hand",
            )
        holder = (holder.children or {}).get(key, holder)
    return inside if inside is not None else Node(tree.origin, children={})
