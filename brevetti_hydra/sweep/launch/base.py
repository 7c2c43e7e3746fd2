"""The contract of launchers: they start processes that take trials, and know nothing of results.

What became of a trial stands in its run folder, written by the process that ran it; a launcher only
tells that there may be something to see. A launcher that dies, or a driver, loses no result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.task import Task

__all__ = ["Ended", "Launcher"]


class Ended(NamedTuple):
    """A task that is no longer the launcher's.

    Attributes:
        number: The trial's number.
        reason: What the launcher knows beyond the run's own record: why it ended the process, or
            how that died ("worker 2 was killed by SIGKILL"). None where it ended by itself.
        is_taken: Whether it was run, as far as the launcher knows: False where somebody else has
            that attempt.
    """

    number: int
    reason: str | None = None
    is_taken: bool = True


class Launcher(Protocol):
    """Runs tasks somewhere; used from one thread.

    Every submitted task is told of by `wait` exactly once, in any order, also after `stop`.
    """

    @property
    def room(self) -> int:
        """How many more tasks it takes now."""

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take tasks, as many as there is room for at most; returns before they end, if it can.

        Raises:
            LauncherError: The engine does not take them.
        """

    def wait(self, timeout_s: float) -> list[Ended]:
        """Wait until a task has ended, at most so long; give all that have."""

    def stop(self, *, at_once: bool) -> None:
        """Ask all tasks to end, as SIGTERM does; `at_once`, end them without asking."""

    def close(self) -> None:
        """Let go of everything; tasks that still run go on to their end, or were stopped."""
