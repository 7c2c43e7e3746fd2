"""The recorder: writes the journal and the record of one attempt, and tells the observers."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import lock, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import NotOwnerError, StorageWriteError
from brevetti_hydra.record import ArtifactRef, RunRecord, RunState
from brevetti_hydra.run.events import (
    ArtifactStored,
    MetricAdded,
    Observer,
    ProgressReported,
    RunEvent,
    StateChanged,
    Warned,
)
from brevetti_hydra.run.metrics import metric_json, metric_key
from brevetti_hydra.run.replay import with_artifact
from brevetti_hydra.run.states import Step, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.run.claims import Claim
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.journal import JournalWriter

__all__ = ["Recorder", "write_record"]


class Recorder:
    """Writes what one attempt of a run does; any thread of the owner process may report.

    Attributes:
        record: The record as of the last step, with the metrics reported since.
        warnings: What was warned of, in order.
        is_sealed: Whether the end of the attempt is on disk.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        *,
        claim: Claim,
        journal: JournalWriter,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        """Write for the attempt that took the claim; nothing is written yet."""
        self.warnings: list[str] = []
        self.is_sealed = False
        self._folder = folder
        self._record = record
        self._claim = claim
        self._journal = journal
        self._observers = observers
        self._owner = os.getpid()
        self._written: tuple[int, int] | None = None
        self._threads = threading.RLock()
        self._progress: dict[str, float] = dict(record.progress)
        self._metrics: dict[str, float] = dict(record.metrics)
        self._epoch = record.epoch
        self._unwritten = record.unwritten_events

    @property
    def record(self) -> RunRecord:
        """The record with everything reported until now."""
        return self._record.model_copy(
            update={
                "progress": dict(self._progress),
                "metrics": dict(self._metrics),
                "epoch": self._epoch,
                "unwritten_events": self._unwritten,
            }
        )

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        return self._record.state

    @property
    def is_owner(self) -> bool:
        """Whether the calling process is the one that runs the job."""
        return os.getpid() == self._owner

    def check_owner(self) -> None:
        """Refuse to act for the parent process.

        Raises:
            NotOwnerError: The calling process is a forked child.
        """
        if os.getpid() != self._owner:
            raise NotOwnerError(
                f"process {os.getpid()} cannot report for run '{self._folder.name}'",
                notes=[f"the run belongs to process {self._owner}, which forked it"],
                hint="hand the values to the parent process and report them there",
            )

    def check_entitled(self) -> None:
        """Make sure that this attempt, in this process, may still write.

        Raises:
            NotOwnerError: The calling process is a forked child.
            StaleAttemptError: A newer attempt has begun.
        """
        self.check_owner()
        self._claim.check()

    def step(self, step: Step, *, act: Callable[[int], None] | None = None) -> None:
        """Take a step: it is in the journal before this returns, and from `running` on on disk.

        Args:
            step: The step.
            act: What to do about it, given the number of its event: called once it is in the
                journal and before record.json tells it, so that whoever finds the record behind
                the journal knows that this may be left to do.

        Raises:
            NotOwnerError: The calling process is a forked child.
            StaleAttemptError: A newer attempt has begun.
            StorageWriteError: The disk did not take it; the run stands where it stood.
            WrongStateError: There is no such way.
        """
        self.check_owner()
        with self._threads, lock(self._folder.lock, point="run.locked"):
            self._claim.check()
            step = step._replace(unwritten_events=self._unwritten)
            previous = self._record.state
            after = walk(self.record, step)
            fields = step.as_json()
            if step.state is RunState.CREATED:
                fields["record"] = after.model_dump(mode="json")
            self._journal.append(
                "state",
                fields,
                point=f"state.{step.state.value}",
                durable=self._must_outlive_machine(step.state),
                at=step.at,
            )
            self._record = after
            self.is_sealed = step.state.is_finished
            if act is not None:
                act(self._journal.seq)
            # What the journal begins with is the record: a moment later there is more to tell.
            if step.state is not RunState.CREATED:
                self._rewrite()
        self._tell(StateChanged(previous, self._record))

    def _must_outlive_machine(self, state: RunState) -> bool:
        """Tell whether the disk must have a step before anything else happens.

        Before `running` nothing has happened. Of a trial the sweep's plan tells that it is to be:
        had the machine forgotten that it was begun, it would begin once more.
        """
        return state.is_finished or (state is RunState.RUNNING and self._record.trial is None)

    def _rewrite(self) -> None:
        """Bring record.json up to the journal; when the disk refuses, readers do it."""
        try:
            mark = _mark_of(self._folder)
            is_own = mark is not None and mark == self._written
            self._record = write_record(self._folder, self._record, durable=False, is_own=is_own)
            self._written = _mark_of(self._folder)
        except StorageWriteError as error:
            self.warn(f"record.json is behind the journal: {error.message}")

    def progress(self, epoch: int, metrics: dict[str, float]) -> None:
        """Record an epoch's metrics; if the disk does not take them, count and go on.

        Raises:
            NotOwnerError: The calling process is a forked child.
            StaleAttemptError: A newer attempt has begun.
        """
        self.check_owner()
        items = [f"{metric_key(name)}:{metric_json(value)}" for name, value in metrics.items()]
        with self._threads:
            self._claim.check()
            self._epoch = epoch
            self._progress.update(metrics)
            try:
                self._journal.append_progress(epoch, "{" + ",".join(items) + "}")
            except StorageWriteError as error:
                self._lose(error)
        if self._observers:
            self._tell(ProgressReported(epoch, metrics))

    def metric(self, name: str, value: float) -> None:
        """Record an output metric; if the disk does not take it, count and go on.

        Raises:
            NotOwnerError: The calling process is a forked child.
            StaleAttemptError: A newer attempt has begun.
        """
        self._report("metric", {"name": name, "value": value})
        self._metrics[name] = value
        self._tell(MetricAdded(name, value))

    def artifacts(self, found: list[ArtifactRef]) -> None:
        """Record which artifacts there are: the new, the changed and the vanished ones.

        Raises:
            NotOwnerError: The calling process is a forked child.
            StaleAttemptError: A newer attempt has begun.
        """
        known = {artifact.path: artifact for artifact in self._record.artifacts}
        for path in known.keys() - {artifact.path for artifact in found}:
            self._report("artifact", {"removed": path})
            self._replace_artifact(None, path)
        for artifact in found:
            if known.get(artifact.path) != artifact:
                self._report("artifact", {"artifact": artifact.model_dump()})
                self._replace_artifact(artifact, artifact.path)
                self._tell(ArtifactStored(artifact))

    def _replace_artifact(self, new: ArtifactRef | None, path: str) -> None:
        artifacts = with_artifact(self._record.artifacts, path, new)
        self._record = self._record.model_copy(update={"artifacts": artifacts})

    def warn(self, text: str) -> None:
        """Say that something is not as it should be, in the journal and to the observers."""
        self.warnings.append(text)
        try:
            self._report("warned", {"text": text})
        finally:
            self._tell(Warned(text))

    def _report(self, kind: str, fields: dict[str, Any]) -> None:
        self.check_owner()
        with self._threads:
            self._claim.check()
            try:
                self._journal.append(kind, fields, point=f"{kind}.written", durable=False)
            except StorageWriteError as error:
                self._lose(error)

    def _lose(self, error: StorageWriteError) -> None:
        self._unwritten += 1
        if self._unwritten == 1:
            reason = ", ".join((error.message, *error.notes))
            text = f"events cannot be written, the run goes on without them: {reason}"
            self.warnings.append(text)
            self._tell(Warned(text))

    def _tell(self, event: RunEvent) -> None:
        for observer in self._observers:
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001 - a display that fails must not end a training
                self._observers = tuple(other for other in self._observers if other is not observer)
                self.warn(f"an observer failed and is told nothing more: {error!r}")

    def give_up(self, step: Step) -> None:
        """Take a step in memory only: the disk does not take it."""
        with self._threads:
            previous = self._record.state
            self._record = walk(self.record, step)
        self._tell(StateChanged(previous, self._record))

    def close(self) -> None:
        """Close journal and claim."""
        self._journal.close()
        self._claim.close()


def _mark_of(folder: RunFolder) -> tuple[int, int] | None:
    """Tell one content of record.json from another: each is a file of its own."""
    try:
        found = folder.record.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def write_record(
    folder: RunFolder, record: RunRecord, *, durable: bool, is_own: bool = False
) -> RunRecord:
    """Replace record.json; the caller holds the run's lock.

    Name, note and tags are taken from the file that stands there: people may have changed them.

    Args:
        folder: The run's folder.
        record: The record.
        durable: Wait until the disk has it.
        is_own: The file that stands there was written by the caller: nobody has changed it.

    Returns:
        The record as written.

    Raises:
        StorageWriteError: The disk did not take it.
    """
    record = record.model_copy(
        update={"journal_bytes": _size_bytes(folder), **({} if is_own else _annotations(folder))}
    )
    content = json_bytes(record, indent=1)
    write_whole(folder.record, content + b"\n", point="record.written", durable=durable)
    return record


def _size_bytes(folder: RunFolder) -> int:
    try:
        return folder.journal.stat().st_size
    except OSError:
        return 0


def _annotations(folder: RunFolder) -> dict[str, Any]:
    try:
        found = RunRecord.model_validate_json(folder.record.read_bytes())
    except (OSError, ValueError):
        return {}
    return {"name": found.name, "note": found.note, "tags": found.tags}
