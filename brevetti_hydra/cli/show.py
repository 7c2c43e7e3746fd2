"""`brevetti-hydra show RUN`: what a run did and what it left; of a sweep, its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import SYSTEM_CLOCK, parse_utc
from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.explanations import value_text
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.text import (
    columns,
    format_age,
    format_command,
    format_duration,
    format_size,
    format_value,
    one_line,
    section,
)
from brevetti_hydra.errors import AmbiguousRunError, RunNotFoundError, SweepNotFoundError
from brevetti_hydra.run.columns import flatten
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import (
    find_run,
    find_sweep_folder,
    list_folders,
    list_sweeps,
    read_record,
    read_snapshot,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.record import Attempt, RunRecord, Snapshot
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["build_parser", "execute"]

_MOST_ARTIFACTS = 20


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("show", "Show what a run, or a sweep, did and what it left.")
    parser.add_argument(
        "run", metavar="RUN", help="id, its beginning, path, 'last', SWEEP or SWEEP/NUMBER"
    )
    parser.add_argument("--origins", action="store_true", help="say of every setting who wrote it")
    parser.add_argument("--config", action="store_true", help="print the composed tree as YAML")
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print the run; the answer holds its record and its snapshot."""
    root = runs_root(arguments.root)
    if (sweep := _sweep(arguments.run, root)) is not None:
        # Imported here: most runs are no sweeps.
        from brevetti_hydra.cli.sweep_summary import look_at_sweep, say_sweep
        from brevetti_hydra.sweep.folders import SweepFolder

        say_sweep(look_at_sweep(SweepFolder(sweep)), reply, limit=None)
        return 0
    folder = find_run(arguments.run, root)
    record = read_record(folder)
    snapshot = read_snapshot(folder) if folder.snapshot.exists() else None
    if reply.json is not None:
        reply.answer(_document(folder, record, snapshot))
    elif arguments.config:
        _say_config(snapshot, reply)
    else:
        reply.say("\n\n".join(filter(None, _sections(folder, record, snapshot, arguments))))
    return 0


def _sweep(text: str, root: Path) -> Path | None:
    """Find the sweep that is meant, if none of the runs is: `last` is whatever is newest."""
    sweeps = list_sweeps(root)
    if text == "last":
        runs = list_folders(root)
        is_sweep = bool(sweeps) and (not runs or sweeps[0].removeprefix("sweep-") > runs[0])
        return root / sweeps[0] if is_sweep else None
    try:
        find_run(text, root)
    except AmbiguousRunError:
        return None
    except RunNotFoundError:
        try:
            return find_sweep_folder(text, root)
        except SweepNotFoundError:
            return None
    return None


def _document(folder: RunFolder, record: RunRecord, snapshot: Snapshot | None) -> dict[str, Any]:
    return {
        "run": record,
        "snapshot": snapshot,
        "folder": str(folder.root),
        "log": str(folder.log),
        "artifacts": str(folder.artifacts_dir),
    }


def _say_config(snapshot: Snapshot | None, reply: Reply) -> None:
    if snapshot is None:
        reply.notice("the run ended before its configuration was written")
        return
    # Imported here: only this option prints YAML.
    import yaml

    reply.say(yaml.safe_dump(snapshot.config, sort_keys=False, allow_unicode=True).rstrip())


def _sections(
    folder: RunFolder, record: RunRecord, snapshot: Snapshot | None, arguments: argparse.Namespace
) -> Iterable[str]:
    origins = snapshot.origins if snapshot is not None and arguments.origins else {}
    yield _head(folder, record)
    yield section("settings", _settings(record.settings, origins))
    yield section("metrics", _pairs(record.metrics))
    at_epoch = "" if record.epoch is None else f" (epoch {record.epoch})"
    yield section(f"last progress{at_epoch}", _pairs(record.progress))
    yield section("artifacts", _artifacts(record))
    if snapshot is not None:
        yield section("datasets", _datasets(snapshot))
    if len(record.attempts) > 1:
        yield section("attempts", [_attempt(each) for each in record.attempts])
    if snapshot is not None:
        yield section("environment", _environment(snapshot.environment))
    yield _failure(record)
    yield section("command", list(_command(record, snapshot)))


def _command(record: RunRecord, snapshot: Snapshot | None) -> Iterator[str]:
    """Give the line that does the same; what had no effect is told below it."""
    left_out = snapshot.left_out if snapshot is not None else ()
    command = (snapshot.short_command if snapshot is not None else ()) or record.command
    if command:
        yield one_line(format_command(command))
    for each in left_out:
        yield one_line(f"without {each.override}: {each.reason}")


def _head(folder: RunFolder, record: RunRecord) -> str:
    age = format_age(SYSTEM_CLOCK.now() - parse_utc(record.created))
    target = f"{record.job.target}" + (f"  {record.job.file}" if record.job.file else "")
    facts = {
        "job": f"{record.job.name}  ({target})",
        "name": record.name,
        "note": record.note,
        "tags": " ".join(record.tags),
        "parent": record.parent,
        "trial": _trial(record),
        "created": f"{record.created}  ({age} ago)",
        "duration": format_duration(record.duration_s),
        "seed": record.seed,
        "overrides": format_command(record.overrides),
        "folder": printable(folder.root),
        "artifacts": printable(folder.artifacts_dir),
        "log": printable(folder.log),
        "lost": _unwritten(record),
    }
    lines = _pairs({name: value for name, value in facts.items() if value not in {None, ""}})
    return section(f"run {folder.short_id}  {record.state.value}", lines)


def _trial(record: RunRecord) -> str:
    return f"{record.trial.number} of {record.trial.sweep}" if record.trial is not None else ""


def _unwritten(record: RunRecord) -> str:
    count = record.unwritten_events
    return f"{plural(count, 'progress event')} that the disk did not take" if count else ""


def _settings(settings: Mapping[str, Any], origins: Mapping[str, list[str]]) -> list[str]:
    # As in `explain`: an empty list is no empty text.
    flat = {key: value_text(value) for key, value in flatten("", settings).items()}
    if not origins:
        return _pairs(flat)
    rows = [[key, value, _origin(origins, key)] for key, value in flat.items()]
    return columns(("setting", "value", "set by, then what it replaced"), rows) if rows else []


def _origin(origins: Mapping[str, list[str]], key: str) -> str:
    """Give the writers of a key; a list or an open dict is written as a whole, above it."""
    while key:
        if key in origins:
            return one_line("  <-  ".join(origins[key]))
        key = key.rpartition(".")[0]
    return "default of the class"


def _artifacts(record: RunRecord) -> list[str]:
    shown = record.artifacts[:_MOST_ARTIFACTS]
    widest = max((len(each.path) for each in shown), default=0)
    lines = [
        f"{one_line(each.path):{widest}}  {format_size(each.size_bytes)}"
        + ("  (the model)" if each.path == record.model else "")
        for each in shown
    ]
    left = len(record.artifacts) - len(shown)
    return [*lines, f"and {left} more"] if left else lines


def _datasets(snapshot: Snapshot) -> list[str]:
    return [
        f"{one_line(each.name)}  {plural(each.files, 'file')}, {format_size(each.size_bytes)}"
        f"  {one_line(each.bucket)}"
        for each in snapshot.datasets
    ]


def _attempt(attempt: Attempt) -> str:
    text = f"{attempt.number}  {attempt.state.value}  {attempt.started}"
    if attempt.ended:
        text += f"  {format_duration(parse_utc(attempt.ended) - parse_utc(attempt.started))}"
    text += f"  process {attempt.pid} on {attempt.host}"
    if attempt.failure:
        text += f"  {attempt.failure.type}: {attempt.failure.message}"
    return one_line(text)


def _environment(environment: Mapping[str, Any]) -> list[str]:
    """Sum up where it ran; every package and flag stands in the snapshot."""
    python, hardware = environment.get("python"), environment.get("hardware")
    facts = {
        "python": _python(python) if isinstance(python, dict) else python,
        "packages": f"{len(environment.get('packages') or ())} (named in snapshot.json)",
        "git": _git(environment.get("git") or {}),
        "machine": _machine(hardware) if isinstance(hardware, dict) else hardware,
    }
    variables = [f"{name}={value}" for name, value in (environment.get("variables") or {}).items()]
    facts["variables"] = " ".join(variables)
    return _pairs({name: value for name, value in facts.items() if value})


def _python(python: Mapping[str, Any]) -> str:
    return f"{python.get('version', '')}  {python.get('executable', '')}".strip()


def _git(git: Mapping[str, Any]) -> str:
    if not git.get("commit"):
        return ""
    text = f"{git['commit'][:12]} on {git.get('branch') or 'no branch'}"
    if git.get("is_dirty"):
        text += f", {plural(len(git.get('changed') or ()), 'changed file')}"
    if git.get("untracked"):
        text += f", {git['untracked']} untracked"
    return text


def _machine(hardware: Mapping[str, Any]) -> str:
    parts = [hardware.get("host"), hardware.get("system"), hardware.get("cpu")]
    if hardware.get("cpus"):
        parts.append(f"{hardware['cpus']} CPUs")
    if hardware.get("memory_bytes"):
        parts.append(format_size(hardware["memory_bytes"]))
    return ", ".join(str(part) for part in parts if part)


def _failure(record: RunRecord) -> str:
    if record.failure is None:
        return ""
    text = record.failure.traceback or f"{record.failure.type}: {record.failure.message}"
    return section("failure", text.rstrip().split("\n"))


def _pairs(facts: Mapping[str, Any]) -> list[str]:
    widest = max(map(len, facts), default=0)
    return [f"{one_line(name):{widest}}  {_cell(value)}".rstrip() for name, value in facts.items()]


def _cell(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return repr(value)
    return one_line(format_value(value))
