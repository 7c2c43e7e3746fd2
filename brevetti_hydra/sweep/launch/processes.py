"""Trials in warm processes of this machine: each does many, and none knows of the others.

A worker that dies takes its trial with it and nothing else; a trial that takes more memory or time
than it may is ended together with its worker, after a note in its folder that says why.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from brevetti_hydra._files import make_folder
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import BrevettiHydraError, LauncherError
from brevetti_hydra.run.requests import note_kill
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.launch.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.launch.base import Task
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep_nodes import LauncherNode

__all__ = ["ProcessesLauncher"]

# Between two looks at what workers take and whether they live.
_LOOK_S = 0.2
# Workers that die one after the other before they can do anything.
_MOST_FAILED_STARTS = 3
# An idle worker ends at once when it is let go.
_LAST_WAIT_S = 10.0


class ProcessesLauncher:
    """Hands tasks to workers, which are started when they are needed."""

    def __init__(
        self, sweep: OpenSweep, node: LauncherNode, *, secrets: Sequence[Argument] = ()
    ) -> None:
        """Prepare; no process is started yet.

        Raises:
            LauncherError: This system cannot keep what was asked for.
        """
        if os.name == "nt":
            raise LauncherError(
                "launcher=processes needs a system with process groups", hint="use launcher=inline"
            )
        self._sweep = sweep
        self._size = node.workers or _count_processors()
        self._trials_per_worker = node.trials_per_worker
        self._limits = Limits(sweep, node.memory_mb)
        words = [word for argument in secrets for word in argument.words]
        # By the pipe alone: command lines and environments can be seen by others.
        first = {"sweep": os.fspath(sweep.folder.root), "secrets": words}
        self._first = json_bytes(first) + b"\n"
        self._workers: list[_Worker] = []
        # They have done their share, and are about to end.
        self._retired: list[_Worker] = []
        self._queue: deque[Task] = deque()
        self._ended: list[Ended] = []
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0
        self._is_stopping = False
        self._looked = 0.0

    @property
    def room(self) -> int:
        """One task for each worker."""
        if self._is_stopping:
            return 0
        busy = sum(worker.task is not None for worker in self._workers)
        return max(0, self._size - busy - len(self._queue))

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
            self._ended.append(Ended(task.trial.number, "stopped before it began"))
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
        while self._queue and not self._is_stopping:
            worker = self._idle_worker()
            if worker is None:
                return
            task = self._queue.popleft()
            if not worker.give(task):
                # It died while it had nothing to do.
                self._queue.appendleft(task)
                self._bury(worker)

    def _idle_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.task is None:
                return worker
        if len(self._workers) < self._size:
            return self._start_worker()
        return None

    def _start_worker(self) -> _Worker:
        used = {worker.number for worker in self._workers}
        number = next(number for number in range(1, self._size + 1) if number not in used)
        make_folder(self._sweep.folder.engine_dir, point="engine.made")
        log = self._sweep.folder.worker_log(os.getpid(), number)
        worker = _Worker(number, log, self._sweep.record.start_folder)
        worker.write(self._first)
        self._workers.append(worker)
        for readable in worker.readables:
            self._selector.register(readable, selectors.EVENT_READ, worker)
        return worker

    def _forget(self, worker: _Worker) -> None:
        for readable in worker.readables:
            self._selector.unregister(readable)

    def _listen(self, timeout_s: float) -> None:
        found = {key.data for key, _ in self._selector.select(timeout_s)}
        for worker in sorted(found, key=lambda worker: worker.number):
            for answer in worker.answers():
                self._take_answer(worker, answer)
            if worker in self._workers and worker.is_gone:
                self._bury(worker)

    def _take_answer(self, worker: _Worker, answer: dict[str, Any]) -> None:
        if "ready" in answer:
            worker.is_ready = True
            worker.since = time.monotonic()
            self._failed_starts = 0
            return
        self._ended.append(Ended(answer["ended"], answer["reason"], answer["is_taken"]))
        worker.task = None
        worker.trials += 1
        if worker.trials == self._trials_per_worker:
            self._forget(worker)
            self._workers.remove(worker)
            self._retired.append(worker)
            worker.let_go()

    def _bury(self, worker: _Worker) -> None:
        """Take a dead worker out, and tell of the task that it had."""
        self._forget(worker)
        self._workers.remove(worker)
        how = worker.end()
        task, is_expected = worker.task, worker.is_asked or self._is_stopping
        if not worker.is_ready and not is_expected:
            self._fail_start(worker, how)
            if task is not None:
                self._queue.appendleft(task)
        elif task is not None:
            reason = worker.why or (None if is_expected else how)
            self._ended.append(Ended(task.trial.number, reason))

    def _fail_start(self, worker: _Worker, how: str) -> None:
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


class _Worker:
    """One process, and the task that it has.

    Attributes:
        number: From 1; the number of a dead one is given again.
        task: What it is doing.
        since: When it began that.
        trials: How many it has done.
        is_ready: Whether it has begun to read tasks.
        is_asked: Whether it was asked to end.
        why: Why it was killed, where we did that.
        log: What it prints.
    """

    def __init__(self, number: int, log: Path, folder: str) -> None:
        """Start the process.

        Raises:
            LauncherError: It cannot be started.
        """
        self.number = number
        self.log = log
        self.task: Task | None = None
        self.since = time.monotonic()
        self.trials = 0
        self.is_ready = False
        self.is_asked = False
        self.why: str | None = None
        self._rest = b""
        # The code that the driver runs, and no other.
        flags = ["-P"] if sys.flags.safe_path else []
        command = [sys.executable, *flags, "-m", "brevetti_hydra.sweep.launch.worker"]
        try:
            with log.open("ab") as stream:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    cwd=folder,
                    # Ctrl-C is for the driver, which asks the workers in its own time.
                    process_group=0,
                )
        except OSError as error:
            raise LauncherError(
                "a worker cannot be started", notes=[error.strerror or str(error)]
            ) from error
        self._tasks = _pipe(self._process.stdin)
        self._answers = _pipe(self._process.stdout)
        os.set_blocking(self._answers.fileno(), False)
        self._mark = _open_process(self.pid)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def readables(self) -> list[int]:
        """What can be read when there is news."""
        return [self._answers.fileno(), *([self._mark] if self._mark >= 0 else [])]

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def write(self, line: bytes) -> bool:
        """Send a line; False where nobody reads any more."""
        try:
            self._tasks.write(line)
            self._tasks.flush()
        except OSError:
            return False
        return True

    def give(self, task: Task) -> bool:
        """Hand it a task; False where it is dead."""
        fields = {"trial": task.trial._asdict(), "attempt": task.attempt}
        if not self.write(json_bytes(fields) + b"\n"):
            return False
        self.task, self.since = task, time.monotonic()
        return True

    def answers(self) -> list[dict[str, Any]]:
        """Read what it has answered; answers that were written before it died count."""
        with suppress(BlockingIOError):
            while piece := os.read(self._answers.fileno(), 1 << 16):
                self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines]

    def ask_to_stop(self) -> None:
        """Send SIGTERM, to the process itself: a job decides what becomes of its children."""
        self.is_asked = True
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """Kill it with all of its children."""
        self.is_asked = True
        self._kill_group()

    def let_go(self) -> None:
        """Give it nothing more: it ends as soon as it has nothing to do."""
        with suppress(OSError):
            self._tasks.close()

    def leave(self, patience_s: float) -> None:
        """Wait for an idle one to end; a busy one is left to itself."""
        if self.task is None or self.is_gone:
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.kill()
                self._process.wait()
        else:
            # Nobody will wait for it, and that is right.
            self._process.returncode = 0
        self._close()

    def end(self) -> str:
        """Take leave of a dead one.

        Returns:
            How it ended, "worker 2 was killed by SIGKILL".
        """
        code = self._process.wait()
        self._close()
        if code < 0:
            # What a job has started ends with it: a killed process cannot see to that itself.
            self._kill_group()
            return f"worker {self.number} was killed by {_signal_name(-code)}"
        return f"worker {self.number} ended with exit code {code}"

    def last_words(self) -> list[str]:
        """Give the last line of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip()][-1:]

    def _kill_group(self) -> None:
        # It is there as long as any of its processes.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _close(self) -> None:
        self.let_go()
        self._answers.close()
        if self._mark >= 0:
            os.close(self._mark)
            self._mark = -1


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - own invariant: it was asked for
    return stream


def _open_process(pid: int) -> int:
    """Give what becomes readable at the end of a process; -1 on systems without such a thing."""
    opened = getattr(os, "pidfd_open", None)
    if opened is None:
        return -1
    try:
        descriptor: int = opened(pid)
    except OSError:
        return -1
    return descriptor


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
