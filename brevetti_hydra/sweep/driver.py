"""The driver: hands a sweep's trials to a launcher until there are no more to run.

It keeps no truth: what has become of a trial it reads from the trial's own folder, as does any
other driver that works on the same sweep.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from brevetti_hydra.errors import RunNotFoundError
from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.settling import settle
from brevetti_hydra.sweep.launch.base import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from brevetti_hydra.sweep.launch.base import Launcher
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial

__all__ = ["Driver"]

_WAIT_S = 0.2


class Driver:
    """Drives one sweep, in one process; others may drive it at the same time."""

    def __init__(
        self,
        sweep: OpenSweep,
        launcher: Launcher,
        *,
        retry: frozenset[RunState] = frozenset({RunState.LOST, RunState.INTERRUPTED}),
        observers: Iterable[Callable[[PlannedTrial, RunRecord | None], None]] = (),
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            sweep: The sweep.
            launcher: Runs the trials.
            retry: States in which a trial is run again.
            observers: Told of each trial that has ended.
        """
        self._sweep = sweep
        self._launcher = launcher
        self._retry = retry
        self._observers = tuple(observers)

    def drive(self) -> None:
        """Run what is missing; returns when every trial has been looked after."""
        waiting = deque(task for trial in self._sweep.trials if (task := self._task(trial)))
        running: dict[int, Task] = {}
        while waiting or running:
            while waiting and self._launcher.room > 0:
                task = waiting.popleft()
                running[task.trial.number] = task
                self._launcher.submit([task])
            for ended in self._launcher.wait(_WAIT_S):
                trial = running.pop(ended.number).trial
                record = self._read(trial)
                for observer in self._observers:
                    observer(trial, record)

    def _read(self, trial: PlannedTrial) -> RunRecord | None:
        try:
            return settle(trial.run_folder(self._sweep.folder))
        except RunNotFoundError:
            return None

    def _task(self, trial: PlannedTrial) -> Task | None:
        record = self._read(trial)
        if record is None:
            return Task(trial, 1)
        if record.state in self._retry:
            return Task(trial, len(record.attempts) + 1)
        return None
