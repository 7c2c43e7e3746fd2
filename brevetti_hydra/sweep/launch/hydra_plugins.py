"""Trials by any installed Hydra launcher plugin: `hydra/launcher=NAME hydra.launcher.*`.

The launcher works in a process of its own (`hydra_host`). It gives a batch back as a whole, some of
them after hours; each trial leaves a mark when it has ended, which is seen at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Any, cast

from brevetti_hydra._files import make_folder
from brevetti_hydra.errors import BrevettiHydraError, LauncherError
from brevetti_hydra.run.requests import Request, write_request
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.launch.hydra_task import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.task import Task

__all__ = ["HydraLauncher", "check_plugin"]

# A launcher takes a list; without a search there is nothing to wait for.
_MOST_AT_ONCE = 100_000
_LOOK_S = 0.05
# How long a launcher may take to let go: ray needs some seconds to end its own processes.
_CLOSE_S = 20.0


def check_plugin(name: str, secrets: Sequence[Argument]) -> None:
    """Refuse to hand secrets to a plugin, which may write them anywhere.

    Raises:
        LauncherError: There are any.
    """
    if secrets:
        raise LauncherError(
            f"the secret '{secrets[0].key}' cannot be handed to hydra/launcher={name},"
            " which may write it down",
            hint=f"export it, and write {secrets[0].key}='${{oc.env:NAME}}'",
        )


class HydraLauncher:
    """Hands batches of tasks to a Hydra launcher, one after the other."""

    def __init__(self, sweep: OpenSweep, *, secrets: Sequence[Argument] = ()) -> None:
        """Start the launcher's process; it runs nothing yet.

        Raises:
            LauncherError: A secret would have to be handed to the launcher.
            StorageWriteError: The sweep's folder cannot be written.
        """
        self._name = (sweep.record.hydra_launcher or {})["name"]
        check_plugin(self._name, secrets)
        self._sweep = sweep
        self._most = _most_at_once(sweep)
        self._root = sweep.folder.engine_dir / f"hydra-{os.getpid()}-{time.time_ns():x}"
        make_folder(sweep.folder.engine_dir, point="engine.made")
        make_folder(self._root, point="engine.made")
        self._log = self._root / "launcher.log"
        self._kept: list[Task] = []
        self._dropped: list[int] = []
        self._out: dict[int, Task] = {}
        self._batch: Batch | None = None
        self._batches = 0
        self._answers = b""
        self._process = self._start()
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "brevetti_hydra.sweep.launch.hydra_host"),
                    os.fspath(self._sweep.folder.root),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # A terminal's Ctrl-C is the driver's to answer.
                start_new_session=True,
                cwd=self._sweep.record.start_folder,
            )

    @property
    def room(self) -> int:
        """A whole batch, while none is at work; its end is seen here, where nobody waits for it."""
        if self._batch is not None and not self._out and self._answer(0) is not None:
            self._batch = None
        return 0 if self._batch is not None else self._most - len(self._kept)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Keep the tasks until the driver waits, so that all of them are one batch."""
        self._kept += tasks

    def wait(self, timeout_s: float) -> list[Ended]:
        """Wait for the marks that trials leave, and for the end of the batch.

        Raises:
            LauncherError: The launcher's process has gone before it was handed the tasks.
        """
        self._send()
        end = time.monotonic() + timeout_s
        while True:
            ended = [*self._drop(), *self._look()]
            left_s = end - time.monotonic()
            if ended or left_s <= 0:
                return ended
            if self._batch is None:
                time.sleep(left_s)
            elif (answer := self._answer(min(_LOOK_S, left_s))) is not None:
                return [*self._look(), *self._give_up(answer["reason"])]

    def _send(self) -> None:
        if self._batch is not None or not self._kept:
            return
        if self._process.poll() is not None:
            raise LauncherError(
                f"the process of hydra/launcher={self._name} has gone",
                notes=self._last_words(),
                hint=f"read its log: {self._log}",
            )
        self._batches += 1
        self._batch = Batch(self._root / f"{self._batches:04d}")
        self._batch.make()
        self._out = {task.trial.number: task for task in self._kept}
        tasks = [[task.trial.number, task.attempt] for task in self._kept]
        self._kept = []
        line = json.dumps({"batch": os.fspath(self._batch.root), "tasks": tasks}).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # the answer tells that it has gone
            self._stdin.write(line)
            self._stdin.flush()

    def _drop(self) -> list[Ended]:
        """Tell of tasks that were never handed over."""
        dropped, self._dropped = self._dropped, []
        return [Ended(number) for number in dropped]

    def _look(self) -> list[Ended]:
        """Find the marks of tasks that have ended."""
        if self._batch is None or not self._out:
            return []
        found = [each for each in self._batch.ended() if each[0] in self._out]
        for number, _ in found:
            del self._out[number]
        return [Ended(number, reason) for number, reason in found]

    def _answer(self, timeout_s: float) -> dict[str, Any] | None:
        """Wait for the batch's end; that of the process is one as well."""
        descriptor = self._stdout.fileno()
        if not select.select([descriptor], [], [], timeout_s)[0]:
            return None
        content = os.read(descriptor, 65536)
        self._answers += content
        if not content:
            code = self._process.wait()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            words = "; ".join(self._last_words())
            return {"reason": f"its process ended by {how}" + (f": {words}" if words else "")}
        line, line_feed, rest = self._answers.partition(b"\n")
        if not line_feed:
            return None
        self._answers = rest
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _give_up(self, reason: str | None) -> list[Ended]:
        """Tell of the tasks that the launcher gave back, or lost, before they ended."""
        said = f"hydra/launcher={self._name} did not run it to its end"
        if reason is not None:
            said = f"hydra/launcher={self._name} ended with {reason}"
        ended = [Ended(number, f"{said}; its log is {self._log}") for number in self._out]
        self._out, self._batch = {}, None
        return ended

    def _last_words(self) -> list[str]:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1:]

    def stop(self, *, at_once: bool) -> None:
        """Leave alone what has not begun, and ask what runs to end; or kill it all."""
        self._dropped += [task.trial.number for task in self._kept]
        self._kept = []
        if self._batch is None:
            return
        with contextlib.suppress(BrevettiHydraError):  # a disk that is full, of all times
            self._batch.stop()
        for task in self._out.values():
            folder = task.trial.run_folder(self._sweep.folder)
            if folder.root.is_dir():
                with contextlib.suppress(BrevettiHydraError):
                    write_request(folder, Request("stop", "the sweep stops"), attempt=task.attempt)
        if at_once:
            self._kill()

    def _kill(self) -> None:
        """Kill the launcher, and all that it has started on this machine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let the launcher go; what runs goes on to its end, and nothing more begins."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        if not self._out:
            try:
                self._process.wait(_CLOSE_S)
            except subprocess.TimeoutExpired:
                self._kill()
                self._process.wait()
        self._stdout.close()


def _most_at_once(sweep: OpenSweep) -> int:
    """Give how many tasks a batch has: a search learns nothing until a trial has ended."""
    chosen = sweep.record.hydra_launcher or {}
    if chosen.get("at_once") is not None:
        return int(chosen["at_once"])
    if sweep.record.search is None:
        return _MOST_AT_ONCE
    jobs = chosen["options"].get("n_jobs")
    return jobs if isinstance(jobs, int) and jobs > 0 else os.cpu_count() or 1
