"""Trials in the driver's own process, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.sweep.launch.base import Ended, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.trial import TrialRunner

__all__ = ["InlineLauncher"]


class InlineLauncher:
    """Runs a task when the driver waits for it; a signal to the process is one to the trial."""

    def __init__(self, runner: TrialRunner) -> None:
        self._runner = runner
        self._tasks: list[Task] = []

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
        if not self._tasks:
            return []
        task = self._tasks.pop()
        self._runner.run(task)
        return [Ended(task.trial.number)]

    def stop(self, *, at_once: bool) -> None:
        """Forget the task that has not begun; one that runs gets the process's signals itself."""
        del at_once
        self._tasks.clear()

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
