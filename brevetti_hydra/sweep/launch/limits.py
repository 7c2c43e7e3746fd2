"""What a trial may take of the machine, watched from outside of its process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.errors import LauncherError, RecordUnreadableError
from brevetti_hydra.run.stopping import LAST_WAIT_S
from brevetti_hydra.settings import RunNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial
    from brevetti_hydra.sweep.task import Task

__all__ = ["Excess", "Limits", "memory_bytes"]

# Beyond the end that a process makes by itself: grace, the last wait, and the wait for its thread.
_PATIENCE_S = 2 * LAST_WAIT_S + 5.0


class Excess(NamedTuple):
    """What a trial took too much of.

    Attributes:
        kind: As in `Failure.type`.
        message: As in `Failure.message`.
    """

    kind: str
    message: str


class Limits:
    """The limits of a sweep's trials; looked at a few times a second."""

    def __init__(self, sweep: OpenSweep, memory_mb: int | None) -> None:
        """Read the limits.

        Raises:
            LauncherError: This system does not tell how much memory a process takes.
        """
        self._sweep = sweep
        self._memory_mb = memory_mb
        self._timeout_s: float | None = sweep.record.sweep.get("timeout_s")
        self._grace_s: dict[int, float] = {}
        if memory_mb is not None and not Path("/proc/self/smaps_rollup").exists():
            raise LauncherError(
                "launcher.memory_mb needs Linux, which tells how much memory a process takes",
                hint="leave it out",
            )

    def find_excess(self, task: Task, pid: int, time_s: float) -> Excess | None:
        """Tell what a trial takes too much of, if it does.

        Args:
            task: The trial.
            pid: Its process.
            time_s: How long it has been at work.
        """
        return self._find_memory(pid) or self._find_time(task.trial, time_s)

    def _find_memory(self, pid: int) -> Excess | None:
        if self._memory_mb is None:
            return None
        most_bytes = self._memory_mb << 20
        found_bytes = memory_bytes(pid, most_bytes)
        if found_bytes <= most_bytes:
            return None
        message = f"it took {found_bytes >> 20} MiB of memory, and may take {self._memory_mb}"
        return Excess("MemoryLimit", message)

    def _find_time(self, trial: PlannedTrial, time_s: float) -> Excess | None:
        timeout_s = self._timeout_s
        if timeout_s is None or time_s <= timeout_s + _PATIENCE_S:
            return None
        if time_s <= timeout_s + _PATIENCE_S + self._read_grace_s(trial):
            return None
        return Excess("TimeLimit", f"it took longer than {timeout_s:g} s, and did not stop")

    def _read_grace_s(self, trial: PlannedTrial) -> float:
        """Give how long the trial's own process lets the job clean up."""
        if trial.number not in self._grace_s:
            default: float = RunNode().grace_s
            try:
                config = self._sweep.frozen(trial.base).inputs.config
            except RecordUnreadableError:
                config = {}
            value: Any = (config.get("run") or {}).get("grace_s", default)
            for path, own, _ in trial.values:
                if path == ["run", "grace_s"]:
                    value = own
            is_number = isinstance(value, int | float)
            self._grace_s[trial.number] = float(value) if is_number else default
        return self._grace_s[trial.number]


def memory_bytes(pid: int, most_bytes: int) -> int:
    """Measure the memory of a process and its children.

    Pages that several of them share count once; they are told apart only where it matters.

    Args:
        pid: The process.
        most_bytes: Below this a rough number will do, which is never too small.
    """
    pids = list(_family(pid))
    rough = sum(_resident_bytes(each) for each in pids)
    return rough if rough <= most_bytes else sum(_proportional_bytes(each) for each in pids)


def _family(pid: int) -> Iterator[int]:
    """Give a process and all below it; those whose parent has ended are not found."""
    yield pid
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names only
    except OSError:
        return
    for task in tasks:
        for child in _read(f"/proc/{pid}/task/{task}/children").split():
            yield from _family(int(child))


def _resident_bytes(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _proportional_bytes(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:  # noqa: PTH123 - often
            return stream.read()
    except OSError:
        return ""  # it has ended
