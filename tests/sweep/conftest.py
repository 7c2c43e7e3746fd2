"""A project with a job that ends as its settings say, and sweeps of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import find_project, read_argv
from brevetti_hydra.run.history import read_record
from brevetti_hydra.sweep.driving.driver import Driver, Ending
from brevetti_hydra.sweep.driving.policy import Policy
from brevetti_hydra.sweep.launch.choice import open_launcher
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep
from brevetti_hydra.sweep.summary.view import read_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brevetti_hydra.record import RunRecord, RunState
    from brevetti_hydra.sweep.opened import OpenSweep

JOB = """
import os, signal, time
from pathlib import Path
from brevetti_hydra import Job, JobSettings

class Settings(JobSettings):
    end: str = "good"
    x: int = 0

class Driven(Job):
    settings: Settings
    objective = "loss"

    def __init__(self, settings, context):
        super().__init__(settings, context)
        if settings.end == "unbuilt":
            raise ValueError("cannot be built")

    def run(self):
        with open("ran.txt", "a") as stream:
            stream.write(f"{self.settings.x}\\n")
        end, seen = self.settings.end, self.checkpoint_path / "seen"
        os.chdir("/")
        os.environ["LEFT_BEHIND"] = "1"
        self.report_progress(1, loss=float(self.settings.x))
        if end == "fail" or (end == "once" and not seen.exists()):
            seen.touch()
            raise ValueError("on purpose")
        if end == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            self.report_progress(2, loss=1.0)
        if end == "exit":
            raise SystemExit(3)
        if end == "wait":
            while True:
                time.sleep(0.01)
                self.report_progress(2, loss=1.0)
"""


class Sweeps:
    """Plans and drives sweeps of the job, in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, *words: str) -> OpenSweep:
        """Plan a sweep of the job."""
        line = ["job=driven_job:Driven", f"run.root={self.folder}/runs", *words]
        request = read_argv(["-m", *line], find_project(self.folder).budget)
        return write_sweep(plan_sweep(request, folder=self.folder, command=line))

    def drive(self, sweep: OpenSweep, *, retry_failed: bool = False, **options: Any) -> Ending:
        policy = Policy.of(sweep.record, is_retrying_failed=retry_failed)
        return Driver(sweep, open_launcher(sweep), policy=policy, **options).drive()

    def records(self, sweep: OpenSweep) -> list[RunRecord]:
        """Read the trials that have begun."""
        folders = [trial.run_folder(sweep.folder) for trial in sweep.trials]
        return [read_record(folder) for folder in folders if folder.record.exists()]

    def states(self, sweep: OpenSweep) -> list[tuple[RunState, int]]:
        """Give state and number of attempts of each trial that has begun."""
        return [(record.state, len(record.attempts)) for record in self.records(sweep)]

    def counts(self, sweep: OpenSweep) -> dict[str, int]:
        """Give state -> how many trials of the plan."""
        return read_sweep(sweep.folder).counts

    def ran(self) -> list[int]:
        """Give which trials ran, by their x, in order."""
        return [int(line) for line in (self.folder / "ran.txt").read_text().split()]


@pytest.fixture
def sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweeps]:
    """Give what plans and drives sweeps, in the folder of a project."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / "driven_job.py").write_text(JOB)
    monkeypatch.chdir(folder)
    yield Sweeps(folder)
    sys.modules.pop("driven_job", None)
