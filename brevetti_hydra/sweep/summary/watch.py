"""Watching a sweep at work: from its folder, reading again only what may have changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra.errors import RecordUnreadableError
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.driving.drivers import drivers_at_work
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.summary.view import (
    SweepView,
    TrialView,
    read_trial,
    view_trial,
)

if TYPE_CHECKING:
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial

__all__ = ["SweepWatch", "time_left_s"]

# So many of the last trials tell how long the next ones will take.
_RECENT = 50

# Size of the plan, and when each file of a trial was changed last.
_Mark = tuple[int, int]


class SweepWatch:
    """A sweep whose view is kept up to date; for one thread at a time."""

    def __init__(
        self, folder: SweepFolder, *, sweep: OpenSweep | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Prepare; nothing is read before `refresh`.

        Args:
            folder: The sweep's folder.
            sweep: The same, where it is open already: its plan is not held twice.
            clock: Tells the time.
        """
        self._open = sweep
        self._folder = folder
        self._clock = clock
        self._view: SweepView | None = None
        self._trials: dict[int, TrialView] = {}
        self._marks: dict[int, _Mark] = {}
        self._plan_bytes = -1

    def told(self, planned: PlannedTrial, record: RunRecord | None) -> TrialView:
        """Take a record that somebody has read: it is not read again before it changes."""
        objectives = self._view.objectives if self._view is not None else ()
        trial = TrialView(planned) if record is None else view_trial(planned, record, objectives)
        self._trials[planned.number] = trial
        self._marks[planned.number] = self._mark(planned)
        return trial

    def refresh(self) -> SweepView:
        """Give the sweep as it is now.

        Raises:
            RecordUnreadableError: Its own files are missing or damaged.
        """
        record = self._read_plan()
        begun = self._begun()
        for number, trial in self._trials.items():
            if trial.is_done or trial.planned.folder not in begun:
                continue
            mark = self._mark(trial.planned)
            if mark != self._marks.get(number) or not trial.state.is_finished:
                self._trials[number] = read_trial(
                    self._folder, trial.planned, record.objectives, clock=self._clock
                )
                self._marks[number] = mark
        trials = tuple(self._trials[number] for number in sorted(self._trials))
        drivers = len(drivers_at_work(self._folder, self._clock))
        self._view = record._replace(trials=trials, drivers=drivers)
        return self._view

    def _read_plan(self) -> SweepView:
        """Read the plan where it has grown."""
        try:
            size = self._folder.plan.stat().st_size
        except OSError:
            size = -1
        if self._view is None or size != self._plan_bytes:
            sweep = self._open or open_sweep(self._folder)
            # What others add to the plan of a search is read.
            self._open = None
            for planned in sweep.trials:
                self._trials.setdefault(planned.number, TrialView(planned))
            self._plan_bytes = size
            self._view = SweepView(self._folder, sweep.record, ())
        return self._view

    def _begun(self) -> set[str]:
        try:
            with os.scandir(self._folder.root) as entries:
                return {entry.name for entry in entries}
        except OSError as error:
            raise RecordUnreadableError(
                f"cannot read '{self._folder.root}'", notes=[error.strerror or str(error)]
            ) from error

    def _mark(self, planned: PlannedTrial) -> _Mark:
        folder = self._folder.trial(planned.folder)
        return (_changed_ns(str(folder.record)), _changed_ns(str(folder.journal)))


def time_left_s(view: SweepView, now: float) -> float | None:
    """Estimate the seconds until the last trial ends, from how long the others took.

    Returns:
        None before any trial has ended, or where nothing is left.
    """
    took = [
        trial.duration_s for trial in view.trials if trial.is_done and trial.duration_s is not None
    ][-_RECENT:]
    running = [trial for trial in view.trials if trial.state is RunState.RUNNING]
    failed = sum(trial.state is RunState.FAILED for trial in view.trials)
    waiting = view.total - view.done - failed - len(running)
    if not took or not (waiting or running):
        return None
    mean = sum(took) / len(took)
    begun = sum(
        max(0.0, mean - (now - trial.attempts[-1].started)) for trial in running if trial.attempts
    )
    return (waiting * mean + begun) / max(1, len(running))


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - of each trial that is not done
    except OSError:
        return 0
