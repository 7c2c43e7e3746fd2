"""The summary as a page: self-contained, drawn in any browser, offline."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plural
from brevetti_hydra.interfaces.page import Page
from brevetti_hydra.sweep.summary import charts
from brevetti_hydra.sweep.summary.marks import MOST_DRAWN
from brevetti_hydra.sweep.summary.parallel import axis_keys, parallel_coordinates
from brevetti_hydra.sweep.summary.ranking import best_trials
from brevetti_hydra.sweep.summary.scales import value_label
from brevetti_hydra.sweep.summary.table import failures, group_table, trial_table

if TYPE_CHECKING:
    from brevetti_hydra.sweep.summary.table import Table
    from brevetti_hydra.sweep.summary.view import SweepView, TrialView

__all__ = ["render_page"]

# A table that long is for a spreadsheet.
_MOST_ROWS = 500
_MOST_LISTED = 40
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def render_page(view: SweepView, *, now: float) -> str:
    """Draw a sweep.

    Args:
        view: The sweep.
        now: The time of day, in seconds since 1970 UTC; running trials are drawn until then.
    """
    record = view.record
    page = Page(
        f"Sweep of {', '.join(record.jobs)}",
        subtitle=f"{record.created.replace('T', ' ')[:16]} UTC · {record.folder}",
        footer=f"brevetti_hydra {record.harness}",
    )
    page.lines(shlex.join(record.command))
    page.facts(_facts(view))
    _add_best(page, view)
    _add_results(page, view)
    _add_timeline(page, view, now)
    _add_trials(page, view)
    _add_failures(page, view)
    return page.render()


def _facts(view: SweepView) -> dict[str, object]:
    facts: dict[str, object] = {"trials": view.total}
    facts |= view.counts
    best = best_trials(view)
    if len(view.objectives) == 1 and best:
        objective = view.objectives[0]
        facts[f"best {objective.name}"] = best[0].values[0]
    elif best:
        facts["not surpassed"] = len(best)
    if view.duration_s is not None:
        facts["duration"] = _duration(view.duration_s)
    return facts


def _add_best(page: Page, view: SweepView) -> None:
    best = best_trials(view)
    if not best:
        return
    if len(view.objectives) > 1:
        page.heading("Trials that none surpasses")
        numbers = {trial.number for trial in best}
        table = trial_table(view)
        rows = [row for row in table.rows if row[0] in numbers][:_MOST_LISTED]
        page.table(table.columns, [_shown(row) for row in rows])
        return
    page.heading(f"The best trial: {best[0].number}")
    page.lines(shlex.join(view.record.command_of(best[0].planned)))


def _add_results(page: Page, view: SweepView) -> None:
    if spec := parallel_coordinates(view):
        page.heading("Settings and results")
        page.chart(spec, caption=_parallel_caption(view))
    if len(view.objectives) > 1 and (spec := charts.trade_off(view)):
        page.heading("Trade-off")
        names = " and ".join(each.name for each in view.objectives[:2])
        page.chart(spec, caption=f"{names} of each completed trial.")
    specs = [charts.best_so_far(view, index) for index in range(len(view.objectives))]
    if any(specs):
        page.heading("Best so far")
    for objective, best in zip(view.objectives, specs, strict=True):
        if best:
            page.chart(best, caption=f"{objective.name} in the order in which the trials ended.")
    if spec := charts.importance(view):
        page.heading("Importance")
        page.chart(spec, caption="How much of the differences each setting explains.")


def _parallel_caption(view: SweepView) -> str:
    completed = view.counts.get("completed", 0)
    text = "One line a completed trial"
    if completed > MOST_DRAWN:
        text = f"The best trials and some of the rest, {MOST_DRAWN} of {completed}"
    if view.objectives:
        text += "; the best ends at the top"
    left = len(view.record.varied) - len(axis_keys(view))
    if left > 0:
        text += f"; {plural(left, 'setting')} with less to tell left out"
    return f"{text}."


def _add_timeline(page: Page, view: SweepView, now: float) -> None:
    if spec := charts.state_timeline(view, now=now):
        page.heading("Timeline")
        page.chart(spec, caption="When each attempt ran, and how it ended.")


def _add_trials(page: Page, view: SweepView) -> None:
    if groups := group_table(view):
        page.heading("Repeats")
        _add_table(page, groups, "trials with the same settings but for the seed")
    page.heading("Trials")
    _add_table(page, trial_table(view), "")


def _add_table(page: Page, table: Table, caption: str) -> None:
    if len(table.rows) > _MOST_ROWS:
        more = f"the first {_MOST_ROWS} of {len(table.rows)}; all of them stand in summary.csv"
        caption = f"{caption}; {more}" if caption else more
    page.table(table.columns, [_shown(row) for row in table.rows[:_MOST_ROWS]], caption=caption)


def _shown(row: list[Any]) -> list[Any]:
    return [
        value if isinstance(value, (int, float)) and not isinstance(value, bool) else _text(value)
        for value in row
    ]


def _text(value: Any) -> str | None:
    return None if value is None else value_label(value)


def _add_failures(page: Page, view: SweepView) -> None:
    found = failures(view)
    if not found:
        return
    page.heading("Failed trials")
    for failure in found:
        page.heading(f"{_numbers(failure.trials)}: {failure.title}", level=3)
        if failure.traceback:
            page.lines(failure.traceback.rstrip(), title="traceback")
        page.lines("\n".join(_log_lines(view, failure.trials)), title="settings and logs")


def _numbers(trials: list[TrialView]) -> str:
    if len(trials) == 1:
        return f"Trial {trials[0].number}"
    numbers = ", ".join(str(trial.number) for trial in trials[:_MOST_LISTED])
    left = len(trials) - _MOST_LISTED
    return f"Trials {numbers}" + (f" and {left} more" if left > 0 else "")


def _log_lines(view: SweepView, trials: list[TrialView]) -> list[str]:
    return [
        f"{trial.number}  {shlex.join(view.record.command_of(trial.planned))}\n"
        f"   {view.folder.trial(trial.planned.folder).log}"
        for trial in trials
    ]


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m {whole % _MINUTE_S}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h {whole % _HOUR_S // _MINUTE_S}m"
    return f"{whole // _DAY_S}d {whole % _DAY_S // _HOUR_S}h"
