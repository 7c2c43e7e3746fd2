"""Sweeps on a real SLURM: arrays, preemption, time limits, cancelled jobs, dead drivers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.errors import RunNotFoundError
from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.settling import settle
from brevetti_hydra.sweep.driving.driver import Driver
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.launch.choice import open_launcher
from brevetti_hydra.sweep.launch.slurm import cancel_jobs, job_states
from brevetti_hydra.sweep.opened import OpenSweep, open_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REPOSITORY = Path(__file__).resolve().parents[3]
_EXECUTABLE = [sys.executable, "-m", "brevetti_hydra"]

# Each attempt goes on where the last one stopped, and says where it began.
_STEPS = """
import time
from brevetti_hydra import Job, JobSettings


class StepsSettings(JobSettings):
    lr: float = 0.1
    steps: int = 5
    step_s: float = 0.1


class Steps(Job):
    settings: StepsSettings
    objective = "loss"

    def run(self):
        done = self.checkpoint_path / "done.txt"
        first = int(done.read_text()) if done.exists() else 0
        self.add_output_metric("first", first)
        for step in range(first, self.settings.steps):
            time.sleep(self.settings.step_s)
            done.write_text(str(step + 1))
            self.report_progress(step + 1, loss=self.settings.lr / (step + 1))
"""


class Sweep:
    """A sweep on the cluster, by a driver in a process of its own."""

    def __init__(
        self, folder: Path, environment: dict[str, str], arguments: tuple[str, ...]
    ) -> None:
        self.cwd = folder
        self.environment = environment
        self.driver = self.start("-m", "job._target_=steps:Steps", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in the project's folder."""
        return subprocess.Popen(
            [*_EXECUTABLE, *arguments],
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self) -> tuple[int, str]:
        """Wait for the driver: its exit code and what it printed."""
        text, _ = self.driver.communicate(timeout=120)
        return self.driver.returncode, text

    @property
    def folder(self) -> SweepFolder:
        """The sweep's folder."""
        [path] = (self.cwd / "runs").glob("sweep-*")
        return SweepFolder(path)

    @property
    def opened(self) -> OpenSweep:
        """The sweep as planned."""
        return open_sweep(self.folder)

    def record(self, number: int) -> RunRecord | None:
        """The record of a trial, if it has begun."""
        if not list((self.cwd / "runs").glob("sweep-*/sweep.json")):
            return None
        try:
            return settle(self.opened.trials[number].run_folder(self.folder))
        except RunNotFoundError:
            return None

    def epoch(self, number: int) -> int:
        """The last epoch that a trial reported; 0 before."""
        record = self.record(number)
        return (record and record.epoch) or 0

    def jobs(self) -> dict[int, str]:
        """Trial -> the job that was submitted for it."""
        lines = (self.folder.engine_dir / "jobs.jsonl").read_text().splitlines()
        return {entry["number"]: entry["job"] for entry in map(json.loads, lines)}

    def states(self) -> list[list[RunState]]:
        """Of each trial, the states in which its attempts ended."""
        if not list((self.cwd / "runs").glob("sweep-*/sweep.json")):
            return [[]]
        records = [self.record(trial.number) for trial in self.opened.trials]
        return [[a.state for a in record.attempts] if record else [] for record in records]


@pytest.fixture
def sweep(cluster: Any, tmp_path: Path) -> Iterator[Callable[..., Sweep]]:
    """Start sweeps of `Steps` on the cluster."""
    project = tmp_path / "a project"
    project.mkdir()
    (project / "steps.py").write_text(_STEPS)
    (project / "pyproject.toml").write_text("")
    environment = {
        **os.environ,
        "SLURM_CONF": str(cluster.configuration),
        "PYTHONPATH": str(_REPOSITORY),
        "COLUMNS": "200",
    }
    started: list[Sweep] = []

    def start(*arguments: str) -> Sweep:
        started.append(Sweep(project, environment, ("launcher.kind=slurm", *arguments)))
        return started[-1]

    yield start
    for each in started:
        each.driver.kill()
        each.driver.communicate()
    cluster.must("scancel", "--me", "--signal=KILL")
    cluster.must("scancel", "--me")
    cluster.wait_for(lambda: not cluster.must("squeue", "-h"))


@pytest.fixture(autouse=True)
def _environment(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", str(cluster.configuration))


def test_all_trials_are_one_array(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """The trials of a sweep are tasks of one array, of which so many run at once as asked."""
    running = sweep("lr=0.1,0.2,0.3,0.4", "launcher.workers=2", "launcher.time_min=10")
    cluster.wait_for(lambda: running.epoch(0))
    limits = cluster.must("squeue", "-h", "-r", "-o", "%i %l", "-t", "R").splitlines()
    code, text = running.end()
    [array] = {job.partition("_")[0] for job in running.jobs().values()}
    assert 0 == code, text
    assert [f"{array}_{number}" for number in range(4)] == list(running.jobs().values())
    assert [[RunState.COMPLETED]] * 4 == running.states()
    assert 2 >= len(limits)
    assert {"10:00"} == {line.split()[1] for line in limits}


def test_a_preempted_trial_goes_on(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """A trial that makes room for another job ends as interrupted, and goes on from its checkpoint."""
    running = sweep("lr=0.1", "steps=30", "launcher.partition=debug")
    cluster.wait_for(lambda: running.epoch(0) >= 3)
    urgent = ["sbatch", "-p", "urgent", "-N2", "--exclusive", "-o", "/dev/null"]
    cluster.must(*urgent, "--wrap", "true")
    cluster.wait_for(lambda: len(running.states()[0]) == 2)
    code, text = running.end()
    record = running.record(0)
    assert record is not None
    assert (0, 30) == (code, record.epoch), text
    assert [[RunState.INTERRUPTED, RunState.COMPLETED]] == running.states()
    assert record.metrics["first"] >= 3


def test_a_task_of_an_array_is_queued_again_alone(
    cluster: Any, sweep: Callable[..., Sweep]
) -> None:
    """When one trial's time is over it is queued again, and no other trial of its array."""
    running = sweep("lr=0.1,0.2,0.3", "steps=20")
    cluster.wait_for(lambda: all(running.epoch(number) >= 2 for number in range(3)))
    # The task that bears the array's own number: to requeue that number begins all of them anew.
    own = cluster.must("squeue", "-h", "-r", "-o", "%i %A").split()
    plain = dict(zip(own[::2], own[1::2], strict=True))
    jobs = running.jobs()
    [last] = [n for n, job in jobs.items() if plain[job] == job.partition("_")[0]]
    cluster.must("scancel", "--signal=USR2", jobs[last])
    cluster.wait_for(lambda: len(running.states()[last]) == 2)
    code, text = running.end()
    assert 0 == code, text
    ended = [[RunState.COMPLETED]] * 3
    ended[last] = [RunState.INTERRUPTED, RunState.COMPLETED]
    assert ended == running.states()


def test_a_trial_is_queued_again_only_so_often(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """A trial that runs out of time more often than `launcher.requeues` stays interrupted."""
    running = sweep("lr=0.1", "steps=1000", "launcher.requeues=1")
    for attempts in (1, 2):
        cluster.wait_for(lambda n=attempts: len(running.states()[0]) == n)
        epoch = running.epoch(0)
        cluster.wait_for(lambda e=epoch: running.epoch(0) > e)
        cluster.must("scancel", "--signal=USR2", running.jobs()[0])
    code, text = running.end()
    assert 1 == code, text
    assert [[RunState.INTERRUPTED] * 2] == running.states()


def test_a_cancelled_trial_is_interrupted(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """Somebody else's `scancel` of one trial interrupts that trial, and is not undone."""
    running = sweep("lr=0.1,0.2", "steps=40")
    cluster.wait_for(lambda: running.epoch(0) and running.epoch(1))
    cluster.must("scancel", running.jobs()[0])
    code, text = running.end()
    assert 1 == code, text
    assert [[RunState.INTERRUPTED], [RunState.COMPLETED]] == running.states()


def test_trials_need_no_driver(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """A driver that is killed loses nothing: its jobs go on, and the queue tells of them."""
    running = sweep("lr=0.1,0.2,0.3", "steps=20", "launcher.workers=2")
    cluster.wait_for(lambda: running.epoch(0))
    os.kill(running.driver.pid, signal.SIGKILL)
    told = job_states(running.folder)
    status, _ = running.start("sweep", "status", "last").communicate()
    cluster.wait_for(lambda: running.states() == [[RunState.COMPLETED]] * 3)
    assert {0: "running", 1: "running", 2: "pending (JobArrayTaskLimit)"} == told
    [line] = [line.strip() for line in status.splitlines() if "queue" in line]
    assert {"queue", "2 running", "1 pending (JobArrayTaskLimit)"} == set(re.split(r"  +|, ", line))


def test_all_jobs_can_be_cancelled(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """Without a driver, too, a sweep's jobs can be asked to end; what waits never begins."""
    running = sweep("lr=0.1,0.2,0.3", "steps=1000", "launcher.workers=2")
    cluster.wait_for(lambda: running.epoch(0) and running.epoch(1))
    os.kill(running.driver.pid, signal.SIGKILL)
    count = cancel_jobs(running.folder, at_once=False)
    cluster.wait_for(lambda: not cluster.must("squeue", "-h"))
    assert 3 == count
    assert [[RunState.INTERRUPTED], [RunState.INTERRUPTED], []] == running.states()


def test_ctrl_c_stops_the_jobs(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """The driver hands Ctrl-C on: what runs is interrupted, and what waits never begins."""
    running = sweep("lr=0.1,0.2,0.3", "steps=1000", "launcher.workers=2")
    cluster.wait_for(lambda: running.epoch(0) and running.epoch(1))
    running.driver.send_signal(signal.SIGINT)
    code, text = running.end()
    assert 0 != code, text
    assert [[RunState.INTERRUPTED], [RunState.INTERRUPTED], []] == running.states()
    assert "" == cluster.must("squeue", "-h")


def test_a_driver_takes_over_the_queue(cluster: Any, sweep: Callable[..., Sweep]) -> None:
    """The next driver waits for jobs that are in the queue already, and queues none twice."""
    running = sweep("lr=0.1,0.2,0.3", "steps=30", "launcher.workers=1")
    cluster.wait_for(lambda: running.epoch(0))
    os.kill(running.driver.pid, signal.SIGKILL)
    before = running.jobs()
    Driver(running.opened, open_launcher(running.opened)).drive()
    assert [[RunState.COMPLETED]] * 3 == running.states()
    lines = (running.folder.engine_dir / "jobs.jsonl").read_text().splitlines()
    assert (3, before) == (len(lines), running.jobs())


def test_slurm_says_what_it_does_not_take(sweep: Callable[..., Sweep]) -> None:
    """A partition that does not exist is told in SLURM's own words."""
    code, text = sweep("lr=0.1", "launcher.partition=nowhere").end()
    assert 2 == code
    assert "error[launcher-error]: SLURM does not take the trials" in text
    assert "invalid partition specified: nowhere" in text
