"""The objectives of a trial: metrics that it must leave, for its sweep to compare it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from brevetti_hydra.errors import ObjectiveMissingError

if TYPE_CHECKING:
    from brevetti_hydra.record import RunRecord, TrialRef

__all__ = ["check_objectives", "objective_of"]


def objective_of(record: RunRecord, name: str) -> float | None:
    """Give an objective: the output metric of that name, else the last value of progress."""
    return record.metrics.get(name, record.progress.get(name))


def check_objectives(trial: TrialRef | None, record: RunRecord) -> None:
    """Make sure that a trial has left its objectives.

    Raises:
        ObjectiveMissingError: One is missing, or NaN.
    """
    for name in () if trial is None else trial.objectives:
        value = objective_of(record, name)
        if value is None:
            known = [*record.metrics, *record.progress]
            listed = ", ".join(f"'{each}'" for each in dict.fromkeys(known))
            raise ObjectiveMissingError(
                f"the trial ended without its objective '{name}'",
                notes=[f"it reported {listed}" if listed else "it reported no metric"],
                hint=f"report it: self.add_output_metric('{name}', value)",
            )
        if math.isnan(value):
            raise ObjectiveMissingError(f"the trial's objective '{name}' is NaN")
