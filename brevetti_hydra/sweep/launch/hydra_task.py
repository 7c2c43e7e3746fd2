"""A worker of a Hydra launcher: runs one trial by its number, and says that it has ended."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import make_folder, write_whole
from brevetti_hydra.config._hydra_plugins import stop_scanning
from brevetti_hydra.errors import BrevettiHydraError, RunInterrupted
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.task import Task
from brevetti_hydra.sweep.trial import TrialRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.sweep.opened import OpenSweep

__all__ = ["Batch", "TrialTask"]

_ENDED = "ended-"


class Batch:
    """A folder in which workers and driver tell each other of the tasks of one launch.

    A worker may be on another machine: what they share is the file system alone.
    """

    __slots__ = ("root",)

    def __init__(self, root: Path) -> None:
        """Point at a folder; nothing is made."""
        self.root = root

    def make(self) -> None:
        """Make the folder.

        Raises:
            StorageWriteError: It cannot be made.
        """
        make_folder(self.root, point="batch.made")

    def end(self, number: int, reason: str | None) -> None:
        """Say that a task has ended, and why where its run does not tell.

        Raises:
            StorageWriteError: The disk did not take it.
        """
        path = self.root / f"{_ENDED}{number}"
        write_whole(path, (reason or "").encode(), point="task.ended", durable=False)

    def ended(self) -> Iterator[tuple[int, str | None]]:
        """Give the tasks that have ended, each with its reason."""
        for entry in sorted(os.listdir(self.root)):  # noqa: PTH208 - names alone
            if entry.startswith(_ENDED) and entry[len(_ENDED) :].isdecimal():
                reason = (self.root / entry).read_text(encoding="utf-8")
                yield int(entry[len(_ENDED) :]), reason or None

    def stop(self) -> None:
        """Ask workers to leave alone what has not begun.

        Raises:
            StorageWriteError: The disk did not take it.
        """
        write_whole(self.root / "stop", b"", point="batch.stopped", durable=False)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is to begin."""
        return (self.root / "stop").exists()


class TrialTask:
    """Runs one trial of a sweep; called by a Hydra launcher, in a worker of its."""

    def __init__(self, sweep: str, batch: str) -> None:
        """Name the sweep's folder, and the batch's."""
        self._sweep = sweep
        self._batch = batch

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrive in a worker, where the launcher has Hydra look for plugins next."""
        return (_arrive, (self._sweep, self._batch))

    def __call__(self, words: Any) -> None:
        """Run the trial that the words name; nothing is raised, the run's record tells all."""
        number, batch = int(words["trial"]), Batch(Path(self._batch))
        reason = None
        try:
            if not batch.is_stopped:
                reason = self._run(number, int(words["attempt"]))
        finally:
            batch.end(number, reason)

    def _run(self, number: int, attempt: int) -> str | None:
        try:
            sweep, runner = _opened(self._sweep, number)
            # Some engines start their workers elsewhere; the job's relative paths mean this one.
            os.chdir(sweep.record.start_folder)
            runner.run(Task(sweep.trials[number], attempt))
        except BrevettiHydraError as error:
            return f"{error.code}: {error.message}"
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        except RunInterrupted:
            return None
        return None


def _arrive(sweep: str, batch: str) -> TrialTask:
    stop_scanning()
    return TrialTask(sweep, batch)


def _opened(folder: str, number: int) -> tuple[OpenSweep, TrialRunner]:
    """Read the sweep once in a process; again where a search has added the trial since."""
    found = _read(folder)
    if number >= len(found[0].trials):
        _read.cache_clear()
        found = _read(folder)
    return found


@lru_cache(maxsize=1)
def _read(folder: str) -> tuple[OpenSweep, TrialRunner]:
    sweep = open_sweep(SweepFolder(folder))
    return sweep, TrialRunner(sweep)
