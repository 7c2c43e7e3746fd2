"""A worker: a process that runs the trials which it is handed, one after the other.

Started by `processes`, it reads tasks from its stdin and answers on its stdout, a JSON line each::

    -> {"sweep": "/runs/sweep-...", "secrets": ["key=text"]}     once
    <- {"ready": 4711}
    -> {"trial": {...}, "attempt": 1}
    <- {"ended": 7, "reason": null, "is_taken": true}

At the end of its stdin it ends, as it does after the trial at hand when its driver is gone.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from brevetti_hydra.errors import BrevettiHydraError, RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from brevetti_hydra.sweep.task import Task
    from brevetti_hydra.sweep.trial import TrialRunner

__all__ = ["main"]


class _Pipes(NamedTuple):
    """Where tasks come from, and where answers go."""

    tasks: BinaryIO
    answers: BinaryIO

    def answer(self, fields: Mapping[str, Any]) -> None:
        # A driver that is gone will find the trial's record.
        with suppress(BrokenPipeError):
            self.answers.write(json.dumps(fields).encode() + b"\n")
            self.answers.flush()


def main() -> int:
    """Serve until there are no more tasks.

    Returns:
        The exit code.
    """
    signal.signal(signal.SIGTERM, _stop)
    try:
        _serve(_take_pipes())
    except (RunInterrupted, KeyboardInterrupt) as error:
        return 128 + getattr(error, "signal_number", signal.SIGINT)
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    """End an idle worker; a run listens for itself."""
    raise RunInterrupted(number)


def _take_pipes() -> _Pipes:
    """Keep the pipes for this module: a job finds nothing to read, and prints to the log."""
    # Copies are not inherited by the programs that a job starts.
    pipes = _Pipes(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        # What was printed before a crash is in the log.
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # they are files here
    return pipes


def _serve(pipes: _Pipes) -> None:
    line = pipes.tasks.readline()
    if not line:
        return
    runner = _open_runner(json.loads(line))
    # What is there by now stays: no collection needs to look at it again.
    gc.freeze()
    gc.enable()
    pipes.answer({"ready": os.getpid()})
    for line in pipes.tasks:
        task = _read_task(json.loads(line))
        pipes.answer({"ended": task.trial.number, **_run(runner, task)})


def _open_runner(first: dict[str, Any]) -> TrialRunner:
    # What a first run would import only when it begins.
    import brevetti_hydra.run.session  # noqa: F401 - see above
    from brevetti_hydra.config import read_overrides
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.opened import OpenSweep, read_sweep_record
    from brevetti_hydra.sweep.trial import TrialRunner

    folder = SweepFolder(first["sweep"])
    # Tasks hold their trials: a plan of many thousands is not read once more in each worker.
    sweep = OpenSweep(folder, read_sweep_record(folder), [])
    return TrialRunner(sweep, secrets=read_overrides(first["secrets"]))


def _read_task(fields: dict[str, Any]) -> Task:
    from brevetti_hydra.sweep.record import PlannedTrial
    from brevetti_hydra.sweep.task import Task

    return Task(PlannedTrial(**fields["trial"]), fields["attempt"])


def _run(runner: TrialRunner, task: Task) -> dict[str, Any]:
    """Run a trial, and say what its record does not tell."""
    try:
        outcome = runner.run(task)
    except BrevettiHydraError as error:
        return {"reason": "; ".join((error.message, *error.notes)), "is_taken": True}
    return {"reason": None, "is_taken": outcome.is_taken}


if __name__ == "__main__":
    gc.disable()
    sys.exit(main())
