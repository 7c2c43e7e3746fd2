"""Trials in the driver's own process, one after the other."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from brevetti_hydra.errors import RunInterrupted
from brevetti_hydra.run.events import ProgressReported
from brevetti_hydra.sweep.launch.base import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brevetti_hydra.run.events import RunEvent
    from brevetti_hydra.sweep.task import Task
    from brevetti_hydra.sweep.trial import TrialRunner

__all__ = ["InlineLauncher"]


class InlineLauncher:
    """Runs a task when the driver waits for it; a signal to the process is one to the trial."""

    def __init__(self, runner: TrialRunner) -> None:
        self._runner = runner
        self._tasks: list[Task] = []
        self._ended: list[Ended] = []
        self._told: Callable[[Task, int, Mapping[str, float]], None] | None = None

    def follow(self, told: Callable[[Task, int, Mapping[str, float]], None]) -> None:
        """Tell somebody of the progress of each task, with its epoch, as it is reported."""
        self._told = told

    @property
    def room(self) -> int:
        """One task at a time."""
        return 1 - len(self._tasks)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Keep the task until the driver waits."""
        self._tasks += tasks

    def wait(self, timeout_s: float) -> list[Ended]:
        """Run the task to its end, however long that takes."""
        del timeout_s
        ended, self._ended = self._ended, []
        if not self._tasks:
            return ended
        task = self._tasks.pop()
        is_taken = True
        try:
            is_taken = self._runner.run(task, observers=self._observers(task)).is_taken
        except (RunInterrupted, KeyboardInterrupt) as error:
            # The trial has taken the signal, which is the driver's as well.
            signal.raise_signal(getattr(error, "signal_number", signal.SIGINT))
        return [*ended, Ended(task.trial.number, is_taken=is_taken)]

    def _observers(self, task: Task) -> list[Callable[[RunEvent], None]]:
        told = self._told
        if told is None:
            return []

        def observe(event: RunEvent) -> None:
            if isinstance(event, ProgressReported):
                told(task, event.epoch, event.metrics)

        return [observe]

    def stop(self, *, at_once: bool) -> None:
        """Give back the task that has not begun; one that runs gets the signals itself."""
        del at_once
        self._ended += [Ended(task.trial.number) for task in self._tasks]
        self._tasks.clear()

    def close(self) -> None:
        """Let go of what the runs have shared."""
        self._runner.close()
