"""Trials in warm processes of this machine: each does many, and none knows of the others.

A worker that dies takes its trial with it and nothing else; a trial that takes more memory or time
than it may is ended together with its worker, after a note in its folder that says why.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import make_folder
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import BrevettiHydraError, LauncherError
from brevetti_hydra.run.requests import note_kill
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.launch.handle import WorkerHandle
from brevetti_hydra.sweep.launch.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.task import Task
    from brevetti_hydra.sweep_nodes import LauncherNode

__all__ = ["ProcessesLauncher", "check_processes"]

# Between two looks at what workers take and whether they live.
_LOOK_S = 0.2
# Workers that die one after the other before they can do anything.
_MOST_FAILED_STARTS = 3
# An idle worker ends at once when it is let go.
_LAST_WAIT_S = 10.0
# A worker whose trials are as short as this has the next one at hand: to wait for the driver would
# take it as long as the trial. A longer trial gives that one to whoever is idle.
_SHORT_S = 0.2
_UNBEGUN = "stopped before it began"


def check_processes() -> None:
    """Refuse systems on which a process cannot be ended together with its children.

    Raises:
        LauncherError: This is such a system.
    """
    if os.name == "nt":
        raise LauncherError(
            "launcher=processes needs a system with process groups", hint="use launcher=inline"
        )


class ProcessesLauncher:
    """Hands tasks to workers, which are started when they are needed."""

    def __init__(
        self, sweep: OpenSweep, node: LauncherNode, *, secrets: Sequence[Argument] = ()
    ) -> None:
        """Prepare; no process is started yet.

        Raises:
            LauncherError: This system cannot keep what was asked for.
        """
        check_processes()
        self._sweep = sweep
        self._size = node.workers or _count_processors()
        self._trials_per_worker = node.trials_per_worker
        self._may_look_ahead = _may_look_ahead(sweep)
        self._limits = Limits(sweep, node.memory_mb)
        words = [word for argument in secrets for word in argument.words]
        # By the pipe alone: command lines and environments can be seen by others.
        first = {"sweep": os.fspath(sweep.folder.root), "secrets": words}
        self._first = json_bytes(first) + b"\n"
        self._workers: list[WorkerHandle] = []
        # They have done their share, and are about to end.
        self._retired: list[WorkerHandle] = []
        self._queue: deque[Task] = deque()
        self._ended: list[Ended] = []
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self._is_stopping = False
        self._looked = 0.0

    @property
    def room(self) -> int:
        """One task for each worker, and where nothing depends on how they end, the next."""
        if self._is_stopping:
            return 0
        had = sum(len(worker.own_tasks) for worker in self._workers)
        most = 2 * self._size if self._may_look_ahead else self._size
        return max(0, most - had - len(self._queue))

    def submit(self, tasks: Sequence[Task]) -> None:
        """Hand tasks to workers.

        Raises:
            LauncherError: No worker can be started.
        """
        self._queue += tasks
        self._hand_out()

    def wait(self, timeout_s: float) -> list[Ended]:
        """Wait until a task has ended, at most so long; give all that have.

        Raises:
            LauncherError: No worker can be started.
        """
        end = time.monotonic() + timeout_s
        while True:
            left_s = 0.0 if self._ended else max(0.0, end - time.monotonic())
            self._listen(min(left_s, _LOOK_S))
            self._look()
            self._hand_out()
            if self._ended or time.monotonic() >= end:
                ended, self._ended = self._ended, []
                return ended

    def stop(self, *, at_once: bool) -> None:
        """Ask all tasks to end, as SIGTERM does; `at_once`, end them without asking."""
        self._is_stopping = True
        while self._queue:
            task = self._queue.popleft()
            self._ended.append(Ended(task.trial.number, _UNBEGUN))
        for worker in self._workers:
            if at_once:
                worker.kill()
            elif worker.task is not None:
                worker.ask_to_stop()

    def close(self) -> None:
        """Let idle workers end; a busy one ends with its trial."""
        for worker in self._workers:
            self._forget(worker)
            worker.let_go()
        for worker in [*self._workers, *self._retired]:
            worker.leave(_LAST_WAIT_S)
        if all(worker.task is None for worker in self._workers):
            self._drop_empty_logs()
        self._workers.clear()
        self._retired.clear()
        self._selector.close()

    def _drop_empty_logs(self) -> None:
        for number in range(1, self._size + 1):
            log = self._sweep.folder.worker_log(os.getpid(), number)
            with suppress(OSError):
                if log.stat().st_size == 0:
                    log.unlink()

    def _hand_out(self) -> None:
        while not self._is_stopping:
            worker = self._free_worker() if self._queue else None
            task = self._queue.popleft() if worker is not None else None
            if worker is None or task is None:
                self._relieve()
                return
            if not worker.give(task):
                # It died while it had nothing to do.
                self._queue.appendleft(task)
                self._bury(worker)

    def _free_worker(self) -> WorkerHandle | None:
        takers = [worker for worker in self._workers if worker.given != self._trials_per_worker]
        for worker in takers:
            if not worker.tasks:
                return worker
        if len(self._workers) < self._size:
            return self._start_worker()
        if self._may_look_ahead:
            for worker in takers:
                if len(worker.tasks) == 1 and worker.last_s < _SHORT_S:
                    return worker
        return None

    def _relieve(self) -> None:
        """Hand what waits behind a long trial to a worker that has nothing to do.

        Both have it then; the one that comes too late finds that it was taken.
        """
        idle = [one for one in self._workers if not one.tasks]
        now = time.monotonic()
        for worker in self._workers:
            if now - worker.since < _SHORT_S:
                continue
            for given in [*worker.tasks][1:]:
                if idle and not given.is_elsewhere and idle.pop().give(given.task):
                    given.is_elsewhere = True

    def _start_worker(self) -> WorkerHandle:
        used = {worker.number for worker in self._workers}
        number = next(number for number in range(1, self._size + 1) if number not in used)
        make_folder(self._sweep.folder.engine_dir, point="engine.made")
        log = self._sweep.folder.worker_log(os.getpid(), number)
        worker = WorkerHandle(number, log, self._sweep.record.start_folder)
        worker.write(self._first)
        self._workers.append(worker)
        for readable in worker.readables:
            self._selector.register(readable, selectors.EVENT_READ, worker)
        return worker

    def _forget(self, worker: WorkerHandle) -> None:
        for readable in worker.readables:
            self._selector.unregister(readable)

    def _listen(self, timeout_s: float) -> None:
        found = {key.data for key, _ in self._selector.select(timeout_s)}
        for worker in sorted(found, key=lambda worker: worker.number):
            for answer in worker.answers():
                self._take_answer(worker, answer)
            if worker in self._workers and worker.is_gone:
                self._bury(worker)

    def _take_answer(self, worker: WorkerHandle, answer: dict[str, Any]) -> None:
        if "ready" in answer:
            worker.is_ready = True
            worker.since = time.monotonic()
            self._failed_starts = 0
            return
        if worker.finish():
            self._ended.append(Ended(answer["ended"], answer["reason"], answer["is_taken"]))
        if worker.given == self._trials_per_worker and not worker.tasks:
            self._forget(worker)
            self._workers.remove(worker)
            self._retired.append(worker)
            worker.let_go()

    def _bury(self, worker: WorkerHandle) -> None:
        """Take a dead worker out, and tell of the task that it had; the next is for others."""
        self._forget(worker)
        self._workers.remove(worker)
        how = worker.end()
        is_expected = worker.is_asked or self._is_stopping
        if not worker.is_ready and not is_expected:
            self._fail_start(worker, how)
            self._queue.extendleft(reversed(worker.own_tasks))
            return
        for given in worker.tasks:
            task = given.task
            if given.is_elsewhere:
                continue
            if given is worker.tasks[0]:
                reason = worker.why or (None if is_expected else how)
                self._ended.append(Ended(task.trial.number, reason))
            elif self._is_stopping:
                self._ended.append(Ended(task.trial.number, _UNBEGUN))
            else:
                self._queue.appendleft(task)

    def _fail_start(self, worker: WorkerHandle, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise LauncherError(
                "the workers end before they can run a trial",
                notes=[how, *worker.last_words()],
                hint=f"see '{worker.log}', or use launcher=inline",
            )

    def _look(self) -> None:
        """End trials that are over a limit; find deaths that the pipes do not tell of."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        for worker in [worker for worker in self._workers if worker.is_gone]:
            for answer in worker.answers():
                self._take_answer(worker, answer)
            if worker in self._workers:
                self._bury(worker)
        for worker in [worker for worker in self._retired if worker.is_gone]:
            self._retired.remove(worker)
            worker.leave(_LAST_WAIT_S)
        for worker in self._workers:
            if worker.task is None or not worker.is_ready or worker.why is not None:
                continue
            excess = self._limits.find_excess(worker.task, worker.pid, now - worker.since)
            if excess is not None:
                folder = worker.task.trial.run_folder(self._sweep.folder)
                # Without a folder there is no attempt to tell of it: the reason does.
                with suppress(BrevettiHydraError):
                    note_kill(folder, excess.kind, excess.message, attempt=worker.task.attempt)
                worker.why = excess.message
                worker.kill()


def _may_look_ahead(sweep: OpenSweep) -> bool:
    """Tell whether the next trial may begin before the driver knows how the last one ended."""
    node = sweep.record.sweep
    depends = (node.get("max_failures"), node.get("max_time_s"), sweep.record.search)
    return node.get("on_failure") != "stop" and all(each is None for each in depends)


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
