"""A sweep as it is now: what was planned, with what each trial's own run folder says of it.

Everything is read anew, and nothing is kept beside the run folders: a view can be made at any time,
of a sweep at work, by any number of readers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock, parse_utc
from brevetti_hydra.errors import RecordUnreadableError, RunNotFoundError
from brevetti_hydra.record import Failure, RunState
from brevetti_hydra.run.objectives import objective_of
from brevetti_hydra.run.settling import settle
from brevetti_hydra.sweep.driving.drivers import drivers_at_work
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.record import PlannedTrial, SweepRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.record import Objective

__all__ = [
    "AttemptView",
    "SweepView",
    "TrialView",
    "read_sweep",
    "read_trial",
    "view_trial",
]


# In what order they are told: what is done, what went wrong, what is still to come.
_TOLD = (
    *(RunState.COMPLETED, RunState.PRUNED, RunState.FAILED, RunState.INTERRUPTED, RunState.LOST),
    *(RunState.RUNNING, RunState.CREATED, RunState.PLANNED),
)


class AttemptView(NamedTuple):
    """One process of a trial.

    Attributes:
        started: In seconds since 1970 UTC.
        ended: The same; None while it runs.
        state: How it ended, or `running`.
    """

    started: float
    ended: float | None
    state: RunState


class TrialView(NamedTuple):
    """A trial as it is now: much less than its record, so that many can be held.

    Attributes:
        planned: What it was to be.
        state: `planned` where it has not begun.
        metrics: The output metrics.
        progress: The last reported values.
        values: The objectives, in their order; None where one is missing or no number.
        attempts: Its processes, the first one first.
        epoch: The last reported epoch.
        duration_s: Of all attempts together; None before the first has ended.
        ended: UTC, ISO 8601; None where it has not.
        failure: Why it did not complete.
    """

    planned: PlannedTrial
    state: RunState = RunState.PLANNED
    metrics: Mapping[str, float] = {}
    progress: Mapping[str, float] = {}
    values: tuple[float | None, ...] = ()
    attempts: tuple[AttemptView, ...] = ()
    epoch: int | None = None
    duration_s: float | None = None
    ended: str | None = None
    failure: Failure | None = None

    @property
    def number(self) -> int:
        """Its number in the plan, from 0."""
        return self.planned.number

    @property
    def short_id(self) -> str:
        """The id that people type."""
        return self.planned.folder.rpartition("-")[2]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: it completed or was pruned."""
        return self.state in {RunState.COMPLETED, RunState.PRUNED}

    @property
    def has_values(self) -> bool:
        """Whether it completed with a number for each objective."""
        return self.state is RunState.COMPLETED and bool(self.values) and None not in self.values


class SweepView(NamedTuple):
    """A sweep as it is now.

    Attributes:
        folder: Its folder.
        record: What was planned.
        trials: All trials of the plan, in the order of their numbers.
        drivers: How many processes drive it now.
        importances: How much each axis matters, where a search knows it.
    """

    folder: SweepFolder
    record: SweepRecord
    trials: tuple[TrialView, ...]
    drivers: int = 0
    importances: Mapping[str, float] = {}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised."""
        return self.record.objectives

    @property
    def total(self) -> int:
        """How many trials there are to be: of a search, also those not yet asked for."""
        return max(self.record.trials or 0, len(self.trials))

    @property
    def counts(self) -> dict[str, int]:
        """State -> how many trials, those that are done first; states of none left out."""
        counts = dict.fromkeys(_TOLD, 0)
        for trial in self.trials:
            counts[trial.state] += 1
        counts[RunState.PLANNED] += self.total - len(self.trials)
        return {state.value: count for state, count in counts.items() if count}

    @property
    def done(self) -> int:
        """How many trials completed or were pruned."""
        return sum(trial.is_done for trial in self.trials)

    @property
    def state(self) -> str:
        """`running`, `completed` (each, or pruned), `failed`, or `stopped`: some are left."""
        if self.done == self.total:
            return "completed"  # a driver that has not left yet has nothing to do
        at_work = {RunState.CREATED, RunState.RUNNING}
        if self.drivers or any(each.state in at_work for each in self.trials):
            return "running"
        failed = sum(trial.state is RunState.FAILED for trial in self.trials)
        return "failed" if self.done + failed == self.total else "stopped"

    @property
    def duration_s(self) -> float | None:
        """Seconds in which at least one trial ran; None before one has ended."""
        spans = sorted(
            (each.started, each.ended)
            for trial in self.trials
            for each in trial.attempts
            if each.ended is not None
        )
        if not spans:
            return None
        busy, until = 0.0, spans[0][0]
        for start, end in spans:
            busy += max(0.0, end - max(start, until))
            until = max(until, end)
        return busy


def read_sweep(folder: SweepFolder, *, clock: Clock = SYSTEM_CLOCK) -> SweepView:
    """Read a sweep as it is now; trials whose process is gone are sealed as lost.

    Args:
        folder: The sweep's folder.
        clock: Tells the time.

    Raises:
        RecordUnreadableError: Its own files are missing, damaged, or of another format; damaged
            trials are shown as failed with that reason.
    """
    sweep = open_sweep(folder)
    record = sweep.record
    trials = [read_trial(folder, each, record.objectives, clock=clock) for each in sweep.trials]
    return SweepView(folder, record, tuple(trials), len(drivers_at_work(folder, clock)))


def read_trial(
    folder: SweepFolder,
    planned: PlannedTrial,
    objectives: Iterable[Objective],
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> TrialView:
    """Read what became of one trial; one whose process is gone is sealed as lost."""
    try:
        record = settle(folder.trial(planned.folder), clock=clock)
    except RunNotFoundError:
        return TrialView(planned)
    except RecordUnreadableError as error:
        message = f"{error.message}: {error.notes[0]}" if error.notes else error.message
        failure = Failure(type="RecordUnreadable", message=message)
        return TrialView(planned, RunState.FAILED, failure=failure)
    return view_trial(planned, record, objectives)


def view_trial(
    planned: PlannedTrial, record: RunRecord, objectives: Iterable[Objective]
) -> TrialView:
    """Take what the summary needs out of a trial's record."""
    attempts = [
        AttemptView(
            parse_utc(each.started), parse_utc(each.ended) if each.ended else None, each.state
        )
        for each in record.attempts
    ]
    return TrialView(
        planned,
        record.state,
        record.metrics,
        record.progress,
        tuple(_number(objective_of(record, each.name)) for each in objectives),
        tuple(attempts),
        record.epoch,
        record.duration_s,
        record.ended,
        record.failure,
    )


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
