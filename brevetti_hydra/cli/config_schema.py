"""`brevetti-hydra config schema`: what an editor needs to complete and check YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import make_folder, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import LineParser
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.report import exit_code_of
from brevetti_hydra.cli.text import columns
from brevetti_hydra.config import find_project, open_repository
from brevetti_hydra.config.editor.modelines import modeline, with_modeline
from brevetti_hydra.config.editor.schema import (
    EditorSchemas,
    JudgedFile,
    editor_schemas,
    job_schema,
    own_folders,
)
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    ConfigNotFoundError,
    Place,
    StorageWriteError,
    UsageError,
)
from brevetti_hydra.job import Job

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config.files.search import SearchPath
    from brevetti_hydra.config.project import Project

__all__ = ["build_parser", "execute"]

_FOLDER = ".schema"


def build_parser() -> LineParser:
    """Describe the command's arguments."""
    parser = LineParser(
        "config schema",
        "Print or write JSON Schema for editors: they complete and check your YAML files.",
    )
    parser.add_argument(
        "--job",
        metavar="NAME",
        help="judge by one job alone: an option of the group job, or a class",
    )
    parser.add_argument("--out", metavar="DIR", help="write one schema for each kind of file there")
    parser.add_argument(
        "--write-modelines",
        action="store_true",
        help="put the line that names its schema into each of your files; "
        "without --out the schemas go to .schema in your folder of configuration",
    )
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print or write the schemas; the answer holds what was made for which file.

    Raises:
        UsageError: The line has words of a run, or there is no folder to write to.
        BrevettiHydraError: The search path cannot be read, or the named job cannot be loaded.
    """
    request = arguments.request
    if request.keys or request.arguments:
        word = [*request.keys, *(each.shown for each in request.arguments)][0]
        raise UsageError(f"'{word}' has no meaning here", hint="name a job by --job NAME")
    here = Path.cwd()
    project = find_project(here)
    search = open_repository(request, project, here)
    try:
        return _answered(arguments, search, project, reply)
    except BrevettiHydraError as error:
        _place_by_flag(error, arguments.job)
        raise


def _answered(
    arguments: argparse.Namespace, search: SearchPath, project: Project, reply: Reply
) -> int:
    if arguments.out is None and not arguments.write_modelines:
        schema, left_out = job_schema(search, project, Job, arguments.job)
        reply.say(_json_text(schema))
        return _end({"schema": schema, "written": [], "files": []}, left_out, reply)
    made = editor_schemas(search, project, Job, job=arguments.job)
    folder = _target_folder(arguments.out, own_folders(search, project))
    written = _write_schemas(folder, made)
    lines = [modeline(file.path, folder / file.schema) for file in made.files]
    problems = list(made.problems)
    changed = [False] * len(lines)
    if arguments.write_modelines:
        changed = _write_modelines(made, lines, problems)
    _say(made, folder, lines, changed, reply)
    files = [
        _fields(file, folder, line, is_changed=is_changed)
        for file, line, is_changed in zip(made.files, lines, changed, strict=True)
    ]
    answer = {"schema": None, "written": [str(path) for path in written], "files": files}
    return _end(answer, problems, reply)


def _place_by_flag(error: BrevettiHydraError, job: str | None) -> None:
    """Let an error about the job name the flag, as which it was given."""
    for each in error.errors if isinstance(error, ConfigErrors) else [error]:
        if each.where is not None and each.where.label == f"override 1: job={job}":
            each.where = Place(f"--job {job}")
            if each.hint is not None and " job=" in each.hint:
                each.hint = each.hint.replace(" job=", " --job ")


def _target_folder(named: str | None, own: Sequence[Path]) -> Path:
    if named is not None:
        return Path(named)
    if not own:
        raise UsageError(
            "there is no folder of configuration to write to",
            notes=["looked for ./conf"],
            hint="make one, or name it: -cd DIR",
        )
    return own[0] / _FOLDER


def _write_schemas(folder: Path, made: EditorSchemas) -> list[Path]:
    """Write what has changed; give all paths."""
    paths = []
    for name, schema in made.schemas.items():
        path = folder / name
        content = _json_text(schema).encode() + b"\n"
        if not path.is_file() or path.read_bytes() != content:
            try:
                make_folder(path.parent, point="schema.folder")
                write_whole(path, content, point="schema.written", durable=False)
            except StorageWriteError as error:
                error.hint = "make room or rights there, or name another folder: --out DIR"
                raise
        paths.append(path)
    return paths


def _write_modelines(
    made: EditorSchemas, lines: Sequence[str], problems: list[BrevettiHydraError]
) -> list[bool]:
    """Put the lines into the files; one that cannot be written does not keep the others."""
    changed = []
    for file, line in zip(made.files, lines, strict=True):
        try:
            changed.append(_write_modeline(file.path, line))
        except (ConfigNotFoundError, StorageWriteError) as error:
            error.hint = "make room or rights there"
            problems.append(error)
            changed.append(False)
    return changed


def _write_modeline(path: Path, line: str) -> bool:
    """Put the line into a file; whether that changed it."""
    # A link stays one.
    real = path.resolve()
    try:
        old, mode = real.read_bytes(), real.stat().st_mode & 0o7777
    except OSError as error:
        message = f"cannot read '{path}'"
        raise ConfigNotFoundError(message, notes=[error.strerror or str(error)]) from error
    new = with_modeline(old, line)
    if new != old:
        write_whole(real, new, point="modeline.written", mode=mode)
    return new != old


def _json_text(schema: Any) -> str:
    return json_bytes(schema, indent=2).decode()


def _say(
    made: EditorSchemas,
    folder: Path,
    lines: Sequence[str],
    changed: Sequence[bool],
    reply: Reply,
) -> None:
    if made.is_without_job and any(file.job is None for file in made.files):
        reply.notice(
            "no job of your own is known, so that files are judged by the shipped ones; "
            "name yours by --job pkg.mod:Class"
        )
    count = len(made.schemas)
    reply.say(f"{plural(count, 'schema')} in {printable(folder)}")
    if not made.files:
        reply.notice("no YAML file of your own is here, and each file has its schema")
    if any(changed):
        reply.say(f"{plural(sum(changed), 'file')} changed: the line that names the schema")
    if made.files:
        rows = [[file.label, line] for file, line in zip(made.files, lines, strict=True)]
        reply.say("\n".join(columns(("file", "its line"), rows)))


def _fields(file: JudgedFile, folder: Path, line: str, *, is_changed: bool) -> dict[str, Any]:
    return {
        "file": file.label,
        "schema": str(folder / file.schema),
        "job": file.job,
        "package": file.package,
        "modeline": line,
        "changed": is_changed,
    }


def _end(answer: Any, problems: Sequence[BrevettiHydraError], reply: Reply) -> int:
    for problem in problems:
        reply.add_error(problem)
    reply.answer(answer)
    return max(map(exit_code_of, problems), default=0)
