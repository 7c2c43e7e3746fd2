"""What a driver runs, runs again, leaves, and tells; trials run in this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.errors import (
    CodeChangedError,
    LauncherError,
    RecordUnreadableError,
    StorageWriteError,
)
from brevetti_hydra.record import RunState
from brevetti_hydra.run.liveness import this_process
from brevetti_hydra.run.requests import Request, write_request
from brevetti_hydra.sweep.driving.driver import Driver
from brevetti_hydra.sweep.driving.drivers import drivers_at_work, sign_on
from brevetti_hydra.sweep.driving.stopping import write_stop
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.task import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.opened import OpenSweep
    from tests.sweep.conftest import Sweeps

COMPLETED, FAILED, INTERRUPTED = RunState.COMPLETED, RunState.FAILED, RunState.INTERRUPTED


def test_each_trial_runs_once(sweeps: Sweeps) -> None:
    """All trials of the plan run, in its order, with what was planned; the observers hear of it."""
    sweep = sweeps.plan("x=1,2,3")
    told: list[Any] = []

    ending = sweeps.drive(sweep, observers=[lambda t, r: told.append((t.number, r and r.state))])

    assert ({COMPLETED: 3}, None) == (sweeps.counts(sweep), ending.why)
    assert [(0, COMPLETED), (1, COMPLETED), (2, COMPLETED)] == told
    assert [1, 2, 3] == sweeps.ran()
    assert [(t.run_id, t.folder) for t in sweep.trials] == [
        (record.run_id, record.folder) for record in sweeps.records(sweep)
    ]


def test_nothing_done_runs_twice(sweeps: Sweeps) -> None:
    """A second drive finds everything done, and tells of it without running anything."""
    sweep = sweeps.plan("x=1,2")
    sweeps.drive(sweep)

    sweeps.drive(open_sweep(sweep.folder), observers=[lambda *_: pytest.fail("ran")])

    assert ({COMPLETED: 2}, [1, 2]) == (sweeps.counts(sweep), sweeps.ran())


def test_one_trial_leaves_nothing_to_the_next(sweeps: Sweeps) -> None:
    """Working directory and environment are given back."""
    sweeps.drive(sweeps.plan("x=1,2"))

    assert (sweeps.folder, False) == (Path.cwd(), "LEFT_BEHIND" in os.environ)


def test_a_failed_trial_hinders_no_other(sweeps: Sweeps) -> None:
    """Whatever a job raises, or its class, is in its record."""
    sweep = sweeps.plan("end=fail,exit,unbuilt,good", "x=7")

    sweeps.drive(sweep)

    failures = [record.failure.type for record in sweeps.records(sweep) if record.failure]
    assert {FAILED: 3, COMPLETED: 1} == sweeps.counts(sweep)
    assert ["ValueError", "SystemExit", "ValueError"] == failures


def test_failed_trials_are_retried_at_once(sweeps: Sweeps) -> None:
    """Each has so many attempts more, and later drives of the same kind add none."""
    sweep = sweeps.plan("end=once,fail", "sweep.retries=2")

    sweeps.drive(sweep)
    sweeps.drive(sweep)

    assert [(COMPLETED, 2), (FAILED, 3)] == sweeps.states(sweep)


def test_retry_failed_begins_anew(sweeps: Sweeps) -> None:
    """What has failed is tried again when it is asked for, as often as a new trial."""
    sweep = sweeps.plan("end=once,fail,good")
    sweeps.drive(sweep)

    sweeps.drive(sweep, retry_failed=True)

    assert [(COMPLETED, 2), (FAILED, 2), (COMPLETED, 1)] == sweeps.states(sweep)
    assert {COMPLETED: 2, FAILED: 1} == sweeps.counts(sweep)


@pytest.mark.parametrize(
    ("word", "states", "why"),
    [
        ("sweep.on_failure=stop", {FAILED: 1, RunState.PLANNED: 3}, "1 trial failed"),
        ("sweep.max_failures=1", {FAILED: 2, RunState.PLANNED: 2}, "2 trials failed"),
        ("sweep.max_trials=3", {FAILED: 3, RunState.PLANNED: 1}, "3 trials began"),
        ("sweep.max_time_s=0.0001", {RunState.PLANNED: 4}, "the time is over"),
    ],
)
def test_a_sweep_ends_when_it_is_enough(
    sweeps: Sweeps, word: str, states: dict[RunState, int], why: str
) -> None:
    """A limit leaves trials, and says so; nothing of it counts for the next drive."""
    sweep = sweeps.plan("end=fail", "x=1,2,3,4", word)

    ending = sweeps.drive(sweep)

    assert ending.why is not None
    assert (states, why, word) == (sweeps.counts(sweep), *ending.why.rstrip(")").split(" ("))


def test_a_budget_is_for_each_drive(sweeps: Sweeps) -> None:
    """`resume` runs as many trials more."""
    sweep = sweeps.plan("x=1,2,3", "sweep.max_trials=2")
    sweeps.drive(sweep)

    ending = sweeps.drive(sweep)

    assert ({COMPLETED: 3}, None) == (sweeps.counts(sweep), ending.why)


def test_a_signal_ends_trial_and_drive(sweeps: Sweeps) -> None:
    """Ctrl-C in a trial is one for the driver: no other begins; the next drive goes on."""
    sweep = sweeps.plan("end=interrupt,good")
    before = signal.getsignal(signal.SIGINT)

    ending = sweeps.drive(sweep)

    assert ({INTERRUPTED: 1, RunState.PLANNED: 1}, signal.SIGINT) == (
        sweeps.counts(sweep),
        ending.signal_number,
    )
    assert before is signal.getsignal(signal.SIGINT)
    assert [(INTERRUPTED, 1)] == sweeps.states(sweep)


def test_a_stop_request_ends_the_drive(sweeps: Sweeps) -> None:
    """All drivers at work see the file, and later ones pass it over."""
    sweep = sweeps.plan("x=1,2,3")

    def stop(*_: Any) -> None:
        write_stop(sweep.folder, at_once=False)

    first = sweeps.drive(sweep, observers=[stop])
    left = sweeps.counts(sweep)
    sweeps.drive(sweep)

    assert ({COMPLETED: 1, RunState.PLANNED: 2}, "it was stopped") == (left, first.why)
    assert {COMPLETED: 3} == sweeps.counts(sweep)


def test_a_trial_that_is_asked_to_stop_is_left(sweeps: Sweeps) -> None:
    """It is interrupted, the others run, and the next drive runs it again."""
    sweep = sweeps.plan("end=wait,good")
    folder = sweep.trials[0].run_folder(sweep.folder)

    def ask() -> None:
        while not folder.journal.exists() or b"progress" not in folder.journal.read_bytes():
            time.sleep(0.01)
        write_request(folder, Request("stop", "enough"), attempt=1)

    asking = threading.Thread(target=ask)
    asking.start()
    sweeps.drive(sweep)
    asking.join()

    assert {INTERRUPTED: 1, COMPLETED: 1} == sweeps.counts(sweep)


def test_what_others_run_is_watched(sweeps: Sweeps) -> None:
    """A trial at work elsewhere is waited for, and taken up when its process dies."""
    sweep = sweeps.plan("x=1,2")
    task = Task(sweep.trials[0], 1)
    child = os.fork()
    if child == 0:
        from brevetti_hydra.sweep.trial import TrialRunner

        def die(event: Any) -> None:
            if type(event).__name__ == "ProgressReported":
                time.sleep(0.3)
                os.kill(os.getpid(), signal.SIGKILL)

        TrialRunner(sweep).run(task, observers=[die])
    folder = task.trial.run_folder(sweep.folder)
    while not folder.journal.exists() or b"progress" not in folder.journal.read_bytes():
        time.sleep(0.005)
    threading.Thread(target=os.waitpid, args=(child, 0)).start()

    sweeps.drive(sweep)

    assert {COMPLETED: 2} == sweeps.counts(sweep)
    assert [(COMPLETED, 2), (COMPLETED, 1)] == sweeps.states(sweep)


class Refusing:
    """A launcher whose processes come to nothing."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.submitted = 0

    @property
    def room(self) -> int:
        return 2 - len(self.tasks)

    def submit(self, tasks: Sequence[Task]) -> None:
        self.tasks += tasks
        self.submitted += len(tasks)

    def wait(self, timeout_s: float) -> list[Ended]:
        del timeout_s
        ended = [Ended(task.trial.number, "no room on the disk") for task in self.tasks]
        self.tasks.clear()
        return ended

    def stop(self, *, at_once: bool) -> None:
        del at_once

    def close(self) -> None:
        pass


def test_trials_that_cannot_begin_end_the_drive(sweeps: Sweeps) -> None:
    """A driver does not try for ever, and says what it was told."""
    sweep = sweeps.plan("x=1,2,3,4")
    launcher = Refusing()

    with pytest.raises(LauncherError) as caught:
        Driver(sweep, launcher).drive()

    assert ["no room on the disk"] == list(caught.value.notes)
    assert launcher.submitted < 10


def test_changed_code_is_refused(sweeps: Sweeps) -> None:
    """Nothing of the sweep runs on other code than was planned, and nothing is written."""
    sweep = sweeps.plan("x=1,2")
    sys.modules.pop("driven_job")
    job = sweeps.folder / "driven_job.py"
    job.write_text(job.read_text() + "\n# changed\n")

    with pytest.raises(CodeChangedError):
        sweeps.drive(sweep)

    assert [] == sweeps.records(sweep)


def test_a_removed_sweep_is_not_made_again(sweeps: Sweeps) -> None:
    """A driver that works on where somebody has removed the sweep leaves no folder behind."""
    import shutil

    sweep = sweeps.plan("x=1,2")

    with pytest.raises((StorageWriteError, RecordUnreadableError)):
        sweeps.drive(sweep, observers=[lambda *_: shutil.rmtree(sweep.folder.root)])

    assert not sweep.folder.root.exists()


def test_drivers_can_be_seen(sweeps: Sweeps) -> None:
    """A driver at work has a file, which goes with it; those of killed ones are taken away."""
    sweep = sweeps.plan("x=1")
    sweep.folder.drivers_dir.mkdir()
    dead = {**this_process()._asdict(), "pid": 2**22 + 1, "since": "2026-11-23T10:15:00.000Z"}
    (sweep.folder.drivers_dir / "dead.json").write_text(json.dumps(dead))

    with sign_on(sweep.folder):
        (mark,) = drivers_at_work(sweep.folder)

    assert os.getpid() == mark.process.pid
    assert ([], []) == (
        drivers_at_work(sweep.folder),
        list(sweep.folder.drivers_dir.iterdir()),
    )


DRIVE = """
import sys
from pathlib import Path
from brevetti_hydra.sweep.driving.driver import Driver
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.launch.choice import open_launcher
from brevetti_hydra.sweep.opened import open_sweep
sweep = open_sweep(SweepFolder(Path(sys.argv[1])))
ending = Driver(sweep, open_launcher(sweep)).drive()
print(ending.why)
"""


def test_two_drivers_share_the_work(sweeps: Sweeps) -> None:
    """Both end when all is done, and no trial has run twice."""
    sweep = sweeps.plan("x=range(30)")
    words = [sys.executable, "-c", DRIVE, str(sweep.folder.root)]

    drivers = [
        subprocess.Popen(words, cwd=sweeps.folder, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [driver.communicate()[0].splitlines()[-1] for driver in drivers]

    assert ["None"] * 2 == said
    assert [*range(30)] == sorted(sweeps.ran())
    assert [(COMPLETED, 1)] * 30 == sweeps.states(sweep)


def appended(sweep: OpenSweep) -> list[int]:
    return [trial.number for trial in sweep.trials]


def test_a_plan_grows_for_all_drivers(sweeps: Sweeps) -> None:
    """What one adds the other reads; a line that its writer did not end never was."""
    sweep = sweeps.plan("x=1,2")
    other = open_sweep(sweep.folder)
    line = sweep.trials[1]._replace(number=2).line()
    with sweep.folder.plan.open("ab") as stream:
        stream.write(line[:-20])

    nothing = other.read_more()
    sweep.read_more()
    sweep.append(sweep.trials[1]._replace(number=2))
    other.read_more()

    assert ([], [0, 1, 2], [0, 1, 2]) == (nothing, appended(sweep), appended(other))
    assert [0, 1, 2] == appended(open_sweep(sweep.folder))
