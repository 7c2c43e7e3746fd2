"""What a job of SLURM does: run one trial, and have it queued again when SLURM takes the node.

::

    SIGUSR2   the time is nearly over: the run is interrupted, and the job is queued again
    SIGTERM   the run is interrupted; queued again where SLURM says that it was preempted
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from brevetti_hydra.errors import BrevettiHydraError, RunInterrupted, RunNotFoundError
from brevetti_hydra.record import RunState
from brevetti_hydra.run.settling import settle
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.launch.slurm_queue import SlurmQueue
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.task import Task

if TYPE_CHECKING:
    from types import FrameType

    from brevetti_hydra.sweep.opened import OpenSweep

__all__ = ["run_task"]

# How long a process waits to be killed after its job was queued again.
_LAST_WAIT_S = 120.0

_LOOK_S = 1.0


def run_task(sweep: str, number: int, attempt: int, requeues: int) -> str | None:
    """Run one trial in a job of SLURM; called there by submitit.

    Args:
        sweep: The sweep's folder.
        number: The trial.
        attempt: The number that its attempt is to have.
        requeues: How often it is queued again when its time is over.

    Returns:
        Why the trial could not begin; None where its record tells everything.
    """
    job = _SlurmJob(requeues)
    job.listen()
    try:
        opened = open_sweep(SweepFolder(sweep))
        task = Task(opened.trials[number], attempt)
        if job.restarts:
            task = _next_attempt(opened, task)
        from brevetti_hydra.sweep.trial import TrialRunner

        TrialRunner(opened).run(task)
    except (RunInterrupted, KeyboardInterrupt):
        job.requeue()
    except BrevettiHydraError as error:
        return str(error)
    return None


class _SlurmJob:
    """The job that this process is."""

    def __init__(self, requeues: int) -> None:
        given = os.environ
        self.restarts = int(given.get("SLURM_RESTART_COUNT", "0"))
        self._id = given["SLURM_JOB_ID"]
        if "SLURM_ARRAY_JOB_ID" in given:
            self._id = f"{given['SLURM_ARRAY_JOB_ID']}_{given['SLURM_ARRAY_TASK_ID']}"
        self._requeues = requeues
        self._is_time_over = False

    def listen(self) -> None:
        """Take the signals from submitit, which would requeue without ending the run."""
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGUSR2, self._end_time)

    def _end_time(self, _number: int, _frame: FrameType | None) -> None:
        self._is_time_over = True
        # To the run it is a request like any other.
        os.kill(os.getpid(), signal.SIGTERM)

    def requeue(self) -> None:
        """Queue the job again, if it was SLURM that wanted the trial to end."""
        queue = SlurmQueue(os.environ.get("SLURM_JOB_NAME", ""))
        if self._is_time_over:
            is_wanted = self.restarts < self._requeues
        else:
            is_wanted = queue.is_preempted(self._id)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if is_wanted and queue.requeue(self._id):
            # This process is killed now. Should it end by itself, the job would count as done.
            time.sleep(_LAST_WAIT_S)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise RunInterrupted(number)


def _next_attempt(sweep: OpenSweep, task: Task) -> Task:
    """Give the task of a job that was queued again: the attempt after those that ended early.

    An attempt whose node is gone counts as lost only after its lease: until then, wait.
    """
    while True:
        try:
            record = settle(task.trial.run_folder(sweep.folder))
        except RunNotFoundError:
            return task
        if record.state is not RunState.RUNNING:
            break
        time.sleep(_LOOK_S)
    if record.state in {RunState.INTERRUPTED, RunState.LOST}:
        return task._replace(attempt=len(record.attempts) + 1)
    return task
