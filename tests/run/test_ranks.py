"""Processes that a job starts: rank 0 reports through the run, the others are silent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.history import list_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Two ranks, started as torch.multiprocessing and torchrun's launcher start them.
_HEAD = """
import copy, multiprocessing, os, signal, sys, time
from pathlib import Path
from brevetti_hydra import Job, JobSettings, Secret
from brevetti_hydra.errors import BrevettiHydraError


class ManySettings(JobSettings):
    word: Secret = Secret("a canary")
    epochs: int = 3
    takes_signals: bool = False


class LauncherError(Exception):
    '''What a launcher of ranks raises.'''

    def __init__(self, text, sigval=None):
        super().__init__(text)
        self.sigval = sigval


def take(number, frame):
    raise LauncherError("got a signal", sigval=number)


class Many(Job):
    settings: ManySettings

    def run(self):
        if self.settings.takes_signals:
            signal.signal(signal.SIGTERM, take)
        spawn = multiprocessing.get_context("spawn")
        ranks = [spawn.Process(target=in_rank, args=(self, rank)) for rank in (0, 1)]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join()
        if any(rank.exitcode for rank in ranks):
            raise LauncherError(f"ranks ended with {[rank.exitcode for rank in ranks]}")


def in_rank(job, rank):
    os.environ["RANK"] = str(rank)
    work(job, rank)
"""


class Project:
    """A folder in which a script with a job of two ranks is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, work: str, *arguments: str) -> subprocess.Popen[str]:
        """Start the job; `work` is what each rank does with `job` and `rank`."""
        body = textwrap.indent(textwrap.dedent(work).strip(), "    ")
        end = 'if __name__ == "__main__":\n    Many.init().start()\n'
        script = f"{_HEAD}\n\ndef work(job, rank):\n{body}\n\n\n{end}"
        (self.folder / "script.py").write_text(script)
        return subprocess.Popen(
            [sys.executable, "script.py", *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, work: str, *arguments: str) -> tuple[int, RunRecord, str]:
        """Run the job to its end: exit code, record and what was printed."""
        process = self.start(work, *arguments)
        text, _ = process.communicate(timeout=60)
        return process.returncode, self.record(), text

    def record(self) -> RunRecord:
        """Give the record of the only run."""
        [record] = list_runs(self.folder / "runs")
        return record

    def events(self, kind: str) -> list[dict[str, object]]:
        """Give the journal's events of one kind."""
        [journal] = (self.folder / "runs").glob("*/journal.jsonl")
        events = [json.loads(line) for line in journal.read_text().splitlines()]
        return [event for event in events if event["kind"] == kind]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give an empty project."""
    return Project(tmp_path)


def test_rank_0_reports_alone(project: Project) -> None:
    """Every rank reads settings and writes files; what rank 0 reports is recorded, once."""
    code, record, text = project.run(
        """
        for epoch in range(job.settings.epochs):
            job.report_progress(epoch, loss=float(rank))
        job.add_output_metric("accuracy", 1 - rank)
        job.artifact_path(f"rank-{rank}.txt").write_text(job.settings.word.get_secret_value())
        (job.checkpoint_path / f"rank-{rank}").touch()
        job.logger.info("rank %d of %s, %s", rank, job.id, job.stop_requested)
        """
    )
    assert (0, RunState.COMPLETED) == (code, record.state), text
    losses = [event["metrics"] for event in project.events("progress")]
    assert [{"loss": 0.0}] * 3 == losses
    assert {"accuracy": 1.0} == record.metrics
    assert ["output.json", "rank-0.txt", "rank-1.txt"] == [each.path for each in record.artifacts]
    [log] = (project.folder / "runs").glob("*/run.log")
    logged = [line.split("rank ")[1] for line in log.read_text().splitlines() if "rank " in line]
    assert [f"{rank} of {record.run_id}, False" for rank in (0, 1)] == sorted(logged)


def test_no_secret_is_written_for_the_ranks(project: Project) -> None:
    """A rank gets secrets as well, and no file does."""
    project.run("assert job.settings.word.get_secret_value() == 'a canary'")
    files = [path for path in (project.folder / "runs").rglob("*") if path.is_file()]
    assert [] == [path for path in files if b"a canary" in path.read_bytes()]
    assert RunState.COMPLETED is project.record().state


def test_a_stop_reaches_rank_0(project: Project) -> None:
    """A run that is asked to stop ends in rank 0 at its next report, and is interrupted."""
    process = project.start(
        """
        while rank == 0:
            job.report_progress(1, loss=1)
            time.sleep(0.01)
        """
    )
    _wait_for(lambda: project.events("progress"))
    os.kill(process.pid, signal.SIGTERM)
    text, _ = process.communicate(timeout=60)
    record = project.record()
    assert record.failure is not None
    assert (143, RunState.INTERRUPTED, "stopped by SIGTERM") == (
        process.returncode,
        record.state,
        record.failure.message,
    ), text


def test_a_launcher_may_take_the_signals(project: Project) -> None:
    """A launcher like that of torchrun turns SIGTERM into an error of its own; the run is interrupted."""
    work = "if rank == 0: job.report_progress(0, loss=1); os.kill(os.getppid(), signal.SIGTERM)"
    code, record, text = project.run(work, "takes_signals=true")
    assert (143, RunState.INTERRUPTED) == (code, record.state), text


def test_a_rank_that_fails_fails_the_run(project: Project) -> None:
    """Where nobody asked the run to stop, an error of a rank's launcher is a failure."""
    code, record, text = project.run("raise SystemExit(rank)")
    assert record.failure is not None
    assert (1, RunState.FAILED, "ranks ended with [0, 1]") == (
        code,
        record.state,
        record.failure.message,
    ), text


def test_errors_of_a_report_are_raised_in_the_rank(project: Project) -> None:
    """A rank that reports what cannot be recorded gets the error that the run's process has."""
    code, record, text = project.run(
        """
        for name, value in (("", 1), ("x", "many")):
            try:
                job.add_output_metric(name, value)
            except BrevettiHydraError as error:
                print(f"rank {rank}: {error.code}", flush=True)
        """
    )
    assert (0, RunState.COMPLETED) == (code, record.state), text
    assert ["rank 0: invalid-metric"] * 2 == [t for t in text.splitlines() if "rank " in t]


def test_a_rank_outlives_its_run_in_vain(project: Project) -> None:
    """A rank whose run is over cannot report any more, and is told so."""
    script = (
        "import time\n"
        "job.stop_requested\n"
        "if rank == 0:\n"
        "    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    time.sleep(0.3)\n"
        "    try:\n"
        "        job.report_progress(1, loss=1)\n"
        "    except BrevettiHydraError as error:\n"
        "        Path('said.txt').write_text(error.message)\n"
    )
    process = project.start(script)
    process.wait(timeout=60)
    said = project.folder / "said.txt"
    _wait_for(said.exists)
    process.communicate()
    record = project.record()
    assert f"the run '{record.folder}' is over, or its process is gone" == said.read_text()
    assert RunState.LOST is record.state


def test_a_job_is_sent_only_while_it_runs(tmp_path: Path) -> None:
    """Before run() and after it there is nothing that a rank could be part of."""
    (tmp_path / "script.py").write_text(
        _HEAD
        + textwrap.dedent(
            """
            import pickle
            Many.run = lambda self: print(copy.deepcopy(self)._context is self._context)
            job = Many.init()
            for _ in range(2):
                try:
                    pickle.dumps(job)
                except BrevettiHydraError as error:
                    print(error.code)
                if not job.record.ended:
                    job.start()
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert ["not-running", "True", "not-running"] == [
        line for line in done.stdout.splitlines() if line in {"not-running", "True", "False"}
    ]


def _wait_for(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if holds():
                return
        except ValueError:
            pass  # the run has not begun
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
