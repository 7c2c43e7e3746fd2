"""The trials of a sweep as rows: for people, for spreadsheets, for programs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._text import escape_control
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.summary.ranking import best_trials, group_repeats, rank
from brevetti_hydra.sweep.summary.view import TrialView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.summary.ranking import Group
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = [
    "Failures",
    "Table",
    "csv_text",
    "failure_text",
    "failures",
    "group_table",
    "sweep_fields",
    "sweep_line",
    "trial_fields",
    "trial_table",
]

_MOST_METRICS = 4


class Table(NamedTuple):
    """Rows under names.

    Attributes:
        columns: The names.
        rows: Plain values, one for each column; None where a trial has none.
    """

    columns: list[str]
    rows: list[list[Any]]


class Failures(NamedTuple):
    """Trials that failed alike.

    Attributes:
        title: What they failed with, in a line.
        traceback: The whole of it; "" where there is none.
        trials: All of them, by number.
    """

    title: str
    traceback: str
    trials: list[TrialView]


def trial_table(view: SweepView) -> Table:
    """Give a row for each trial, the best first: results, what varied, further metrics."""
    trials = rank(view)
    names = [each.name for each in view.objectives]
    varied = [key for key in view.record.varied if key != "job"]
    further = _further_metrics(view, names)
    has_jobs = len(view.record.jobs) > 1
    has_attempts = any(len(trial.attempts) > 1 for trial in trials)
    columns = ["#", "id", "state", *(["job"] if has_jobs else []), *names, *varied, *further]
    columns += [*(["attempts"] if has_attempts else []), "duration_s"]
    rows = [
        [
            *(trial.number, trial.short_id, trial.state.value),
            *([trial.planned.job] if has_jobs else []),
            *(trial.values or [None] * len(names)),
            *(trial.planned.varied.get(key) for key in varied),
            *(trial.metrics.get(name, trial.progress.get(name)) for name in further),
            *([len(trial.attempts)] if has_attempts else []),
            trial.duration_s,
        ]
        for trial in trials
    ]
    return Table(columns, rows)


def group_table(view: SweepView) -> Table | None:
    """Give a row for each setting that was repeated; None where none was, or for no objective."""
    groups = group_repeats(view) if view.objectives else []
    if not groups:
        return None
    keys = list(dict.fromkeys(key for group in groups for key in group.varied if key != "job"))
    columns = ["completed"]
    for each in view.objectives:
        columns += [f"{each.name} mean", "± sd", "least", "greatest"]
    has_jobs = len(view.record.jobs) > 1
    columns += [*(["job"] if has_jobs else []), *keys]
    rows = [
        [
            f"{group.completed} of {len(group.trials)}",
            *(value for spread in group.spreads for value in (spread or [None] * 4)),
            *([group.job] if has_jobs else []),
            *(group.varied.get(key) for key in keys),
        ]
        for group in groups
    ]
    return Table(columns, rows)


def failures(view: SweepView) -> list[Failures]:
    """Gather what failed or was lost; trials with the same traceback stand together."""
    found: dict[tuple[str, str], Failures] = {}
    for trial in view.trials:
        if trial.state not in {RunState.FAILED, RunState.LOST} or trial.failure is None:
            continue
        text = failure_text(trial)
        key = (text, trial.failure.traceback)
        found.setdefault(key, Failures(*key, [])).trials.append(trial)
    return list(found.values())


def failure_text(trial: TrialView) -> str:
    """Write what a trial failed with: `ValueError: too much`; "" where it did not."""
    if trial.failure is None:
        return ""
    if trial.state is RunState.LOST:
        return trial.failure.message  # its type says what the state does
    return f"{trial.failure.type}: {trial.failure.message}".rstrip(": ")


def csv_text(view: SweepView) -> str:
    """Write every trial with all that it reported, the best first, as comma-separated values."""
    trials = rank(view)
    names = [each.name for each in view.objectives]
    metrics = list(dict.fromkeys(name for trial in trials for name in trial.metrics))
    progress = list(dict.fromkeys(name for trial in trials for name in trial.progress))
    varied = [key for key in view.record.varied if key != "job"]
    columns = ["number", "id", "state", "job", *names, *varied]
    columns += [*(f"metrics.{name}" for name in metrics), *(f"progress.{n}" for n in progress)]
    columns += ["epoch", "seed", "repeat", "attempts", "ended", "duration_s", "failure", "folder"]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_csv_cell(name) for name in columns)
    for trial in trials:
        planned = trial.planned
        row = [planned.number, trial.short_id, trial.state.value, planned.job]
        row += [*(trial.values or [None] * len(names))]
        row += [planned.varied.get(key) for key in varied]
        row += [trial.metrics.get(name) for name in metrics]
        row += [trial.progress.get(name) for name in progress]
        row += [trial.epoch, planned.seed, planned.repeat, len(trial.attempts), trial.ended]
        row += [trial.duration_s, _failure_line(trial), planned.folder]
        writer.writerow(_csv_cell(value) for value in row)
    return lines.getvalue()


def sweep_fields(view: SweepView) -> dict[str, Any]:
    """Give the summary for programs (summary format 1)."""
    return {
        "format": 1,
        "sweep": view.record,
        "folder": str(view.folder.root),
        "state": view.state,
        "total": view.total,
        "counts": view.counts,
        "drivers": view.drivers,
        "duration_s": view.duration_s,
        "best": [trial.number for trial in best_trials(view)],
        "importances": dict(view.importances),
        "trials": [trial_fields(view, trial) for trial in rank(view)],
        "groups": [_group_fields(group) for group in group_repeats(view)],
    }


def sweep_line(view: SweepView) -> dict[str, Any]:
    """Give a sweep as one among runs, for programs."""
    best = best_trials(view)[:1]
    return {
        "id": view.folder.short_id,
        "folder": view.folder.name,
        "created": view.record.created,
        "state": view.state,
        "jobs": list(view.record.jobs),
        "total": view.total,
        "counts": view.counts,
        "best": {
            each.name: value
            for trial in best
            for each, value in zip(view.objectives, trial.values, strict=False)
        },
        "duration_s": view.duration_s,
        "overrides": list(view.record.overrides),
    }


def trial_fields(view: SweepView, trial: TrialView) -> dict[str, Any]:
    """Give one trial for programs."""
    planned = trial.planned
    folder = view.folder.trial(planned.folder)
    return {
        "number": planned.number,
        "run_id": planned.run_id,
        "key": planned.key,
        "job": planned.job,
        "state": trial.state.value,
        "values": {
            each.name: value for each, value in zip(view.objectives, trial.values, strict=False)
        },
        "varied": planned.varied,
        "overrides": planned.overrides,
        "repeat": planned.repeat,
        "seed": planned.seed,
        "metrics": dict(trial.metrics),
        "progress": dict(trial.progress),
        "epoch": trial.epoch,
        "attempts": len(trial.attempts),
        "ended": trial.ended,
        "duration_s": trial.duration_s,
        "failure": trial.failure,
        "folder": str(folder.root),
        "log": str(folder.log),
    }


def _group_fields(group: Group) -> dict[str, Any]:
    return {
        "job": group.job,
        "varied": group.varied,
        "trials": [trial.number for trial in group.trials],
        "completed": group.completed,
        "spreads": [spread and spread._asdict() for spread in group.spreads],
    }


def _further_metrics(view: SweepView, taken: Sequence[str]) -> list[str]:
    """Name metrics that are worth a column beside the objectives: the first few that differ.

    Without objectives also those that do not: nothing else says what came out.
    """
    found: dict[str, set[float]] = {}
    for trial in view.trials:
        for name, value in trial.metrics.items():
            found.setdefault(name, set()).add(value)
    if not found and not taken:
        for trial in view.trials:
            for name, value in trial.progress.items():
                found.setdefault(name, set()).add(value)
    are_all = not taken or len(view.trials) == 1
    names = [name for name, values in found.items() if are_all or len(values) > 1]
    return [name for name in names if name not in taken][:_MOST_METRICS]


def _failure_line(trial: TrialView) -> str | None:
    if trial.failure is None:
        return None
    return f"{trial.failure.type}: {trial.failure.message}"


def _csv_cell(value: Any) -> Any:
    """Keep numbers whole; texts become one line without anything that steers a terminal."""
    if isinstance(value, (str, list, dict)):
        return escape_control(str(value)).replace("\n", "\\n").replace("\t", "\\t")
    return value
