"""`brevetti-hydra sweep status SWEEP`: where a sweep stands now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.sweep_summary import add_sweep
from brevetti_hydra.cli.sweep_text import (
    best_text,
    headline,
    is_left_alone,
    running_text,
    words_of,
)
from brevetti_hydra.cli.text import format_duration, one_line
from brevetti_hydra.record import RunState
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.sweep.finding import find_sweep
from brevetti_hydra.sweep.summary.ranking import best_trials
from brevetti_hydra.sweep.summary.watch import SweepWatch, time_left_s

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = ["build_parser", "execute"]

_FOLLOW_S = 1.0
_MOST_RUNNING = 20


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("sweep status", "Say where a sweep stands now.")
    add_sweep(parser)
    parser.add_argument(
        "--follow", "-f", action="store_true", help="go on until nothing of it runs any more"
    )
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print where the sweep stands; the answer holds its counts and what runs.

    Raises:
        SweepNotFoundError: There is no such sweep.
        RecordUnreadableError: Its own files are damaged.
    """
    folder = find_sweep(arguments.sweep, runs_root(arguments.root))
    watch = SweepWatch(folder)
    view = watch.refresh()
    if arguments.follow:
        view = _follow(watch, view, reply)
    now = SYSTEM_CLOCK.now()
    queue = _queue(view, reply)
    reply.say("\n".join(one_line(line) for line in _lines(view, now, queue)))
    reply.answer({**_fields(view, now), "queue": queue})
    return 0


def _queue(view: SweepView, reply: Reply) -> dict[str, int]:
    """Ask the scheduler, where there is one; what it does not answer is no error of a sweep."""
    from brevetti_hydra.errors import LauncherError
    from brevetti_hydra.sweep.launch.choice import queue_of

    try:
        return queue_of(view.folder, view.record)
    except LauncherError as error:
        reply.notice(f"warning: {error.message}")
        return {}


def _follow(watch: SweepWatch, view: SweepView, reply: Reply) -> SweepView:
    from brevetti_hydra.cli.sweep_display import SweepDisplay

    with SweepDisplay(view.folder, reply) as display:
        while view.state == "running":
            time.sleep(_FOLLOW_S)
            before = {trial.number: trial.state for trial in view.trials}
            view = watch.refresh()
            for trial in view.trials:
                if trial.state.is_finished and before.get(trial.number) is not trial.state:
                    display.ended(view, trial)
    return view


def _lines(view: SweepView, now: float, queue: dict[str, int]) -> Iterator[str]:
    yield headline(view)
    running = [trial for trial in view.trials if trial.state is RunState.RUNNING]
    for trial in running[:_MOST_RUNNING]:
        yield f"  {running_text(trial, now)}"
    if len(running) > _MOST_RUNNING:
        yield f"  and {len(running) - _MOST_RUNNING} more"
    facts: dict[str, Any] = {"best": best_text(view)}
    facts["queue"] = ", ".join(f"{count} {state}" for state, count in queue.items())
    if is_left_alone(view):
        facts["go on"] = (
            f"brevetti-hydra sweep resume {words_of(view.folder)}  (no driver is at work)"
        )
    elif view.state == "running":
        facts["left"] = format_duration(time_left_s(view, now))
        if view.drivers > 1:
            facts["drivers"] = plural(view.drivers, "process") + " share the work"
    elif view.state == "stopped":
        facts["go on"] = f"brevetti-hydra sweep resume {words_of(view.folder)}"
    facts["more"] = f"brevetti-hydra sweep summary {words_of(view.folder)}"
    facts = {name: text for name, text in facts.items() if text}
    widest = max(map(len, facts))
    yield from (f"  {name:{widest}}  {text}" for name, text in facts.items())


def _fields(view: SweepView, now: float) -> dict[str, Any]:
    return {
        "id": view.folder.short_id,
        "folder": str(view.folder.root),
        "state": view.state,
        "total": view.total,
        "counts": view.counts,
        "drivers": view.drivers,
        "best": [trial.number for trial in best_trials(view)],
        "left_s": (
            time_left_s(view, now) if view.state == "running" and not is_left_alone(view) else None
        ),
        "running": [
            {
                "number": trial.number,
                "epoch": trial.epoch,
                "progress": dict(trial.progress),
                "varied": trial.planned.varied,
            }
            for trial in view.trials
            if trial.state is RunState.RUNNING
        ],
    }
