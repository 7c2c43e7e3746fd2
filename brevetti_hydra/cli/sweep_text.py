"""A sweep as people read it in a terminal."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plural
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.text import (
    columns,
    format_command,
    format_duration,
    format_metrics,
    format_value,
    one_line,
    section,
)
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.sweep.summary.ranking import best_trials
from brevetti_hydra.sweep.summary.table import failures, group_table, trial_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.summary.table import Failures, Table
    from brevetti_hydra.sweep.summary.view import SweepView, TrialView

__all__ = [
    "best_text",
    "counts_text",
    "headline",
    "is_left_alone",
    "running_text",
    "settings_text",
    "sweep_text",
    "values_text",
    "words_of",
]

_WHOLE = frozenset({"#", "id", "state"})
_MOST_NUMBERS = 20
_DURATION = "duration_s"


def sweep_text(view: SweepView, reply: Reply, *, limit: int | None) -> str:
    """Write the summary: the trials, the best first, then what failed, then what to do next.

    Args:
        view: The sweep.
        reply: Knows whether a terminal cuts lines.
        limit: Rows of the table at most; None for all.
    """
    width = shutil.get_terminal_size().columns if reply.is_terminal else None
    parts = [headline(view)]
    groups = group_table(view)
    if groups is not None:
        parts.append(section("repeats", _rows(groups, None, width)))
    parts.append(section("trials", _rows(trial_table(view), limit, width)))
    parts += [_failure(view, each) for each in failures(view)]
    parts.append(section("next", list(_next(view))))
    return "\n\n".join(filter(None, parts))


def headline(view: SweepView) -> str:
    """Write the sweep in one line."""
    duration = format_duration(view.duration_s)
    after = f" after {duration}" if duration else ""
    return f"sweep {view.folder.short_id} {view.state}{after}: {counts_text(view)}"


def counts_text(view: SweepView) -> str:
    """Write how many trials stand where: `40 trials: 38 completed, 2 failed`."""
    counts = view.counts
    if len(counts) == 1:
        return f"{plural(view.total, 'trial')} {next(iter(counts))}"
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def is_left_alone(view: SweepView) -> bool:
    """Tell whether trials run, and nobody will begin the others: the driver was killed."""
    is_begun = view.state == "running" and not view.drivers
    return is_begun and view.counts.get("planned", 0) > 0


def best_text(view: SweepView) -> str:
    """Write the best trial: its values and what it was run with; "" where there is none."""
    best = best_trials(view)
    if not best:
        return ""
    more = f" (and {len(best) - 1} that it does not surpass)" if len(best) > 1 else ""
    values = values_text(view, best[0])
    if not values:
        return ""
    return f"{values}  trial {best[0].number}  {settings_text(best[0])}{more}".rstrip()


def values_text(view: SweepView, trial: TrialView) -> str:
    """Write a trial's objectives: `accuracy=0.97`."""
    pairs = zip(view.objectives, trial.values, strict=False)
    return " ".join(f"{each.name}={value:.4g}" for each, value in pairs if value is not None)


def settings_text(trial: TrialView) -> str:
    """Write what a trial differs in from the others."""
    return " ".join(f"{key}={_cell(value)}" for key, value in trial.planned.varied.items())


def running_text(trial: TrialView, now: float) -> str:
    """Write how far a running trial has come."""
    age = format_duration(max(0.0, now - trial.attempts[-1].started)) if trial.attempts else ""
    epoch = "" if trial.epoch is None else f"epoch {trial.epoch}"
    metrics = format_metrics(trial.progress, most=3)
    parts = (f"trial {trial.number}", age, epoch, metrics, settings_text(trial))
    return "  ".join(filter(None, parts))


def words_of(folder: SweepFolder) -> str:
    """Give the words by which a command finds a sweep."""
    if folder.runs_root == runs_root():
        return folder.short_id
    return f"{folder.short_id} --root {format_command([printable(folder.runs_root)])}"


def _rows(table: Table, limit: int | None, width: int | None) -> list[str]:
    shown = table.rows[:limit]
    rows = [
        [
            format_duration(value) if name == _DURATION else _cell(value)
            for name, value in zip(table.columns, row, strict=True)
        ]
        for row in shown
    ]
    if not rows:
        return []
    # Sections stand two cells to the right.
    narrow = None if width is None else width - 2
    whole = {*_WHOLE, table.columns[3]} if len(table.columns) > 3 else _WHOLE  # noqa: PLR2004
    names = ["duration" if name == _DURATION else one_line(name) for name in table.columns]
    lines = columns(names, rows, width=narrow, whole=whole)
    left = len(table.rows) - len(shown)
    return [*lines, f"and {left} more"] if left else lines


def _cell(value: Any) -> str:
    return one_line(format_value(value))


def _failure(view: SweepView, failure: Failures) -> str:
    """Tell of trials that failed alike: where each one's log is, and the traceback once."""
    numbers = ", ".join(str(trial.number) for trial in failure.trials[:_MOST_NUMBERS])
    left = len(failure.trials) - _MOST_NUMBERS
    noun = "trial" if len(failure.trials) == 1 else "trials"
    more = f" and {left} more" if left > 0 else ""
    title = one_line(f"{noun} {numbers}{more} {failure.trials[0].state.value}: {failure.title}")
    lines = [
        one_line(f"{trial.number}  {printable(view.folder.trial(trial.planned.folder).log)}")
        for trial in failure.trials
    ]
    if failure.traceback:
        lines += failure.traceback.rstrip().split("\n")
    return section(title, lines)


def _next(view: SweepView) -> Iterator[str]:
    words = words_of(view.folder)
    best = best_trials(view)
    counts = view.counts
    facts: dict[str, str] = {}
    if best and view.objectives:
        facts["best again"] = format_command(view.record.command_of(best[0].planned))
    is_over = view.state != "running" or is_left_alone(view)
    if is_over and view.total > view.done + counts.get("failed", 0):
        facts["go on"] = f"brevetti-hydra sweep resume {words}"
    if counts.get("failed"):
        facts["try again"] = f"brevetti-hydra sweep retry-failed {words}"
    if view.folder.summary_page.is_file():
        facts["page"] = printable(view.folder.summary_page)
    facts["one trial"] = (
        f"brevetti-hydra show {words.replace(view.folder.short_id, _example(view))}"
    )
    widest = max(map(len, facts))
    yield from (f"{name:{widest}}  {one_line(text)}" for name, text in facts.items())


def _example(view: SweepView) -> str:
    best = best_trials(view)
    number = best[0].number if best else 0
    return f"{view.folder.short_id}/{number}"
