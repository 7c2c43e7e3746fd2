"""Taking a run: which attempt of which process may begin, decided under the run's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._clock import Clock
from brevetti_hydra._files import lock
from brevetti_hydra.errors import RunNotFoundError, TrialTakenError, WrongStateError
from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.claims import Claim, pending_attempt
from brevetti_hydra.run.journal import JournalWriter, last_seq, read_journal
from brevetti_hydra.run.liveness import ProcessMark
from brevetti_hydra.run.requests import clear_requests
from brevetti_hydra.run.settling import settle

if TYPE_CHECKING:
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["Taken", "Taker", "take_run", "take_trial"]


class Taken(NamedTuple):
    """What a process has that may begin an attempt.

    Attributes:
        record: The run as it stood.
        claim: The right to write.
        journal: Where to write.
    """

    record: RunRecord
    claim: Claim
    journal: JournalWriter

    @property
    def number(self) -> int:
        """The number of the attempt that may begin."""
        return len(self.record.attempts) + 1


class Taker(NamedTuple):
    """Who takes a run.

    Attributes:
        process: The process.
        lease_s: Seconds of silence after which it counts as gone, elsewhere.
        clock: Tells the time.
    """

    process: ProcessMark
    lease_s: float
    clock: Clock


def take_run(folder: RunFolder, record: RunRecord, taker: Taker) -> Taken:
    """Take a new run, whose folder was made just now, or begin a later attempt of an old one.

    Raises:
        StorageWriteError: The folder cannot be written.
        WrongStateError: The run's state allows no new attempt.
    """
    with lock(folder.lock, point="run.locked"):
        if record.state is not RunState.PLANNED:
            record = settle(folder, clock=taker.clock, is_locked=True)
            if not record.state.is_resumable:
                raise WrongStateError(
                    f"run '{record.folder}' is {record.state.value} and cannot be started",
                    notes=["a new attempt can begin after failed, interrupted or lost"],
                )
        return _claim(folder, record, taker)


def take_trial(folder: RunFolder, record: RunRecord, attempt: int, taker: Taker) -> Taken:
    """Take a trial whose folder may be there already, of a process that died or that is at work.

    Whoever finds that another attempt is the next one leaves the trial alone: so of many that were
    told to begin the same attempt, one does. What a process has left that died between its claim
    and its first event counts for nothing.

    Args:
        folder: The run's folder, which was made if it was missing.
        record: The run as it is planned, where nobody has begun it.
        attempt: The number that the attempt must have, from 1.
        taker: Who takes it.

    Raises:
        TrialTakenError: It has been taken, or is done.
        StorageWriteError: The folder cannot be written.
        RecordUnreadableError: Its record is damaged.
    """
    with lock(folder.lock, point="run.locked"):
        try:
            record = settle(folder, clock=taker.clock, is_locked=True)
        except RunNotFoundError:
            pass
        else:
            if not record.state.is_resumable:
                raise _taken(record, f"it is {record.state.value}")
        if len(record.attempts) + 1 != attempt:
            raise _taken(record, f"its next attempt is {len(record.attempts) + 1}, not {attempt}")
        if pending_attempt(folder, taker.clock.now()) == attempt:
            raise _taken(record, f"another process begins attempt {attempt}")
        clear_requests(folder)
        return _claim(folder, record, taker)


def _taken(record: RunRecord, note: str) -> TrialTakenError:
    return TrialTakenError(f"trial '{record.folder}' was taken by somebody else", notes=[note])


def _claim(folder: RunFolder, record: RunRecord, taker: Taker) -> Taken:
    number = len(record.attempts) + 1
    claim = Claim(folder, number, process=taker.process, lease_s=taker.lease_s)
    try:
        seq = last_seq(read_journal(folder.journal))
        journal = JournalWriter(folder.journal, attempt=number, seq=seq, clock=taker.clock)
    except BaseException:  # whatever it was, others may take the run
        claim.withdraw()
        raise
    return Taken(record, claim, journal)
