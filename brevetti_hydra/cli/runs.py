"""`brevetti-hydra runs`: the recorded runs, newest first."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import SYSTEM_CLOCK, parse_utc
from brevetti_hydra._text import plural, similar_name
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.text import (
    columns,
    format_age,
    format_duration,
    format_metrics,
    format_value,
    one_line,
)
from brevetti_hydra.errors import RecordUnreadableError, UsageError
from brevetti_hydra.record import RunRecord
from brevetti_hydra.run.columns import (
    MISSING,
    flat_row,
    read_condition,
    select,
    sort_runs,
    value_of,
)
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import find_sweep_folder, list_runs, list_sweeps

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = ["build_parser", "execute"]

_COLUMNS = ("id", "age", "state", "job", "metrics", "duration", "overrides")
# Half an id helps nobody.
_WHOLE = frozenset({"id", "age", "state", "duration"})
_CELL_METRICS = 2
# What fits a screen or two; pipes and documents get everything.
_TERMINAL_ROWS = 40

_EPILOG = """\
Columns are dotted names: state, job, created, duration, seed, tags, overrides,
metrics.NAME, progress.NAME, settings.A.B; a bare NAME is looked for among those.

  brevetti-hydra runs --where 'metrics.accuracy>0.9' --sort -metrics.accuracy
  brevetti-hydra runs --where state=failed --columns id,failure.message
  brevetti-hydra runs --csv > runs.csv

A sweep is one line. Where runs are looked for (--where, --sort, --csv) its
trials count as runs; --trials lists all of them, a SWEEP those of one.

  brevetti-hydra runs last --sort -accuracy"""


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("runs", "List the recorded runs, newest first.", epilog=_EPILOG)
    parser.add_argument(
        "sweep", metavar="SWEEP", nargs="?", help="list the trials of this sweep alone"
    )
    parser.add_argument(
        "--trials", action="store_true", help="list the trials of sweeps in place of the sweeps"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="keep runs that fulfil it: COLUMN, one of = != < <= > >= ~ (contains), VALUE; "
        "several must all hold",
    )
    parser.add_argument(
        "--sort", metavar="COLUMN", help="sort by a column; -COLUMN begins with the greatest"
    )
    parser.add_argument("--columns", metavar="A,B,C", help="show these columns")
    parser.add_argument("--limit", type=int, metavar="N", help="show at most N runs; 0 shows all")
    parser.add_argument("--csv", action="store_true", help="print comma-separated values")
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print the runs; the answer holds their records.

    Raises:
        UsageError: An option or condition is wrong, or two options exclude each other.
    """
    if arguments.csv and reply.json is not None:
        raise UsageError("'--csv' and '--json' exclude each other", hint="take one of them")
    if arguments.limit is not None and arguments.limit < 0:
        raise UsageError("'--limit' must not be negative", hint="--limit 0 shows all")
    root = _folder(arguments)
    has_trials = _asks_trials(arguments)
    everything = list_runs(
        root, on_damage=lambda _, error: reply.notice(_damage(error)), has_trials=has_trials
    )
    records = select(everything, arguments.where)
    if arguments.sort:
        records = sort_runs(records, arguments.sort)
    _notice_unknown(arguments, everything, reply)
    listed = records if has_trials else _with_sweeps(records, root, reply)
    shown = listed[: _limit(arguments.limit, reply, is_csv=arguments.csv)]
    for entry in shown:
        reply.stream(entry if isinstance(entry, RunRecord) else _line(entry))
    runs = [entry for entry in shown if isinstance(entry, RunRecord)]
    if arguments.csv:
        reply.write_raw(_csv(runs, _chosen_columns(arguments.columns)))
    elif everything or listed:
        _print_table(shown, len(listed), len(everything), arguments, reply)
    elif reply.json is None:
        reply.notice(f"no runs in {printable(root)} yet; start one: brevetti-hydra job=classifier")
    if reply.json == "document":
        sweeps = [_line(entry) for entry in shown if not isinstance(entry, RunRecord)]
        reply.answer({"root": str(root), "total": len(listed), "runs": runs, "sweeps": sweeps})
    return 0


def _folder(arguments: argparse.Namespace) -> Path:
    """Give the folder whose runs are listed: that of all runs, or of a sweep."""
    root = runs_root(arguments.root)
    return root if arguments.sweep is None else find_sweep_folder(arguments.sweep, root)


def _asks_trials(arguments: argparse.Namespace) -> bool:
    """Tell whether trials are looked for: what asks for runs by what they did means them, too."""
    asked = (arguments.trials, arguments.sweep, arguments.where, arguments.sort, arguments.csv)
    return any(asked)


def _with_sweeps(records: list[RunRecord], root: Path, reply: Reply) -> list[RunRecord | SweepView]:
    """Put the sweeps between the runs, by the time when they were made."""
    if not list_sweeps(root):
        return [*records]
    # Imported here: a list without sweeps needs none of it.
    from brevetti_hydra.sweep.finding import sweep_folders
    from brevetti_hydra.sweep.summary.view import read_sweep

    views: list[SweepView] = []
    for folder in sweep_folders(root):
        try:
            views.append(read_sweep(folder))
        except RecordUnreadableError as error:
            reply.notice(_damage(error))
    return sorted([*records, *views], key=_created, reverse=True)


def _created(entry: RunRecord | SweepView) -> str:
    return entry.created if isinstance(entry, RunRecord) else entry.record.created


def _damage(error: RecordUnreadableError) -> str:
    """Say in one line which run is left out, and why."""
    reason = f": {error.notes[0]}" if error.notes else ""
    return one_line(f"left out: {error.message}{reason}")


def _limit(limit: int | None, reply: Reply, *, is_csv: bool) -> int | None:
    if limit is None:
        return _TERMINAL_ROWS if reply.is_terminal and not is_csv else None
    return limit or None


def _chosen_columns(text: str | None) -> list[str] | None:
    if text is None:
        return None
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    if not chosen:
        raise UsageError("'--columns' names no column", hint="--columns id,state,metrics.accuracy")
    return chosen


def _print_table(
    shown: Sequence[RunRecord | SweepView],
    matching: int,
    total: int,
    arguments: argparse.Namespace,
    reply: Reply,
) -> None:
    chosen = _chosen_columns(arguments.columns) or list(_COLUMNS)
    now = SYSTEM_CLOCK.now()
    rows = [[_cell(entry, name, now) for name in chosen] for entry in shown]
    width = shutil.get_terminal_size().columns if reply.is_terminal else None
    if rows:
        reply.say("\n".join(columns(chosen, rows, width=width, whole=_WHOLE)))
    if not matching:
        reply.notice(f"none of {plural(total, 'run')} fulfils the conditions")
    elif len(shown) < matching and reply.is_terminal:
        reply.notice(f"{len(shown)} of {matching} runs; --limit 0 shows all")


def _cell(entry: RunRecord | SweepView, name: str, now: float) -> str:
    if isinstance(entry, RunRecord):
        return _run_cell(entry, name, now)
    return _sweep_cell(entry, name, now)


def _run_cell(record: RunRecord, name: str, now: float) -> str:
    match name:
        case "age":
            return format_age(now - parse_utc(record.created))
        case "metrics":
            return format_metrics(record.metrics or record.progress, most=_CELL_METRICS)
        case "duration":
            return format_duration(record.duration_s)
        case "overrides":
            # The job has a column of its own.
            return one_line(" ".join(o for o in record.overrides if not o.startswith("job=")))
    return one_line(format_value(_known(value_of(record, name))))


def _line(view: SweepView) -> dict[str, Any]:
    from brevetti_hydra.sweep.summary.table import sweep_line

    return sweep_line(view)


def _sweep_cell(view: SweepView, name: str, now: float) -> str:
    """Write a sweep in a column of runs; "" where it has none."""
    line = _line(view)
    match name:
        case "age":
            return format_age(now - parse_utc(view.record.created))
        case "state":
            return f"{view.done}/{view.total} {view.state}"
        case "job":
            return one_line(f"sweep of {', '.join(view.record.jobs)}")
        case "metrics":
            best = {key: value for key, value in line["best"].items() if value is not None}
            return format_metrics(best, most=_CELL_METRICS)
        case "duration":
            return format_duration(view.duration_s)
        case "overrides":
            return one_line(" ".join(o for o in view.record.overrides if not o.startswith("job=")))
    return one_line(format_value(line.get(name)))


def _known(value: Any) -> Any:
    return None if value is MISSING else value


def _csv(records: Sequence[RunRecord], chosen: Sequence[str] | None) -> str:
    import csv
    import io

    rows: list[dict[str, Any]]
    if chosen is None:
        rows = [flat_row(record) for record in records]
        names = list(dict.fromkeys(name for row in rows for name in row))
    else:
        names = list(chosen)
        rows = [{name: _known(_csv_value(record, name)) for name in names} for record in records]
    lines = io.StringIO()
    writer = csv.DictWriter(lines, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _csv_text(value) for name, value in row.items()})
    return lines.getvalue()


def _csv_value(record: RunRecord, name: str) -> Any:
    if name == "age":
        return record.created
    if name == "metrics":
        return format_metrics(record.metrics)
    return value_of(record, name)


def _csv_text(value: Any) -> Any:
    """Keep numbers whole; lists and texts become one line, as a table's cell."""
    if isinstance(value, (list, tuple)):
        return one_line(" ".join(map(str, value)))
    return one_line(value) if isinstance(value, str) else value


def _notice_unknown(
    arguments: argparse.Namespace, records: Sequence[RunRecord], reply: Reply
) -> None:
    """Say it when no run at all has a column that was asked for."""
    keys = [read_condition(text).key for text in arguments.where]
    keys += [arguments.sort.removeprefix("-")] if arguments.sort else []
    keys += _chosen_columns(arguments.columns) or []
    for key in dict.fromkeys(keys):
        if key in _COLUMNS or not records:
            continue
        if all(value_of(record, key) is MISSING for record in records):
            near = similar_name(key, _names(records))
            more = f"; a similar name exists: '{near}'" if near else ""
            reply.notice(f"no run has '{key}'{more}")


def _names(records: Iterable[RunRecord]) -> list[str]:
    names = dict.fromkeys(name for record in records for name in flat_row(record))
    bare = [name.partition(".")[2] for name in names if "." in name]
    return [*names, *bare]
