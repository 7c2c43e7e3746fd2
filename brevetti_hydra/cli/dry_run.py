"""`-m --dry-run`: the trials that a line would run, checked and not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plain_text, plural, shorten
from brevetti_hydra.config.describe import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.sweep.planning.plan import SweepPlan
    from brevetti_hydra.sweep.record import PlannedTrial

__all__ = ["say_plan"]

# Rows at the top of a longer table, and at its end.
_MOST_ROWS, _LAST_ROWS = 200, 10
_WIDEST_CELL = 40


def say_plan(plan: SweepPlan, reply: Reply) -> None:
    """Print the table of all trials; the answer holds them as values."""
    record = plan.record
    if record.search is not None:
        trials = plural(record.trials or 0, "trial")
        reply.say(f"a search of {trials} over {', '.join(record.varied)}; nothing was run")
    else:
        columns = _columns(plan)
        shown = plan.trials
        left = len(shown) - _MOST_ROWS - _LAST_ROWS
        if left > 0:
            shown = [*shown[:_MOST_ROWS], *shown[-_LAST_ROWS:]]
        reply.say(table([["trial", *columns], *(_row(trial, columns) for trial in shown)]))
        if left > 0:
            reply.say(f"and {plural(left, 'trial')} before the last {_LAST_ROWS}")
        objectives = ", ".join(f"{each.direction} {each.name}" for each in record.objectives)
        aim = f", to {objectives}" if objectives else ""
        reply.say(f"{plural(len(plan.trials), 'trial')}{aim}: all are valid; nothing was run")
    reply.answer(
        {
            "trials": [_plain(trial) for trial in plan.trials],
            "count": record.trials,
            "varied": record.varied,
            "objectives": record.objectives,
            "notices": plan.notices,
        }
    )


def _columns(plan: SweepPlan) -> list[str]:
    columns = list(plan.record.varied)
    if len({trial.job for trial in plan.trials}) > 1 and "job" not in columns:
        columns.insert(0, "job")
    is_repeated = any(trial.repeat for trial in plan.trials)
    if is_repeated and "run.seed" not in columns:
        columns.append("run.seed")
    return columns


def _row(trial: PlannedTrial, columns: Sequence[str]) -> list[str]:
    known = {"job": trial.job, "run.seed": trial.seed, **trial.varied}
    cells = [plain_text(known[key]) if key in known else "" for key in columns]
    return [str(trial.number), *(shorten(cell, _WIDEST_CELL) for cell in cells)]


def _plain(trial: PlannedTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "key": trial.key,
        "job": trial.job,
        "varied": trial.varied,
        "overrides": trial.overrides,
        "repeat": trial.repeat,
        "seed": trial.seed,
    }
