"""examples/ranks: ranks that torchrun's launcher starts share the run of their job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.history import list_runs

pytest.importorskip("torch", reason="no torch; pip install torch==2.13.0")

_REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy the example."""
    folder = tmp_path / "ranks"
    shutil.copytree(_REPOSITORY / "examples" / "ranks", folder)
    return folder


def _start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "brevetti_hydra", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(_REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _record(project: Path) -> RunRecord:
    [record] = list_runs(project / "runs")
    return record


def _epochs(run: Path) -> list[int]:
    events = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    return [event["epoch"] for event in events if event["kind"] == "progress"]


def _alive(group: int) -> list[str]:
    """Name the processes of a group; those that have ended and wait for their parent are none."""
    lines = subprocess.run(
        ["ps", "-eo", "pgid=,stat=,args="], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    found = [line.split(None, 2) for line in lines]
    return [each[2] for each in found if each[0] == str(group) and not each[1].startswith("Z")]


def test_two_ranks_are_one_run(project: Path) -> None:
    """Both ranks write into the run's folder, and rank 0 alone reports, a loss of both."""
    process = _start(project, "job=ranks", "epochs=4")
    text, _ = process.communicate(timeout=180)
    record = _record(project)
    [run] = (project / "runs").glob("*-ranks-*")
    assert (0, RunState.COMPLETED) == (process.returncode, record.state), text
    assert [0, 1, 2, 3] == _epochs(run)
    artifacts = [artifact.path for artifact in record.artifacts]
    assert ["line.pt", "output.json", "rank-0.txt", "rank-1.txt"] == artifacts
    assert "line.pt" == record.model


def test_each_trial_starts_its_ranks(project: Path) -> None:
    """Trials of a sweep have ranks of their own; each is one run of the sweep."""
    process = _start(project, "-m", "job=ranks", "epochs=2", "lr=0.1,0.5")
    text, _ = process.communicate(timeout=180)
    [sweep] = (project / "runs").glob("sweep-*")
    trials = sorted(sweep.glob("0*"))
    assert 0 == process.returncode, text
    assert [[0, 1], [0, 1]] == [_epochs(trial) for trial in trials]
    losses = [
        RunRecord.model_validate_json((t / "record.json").read_bytes()).progress for t in trials
    ]
    assert losses[0]["loss"] != losses[1]["loss"]


@pytest.mark.parametrize("taken", ["SIGQUIT", "SIGTERM,SIGINT,SIGHUP,SIGQUIT"])
@pytest.mark.parametrize("to_all", [False, True])
def test_ranks_end_with_their_run(project: Path, taken: str, to_all: bool) -> None:
    """SIGTERM interrupts the run, whoever takes it; no rank is left, and the run is no failure."""
    script = project / "ranks.py"
    script.write_text(
        script.read_text()
        .replace('signals_to_handle="SIGQUIT"', f'signals_to_handle="{taken}"')
        .replace("loss.backward()", "loss.backward(); __import__('time').sleep(0.05)")
    )
    process = _start(project, "job=ranks", "epochs=100000")
    end = time.monotonic() + 120
    while not (list((project / "runs").glob("*/journal.jsonl")) and _record(project).epoch):
        assert time.monotonic() < end
        time.sleep(0.2)
    if to_all:
        os.killpg(process.pid, signal.SIGTERM)
    else:
        os.kill(process.pid, signal.SIGTERM)
    text, _ = process.communicate(timeout=120)
    record = _record(project)
    assert record.failure is not None
    assert (143, RunState.INTERRUPTED, "stopped by SIGTERM") == (
        process.returncode,
        record.state,
        record.failure.message,
    ), text
    while left := _alive(process.pid):
        assert time.monotonic() < end, left
        time.sleep(0.2)


def test_a_rank_that_fails_fails_the_run(project: Path) -> None:
    """An error in one rank ends all of them, and the run as failed."""
    script = project / "ranks.py"
    text = script.read_text()
    script.write_text(
        text.replace("torch.manual_seed(dist.get_rank())", "1 / (dist.get_rank() - 1)")
    )
    process = _start(project, "job=ranks")
    text, _ = process.communicate(timeout=180)
    record = _record(project)
    assert (1, RunState.FAILED) == (process.returncode, record.state)
    assert "ZeroDivisionError" in next((project / "runs").glob("*-ranks-*/run.log")).read_text()
