"""Trials run in processes of their own: what ends one of them ends nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import find_project, read_argv, read_overrides
from brevetti_hydra.errors import LauncherError
from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.settling import settle
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.launch.limits import Excess, Limits, memory_bytes
from brevetti_hydra.sweep.launch.processes import ProcessesLauncher
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep
from brevetti_hydra.sweep.task import Task
from brevetti_hydra.sweep_nodes import LauncherNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brevetti_hydra.sweep.opened import OpenSweep

JOB = '''
"""A job that does what its setting says."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from brevetti_hydra import Job, JobSettings, Secret


class Settings(JobSettings):
    work: str = "nothing"
    key: Secret = Secret("")


class Tried(Job):
    settings: Settings

    def run(self):
        self.add_output_metric("pid", os.getpid())
        getattr(self, self.settings.work)()

    def nothing(self):
        pass

    def talk(self):
        print("said", len(sys.stdin.read()), self.settings.key.get_secret_value())
        subprocess.run(["sh", "-c", "echo by a child; cat"])

    def roam(self):
        os.environ["LEFT_BEHIND"] = "1"
        sys.path.insert(0, "/nowhere")
        os.chdir("/")

    def look(self):
        # Three places where the trial before this one has been.
        assert "LEFT_BEHIND" not in os.environ
        assert "/nowhere" not in sys.path
        assert Path("tried.py").exists()

    def leave(self):
        sys.exit(0)

    def fail(self):
        raise ValueError("it fails")

    def fork(self):
        self.child = os.fork()

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def grow(self):
        self.report_progress(0, begun=1)
        self.much = bytearray(os.urandom(1 << 20) * 400)
        time.sleep(60)

    def wait(self):
        Path(f"{os.environ['MARKS']}/begun").touch()
        while not Path(f"{os.environ['MARKS']}/go").exists():
            self.report_progress(0, waited=1)
            time.sleep(0.02)
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a project with one job, and work there."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "tried.py").write_text(JOB)
    (folder / "pyproject.toml").write_text("[tool.brevetti_hydra]\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MARKS", str(tmp_path))
    yield folder
    # The next test has another module of that name.
    sys.modules.pop("tried", None)


def plan(project: Path, *works: str, line: tuple[str, ...] = ()) -> OpenSweep:
    """Plan a sweep whose trials do these works, in this order."""
    words = ["-m", "job=tried:Tried", f"work={','.join(works)}", "run.grace_s=5", *line]
    request = read_argv(words, find_project(project).budget)
    return write_sweep(plan_sweep(request, folder=project, command=["brevetti-hydra", *words]))


@contextmanager
def launched(sweep: OpenSweep, given: tuple[str, ...] = (), **node: Any) -> Iterator[Any]:
    launcher = ProcessesLauncher(
        sweep, LauncherNode(kind="processes", **node), secrets=read_overrides(given)
    )
    try:
        yield launcher
    finally:
        launcher.stop(at_once=True)
        launcher.wait(0)
        launcher.close()


def run_all(sweep: OpenSweep, given: tuple[str, ...] = (), **node: Any) -> list[Ended]:
    """Run all trials as a driver does, and give what the launcher told, by number."""
    waiting = [Task(trial, 1) for trial in sweep.trials]
    ended: list[Ended] = []
    with launched(sweep, given, **node) as launcher:
        while len(ended) < len(sweep.trials):
            while waiting and launcher.room:
                launcher.submit([waiting.pop(0)])
            ended += launcher.wait(1.0)
    return sorted(ended)


def records(sweep: OpenSweep) -> list[RunRecord]:
    return [settle(trial.run_folder(sweep.folder)) for trial in sweep.trials]


def first_record(sweep: OpenSweep) -> RunRecord:
    return settle(sweep.trials[0].run_folder(sweep.folder))


def states(sweep: OpenSweep) -> list[str]:
    return [record.state.value for record in records(sweep)]


def pids(sweep: OpenSweep) -> list[int]:
    return [record.attempts[0].pid for record in records(sweep)]


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_trial_of_another_is_left_alone(project: Path) -> None:
    """A worker that comes too late says so."""
    sweep = plan(project, "nothing", "look")
    with launched(sweep, workers=1) as launcher:
        told = []
        for _ in range(2):
            launcher.submit([Task(sweep.trials[0], 1)])
            told += launcher.wait(30)

    assert [Ended(0), Ended(0, is_taken=False)] == told


def test_one_worker_does_trials_that_spoil_nothing_for_the_next(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a job does to its process, the next trial finds it as the first one did."""
    sweep = plan(project, "roam", "look", "leave", "fail", "fork", "nothing", "talk")

    ended = run_all(sweep, workers=1)

    assert [Ended(number) for number in range(7)] == ended
    expected = ["completed"] * 2 + ["failed"] * 2 + ["completed"] * 3
    assert (expected, 1) == (states(sweep), len(set(pids(sweep))))
    assert os.getpid() not in pids(sweep)
    log = sweep.trials[6].run_folder(sweep.folder).log.read_text()
    # Its own stdin and its children's are empty: the tasks are not theirs to read.
    assert ["by a child", "said 0 "] == sorted(log.splitlines())


def test_a_worker_that_dies_takes_its_trial_alone(project: Path) -> None:
    """The launcher tells how it died, and another does the rest."""
    sweep = plan(project, "nothing", "die", "look")

    ended = run_all(sweep, workers=1)

    assert [Ended(0), Ended(1, "worker 1 was killed by SIGKILL"), Ended(2)] == ended
    assert ["completed", "lost", "completed"] == states(sweep)


def test_a_trial_that_takes_too_much_memory_fails_alone(project: Path) -> None:
    """Its record says what it took, although its process was killed."""
    sweep = plan(project, "grow", "nothing")

    first, second = run_all(sweep, workers=2, memory_mb=300)

    failed, completed = records(sweep)
    assert ("failed", "completed") == (failed.state.value, completed.state.value)
    assert failed.failure is not None
    assert ("MemoryLimit", first.reason, None) == (
        failed.failure.type,
        failed.failure.message,
        second.reason,
    )
    assert failed.failure.message.endswith("MiB of memory, and may take 300")


def test_a_worker_can_be_replaced_after_some_trials(project: Path) -> None:
    """With trials_per_worker=1 each trial has a process of its own."""
    sweep = plan(project, "nothing", "look", "roam")

    run_all(sweep, workers=1, trials_per_worker=1)

    assert ["completed"] * 3 == states(sweep)
    assert 3 == len(set(pids(sweep)))


def test_what_waits_behind_a_long_trial_is_done_by_another(project: Path, tmp_path: Path) -> None:
    """A worker with short trials has its next one at hand, but keeps it from nobody."""
    sweep = plan(project, "nothing", "wait", line=("sweep.repeat=12",))
    short = [trial for trial in sweep.trials if trial.varied["work"] == "nothing"]
    (long, *_) = (trial for trial in sweep.trials if trial.varied["work"] == "wait")
    waiting = [Task(trial, 1) for trial in [*short[:7], long, *short[7:]]]
    ended: list[Ended] = []
    with launched(sweep, workers=2) as launcher:
        while len(ended) < len(short):
            while waiting and launcher.room:
                launcher.submit([waiting.pop(0)])
            ended += launcher.wait(1)

        assert [Ended(trial.number) for trial in short] == sorted(ended)
        (tmp_path / "go").touch()
        assert [Ended(long.number)] == launcher.wait(30)
        # The worker finds that what it had at hand is done, and tells nobody a second time.
        assert [] == launcher.wait(0.3)

    done = [*short, long]
    found = [settle(trial.run_folder(sweep.folder)) for trial in done]
    expected = [("completed", 1)] * 13
    assert expected == [(record.state.value, len(record.attempts)) for record in found]


def test_where_failures_end_a_sweep_no_trial_is_at_hand(project: Path) -> None:
    """Else one more would begin before the driver knew."""
    lines = [(), ("sweep.on_failure=stop",), ("sweep.max_failures=1",), ("sweep.max_time_s=9",)]
    rooms = []
    for line in lines:
        with launched(plan(project, "nothing", "look", line=line), workers=3) as launcher:
            rooms.append(launcher.room)

    assert [6, 3, 3, 3] == rooms


def test_stopping_asks_a_trial_to_end(project: Path, tmp_path: Path) -> None:
    """It ends as after SIGTERM, and what has not begun is given back; each is told of once."""
    sweep = plan(project, "wait", "nothing")
    with launched(sweep, workers=1) as launcher:
        launcher.submit([Task(sweep.trials[0], 1)])
        wait_until((tmp_path / "begun").exists)
        launcher.submit([Task(sweep.trials[1], 1)])
        launcher.stop(at_once=False)
        ended = [*launcher.wait(0)]
        while len(ended) < 2:
            ended += launcher.wait(1)

        assert ([], 0) == (launcher.wait(0), launcher.room)

    assert {0: None, 1: "stopped before it began"} == {each.number: each.reason for each in ended}
    record = first_record(sweep)
    assert RunState.INTERRUPTED is record.state
    assert record.failure is not None
    assert "stopped by SIGTERM" == record.failure.message


def test_stopping_at_once_kills(project: Path, tmp_path: Path) -> None:
    """Nobody is asked, and the trial counts as lost."""
    sweep = plan(project, "wait", "nothing")
    with launched(sweep, workers=2) as launcher:
        launcher.submit([Task(sweep.trials[0], 1)])
        wait_until((tmp_path / "begun").exists)
        launcher.stop(at_once=True)
        ended = launcher.wait(10)

    assert [Ended(0)] == ended
    assert RunState.LOST is first_record(sweep).state


DRIVER = """
import sys, time
from pathlib import Path
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.task import Task
from brevetti_hydra.sweep.launch.choice import open_launcher
from brevetti_hydra.sweep.opened import open_sweep

sweep = open_sweep(SweepFolder(sys.argv[1]))
launcher = open_launcher(sweep)
launcher.submit([Task(trial, 1) for trial in sweep.trials])
while True:
    launcher.wait(1)
"""


def test_a_worker_without_a_driver_ends_its_trial(project: Path, tmp_path: Path) -> None:
    """SIGKILL of the driver loses nothing: the trial completes, and no process is left."""
    sweep = plan(project, "wait", "nothing", line=("launcher.kind=processes", "launcher.workers=2"))
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(sweep.folder.root)])
    wait_until((tmp_path / "begun").exists)
    wait_until(sweep.trials[1].run_folder(sweep.folder).record.exists)
    driver.kill()
    driver.wait()
    running, _ = pids(sweep)

    (tmp_path / "go").touch()

    wait_until(lambda: not is_alive(running))
    assert ["completed", "completed"] == states(sweep)


def test_a_secret_goes_through_the_pipe_alone(project: Path) -> None:
    """It reaches the job, and no file, no command line and no environment."""
    sweep = plan(project, "talk", "nothing", line=("key=correct-horse",))

    with launched(sweep, ("key=correct-horse",), workers=1) as launcher:
        launcher.submit([Task(sweep.trials[0], 1)])
        assert [Ended(0)] == [*launcher.wait(30)]
        pid = first_record(sweep).attempts[0].pid
        seen = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]

    log = sweep.trials[0].run_folder(sweep.folder).log.read_text()
    assert "said 0 **********" in log
    files = [path.read_bytes() for path in sweep.folder.root.rglob("*") if path.is_file()]
    assert [] == [content for content in [*seen, *files] if b"correct-horse" in content]


def test_workers_that_cannot_start_are_told_of(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three tries it is an error, and not a loop."""
    sweep = plan(project, "nothing", "look")
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(LauncherError) as raised:
        run_all(sweep, workers=1)

    assert "the workers end before they can run a trial" == raised.value.message
    assert ("worker 1 ended with exit code 1",) == raised.value.notes


def test_time_limits_are_kept_from_outside(project: Path) -> None:
    """Only long after the process itself should have ended the trial, its own grace included."""
    sweep = plan(project, "nothing", "look", line=("sweep.timeout_s=10", "run.grace_s=7"))
    limits, task = Limits(sweep, None), Task(sweep.trials[0], 1)

    assert [None, None] == [limits.find_excess(task, 1, time_s) for time_s in (11.0, 41.9)]
    assert Excess("TimeLimit", "it took longer than 10 s, and did not stop") == limits.find_excess(
        task, 1, 42.1
    )


def test_memory_is_that_of_a_process_and_its_children() -> None:
    """What they share counts once."""
    code = """
import os, sys, time
much = bytearray(os.urandom(1 << 20) * 64)
if os.fork():
    print("ready", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, process_group=0
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        exact, rough = (memory_bytes(process.pid, most) >> 20 for most in (0, 1 << 40))
        os.killpg(process.pid, signal.SIGKILL)

    assert 64 <= exact < 110
    assert 128 <= rough
