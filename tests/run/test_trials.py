"""What is different about the run of a trial: how it is taken, asked to end, and judged."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.errors import (
    DatasetNotFoundError,
    ObjectiveMissingError,
    RunInterrupted,
    RunPruned,
    StorageWriteError,
    TrialTakenError,
)
from brevetti_hydra.record import RunState, TrialRef
from brevetti_hydra.run import RunContext, RunFolder
from brevetti_hydra.run.claims import Claim
from brevetti_hydra.run.history import read_record
from brevetti_hydra.run.liveness import ProcessMark
from brevetti_hydra.run.requests import Request, note_kill, write_request

from .conftest import SmallJob, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN_ID = "4f1c9a12-0000-4000-8000-0123456789ab"
ELSEWHERE = ProcessMark("another host", "another boot", 1, "1")


class Trials:
    """Starts attempts of one trial."""

    def __init__(self, root: Path) -> None:
        self.folder = RunFolder(root / "00000-small-4f1c9a1200")

    def context(self, attempt: int = 1, objectives: Any = (), **changes: Any) -> RunContext:
        ref = TrialRef(sweep="s", number=0, key="k", objectives=objectives)
        plan = make_plan(self.folder.runs_root, trial=ref, **changes)
        return RunContext(plan, folder=self.folder, run_id=RUN_ID, attempt=attempt)

    def start(self, work: Callable[[RunContext], Any], attempt: int = 1, **changes: Any) -> Any:
        context = self.context(attempt, **changes)
        return context.start(SmallJob(context, work))


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    """Give what starts attempts of a trial, in the folder of a sweep."""
    root = tmp_path / "sweep"
    root.mkdir()
    return Trials(root)


def nothing(_run: RunContext) -> None:
    pass


def fails(_run: RunContext) -> None:
    raise ValueError("too hot")


def reports(run: RunContext) -> None:
    for epoch in range(1, 4):
        run.report_progress(epoch, {"loss": 1 / epoch})


def killed_in(work: Callable[[], Any]) -> None:
    """Do something in a child that dies by SIGKILL in it, or behind it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


# --- taking ---


def test_a_trial_has_the_name_and_place_of_its_plan(trials: Trials) -> None:
    """Folder, id and place in the sweep are those that were planned."""
    trials.start(nothing)

    record = read_record(trials.folder)
    assert (RUN_ID, "00000-small-4f1c9a1200", RunState.COMPLETED) == (
        record.run_id,
        record.folder,
        record.state,
    )
    assert TrialRef(sweep="s", number=0, key="k") == record.trial


def test_what_is_done_is_left_alone(trials: Trials) -> None:
    """No attempt of a completed trial begins, whatever its number, and nothing changes."""
    trials.start(nothing)
    before = trials.folder.journal.read_bytes()

    for attempt in (1, 2):
        with pytest.raises(TrialTakenError):
            trials.start(fails, attempt)

    assert before == trials.folder.journal.read_bytes()


def test_an_attempt_begins_once(trials: Trials) -> None:
    """After a failure the next number begins, the same one and a later one do not."""
    with pytest.raises(ValueError, match="too hot"):
        trials.start(fails)
    for attempt in (1, 3):
        with pytest.raises(TrialTakenError):
            trials.start(nothing, attempt)

    record = trials.start(nothing, 2)

    assert (RunState.COMPLETED, [1, 2]) == (record.state, [a.number for a in record.attempts])


def test_a_running_trial_is_left_alone(trials: Trials) -> None:
    """While an attempt is at work nobody else begins one, and it goes on undisturbed."""

    def work(run: RunContext) -> None:
        for attempt in (1, 2):
            with pytest.raises(TrialTakenError):
                trials.start(fails, attempt)
        run.report_progress(1, {"loss": 1})

    assert RunState.COMPLETED is trials.start(work).state


def test_an_empty_folder_is_taken(trials: Trials) -> None:
    """What a process leaves that died before its first event counts for nothing."""
    trials.folder.root.mkdir()
    trials.folder.journal.write_bytes(b'{"seq":1,"attempt":1,"at":"2026-')
    killed_in(lambda: Claim(trials.folder, 1, process=mark_of_child(), lease_s=1000))

    assert RunState.COMPLETED is trials.start(nothing).state


def mark_of_child() -> ProcessMark:
    from brevetti_hydra.run.liveness import this_process

    return this_process()


@pytest.mark.parametrize(("silence_s", "is_taken"), [(10, True), (1000, False)])
def test_a_claim_elsewhere_counts_for_its_lease(
    trials: Trials, silence_s: float, is_taken: bool
) -> None:
    """A process on another machine that has claimed the trial has the lease's time to begin."""
    trials.folder.root.mkdir()
    Claim(trials.folder, 1, process=ELSEWHERE, lease_s=100).close()
    beat = time.time() - silence_s
    os.utime(trials.folder.claim, (beat, beat))

    if is_taken:
        with pytest.raises(TrialTakenError):
            trials.start(nothing)
    else:
        assert RunState.COMPLETED is trials.start(nothing).state


def test_of_many_one_runs_the_trial(trials: Trials, tmp_path: Path) -> None:
    """Processes that are told to begin the same attempt at the same moment: one does."""
    ran = tmp_path / "ran"
    gate = tmp_path / "gate"

    def work(_run: RunContext) -> None:
        with ran.open("a") as stream:
            stream.write(f"{os.getpid()}\n")

    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            while not gate.exists():
                pass
            try:
                trials.start(work)
            except TrialTakenError:
                os._exit(3)
            except BaseException:
                os._exit(4)
            os._exit(0)
        children.append(child)
    gate.touch()
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert [0, *[3] * 7] == sorted(codes)
    assert 1 == len(ran.read_text().splitlines())


def test_a_removed_sweep_stays_removed(trials: Trials) -> None:
    """Whoever is late to a sweep that was removed makes no folders of it."""
    trials.folder.runs_root.rmdir()

    with pytest.raises(StorageWriteError):
        trials.start(nothing)

    assert not trials.folder.runs_root.exists()


# --- being asked ---


def test_a_pruned_trial_ends_at_its_next_report(trials: Trials) -> None:
    """The job can clean up, the record tells the reason, and no attempt follows."""
    seen: list[Any] = []

    def work(run: RunContext) -> None:
        write_request(run.folder, Request("prune", "worse than the median"), attempt=1)
        try:
            try:
                run.report_progress(1, {"loss": 1})
            except Exception:
                seen.append("swallowed")
        finally:
            seen.append("cleaned up")

    with pytest.raises(RunPruned):
        trials.start(work)

    record = read_record(trials.folder)
    assert record.failure is not None
    assert (["cleaned up"], RunState.PRUNED, 1) == (seen, record.state, record.epoch)
    assert ("RunPruned", "worse than the median") == (record.failure.type, record.failure.message)
    with pytest.raises(TrialTakenError):
        trials.start(nothing, 2)


def test_a_job_may_prune_itself(trials: Trials) -> None:
    """A job that sees by itself that it leads nowhere says so."""

    def work(_run: RunContext) -> None:
        raise RunPruned("diverged")

    with pytest.raises(RunPruned):
        trials.start(work)

    record = read_record(trials.folder)
    assert (RunState.PRUNED, "diverged") == (
        record.state,
        record.failure and record.failure.message,
    )


def test_a_stop_request_interrupts(trials: Trials) -> None:
    """What a driver asks is seen by stop_requested, too; the next attempt is not asked."""
    seen: list[bool] = []

    def work(run: RunContext) -> None:
        seen.append(run.stop_requested)
        write_request(run.folder, Request("stop", "the sweep was stopped"), attempt=1)
        seen.append(run.stop_requested)

    with pytest.raises(RunInterrupted):
        trials.start(work)
    first = read_record(trials.folder)
    again = trials.start(reports, 2)

    assert ([False, True], RunState.INTERRUPTED) == (seen, first.state)
    assert (RunState.COMPLETED, False) == (again.state, trials.folder.request.exists())


def test_a_trial_that_never_reports_is_stopped(trials: Trials) -> None:
    """A request to stop is heeded without the job: it has its time to end, and is ended then."""

    def work(run: RunContext) -> None:
        write_request(run.folder, Request("stop", "the sweep was stopped"), attempt=1)
        time.sleep(30)

    with pytest.raises(RunInterrupted):
        trials.start(work, run={"grace_s": 0.1})

    record = read_record(trials.folder)
    assert RunState.INTERRUPTED == record.state
    assert record.duration_s is not None
    assert record.duration_s < 20


def test_a_trial_is_not_pruned_between_reports(trials: Trials) -> None:
    """A trial that has come to its end before it has heard of it is a completed one."""

    def work(run: RunContext) -> None:
        write_request(run.folder, Request("prune", "worse than the median"), attempt=1)
        time.sleep(1.3)

    record = trials.start(work, run={"grace_s": 0.05})

    assert RunState.COMPLETED == record.state


def test_a_driver_that_asks_twice_does_not_insist(trials: Trials) -> None:
    """A signal behind the file leaves the job its time to clean up; the next one does not."""
    seen: list[str] = []

    def work(run: RunContext) -> None:
        write_request(run.folder, Request("stop", "the sweep was stopped"), attempt=1)
        seen.append(f"asked {run.stop_requested}")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
        seen.append("cleaned up")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    with pytest.raises(RunInterrupted):
        trials.start(work)

    assert ["asked True", "cleaned up"] == seen


def test_what_was_asked_of_another_attempt_means_nothing(trials: Trials) -> None:
    """A request that comes too late, and a torn one, are passed over."""

    def work(run: RunContext) -> None:
        write_request(run.folder, Request("prune", "late"), attempt=7)
        run.report_progress(1, {"loss": 1})
        run.folder.request.write_text('{"ask": "pr')
        run.report_progress(2, {"loss": 1})

    assert RunState.COMPLETED is trials.start(work).state


def test_a_trial_that_takes_too_long_has_failed(trials: Trials) -> None:
    """The job is asked to end at the limit, and the record says that it was that."""

    def work(run: RunContext) -> None:
        while True:
            run.report_progress(1, {"loss": 1})
            time.sleep(0.005)

    with pytest.raises(RunInterrupted):
        trials.start(work, timeout_s=0.05)

    record = read_record(trials.folder)
    assert record.failure is not None
    assert (
        RunState.FAILED,
        "TimeLimit",
        "it took longer than the 0.05 s that an attempt may take",
    ) == (record.state, record.failure.type, record.failure.message)


def test_a_trial_that_does_not_listen_is_ended(trials: Trials) -> None:
    """A job that never reports is interrupted a grace period after the limit."""
    with pytest.raises(RunInterrupted):
        trials.start(lambda _: time.sleep(1000), timeout_s=0.05, run={"grace_s": 0.05})

    record = read_record(trials.folder)
    assert (RunState.FAILED, "TimeLimit") == (record.state, record.failure and record.failure.type)


def test_a_trial_in_time_is_not_touched(trials: Trials) -> None:
    """The limit does not outlive the attempt."""
    record = trials.start(nothing, timeout_s=0.2, run={"grace_s": 0})
    time.sleep(0.3)

    assert record == read_record(trials.folder)


def test_whoever_ends_a_process_says_why(trials: Trials) -> None:
    """A process that was ended for its memory has not got lost: the trial has failed."""

    def work(run: RunContext) -> None:
        note_kill(run.folder, "MemoryLimit", "it took 900 MiB of 512 MiB", attempt=1)
        os.kill(os.getpid(), signal.SIGKILL)

    killed_in(lambda: trials.start(work))

    record = read_record(trials.folder)
    assert record.failure is not None
    assert (RunState.FAILED, "MemoryLimit", "it took 900 MiB of 512 MiB") == (
        record.state,
        record.failure.type,
        record.failure.message,
    )
    assert record == read_record(trials.folder)


# --- being judged ---


def leaves(**metrics: float) -> Callable[[RunContext], None]:
    def work(run: RunContext) -> None:
        for name, value in metrics.items():
            run.add_output_metric(name, value)
        run.report_progress(1, {"loss": 0.5})

    return work


@pytest.mark.parametrize(
    ("work", "objective"), [(leaves(accuracy=0.9), "accuracy"), (leaves(), "loss")]
)
def test_an_objective_is_an_output_metric_or_progress(
    trials: Trials, work: Callable[[RunContext], None], objective: str
) -> None:
    """A trial completes that left its objective in either form."""
    assert RunState.COMPLETED is trials.start(work, objectives=(objective,)).state


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (leaves(x=1), "the trial ended without its objective 'accuracy', it reported 'x', 'loss'"),
        (nothing, "the trial ended without its objective 'accuracy', it reported no metric"),
        (leaves(accuracy=float("nan"), loss=1), "the trial's objective 'accuracy' is NaN"),
    ],
)
def test_a_trial_without_its_objective_has_failed(
    trials: Trials, work: Callable[[RunContext], None], message: str
) -> None:
    """Missing or NaN: the sweep could not compare it, and the record says so."""
    with pytest.raises(ObjectiveMissingError):
        trials.start(work, objectives=("accuracy",))

    record = read_record(trials.folder)
    assert record.failure is not None
    assert (RunState.FAILED, "ObjectiveMissing", message) == (
        record.state,
        record.failure.type,
        record.failure.message,
    )


def test_a_model_is_kept_without_an_objective(trials: Trials) -> None:
    """What was trained is there, also where a metric's name was mistyped."""

    def work(run: RunContext) -> Any:
        path = run.temp_path / "model.bin"
        path.write_bytes(b"model")
        return path

    with pytest.raises(ObjectiveMissingError):
        trials.start(work, objectives=("accuracy",))

    assert b"model" == (trials.folder.artifacts_dir / "model.bin").read_bytes()


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_trial_that_cannot_run_is_recorded(trials: Trials, attempt: int) -> None:
    """A missing dataset fails the attempt: otherwise it would be begun for ever."""
    if attempt == 2:
        with pytest.raises(ValueError, match="too hot"):
            trials.start(fails)
    with pytest.raises(DatasetNotFoundError):
        trials.start(nothing, attempt, job={"datasets": {"digits": {"bucket": "/not/there"}}})

    record = read_record(trials.folder)
    assert (RunState.FAILED, "DatasetNotFoundError", attempt) == (
        record.state,
        record.failure and record.failure.type,
        len(record.attempts),
    )
    assert ("failed", attempt) == (
        json.loads(trials.folder.journal.read_bytes().splitlines()[-1])["state"],
        record.attempts[-1].number,
    )
