"""The code of a sweep's jobs: the digest of each file, and whether it is still what was planned.

What counts: the outermost package of each job, or its lone module, and whatever of the user's
project these import, at any depth and in any function. Only .py files that a run's snapshot might
keep as well (DESIGN.md, "A sweep's trials run one code").
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import ValidationError

from brevetti_hydra._files import digest_bytes, digest_file, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra._text import quote_all
from brevetti_hydra.errors import CodeChangedError
from brevetti_hydra.job_class import package_folders
from brevetti_hydra.record import _Model, unreadable
from brevetti_hydra.run.git import MOST_PATCH_BYTES, refuse_copy
from brevetti_hydra.run.ignored import begin_ignored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from brevetti_hydra._clock import Clock
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = ["CodeRecord", "CodeWatch", "gather_code", "write_code"]

# What a file imports, by its first name. A word in a docstring may look like an import: it counts
# only where the project has such a module, and then costs a digest. Python's own parser takes
# fifty times as long.
_IMPORTS = re.compile(
    rb"^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)|import[ \t]+([A-Za-z_][\w.]*(?:[ \t]*,[ \t]*[\w. ]+)*))",
    re.MULTILINE,
)
# Folders in a package that hold no code of it.
_NO_CODE = frozenset({"__pycache__", "node_modules", "site-packages"})
# Between two looks at the files while a process runs trials.
_INTERVAL_S = 1.0


class CodeRecord(_Model):
    """The code of a sweep's jobs as it was planned (`code.json`)."""

    format: Literal[1] = 1
    files: dict[str, str]
    left_out: dict[str, str]

    @property
    def sha256(self) -> str:
        """The digest of all files together."""
        return digest_bytes(json_bytes(self.files))


class _Source(NamedTuple):
    label: str
    path: Path


def gather_code(job_classes: Iterable[type], project: Project) -> CodeRecord:
    """Take the digests of the files that some jobs consist of.

    Args:
        job_classes: The jobs; the harness's own count by its version alone.
        project: Whose modules count, when the jobs import them.
    """
    sources = list(_Sources(project).of(job_classes))
    ignored = begin_ignored(str(source.path) for source in sources).gather()
    files: dict[str, str] = {}
    left_out: dict[str, str] = {}
    left_bytes = MOST_PATCH_BYTES
    for label, path in sources:
        try:
            digest, size_bytes = digest_file(path)
        except OSError as error:
            left_out[label] = error.strerror or "it cannot be read"
            continue
        reason = refuse_copy(label, size_bytes, left_bytes) or ignored.get(str(path))
        if reason is not None:
            left_out[label] = reason
            continue
        left_bytes -= size_bytes
        files[label] = digest
    return CodeRecord(files=dict(sorted(files.items())), left_out=dict(sorted(left_out.items())))


def write_code(folder: SweepFolder, code: CodeRecord) -> None:
    """Write what `gather_code` gave into a sweep's folder.

    Raises:
        StorageWriteError: The disk did not take it.
    """
    content = json_bytes(code, indent=1) + b"\n"
    write_whole(folder.code, content, point="code.written", durable=True)


class _Sources:
    """Follows imports through a project, from package to package."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._roots = list(project.source_roots)
        self._units: list[Path] = []

    def of(self, job_classes: Iterable[type]) -> Iterator[_Source]:
        """Give each file once: of the jobs, and of what they import."""
        for job_class in job_classes:
            self._begin(job_class)
        looked_up: set[bytes] = set()
        for unit in self._units:  # which grows
            for path in _python_files(unit):
                yield _Source(self._label(path), path)
                names = _imported(path) - looked_up
                looked_up |= names
                for name in sorted(names):
                    self._add(os.fsdecode(name))

    def _begin(self, job_class: type) -> None:
        file = getattr(sys.modules.get(job_class.__module__), "__file__", None)
        if file is None or job_class.__module__.startswith("brevetti_hydra."):
            return
        path = Path(file).absolute()
        is_alone = "." not in job_class.__module__ and path.name != "__init__.py"
        unit = path if is_alone else package_folders(job_class)[0]
        self._roots += [unit.parent] if unit.parent not in self._roots else []
        self._units += [unit] if unit not in self._units else []

    def _add(self, name: str) -> None:
        """Find a module or package of the project, as Python would."""
        for root in self._roots:
            for unit in (root / name, root / f"{name}.py"):
                if unit in self._units:
                    return
                if unit.exists() and self._project.holds(unit):
                    self._units.append(unit)
                    return

    def _label(self, path: Path) -> str:
        folder = self._project.folder
        return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _python_files(unit: Path) -> Iterator[Path]:
    """Give the files of a package, or a lone module, in an order that is always the same."""
    if unit.is_file():
        yield unit
        return
    for folder, below, names in os.walk(unit):
        below[:] = sorted(name for name in below if _is_code(Path(folder, name)))
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _is_code(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _NO_CODE or (folder / "pyvenv.cfg").exists():
        return False
    try:
        # The folder of all runs, or another one that hides itself from git as a whole.
        return (folder / ".gitignore").read_bytes().strip() != b"*"
    except OSError:
        return True


def _imported(path: Path) -> set[bytes]:
    try:
        content = path.read_bytes()
    except OSError:
        return set()
    found: set[bytes] = set()
    for taken_from, listed in _IMPORTS.findall(content):
        parts = [taken_from] if taken_from else listed.split(b",")
        found |= {part.split()[0].partition(b".")[0] for part in parts if part.split()}
    return found


class CodeWatch:
    """Tells a process that runs trials whether the code is what was planned."""

    def __init__(self, folder: SweepFolder, project: Project, clock: Clock) -> None:
        """Prepare; nothing is read yet.

        Args:
            folder: The sweep's.
            project: The user's project, which the files' names are relative to.
            clock: Tells when it is time for another look.
        """
        self._folder = folder
        self._project = project
        self._clock = clock
        self._looked: float | None = None
        self._is_as_planned = False
        self._planned: dict[str, str] = {}
        self._stamps: dict[str, tuple[int, int] | None] = {}

    def check(self) -> None:
        """Compare the files with the plan.

        Each call reads all files, until one has found them as they were planned. Later ones look
        for files that were written since, once a second at most, and leave out those that this
        process has imported: what it runs is what was planned.

        Raises:
            CodeChangedError: A file was changed or taken away.
            RecordUnreadableError: The plan's list of files is missing or damaged.
        """
        now = self._clock.monotonic()
        if self._looked is not None and now - self._looked < _INTERVAL_S:
            return
        is_first, self._looked = not self._is_as_planned, now
        if is_first:
            self._planned = _read(self._folder.code).files
        changed: list[str] = []
        for label, digest in self._planned.items():
            path = self._project.folder / label
            stamp = _stamp(path)
            if is_first or stamp != self._stamps[label]:
                self._stamps[label] = stamp
                if not _is_same(path, digest):
                    changed.append(label)
        if changed and not is_first:
            loaded = _loaded_files()
            changed = [each for each in changed if str(self._project.folder / each) not in loaded]
        if changed:
            # A refused trial is tried again at once: it is no less changed within the second.
            self._looked = None
            self._stamps.update(dict.fromkeys(changed))
            raise self._refusal(changed)
        self._is_as_planned = True

    def _refusal(self, changed: list[str]) -> CodeChangedError:
        missing = [label for label in changed if not (self._project.folder / label).exists()]
        written = [label for label in changed if label not in missing]
        return CodeChangedError(
            "the code of the job is not what the sweep was planned with",
            notes=[
                *([f"changed: {quote_all(written)}"] if written else []),
                *([f"gone: {quote_all(missing)}"] if missing else []),
            ],
            hint=f"put it back, or go on with it as it is: brevetti-hydra sweep resume"
            f" {self._folder.short_id} sweep.code=current",
        )


def _read(path: Path) -> CodeRecord:
    try:
        return CodeRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise unreadable(path, error) from error


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_same(path: Path, digest: str) -> bool:
    try:
        return digest_file(path)[0] == digest
    except OSError:
        return False


def _loaded_files() -> set[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {os.path.realpath(file) for file in files if isinstance(file, str)}
