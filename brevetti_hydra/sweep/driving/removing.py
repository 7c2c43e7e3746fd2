"""Removing sweeps: as a whole, and never from under somebody who is at work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra._files import remove
from brevetti_hydra._text import plural
from brevetti_hydra.errors import WrongStateError
from brevetti_hydra.run.annotate import state_of
from brevetti_hydra.sweep.driving.drivers import drivers_at_work

if TYPE_CHECKING:
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = ["check_removable", "remove_sweep"]


def check_removable(folder: SweepFolder, *, clock: Clock = SYSTEM_CLOCK) -> int:
    """Make sure that nobody is at work on a sweep; one whose files are damaged can be removed.

    Returns:
        How many trials have left something.

    Raises:
        WrongStateError: A driver or a trial is at work.
    """
    hint = f"stop it first: brevetti-hydra sweep stop {folder.short_id}"
    drivers = drivers_at_work(folder, clock)
    if drivers:
        message = f"sweep '{folder.short_id}' is driven by {plural(len(drivers), 'process')}"
        raise WrongStateError(message, hint=hint)
    trials = _trials(folder)
    for trial in trials:
        state = state_of(trial, clock=clock)
        if state is not None and not state.is_finished:
            message = f"trial '{trial.name}' of sweep '{folder.short_id}' is {state.value}"
            raise WrongStateError(message, hint=hint)
    return len(trials)


def _trials(folder: SweepFolder) -> list[RunFolder]:
    """Find the trials by their folders' names: the plan may be damaged."""
    return [
        folder.trial(path.name)
        for path in sorted(folder.root.iterdir())
        if path.name[:5].isdigit() and path.is_dir()
    ]


def remove_sweep(folder: SweepFolder, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Remove a sweep's folder with everything in it.

    The record goes first: what is left of a removal that was killed is no sweep any more, and no
    driver begins trials of it.

    Raises:
        WrongStateError: A driver or a trial is at work.
        StorageWriteError: It cannot be removed.
    """
    check_removable(folder, clock=clock)
    remove(folder.record, point="sweep.removed")
    remove(folder.root, point="sweep.removed")
