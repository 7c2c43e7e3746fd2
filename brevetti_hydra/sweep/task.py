"""What a driver hands out, and whoever runs trials takes: a trial, and which attempt of it."""

from __future__ import annotations

from typing import NamedTuple

from brevetti_hydra.sweep.record import PlannedTrial

__all__ = ["Task"]


class Task(NamedTuple):
    """A trial that somebody is to run.

    Attributes:
        trial: The trial.
        attempt: The number that its attempt will have, from 1. Whoever finds that the run has
            another number of attempts leaves it alone: somebody else has taken it.
    """

    trial: PlannedTrial
    attempt: int
