"""Trials as jobs of a SLURM cluster, by submitit.

Many trials are one array. A job runs one trial and knows nothing of the driver; when SLURM wants
its node back, it ends the run as interrupted and queues itself again (`slurm_task`).
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import LauncherError, MissingExtraError
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.launch.slurm_queue import QueuedJob, SlurmQueue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.task import Task
    from brevetti_hydra.sweep_nodes import LauncherNode

__all__ = ["SlurmLauncher", "cancel_jobs", "check_slurm", "job_states"]

_DEFAULT_WORKERS = 100

# Without a search there is nothing to wait for: everything is queued at once, up to this.
_MOST_QUEUED = 100_000

# Seconds between SIGUSR2 and the end of a job's time: more than the grace and the last wait.
_SIGNAL_S = 90

_LOOK_S = 0.2
# A scheduler serves many: it is asked seldom, and results are seen by their files.
_ASK_S = 5.0


def check_slurm(secrets: Sequence[Argument]) -> None:
    """Refuse what SLURM cannot be had for here; nothing is asked of it, or written.

    Raises:
        LauncherError: This machine has no SLURM, or a secret would have to be written down.
        MissingExtraError: submitit is not installed.
    """
    if secrets:
        raise LauncherError(
            f"the secret '{secrets[0].key}' cannot be handed to SLURM, which writes it down",
            hint=f"export it, and write {secrets[0].key}='${{oc.env:NAME}}'",
        )
    if find_spec("submitit") is None:
        raise MissingExtraError("submitit", "slurm", "launcher=slurm")
    SlurmQueue("")


class SlurmLauncher:
    """Queues tasks; jobs of an earlier driver that still are in the queue are taken over."""

    def __init__(
        self, sweep: OpenSweep, node: LauncherNode, *, secrets: Sequence[Argument] = ()
    ) -> None:
        """Prepare; asks the scheduler for the sweep's jobs.

        Raises:
            LauncherError: This machine has no SLURM, or a secret would have to be written down.
            MissingExtraError: submitit is not installed.
        """
        check_slurm(secrets)
        self._folder = sweep.folder
        self._record = sweep.record
        self._node = node
        self._workers = node.workers or _DEFAULT_WORKERS
        self._queue = _queue_of(sweep.folder)
        self._executor = self._make_executor()
        self._buffer: list[Task] = []
        self._jobs: dict[str, int] = {}
        self._dropped: list[int] = []
        self._is_stopping = False
        # How running jobs are to end, where the scheduler could not be told yet.
        self._unsaid: bool | None = None
        self._asked = 0.0
        self._largest_array = 0
        queued = self._queue.jobs()
        known = _submitted(sweep.folder)
        self._live = {n: job for n, job in known.items() if job in queued}
        self._live = {n: job for n, job in self._live.items() if not queued[job].is_ended}

    def _make_executor(self) -> Any:
        # Imported here: `check_slurm` has found that it is installed.
        import submitit

        node = self._node
        # Where the command was started: relative buckets mean it, and the job's code is found.
        more: dict[str, Any] = {"chdir": self._record.start_folder, "requeue": True, **node.sbatch}
        if node.memory_mb is not None:
            more["mem"] = f"{node.memory_mb}M"
        executor = submitit.SlurmExecutor(folder=self._folder.engine_dir)
        executor.update_parameters(
            job_name=self._queue.name,
            partition=node.partition,
            time=node.time_min,
            cpus_per_task=node.cpus,
            gpus_per_node=node.gpus,
            setup=node.setup or None,
            array_parallelism=self._workers,
            signal_delay_s=_SIGNAL_S,
            wckey=None,
            additional_parameters=more,
        )
        return executor

    @property
    def room(self) -> int:
        """As many as run at once where each may be the last, or the next; else everything."""
        node = self._record.sweep
        limits = (node["max_failures"], node["max_time_s"], self._record.search)
        is_open = node["on_failure"] == "stop" or any(limit is not None for limit in limits)
        most = self._workers if is_open else _MOST_QUEUED
        return max(0, most - len(self._jobs) - len(self._buffer))

    def submit(self, tasks: Sequence[Task]) -> None:
        """Keep the tasks until the driver waits, so that all of them are one array."""
        for task in tasks:
            job = self._live.pop(task.trial.number, None)
            if job is None:
                self._buffer.append(task)
            else:
                self._jobs[job] = task.trial.number

    def wait(self, timeout_s: float) -> list[Ended]:
        """Wait by looking for results; the scheduler is asked for jobs that leave none.

        Raises:
            LauncherError: SLURM does not take the jobs.
        """
        self._flush()
        end = time.monotonic() + timeout_s
        while True:
            ended = [*self._drop(), *self._look(), *self._ask()]
            left_s = end - time.monotonic()
            if ended or left_s <= 0:
                return ended
            time.sleep(min(_LOOK_S, left_s))

    def _flush(self) -> None:
        """Submit what was kept, as arrays."""
        while self._buffer:
            self._largest_array = self._largest_array or self._queue.largest_array()
            some = self._buffer[: self._largest_array]
            jobs = self._submit(some)
            del self._buffer[: len(some)]
            with _journal(self._folder).open("ab+") as stream:
                _end_line(stream)
                for task, job in zip(some, jobs, strict=True):
                    line = {"number": task.trial.number, "attempt": task.attempt, "job": job}
                    stream.write(json_bytes(line) + b"\n")
                    self._jobs[job] = task.trial.number
            self._asked = time.monotonic()

    def _submit(self, tasks: Sequence[Task]) -> list[str]:
        from submitit.core.utils import FailedJobError

        from brevetti_hydra.sweep.launch.slurm_task import run_task

        self._folder.engine_dir.mkdir(exist_ok=True)
        sweep, requeues = os.fspath(self._folder.root), self._node.requeues
        try:
            with self._executor.batch():
                jobs = [
                    self._executor.submit(
                        run_task, sweep, task.trial.number, task.attempt, requeues
                    )
                    for task in tasks
                ]
        except (FailedJobError, OSError) as error:
            raise LauncherError(
                "SLURM does not take the trials",
                notes=[line.strip() for line in str(error).splitlines()[:3]],
                hint="look at the options of 'launcher'",
            ) from error
        return [job.job_id for job in jobs]

    def _drop(self) -> Iterator[Ended]:
        """Tell of tasks that were never submitted."""
        dropped, self._dropped = self._dropped, []
        return (Ended(number) for number in dropped)

    def _look(self) -> list[Ended]:
        """Find the jobs that have left a result."""
        if not self._jobs:
            return []
        names = {entry.name for entry in os.scandir(self._folder.engine_dir)}
        found = [job for job in self._jobs if f"{job}_0_result.pkl" in names]
        return [Ended(self._jobs.pop(job), self._reason(job)) for job in found]

    def _reason(self, job: str) -> str | None:
        """Read what a job says that did not come to run its trial."""
        said = self._said(job)
        return None if said is None else f"{said} (job {job}; its log is {self._log(job)})"

    def _said(self, job: str) -> str | None:
        import submitit

        try:
            said: str | None = submitit.SlurmJob(self._folder.engine_dir, job).result()
        except Exception as error:  # noqa: BLE001 - whatever was raised over there
            return str(error).strip().splitlines()[-1]
        return said

    def _ask(self) -> list[Ended]:
        """Find the jobs that ended without a result: cancelled, killed, out of time."""
        if not self._jobs or time.monotonic() - self._asked < _ASK_S:
            return []
        try:
            self._say_stop()
            queued = self._queue.jobs()
        except LauncherError:
            return []  # a controller that is away for a while; the trials need none
        finally:
            self._asked = time.monotonic()
        if self._is_stopping:
            self._cancel_waiting(queued)
        gone = [job for job in self._jobs if job not in queued or queued[job].is_ended]
        # One that ended while the question was on its way has left its result.
        ended = self._look()
        for job in set(gone) & set(self._jobs):
            state = queued.get(job, "gone")
            reason = f"job {job} is {state}; its log is {self._log(job)}"
            ended.append(Ended(self._jobs.pop(job), reason))
        return ended

    def _log(self, job: str) -> str:
        return os.fspath(self._folder.engine_dir / f"{job}_0_log.err")

    def stop(self, *, at_once: bool) -> None:
        """Cancel what waits; ask what runs to end, or kill it."""
        self._dropped += [task.trial.number for task in self._buffer]
        self._buffer.clear()
        self._is_stopping = True
        self._unsaid = at_once
        self._asked = 0.0
        self._say_stop()

    def _say_stop(self) -> None:
        """Hand the stop on; a controller that is away for a while hears of it later."""
        if self._unsaid is None:
            return
        with suppress(LauncherError):
            _cancel(self._queue, self._queue.jobs(), set(self._jobs), at_once=self._unsaid)
            self._unsaid = None

    def _cancel_waiting(self, queued: dict[str, QueuedJob]) -> None:
        self._queue.cancel(
            [job for job in self._jobs if job in queued and queued[job].state == "PENDING"]
        )

    def close(self) -> None:
        """Do nothing: jobs that run or wait go on without a driver."""


def job_states(folder: SweepFolder) -> dict[int, str]:
    """Ask the scheduler for the trials of a sweep that wait or run: 'pending (Priority)'.

    Raises:
        LauncherError: There is no SLURM here, or it does not answer.
    """
    queued = _queue_of(folder).jobs()
    live = {job: str(found) for job, found in queued.items() if not found.is_ended}
    return {number: live[job] for number, job in _submitted(folder).items() if job in live}


def cancel_jobs(folder: SweepFolder, *, at_once: bool) -> int:
    """Cancel the jobs of a sweep, whether or not a driver is at work.

    Args:
        folder: The sweep's folder.
        at_once: Kill the running ones; else they are asked to end, as by SIGTERM.

    Returns:
        How many there were.

    Raises:
        LauncherError: There is no SLURM here, or it does not answer.
    """
    queue = _queue_of(folder)
    queued = queue.jobs()
    return _cancel(queue, queued, set(queued), at_once=at_once)


def _cancel(
    queue: SlurmQueue, queued: dict[str, QueuedJob], jobs: set[str], *, at_once: bool
) -> int:
    live = {job: queued[job] for job in jobs if job in queued and not queued[job].is_ended}
    waiting = [job for job, found in live.items() if found.state == "PENDING"]
    running = sorted(live.keys() - set(waiting))
    queue.cancel(waiting)
    # Without a signal, scancel itself kills after SLURM's KillWait, whatever the run's grace is.
    queue.cancel(running, signal="KILL" if at_once else "TERM")
    return len(live)


def _queue_of(folder: SweepFolder) -> SlurmQueue:
    return SlurmQueue(f"sweep-{folder.short_id}")


def _journal(folder: SweepFolder) -> Any:
    return folder.engine_dir / "jobs.jsonl"


def _end_line(stream: IO[bytes]) -> None:
    """Let what a driver has left that died in its line be a line of its own, passed over."""
    if stream.seek(0, os.SEEK_END):
        stream.seek(-1, os.SEEK_END)
        if stream.read() != b"\n":
            stream.write(b"\n")


def _submitted(folder: SweepFolder) -> dict[int, str]:
    """Read which job was submitted for which trial; the last one counts."""
    found: dict[int, str] = {}
    try:
        lines = _journal(folder).read_bytes().splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # torn by a driver that died
        found[entry["number"]] = entry["job"]
    return found
