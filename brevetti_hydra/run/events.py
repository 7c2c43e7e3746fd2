"""What an observer of a run is told, as small typed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from brevetti_hydra.record import ArtifactRef, RunRecord, RunState

__all__ = [
    "ArtifactStored",
    "MetricAdded",
    "Observer",
    "ProgressReported",
    "RunEvent",
    "StateChanged",
    "Warned",
]


class StateChanged(NamedTuple):
    """The run took a step; it is on disk already.

    Attributes:
        previous: Where it stood.
        record: The record after the step; `record.state` is the new state.
    """

    previous: RunState
    record: RunRecord


class ProgressReported(NamedTuple):
    """The job reported progress.

    Attributes:
        epoch: As the job counts.
        metrics: The values of this report, as floats.
    """

    epoch: int
    metrics: Mapping[str, float]


class MetricAdded(NamedTuple):
    """The job added an output metric."""

    name: str
    value: float


class ArtifactStored(NamedTuple):
    """A file lies under the artifacts, with its digest."""

    artifact: ArtifactRef


class Warned(NamedTuple):
    """Something is not as it should be, and the run goes on."""

    text: str


RunEvent = StateChanged | ProgressReported | MetricAdded | ArtifactStored | Warned

# Called in the thread that caused the event, after it was written; must not raise.
Observer = Callable[[RunEvent], None]
