"""The lifecycle: one attempt of a run, from its claim to its sealed record.

::

    claim            folder, claim; journal and record say `created`
    prepare          stdout, stderr and signals are taken; snapshot; `running`; output.json
    job.run()        progress, metrics
    finish           model stored, output.json, artifacts digested, output drained, `completed`
    seal             instead of `finish`, when anything raised: `failed` or `interrupted`
    release          everything that was taken is given back

A trial of a sweep differs in this: its folder may be there already, it is one attempt that it may
begin or none, its driver and a time limit can ask it to end, and it must leave its objectives.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import format_utc
from brevetti_hydra._files import lock, make_folder, remove
from brevetti_hydra._json import encodable
from brevetti_hydra.errors import BrevettiHydraError, StaleAttemptError, StorageWriteError
from brevetti_hydra.platform import LocalPlatform
from brevetti_hydra.record import ArtifactRef, Failure, RunRecord, RunState
from brevetti_hydra.run.capture import Capture, Redirection, RunLog
from brevetti_hydra.run.delivery import deliver
from brevetti_hydra.run.descriptors import open_standard_streams
from brevetti_hydra.run.failures import describe_failure, look_into
from brevetti_hydra.run.git import begin_git
from brevetti_hydra.run.objectives import check_objectives
from brevetti_hydra.run.outputs import build_output, describe_job, write_output
from brevetti_hydra.run.recorder import Recorder
from brevetti_hydra.run.seeding import Seeding
from brevetti_hydra.run.snapshot import (
    Inputs,
    summarize_environment,
    take_environment,
    take_snapshot,
    write_environment,
    write_snapshot,
)
from brevetti_hydra.run.states import Step
from brevetti_hydra.run.stopping import StopCause, StopRequests
from brevetti_hydra.run.taking import Taker, take_run, take_trial
from brevetti_hydra.run.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.record import Runnable
    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.run.surroundings import Surroundings

__all__ = ["Session"]


class Session:
    """One attempt of a run, in one process.

    Attributes:
        recorder: Writes journal and record.
        stops: Who asked the run to stop.
        log: run.log.
        is_copied: Whether stdout and stderr are copied to run.log.
    """

    def __init__(
        self,
        plan: RunPlan,
        folder: RunFolder,
        record: RunRecord,
        around: Surroundings,
        *,
        attempt: int | None = None,
    ) -> None:
        """Claim the run: make its folder, or take up an existing one.

        Args:
            plan: What to run.
            folder: Where.
            record: The run as it stands.
            around: What else there is.
            attempt: Of a trial, the number that this attempt must have.

        Raises:
            StorageWriteError: The folder cannot be written.
            TrialTakenError: Somebody else has begun that attempt.
            WrongStateError: The run's state allows no new attempt.
        """
        open_standard_streams()
        self._plan = plan
        self._folder = folder
        self._around = around
        self._environment: dict[str, Any] = {}
        self._capture: Capture | None = None
        self._redirection = Redirection()
        self._workplace = around.workplace or Workplace()
        self._git = around.git or self._ask_git()
        self.is_copied = False
        self.stops = StopRequests(
            grace_s=plan.run_node.grace_s,
            is_debugged=plan.run_node.debug,
            give_up=self._give_up,
        )
        # From here on a signal ends the run, and not whatever it is doing.
        self.stops.listen()
        try:
            self.recorder = self._claim(record, attempt)
        except BaseException:  # whatever it was, what was taken is given back
            self.stops.restore()
            self._leave_workplace()
            raise
        self._seeding = Seeding(plan.run_node.seed)
        self._platform = LocalPlatform(folder.storage_dir)

    def _ask_git(self) -> GitProbe:
        folders = self._plan.package_folders
        code_folder = str(folders[0]) if folders else "."
        return self._workplace.once(("git", code_folder), lambda: begin_git(code_folder))

    def _leave_workplace(self) -> None:
        if self._around.workplace is None:
            self._git.abandon()
            self._workplace.close()

    def _claim(self, record: RunRecord, attempt: int | None) -> Recorder:
        """Make the run this process's own; `created` is on disk when this returns."""
        taker = Taker(self._workplace.process, self._plan.run_node.lease_s, self._around.clock)
        if attempt is not None:
            self._folder.make_in_sweep()
        elif record.state is RunState.PLANNED:
            self._folder.make()
        self.log = RunLog(self._folder.log)
        try:
            if attempt is None:
                taken = take_run(self._folder, record, taker)
            else:
                taken = take_trial(self._folder, record, attempt, taker)
        except BaseException:  # whatever it was, the log is closed
            self.log.close()
            raise
        self._number, self._claimed = taken.number, taken.claim
        recorder = Recorder(
            self._folder,
            taken.record,
            claim=taken.claim,
            journal=taken.journal,
            observers=self._around.observers,
        )
        if taken.record.state is RunState.PLANNED:
            try:
                recorder.step(self._begin(RunState.CREATED, self._number))
            except BaseException:  # whatever it was, others may take the run
                self._withdraw()
                raise
        return recorder

    def _withdraw(self) -> None:
        """Give the claim back: this process lives on, but will write nothing more."""
        with suppress(BrevettiHydraError), lock(self._folder.lock, point="run.locked"):
            self._claimed.withdraw()

    @property
    def is_running(self) -> bool:
        """Whether run() is at work, in this process."""
        return self.recorder.state is RunState.RUNNING and self.recorder.is_owner

    def run(self, job: Runnable, *, complete_job: bool) -> RunRecord:
        """Walk the job through; the record is sealed when this returns or raises.

        Raises:
            BaseException: Whatever ended the run.
        """
        try:
            self._prepare()
            self.raise_if_requested()
            model = job.run()
            self.recorder.check_entitled()
            self._finish(model, complete_job=complete_job)
        except BaseException as error:
            # A forked child that came back from run() must not touch the parent's run.
            if self.recorder.is_owner:
                self._seal(error)
            cause = self.stops.cause_of(error)
            is_ours = cause is not None and cause.signal_number == signal.SIGTERM
            is_of_ranks = isinstance(error, Exception)
            if cause and (is_of_ranks or (is_ours and isinstance(error, KeyboardInterrupt))):
                # It was we who made it of the request, or the ranks that were told of it.
                raise cause.exception() from error
            raise
        finally:
            if self.recorder.is_owner:
                self._release()
        return self.recorder.record

    def raise_if_requested(self) -> None:
        """End the job from inside, where it reports, if it was asked to end.

        Raises:
            RunInterrupted: The run was asked to stop.
            RunPruned: The trial was found to be not worth its time.
        """
        if self.is_asked_to_stop:
            self.stops.raise_if_requested()

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether the run was asked to stop; a trial also by its driver."""
        if self._plan.trial is not None:
            self.stops.look(self._folder, self._number, ("stop", "prune"))
        return self.stops.is_requested

    # --- before run() ---

    def _prepare(self) -> None:
        around = self._around
        # A trial that is pruned may go on to its next report, however long that takes.
        asked = partial(self.stops.look, self._folder, self._number, ("stop",))
        look = None if self._plan.trial is None else asked
        self._workplace.beats.begin(self._claimed, self._plan.run_node.lease_s, look)
        if self._plan.timeout_s is not None:
            self.stops.limit(self._plan.timeout_s)
        self._start_capture()
        if around.problem is not None:
            raise around.problem
        for warning in around.warnings:
            self.recorder.warn(warning)
        self._clear_temp()
        step = self._write_inputs(self._begin(RunState.RUNNING, self._number))
        job = describe_job(self._plan, self.recorder.record, around.datasets, around.masking)
        self._platform.open(job | {"api_key": None})
        self.recorder.step(step)
        self._write_output(None)
        self._seeding.start()

    def _clear_temp(self) -> None:
        """Remove what a killed attempt has left: scratch space begins empty."""
        if self._folder.temp_dir.exists():
            try:
                remove(self._folder.temp_dir, point="temp.removed")
            except StorageWriteError as error:
                self.recorder.warn(f"the last attempt's scratch space is left: {error.message}")

    def _write_inputs(self, step: Step) -> Step:
        """Write the snapshot, or a later attempt's environment; the step tells where it is."""
        folder, around = self._folder, self._around
        inputs = Inputs(self._plan, folder, around.masking, self._workplace)
        environment = take_environment(inputs, self._git, self._number)
        self._environment = environment
        path, digest = folder.snapshot, ""
        if self.recorder.record.snapshot_sha256:
            path = write_environment(folder, environment, self._number)
        else:
            snapshot = take_snapshot(inputs, environment, around.datasets)
            digest = write_snapshot(folder, snapshot)
        summary = summarize_environment(environment, path.relative_to(folder.root).as_posix())
        return step._replace(snapshot_sha256=digest, environment=summary)

    def _start_capture(self) -> None:
        around = self._around
        if not self._plan.run_node.capture:
            if around.stdout_to_stderr:
                self._redirection.start()
            return
        write_above = _write_above(around.observers)
        copier = self._workplace.copier
        capture = Capture(self.log, around.masking, copier, write_above=write_above)
        if capture.start(stdout_to_stderr=around.stdout_to_stderr):
            self._capture = capture
            self.is_copied = True
            for observer in around.observers:
                getattr(observer, "follow", bool)(capture.drain)
        else:
            self.recorder.warn(
                "stdout and stderr are not copied to run.log: another run of this process has them"
            )

    def _begin(self, state: RunState, attempt: int) -> Step:
        return Step(
            state,
            self._now(),
            attempt,
            process=self._workplace.process,
            lease_s=self._plan.run_node.lease_s,
        )

    def _now(self) -> str:
        return format_utc(self._around.clock.now())

    # --- after run() ---

    def _finish(self, model: Any, *, complete_job: bool) -> None:
        stored = None if model is None else self._store(model)
        # It may have ended because it was asked to: then there is more to do.
        self.stops.raise_if_requested()
        check_objectives(self._plan.trial, self.recorder.record)
        self._write_output(None, stored)
        self._digest_artifacts()
        self._end_attempt()
        step = Step(
            RunState.COMPLETED,
            self._now(),
            self._number,
            model=stored,
            complete_job=complete_job,
        )
        self.recorder.step(step, act=self._deliver)

    def _store(self, model: Any) -> str:
        from brevetti_hydra.storage.transfer import store_model

        return store_model(model, self._folder.artifacts_dir)

    def _digest_artifacts(self) -> None:
        from brevetti_hydra.storage.contents import list_artifacts

        found = list_artifacts(self._folder.artifacts_dir)
        self.recorder.artifacts([ArtifactRef(**encodable(file._asdict())) for file in found])

    def _write_output(self, failure: Failure | None, model: str | None = None) -> None:
        # What a stale attempt has to say must not replace what the newer one wrote.
        self.recorder.check_entitled()
        record = self.recorder.record
        if model is not None:
            record = record.model_copy(update={"model": model})
        masking = self._around.masking
        job = describe_job(self._plan, record, self._around.datasets, masking)
        output = build_output(job, record, self._environment, failure)
        make_folder(self._folder.artifacts_dir, point="storage.made")
        write_output(self._folder.output, output)

    def _deliver(self, _seq: int) -> None:
        try:
            deliver(self._folder, self.recorder.record, self._platform)
        except BrevettiHydraError as error:
            self.recorder.warn(f"the platform was not told of the completion: {error.message}")

    def _end_attempt(self) -> None:
        """Stop everything that could still change what the record will say."""
        self.stops.shield()
        self._seeding.stop()
        self._stop_capture()
        self._workplace.beats.end(self._claimed)

    def _stop_capture(self) -> None:
        if self._capture is not None:
            self._capture.stop()
            self._capture = None
            self.is_copied = False
        self._redirection.stop()
        if self.log.lost_bytes:
            self.recorder.warn(
                f"run.log lacks {self.log.lost_bytes} bytes that the disk did not take"
            )
            self.log.lost_bytes = 0

    # --- when anything raised ---

    def _seal(self, error: BaseException) -> None:
        if isinstance(error, Exception) and self._plan.run_node.debug:
            self._debug(error)
        # A signal now would end the sealing, and the record would tell neither of the two.
        self.stops.shield()
        state, failure = self._judge(error)
        self._keep_what_there_is(failure, is_urgent=self.stops.is_requested)
        self._end_attempt()
        is_begun = not self.recorder.state.is_finished
        if not is_begun and self._plan.trial is None:
            # A new attempt that ended before it began: the run stands as it stood.
            return
        step = Step(state, self._now(), self._number, failure=failure)
        try:
            if not is_begun:
                # Of a trial each attempt counts: else a driver would begin this one for ever.
                self.recorder.step(self._begin(RunState.RUNNING, self._number))
            self.recorder.step(step)
        except BrevettiHydraError as second:
            self.recorder.give_up(step)
            error.add_note(f"the run's record could not be sealed: {second.message}")

    def _judge(self, error: BaseException) -> tuple[RunState, Failure]:
        cause = self.stops.cause_of(error)
        if cause is not None:
            return cause.state, cause.failure(self._around.masking)
        return RunState.FAILED, describe_failure(error, self._around.masking)

    def _keep_what_there_is(self, failure: Failure, *, is_urgent: bool) -> None:
        """Keep output.json and the list of artifacts, as far as the disk takes them."""
        if failure.traceback:
            if self._capture is not None:
                self._capture.drain()
            self.log.write_line(failure.traceback.encode())
        if self.recorder.state is not RunState.RUNNING:
            return
        try:
            self._write_output(failure)
            if not is_urgent:
                # Somebody waits for the process to end: the digests of large files can wait.
                self._digest_artifacts()
        except BrevettiHydraError as error:
            self.recorder.warn(f"the failed run's output is not complete: {error.message}")

    def _debug(self, error: BaseException) -> None:
        self._stop_capture()
        for observer in self._around.observers:
            # A bar that moves would write over the debugger's prompt.
            getattr(observer, "close", bool)()
        look_into(error)

    def _give_up(self, cause: StopCause) -> None:
        """Seal from another thread: the main thread does not come back."""
        step = Step(
            cause.state, self._now(), self._number, failure=cause.failure(self._around.masking)
        )
        # A newer attempt, or a disk that takes nothing: then the next look finds the run lost.
        with suppress(BrevettiHydraError):
            self._stop_capture()
            if not self.recorder.state.is_finished:
                self.recorder.step(step)

    def _release(self) -> None:
        if not self.recorder.is_sealed:
            # Whoever looks must not take this process to be at work on it.
            self._withdraw()
        self._end_attempt()
        self.stops.restore()
        try:
            if self._folder.temp_dir.exists():
                self.recorder.check_entitled()
                remove(self._folder.temp_dir, point="temp.removed")
        except (StaleAttemptError, StorageWriteError):
            # Left over, or another attempt's own by now: the next attempt removes it.
            pass
        self._leave_workplace()
        self.log.close()
        self.recorder.close()


def _write_above(observers: Sequence[Observer]) -> Callable[[bytes], bool] | None:
    """Find an observer that can show the job's output (`RunContext`)."""
    return next((one.write_above for one in observers if hasattr(one, "write_above")), None)
