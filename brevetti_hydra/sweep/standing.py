"""Where a trial stands, as its own run folder tells it: there is no other truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.errors import RunNotFoundError
from brevetti_hydra.record import RunRecord
from brevetti_hydra.run.claims import pending_attempt
from brevetti_hydra.run.settling import settle

if TYPE_CHECKING:
    from brevetti_hydra._clock import Clock
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["Standing", "look_at"]


class Standing(NamedTuple):
    """Where a trial stands.

    Attributes:
        record: Its run; None where no attempt of it has begun.
        is_pending: Whether a process has claimed the next attempt, and will begin it.
    """

    record: RunRecord | None
    is_pending: bool = False

    @property
    def attempts(self) -> int:
        """How many attempts have begun."""
        return 0 if self.record is None else len(self.record.attempts)

    @property
    def is_live(self) -> bool:
        """Whether a process is at work on it, or about to be."""
        if self.is_pending:
            return True
        return self.record is not None and not self.record.state.is_finished


def look_at(folder: RunFolder, clock: Clock) -> Standing:
    """Look at a trial; what a dead process has left open is sealed.

    Raises:
        RecordUnreadableError: Its record is damaged.
    """
    try:
        record = settle(folder, clock=clock)
    except RunNotFoundError:
        return Standing(None, is_pending=pending_attempt(folder, clock.now()) == 1)
    if not record.state.is_resumable:
        return Standing(record)
    attempt = len(record.attempts) + 1
    return Standing(record, is_pending=pending_attempt(folder, clock.now()) == attempt)
