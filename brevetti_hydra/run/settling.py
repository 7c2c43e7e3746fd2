"""Settling: what a reader does about a run whose process did not say how it ended.

The journal may say more than the record (the process died in between): the record is completed
from it. A run that should be at work and is not is `lost`; it has failed where its process was
ended on purpose. Both are sealed into the record, so that the next reader, and the attempt itself
should it wake up, find the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock, format_utc, parse_utc
from brevetti_hydra._files import lock
from brevetti_hydra.errors import (
    BrevettiHydraError,
    RunNotFoundError,
    StorageWriteError,
)
from brevetti_hydra.record import Attempt, Failure, RunRecord, RunState, Snapshot, unreadable
from brevetti_hydra.run.claims import Claim, is_withdrawn
from brevetti_hydra.run.journal import JournalWriter, last_seq, read_journal, read_tail
from brevetti_hydra.run.liveness import ProcessMark, is_gone
from brevetti_hydra.run.recorder import write_record
from brevetti_hydra.run.replay import replay
from brevetti_hydra.run.requests import read_kill
from brevetti_hydra.run.states import Step, walk

if TYPE_CHECKING:
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["load_record", "load_snapshot", "settle"]


def settle(folder: RunFolder, *, clock: Clock = SYSTEM_CLOCK, is_locked: bool = False) -> RunRecord:
    """Read a run as it is now, and seal what its process left open.

    Args:
        folder: The run's folder.
        clock: Tells the time.
        is_locked: The caller holds the run's lock.

    Returns:
        The record; where the folder cannot be written, it is right but not sealed.

    Raises:
        RunNotFoundError: There is no run in the folder.
        RecordUnreadableError: Its record or journal is damaged, or of another format.
    """
    sealed, found = load_record(folder)
    if not _is_open_end(folder, sealed, found, clock):
        return found
    try:
        if is_locked:
            return _seal(folder, clock)
        with lock(folder.lock, point="run.locked"):
            return _seal(folder, clock)
    except StorageWriteError:
        return found if found.state.is_finished else walk(found, _lost_step(folder, found, clock))


def load_record(folder: RunFolder) -> tuple[RunRecord | None, RunRecord]:
    """Read record and journal; nothing is changed.

    Returns:
        What record.json says, None if it is missing or empty; and the run after its whole journal.

    Raises:
        RunNotFoundError: There is no run in the folder.
        RecordUnreadableError: Record or journal is damaged, or of another format.
    """
    path = os.fspath(folder.root)
    sealed = _read_sealed(f"{path}/record.json")
    if sealed is not None and sealed.journal_bytes == _size_bytes(f"{path}/journal.jsonl"):
        return sealed, sealed
    events, end = read_tail(folder.journal, sealed.journal_bytes if sealed else 0)
    found = _replay_anew(folder, sealed) if events is None else replay(sealed, events)
    if found is None:
        raise RunNotFoundError(
            f"there is no run in '{folder.root}'",
            notes=["it has neither a record nor the beginning of a journal"],
        )
    return sealed, found.model_copy(update={"journal_bytes": end})


def _replay_anew(folder: RunFolder, sealed: RunRecord | None) -> RunRecord | None:
    """Replay a journal whose writer revoked what the record had been told; people's words stay."""
    found = replay(None, read_journal(folder.journal))
    if found is None or sealed is None:
        return found
    return found.model_copy(update={"name": sealed.name, "note": sealed.note, "tags": sealed.tags})


def load_snapshot(folder: RunFolder) -> Snapshot:
    """Read all inputs of a run.

    Raises:
        RecordUnreadableError: They are missing, damaged, or of another format.
    """
    try:
        return Snapshot.model_validate_json(folder.snapshot.read_bytes())
    except (OSError, ValidationError) as error:
        raise unreadable(str(folder.snapshot), error) from error


def _read_sealed(path: str) -> RunRecord | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        # A third of what open() takes, which counts among thousands of records.
        content = os.read(descriptor, os.fstat(descriptor).st_size + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if not content.strip(b"\0 \n"):
        return None  # the machine stopped before the disk had it
    try:
        record = RunRecord.model_validate_json(content)
        parse_utc(record.created)
    except (ValidationError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error
    return record


def _size_bytes(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - once a record among thousands
    except OSError:
        return 0


def _is_open_end(
    folder: RunFolder, sealed: RunRecord | None, found: RunRecord, clock: Clock
) -> bool:
    """Tell whether there is something to seal."""
    if found.state.is_finished:
        return sealed is None or sealed.state is not found.state
    return _is_lost(folder, found, clock)


def _is_lost(folder: RunFolder, record: RunRecord, clock: Clock) -> bool:
    if is_withdrawn(folder):
        return True
    attempt = record.attempts[-1]
    mark = ProcessMark(attempt.host, attempt.boot_id, attempt.pid, attempt.process_started)
    beat = _last_beat(folder, attempt)
    return is_gone(mark, beat=beat, now=clock.now(), lease_s=attempt.lease_s)


def _last_beat(folder: RunFolder, attempt: Attempt) -> float:
    try:
        return folder.claim.stat().st_mtime
    except OSError:
        return parse_utc(attempt.started)


def _lost_step(folder: RunFolder, record: RunRecord, clock: Clock) -> Step:
    attempt = record.attempts[-1]
    # Its end is its last sign of life, not the moment when somebody looked.
    signs = [_last_beat(folder, attempt), parse_utc(attempt.started)]
    with suppress(OSError):
        signs.append(folder.journal.stat().st_mtime)
    ended = min(max(signs), clock.now())
    state, failure = RunState.LOST, Failure(type="Lost", message=_silence_of(folder, attempt))
    killed = read_kill(folder, attempt.number)
    if killed is not None:
        # Its process did not die by chance.
        state, failure = RunState.FAILED, Failure(type=killed[0], message=killed[1])
    return Step(
        state,
        format_utc(max(ended, parse_utc(attempt.started))),
        attempt.number,
        failure=failure,
    )


def _silence_of(folder: RunFolder, attempt: Attempt) -> str:
    process = f"process {attempt.pid} on '{attempt.host}'"
    if is_withdrawn(folder):
        return f"{process} could not write how it ended"
    return f"{process} ended without a word"


def _seal(folder: RunFolder, clock: Clock) -> RunRecord:
    """Look again, with the lock, and write down what is found."""
    sealed, found = load_record(folder)
    if not _is_open_end(folder, sealed, found, clock):
        return found
    if not found.state.is_finished:
        found = _seal_lost(folder, found, clock)
    elif found.state is RunState.COMPLETED:
        _deliver(folder, found)
    return write_record(folder, found, durable=False)


def _seal_lost(folder: RunFolder, record: RunRecord, clock: Clock) -> RunRecord:
    step = _lost_step(folder, record, clock)
    # Should the attempt wake up, it finds that its claim is gone.
    Claim(folder, step.attempt).close()
    seq = last_seq(read_journal(folder.journal))
    journal = JournalWriter(folder.journal, attempt=step.attempt, seq=seq, clock=clock)
    try:
        journal.append(
            "state", step.as_json(), point=f"state.{step.state.value}", durable=True, at=step.at
        )
    finally:
        journal.close()
    return walk(record, step)


def _deliver(folder: RunFolder, record: RunRecord) -> None:
    """Tell the platform of a completion whose process died before it could."""
    from brevetti_hydra.platform import LocalPlatform
    from brevetti_hydra.run.delivery import deliver

    try:
        deliver(folder, record, LocalPlatform(folder.at_storage(record.storage).storage_dir))
    except BrevettiHydraError:
        return  # it stays in the journal
