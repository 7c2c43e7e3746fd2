"""`brevetti-hydra config migrate`: bring the project's YAML files to the newest version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser
from brevetti_hydra.config import find_project
from brevetti_hydra.config.files.config_files import find_files
from brevetti_hydra.config.migration.differences import difference
from brevetti_hydra.config.migration.migrated_files import migrate_files, write_files
from brevetti_hydra.config.migration.versions import load_tables, says_fired
from brevetti_hydra.config.models.job_shapes import RootShape, class_shapes
from brevetti_hydra.config.safety.targets import is_target, load_target
from brevetti_hydra.errors import (
    BrevettiHydraError,
    NewerConfigError,
    Place,
    UnknownOptionError,
    UsageError,
)
from brevetti_hydra.job import Job

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config.files.config_files import ConfigFile
    from brevetti_hydra.config.migration.migrated_files import MigratedFile
    from brevetti_hydra.config.migration.versions import Tables
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.project import Project

__all__ = ["build_parser", "execute"]

# The user must change something: what a machine cannot decide, or with --check, anything.
_LEFT = 2


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "config migrate",
        "Bring YAML files to the newest version of the configuration. Comments, order, anchors\n"
        "and quotes stay; only lines that must change are touched.",
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help="files or folders; default: the project's conf"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--diff", action="store_true", help="print what would change (the default)")
    mode.add_argument("--write", action="store_true", help="write it")
    mode.add_argument(
        "--check",
        action="store_true",
        help="print names only; exit code 2 if anything would change",
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=int,
        metavar="N",
        help="the version of files that say none; default: the primary config's, else the newest",
    )
    parser.add_argument(
        "--job", metavar="NAME", help="the job of files that name none: an option, or a class"
    )
    parser.add_argument(
        "--allow-lossy", action="store_true", help="migrate also where something is lost by it"
    )
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Compute all files, then print or write what changes; list what is left for a person.

    Raises:
        ConfigError: The project's steps are wrong, or there is no such file.
        UsageError: The version is none.
        JobClassError: There is no class as `--job` names it.
    """
    folder = Path.cwd()
    project = find_project(folder)
    tables = load_tables(project)
    _check_start(arguments.start, tables)
    files = find_files(arguments.paths, project, folder)
    migrated = migrate_files(
        files,
        tables,
        project.budget,
        start=arguments.start,
        target=_checked_target(arguments.job, files, tables, project),
        allow_lossy=arguments.allow_lossy,
    )
    changed = [each for each in migrated if each.is_changed]
    problems = [problem for each in migrated for problem in each.problems]
    if arguments.write:
        changed, unwritten = write_files(changed)
        problems += unwritten
    differences = _differences(migrated, changed, arguments, project, tables, reply)
    for each in changed:
        _say(each, differences, arguments, tables, reply)
    for problem in problems:
        reply.add_error(problem)
    reply.notice(_summary(migrated, changed, problems, arguments, tables))
    reply.answer(_document(migrated, changed, differences, arguments, tables))
    return _LEFT if problems or (arguments.check and changed) else 0


def _check_start(start: int | None, tables: Tables) -> None:
    if start is None:
        return
    if start < 1:
        message = f"'--from' takes a version from 1, not {start}"
        raise UsageError(message)
    if start > tables.current.project:
        raise NewerConfigError(
            f"'--from {start}' is newer than this project knows",
            notes=[f"its newest version is {tables.current.project}"],
            hint=f"give a version from 1 to {tables.current.project}",
        )


def _checked_target(
    job: str | None, files: Sequence[ConfigFile], tables: Tables, project: Project
) -> str | None:
    """Find the class that `--job` means, and refuse one that nobody knows.

    With a wrong one a file would get the newest number, and keep its old names.

    Raises:
        UnknownOptionError: There is no such option.
        JobClassError: There is no such class.
    """
    target = _target(job, files)
    if target is None:
        return None
    known = {tables.project.final_target(each.job) for each in tables.project.steps if each.job}
    if tables.project.final_target(target) not in known:
        _class_of(target, project, tables)
    return target


def _target(job: str | None, files: Sequence[ConfigFile]) -> str | None:
    """Find the class that `--job` means: a class itself, or that of an option's file.

    Raises:
        UnknownOptionError: It is neither.
    """
    if job is None or (is_target(job) and any(sign in job for sign in ".:")):
        return job
    from brevetti_hydra.config.files.search import shipped_folder
    from brevetti_hydra.config.tree.budget import Budget
    from brevetti_hydra.config.tree.documents import read_document

    for root in [*dict.fromkeys(file.root for file in files), shipped_folder()]:
        path = root / "job" / f"{job}.yaml"
        if path.is_file():
            tree = read_document(path, str(path), Budget()).tree
            named = tree.at(("job", "_target_")) or tree.at(("_target_",))
            if named is not None and isinstance(named.value, str):
                return named.value
    raise UnknownOptionError(
        f"the group 'job' has no option '{job}' that names a class",
        hint="name another, or the class: --job my_package.module:MyJob",
    )


def _differences(
    migrated: Sequence[MigratedFile],
    changed: Sequence[MigratedFile],
    arguments: argparse.Namespace,
    project: Project,
    tables: Tables,
    reply: Reply,
) -> dict[str, str]:
    """Write the patches that are asked for, by the labels of the files."""
    shown = migrated if reply.json is not None else changed
    if reply.json is None and (arguments.write or arguments.check):
        return {}
    shapes: dict[str | None, Shape | None] = {}
    patches = {}
    for each in shown:
        if each.target not in shapes:
            shapes[each.target] = _shape(each.target, project, tables)
        if each.is_changed:
            patches[each.file.label] = difference(each, shapes[each.target])
    return patches


def _shape(target: str | None, project: Project, tables: Tables) -> Shape | None:
    """Describe the settings of a job; None where its class cannot be loaded."""
    if target is None:
        return None
    try:
        return RootShape(class_shapes(_class_of(target, project, tables), of_sweeps=True))
    except BrevettiHydraError:
        return None


def _class_of(target: str, project: Project, tables: Tables) -> type:
    where = Place(f"--job {target}")
    return load_target(tables.project.moved_target(target), project, Job, where)


def _say(
    migrated: MigratedFile,
    differences: dict[str, str],
    arguments: argparse.Namespace,
    tables: Tables,
    reply: Reply,
) -> None:
    if arguments.write or arguments.check:
        # A name may hold a line feed.
        label = migrated.file.label.replace("\n", "\\n")
        word = "wrote" if arguments.write else "would change"
        told = f": {says_fired(migrated.fired)}" if migrated.fired else ""
        version = f"version {migrated.version} -> {tables.current.project}"
        reply.say(f"{word} {label}  {version}{told}")
        return
    patch = differences.get(migrated.file.label, "")
    if reply.is_terminal:
        reply.say(patch.replace("\r\n", "\n").removesuffix("\n"))
    else:
        # As it is, so that `git apply` takes it.
        reply.write_raw(patch)


def _summary(
    migrated: Sequence[MigratedFile],
    changed: Sequence[MigratedFile],
    problems: Sequence[BrevettiHydraError],
    arguments: argparse.Namespace,
    tables: Tables,
) -> str:
    newest = tables.current.project
    if not changed and not problems:
        return f"nothing to do: {plural(len(migrated), 'file')}, the newest version is {newest}"
    verb = "written" if arguments.write else "to change"
    text = f"{plural(len(changed), 'file')} {verb} of {len(migrated)}, to version {newest}"
    if problems:
        text += f"; {plural(len(problems), 'place')} left for you"
    elif not arguments.write:
        text += f"; --write writes {'it' if len(changed) == 1 else 'them'}"
    return text


def _document(
    migrated: Sequence[MigratedFile],
    changed: Sequence[MigratedFile],
    differences: dict[str, str],
    arguments: argparse.Namespace,
    tables: Tables,
) -> dict[str, Any]:
    return {
        "version": tables.current.project,
        "written": bool(arguments.write),
        "files": [
            {
                "path": each.file.label,
                "version": each.version,
                "state": _state(each, changed),
                "steps": sorted({fired.number for fired in each.fired}),
                "diff": differences.get(each.file.label, ""),
            }
            for each in migrated
        ],
    }


def _state(migrated: MigratedFile, changed: Sequence[MigratedFile]) -> str:
    if migrated.problems or (migrated.is_changed and migrated not in changed):
        return "left"
    return "changed" if migrated.is_changed else "same"
