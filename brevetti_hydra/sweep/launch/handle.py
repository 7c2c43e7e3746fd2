"""The driver's end of a worker: its process, its pipes, and the tasks that it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import LauncherError

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.sweep.task import Task

__all__ = ["Given", "WorkerHandle"]


class Given:
    """A task that a worker has.

    Attributes:
        task: The task.
        is_elsewhere: Whether another worker has it too, by now: this one will find it taken.
    """

    __slots__ = ("is_elsewhere", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.is_elsewhere = False


class WorkerHandle:
    """One process, and the tasks that it has.

    Attributes:
        number: From 1; the number of a dead one is given again.
        tasks: What it is doing, then what it will do next.
        since: When it began the first of them.
        last_s: How long the last one took.
        given: How many it was given in all.
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
        self.tasks: deque[Given] = deque()
        self.since = time.monotonic()
        self.last_s = float("inf")
        self.given = 0
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
    def task(self) -> Task | None:
        """What it is doing."""
        return self.tasks[0].task if self.tasks else None

    @property
    def own_tasks(self) -> list[Task]:
        """Its tasks that no other worker has."""
        return [given.task for given in self.tasks if not given.is_elsewhere]

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
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(Given(task))
        self.given += 1
        return True

    def finish(self) -> bool:
        """Take off the task that it has done; False where that was another worker's by then."""
        now = time.monotonic()
        self.last_s, self.since = now - self.since, now
        return not self.tasks.popleft().is_elsewhere

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
