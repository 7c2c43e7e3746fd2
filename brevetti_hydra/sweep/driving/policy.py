"""When a trial is tried again, and when a sweep has seen enough: the `sweep` node's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._text import plural
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep_nodes import SweepNode

if TYPE_CHECKING:
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.record import SweepRecord

__all__ = ["Policy", "Progress", "failures_of"]


class Progress(NamedTuple):
    """What one driver has seen since it began.

    Attributes:
        failed: Trials that failed, and will not be tried again.
        elapsed_s: Seconds.
    """

    failed: int
    elapsed_s: float


class Policy(NamedTuple):
    """What is decided by settings, and not by the state of a trial.

    Attributes:
        retries: New attempts of a trial that failed or got lost.
        is_retrying_failed: Whether trials that had failed before are tried, too.
        max_failures: So many failed trials are put up with; None for any number.
        max_trials: Trials that one driver begins.
        max_time_s: Seconds after which it begins no more.
    """

    retries: int = 0
    is_retrying_failed: bool = False
    max_failures: int | None = None
    max_trials: int | None = None
    max_time_s: float | None = None

    @classmethod
    def of(cls, record: SweepRecord, *, is_retrying_failed: bool = False) -> Policy:
        """Read that of a sweep."""
        node = SweepNode.model_validate(record.sweep)
        return cls(
            retries=node.retries,
            is_retrying_failed=is_retrying_failed,
            max_failures=0 if node.on_failure == "stop" else node.max_failures,
            max_trials=node.max_trials,
            max_time_s=node.max_time_s,
        )

    def wants(self, record: RunRecord, *, begun: int, forgiven: int) -> bool:
        """Tell whether a trial that has ended is to be run again.

        Args:
            record: The trial, finished.
            begun: How many of its attempts this driver has begun.
            forgiven: How many had failed before that driver began, where failed ones are retried.
        """
        if record.state is RunState.FAILED:
            return failures_of(record) - forgiven <= self.retries
        if record.state is RunState.LOST:
            return begun <= self.retries
        # An interrupted one was asked to end: by whoever asks this driver, or another one.
        return record.state is RunState.INTERRUPTED and begun == 0

    def is_full(self, begun: int) -> bool:
        """Tell whether as many trials have begun as were to begin."""
        return self.max_trials is not None and begun >= self.max_trials

    def enough(self, progress: Progress) -> str | None:
        """Say why nothing more begins; None where it does."""
        if self.max_failures is not None and progress.failed > self.max_failures:
            limit = f"sweep.max_failures={self.max_failures}"
            if self.max_failures == 0:
                limit = "sweep.on_failure=stop"
            return f"{plural(progress.failed, 'trial')} failed ({limit})"
        if self.max_time_s is not None and progress.elapsed_s >= self.max_time_s:
            return f"the time is over (sweep.max_time_s={self.max_time_s:g})"
        return None


def failures_of(record: RunRecord) -> int:
    """Count the attempts of a trial that failed."""
    return sum(attempt.state is RunState.FAILED for attempt in record.attempts)
