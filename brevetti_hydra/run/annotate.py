"""What people add to a run afterwards: tags, a note; and its removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra._files import lock, remove, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import RecordUnreadableError, RunNotFoundError, WrongStateError
from brevetti_hydra.record import RunState
from brevetti_hydra.run.claims import is_claimed
from brevetti_hydra.run.settling import settle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["remove_run", "set_note", "set_tags", "state_of"]


def set_tags(folder: RunFolder, tags: Iterable[str], *, clock: Clock = SYSTEM_CLOCK) -> RunRecord:
    """Replace the tags of a run, while it is at work too; each counts once, in their order.

    Returns:
        The record with the tags.

    Raises:
        RunNotFoundError: There is no run in the folder.
        RecordUnreadableError: Its record is damaged.
        StorageWriteError: It cannot be written.
    """
    return _annotate(folder, {"tags": tuple(dict.fromkeys(tags))}, clock)


def set_note(folder: RunFolder, note: str | None, *, clock: Clock = SYSTEM_CLOCK) -> RunRecord:
    """Set the note of a run, or remove it with None.

    Returns:
        The record with the note.

    Raises:
        RunNotFoundError: There is no run in the folder.
        RecordUnreadableError: Its record is damaged.
        StorageWriteError: It cannot be written.
    """
    return _annotate(folder, {"note": note}, clock)


def _annotate(folder: RunFolder, changes: dict[str, Any], clock: Clock) -> RunRecord:
    settle(folder, clock=clock)
    with lock(folder.lock, point="run.locked"):
        # With the lock nobody is between journal and record.
        record = settle(folder, clock=clock, is_locked=True)
        record = record.model_copy(update=changes)
        content = json_bytes(record, indent=1) + b"\n"
        # Nothing but this file has it: it must outlive the machine.
        write_whole(folder.record, content, point="record.annotated")
    return record


def state_of(folder: RunFolder, *, clock: Clock = SYSTEM_CLOCK) -> RunState | None:
    """Give the state of a run; None where its record tells none and nobody is at work on it.

    Raises:
        RunNotFoundError: There is no such folder.
    """
    try:
        return settle(folder, clock=clock).state
    except RecordUnreadableError:
        pass
    except RunNotFoundError:
        if not folder.root.is_dir():
            raise
    return RunState.RUNNING if is_claimed(folder, clock.now()) else None


def remove_run(folder: RunFolder, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Remove a run's folder with everything in it; a storage space elsewhere stays.

    A run whose record is damaged or gone can be removed, too, unless its process is alive.

    Raises:
        WrongStateError: The run is at work.
        RunNotFoundError: There is no such folder.
        StorageWriteError: It cannot be removed.
    """
    state = state_of(folder, clock=clock)
    if state is not None and not state.is_finished:
        raise WrongStateError(
            f"run '{folder.name}' is {state.value} and cannot be removed",
            hint="stop it first, or wait for its end",
        )
    remove(folder.root, point="run.removed")
