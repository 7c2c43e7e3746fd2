"""The results of sweeps in the documents of `--json`, as models (see `documents`)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from brevetti_hydra.record import Failure
from brevetti_hydra.sweep.record import SweepRecord

__all__ = [
    "GroupFields",
    "RunningFields",
    "SpreadFields",
    "StatusResult",
    "StopResult",
    "SweepLine",
    "SweepResult",
    "TrialFields",
]


class _Value(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class TrialFields(_Value):
    """One trial of a sweep; with `--json=lines` a document of its own."""

    number: int = Field(description="in the order of the plan, from 0")
    run_id: str
    key: str = Field(description="digest of job, settings without seed, and repeat index")
    job: str
    state: str
    values: dict[str, float | None] = Field(description="objective -> value, null where missing")
    varied: dict[str, Any] = Field(description="dotted key -> value, of what differs")
    overrides: list[str] = Field(description="of a line that runs this trial alone")
    repeat: int
    seed: int | None
    metrics: dict[str, float]
    progress: dict[str, float] = Field(description="the last reported values")
    epoch: int | None
    attempts: int
    ended: str | None
    duration_s: float | None
    failure: Failure | None
    folder: str
    log: str


class SpreadFields(_Value):
    """An objective over repeats."""

    mean: float
    deviation: float | None = Field(description="sample standard deviation; null of a single one")
    least: float
    greatest: float


class GroupFields(_Value):
    """Trials with the same settings but for the seed."""

    job: str
    varied: dict[str, Any]
    trials: list[int]
    completed: int
    spreads: list[SpreadFields | None] = Field(description="of each objective")


class SweepResult(_Value):
    """The answer of `sweep summary`, `show SWEEP` and a line with `-m`; also `summary.json`.

    A line with `-m --json=lines` tells its trials when they end, and leaves them out here.
    """

    format: Literal[1]
    sweep: SweepRecord
    folder: str
    state: Literal["running", "completed", "failed", "stopped"]
    total: int = Field(description="trials that there are to be")
    counts: dict[str, int] = Field(description="state -> trials")
    drivers: int = Field(description="processes that drive it now")
    duration_s: float | None = Field(description="seconds in which at least one trial ran")
    best: list[int] = Field(description="the best trial; with several objectives, the front")
    importances: dict[str, float] = Field(description="key -> share, where a search knows it")
    trials: list[TrialFields] = Field(description="the best first")
    groups: list[GroupFields] = Field(description="where trials were repeated, the best first")


class RunningFields(_Value):
    """A trial at work."""

    number: int
    epoch: int | None
    progress: dict[str, float]
    varied: dict[str, Any]


class StatusResult(_Value):
    """The answer of `sweep status`."""

    id: str
    folder: str
    state: Literal["running", "completed", "failed", "stopped"]
    total: int
    counts: dict[str, int] = Field(description="state -> trials")
    drivers: int = Field(description="processes that drive it now")
    best: list[int]
    left_s: float | None = Field(description="an estimate, while it runs")
    running: list[RunningFields]
    queue: dict[str, int] = Field(
        description="what SLURM says: 'pending (Priority)' -> trials; {} without a scheduler"
    )


class StopResult(_Value):
    """The answer of `sweep stop`: whom it asked."""

    id: str
    folder: str
    drivers: int = Field(description="processes that drive it")
    trials: int = Field(description="trials at work")
    jobs: int = Field(description="of a cluster, cancelled or asked")


class SweepLine(_Value):
    """A sweep among runs."""

    id: str
    folder: str
    created: str
    state: Literal["running", "completed", "failed", "stopped"]
    jobs: list[str]
    total: int
    counts: dict[str, int] = Field(description="state -> trials")
    best: dict[str, float | None] = Field(description="objective -> value of the best trial")
    duration_s: float | None
    overrides: list[str]
