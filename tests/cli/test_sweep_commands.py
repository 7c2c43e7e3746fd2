"""`brevetti-hydra sweep resume`, `retry-failed`, `stop` and `rm`, on real sweeps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Any]

JOB = """
import os, time
from brevetti_hydra import Job, JobSettings, Secret

class Settings(JobSettings):
    x: int = 0
    wait: bool = False
    token: Secret | None = None

class Work(Job):
    settings: Settings

    def run(self):
        open(f"ran-{self.settings.x}", "w").close()
        if os.path.exists(f"fail-{self.settings.x}"):
            raise ValueError("on purpose")
        while self.settings.wait and not os.path.exists("go"):
            self.report_progress(1, loss=1)
            time.sleep(0.01)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project with a job of its own."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "sweep_commands_job.py").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "sweep_commands_job", raising=False)
    return tmp_path


@pytest.fixture
def begin(folder: Path, call: Call) -> Call:
    """Give a function that runs a sweep of the job."""
    del folder
    return lambda *words: call("-m", "job=sweep_commands_job:Work", *words)


def counts(call: Call) -> dict[str, int]:
    """Give state -> trials of the last sweep."""
    found: dict[str, int] = call("sweep", "status", "last", "--json").document["result"]["counts"]
    return found


def test_resume_runs_what_is_missing(begin: Call, call: Call) -> None:
    """Trials that have not begun run; the exit code is that of the sweep."""
    first = begin("x=1,2,3", "sweep.max_trials=2")

    second = call("sweep", "resume", "last")
    third = call("sweep", "resume", "last")

    assert (1, 0, 0) == (first.code, second.code, third.code)
    assert "trials were left: 2 trials began (sweep.max_trials=2)" in first.err
    assert {"completed": 3} == counts(call)


def test_it_is_said_that_nothing_is_missing(begin: Call, call: Call, folder: Path) -> None:
    """Whoever resumes a sweep that is done, or has only failed, is told so."""
    (folder / "fail-2").touch()
    begin("x=1,2")

    resumed = call("sweep", "resume", "last")
    (folder / "fail-2").unlink()
    retried = call("sweep", "retry-failed", "last")
    again = call("sweep", "retry-failed", "last")

    assert "; 1 failed: brevetti-hydra sweep retry-failed " in resumed.err
    assert ("nothing is missing" in retried.err, "nothing is missing" in again.err) == (False, True)


def test_settings_of_planned_trials_stay(begin: Call, call: Call) -> None:
    """Who gives a setting to `sweep resume` learns that it is the sweep's."""
    begin("x=1,2", "sweep.max_trials=1")

    answer = call("sweep", "resume", "last", "wait=true")

    assert 2 == answer.code
    assert "error[usage]: the trials of the sweep have their settings already" in answer.err
    assert "note: given were 'wait'" in answer.err


def test_a_full_disk_says_how_to_go_on(begin: Call, call: Call, folder: Path) -> None:
    """Where the sweep's folder takes no more, the sweep is not at its end."""
    begin("x=1,2", "sweep.max_trials=1")
    sweep = next((folder / "runs").glob("sweep-*"))
    plan = [json.loads(line) for line in (sweep / "plan.jsonl").read_text().splitlines()]
    (sweep / plan[1]["folder"] / ".lock").mkdir(parents=True)

    answer = call("sweep", "resume", "last")

    assert 2 == answer.code
    assert "error[storage-unwritable]" in answer.err
    hint = "make room or rights there, then: brevetti-hydra sweep resume "
    assert f"{hint}{sweep.name[-10:]}" in answer.err


def test_retry_failed_tries_again(begin: Call, call: Call, folder: Path) -> None:
    """`resume` leaves what has failed, `retry-failed` begins new attempts of it."""
    (folder / "fail-2").touch()
    begin("x=1,2")
    resumed = call("sweep", "resume", "last")
    (folder / "fail-2").unlink()
    (folder / "ran-1").unlink()

    retried = call("sweep", "retry-failed", "last")

    assert (1, 0, {"completed": 2}) == (resumed.code, retried.code, counts(call))
    assert not (folder / "ran-1").exists()


def test_resume_from_anywhere(
    begin: Call, call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials find what they open relatively, wherever the command is given."""
    begin("x=1,2", "sweep.max_trials=1")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    answer = call("sweep", "resume", "last", "--root", str(folder / "runs"))

    assert 0 == answer.code
    assert (folder / "ran-2").exists()


def test_limits_can_be_changed(begin: Call, call: Call, folder: Path) -> None:
    """New limits and another launcher are kept in the sweep's record."""
    begin("x=1,2", "sweep.max_trials=1")

    given = ["sweep.max_trials=null", "launcher=processes", "launcher.workers=2"]
    answer = call("sweep", "resume", "last", *given)

    (path,) = folder.glob("runs/sweep-*/sweep.json")
    record = json.loads(path.read_bytes())
    assert (0, None, 2) == (
        answer.code,
        record["sweep"]["max_trials"],
        record["launcher"]["workers"],
    )


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("sweep.repeat=2", "usage"),
        ("sweep.retrys=1", "unknown-setting"),
        ("launcher.worker=1", "unknown-setting"),
        ("sweep.retries=x", "invalid-setting"),
        ("launcher=process", "invalid-setting"),
        ("x=7", "usage"),
    ],
)
def test_what_is_planned_stays(begin: Call, call: Call, word: str, code: str) -> None:
    """Nothing that says which trials there are can be changed, and nothing runs."""
    begin("x=1,2", "sweep.max_trials=1")

    answer = call("sweep", "resume", "last", word, "--json")

    assert (2, code) == (answer.code, answer.document["errors"][0]["code"])
    assert {"completed": 1, "planned": 1} == counts(call)


def test_a_sweep_that_is_not_there(folder: Path, call: Call) -> None:
    """Each command says so."""
    del folder
    for command in ("resume", "retry-failed", "stop", "rm"):
        answer = call("sweep", command, "nothing", "--json")
        assert "sweep-not-found" == answer.document["errors"][0]["code"]


class Driven:
    """A sweep that is driven by another process, with a trial that waits."""

    def __init__(self, folder: Path) -> None:
        words = ["job=sweep_commands_job:Work", "x=1,2", "wait=true"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "brevetti_hydra", "-m", *words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not any(
            b"progress" in p.read_bytes() for p in folder.glob("runs/*/0*/journal.jsonl")
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_stop_ends_a_sweep_elsewhere(folder: Path, call: Call) -> None:
    """The running trial is interrupted, no other begins, and `resume` goes on."""
    driven = Driven(folder)
    refused = call("sweep", "rm", "last", "--yes")

    answer = call("sweep", "stop", "last")

    assert 1 == driven.process.wait(60)
    assert (2, 0) == (refused.code, answer.code)
    assert answer.out.endswith(": asked 1 driver, 1 running trial to stop\n")
    assert {"interrupted": 1, "planned": 1} == counts(call)
    (folder / "go").touch()
    assert 0 == call("sweep", "resume", "last").code


def test_stop_now_does_not_wait(folder: Path, call: Call) -> None:
    """`--now` sends what two Ctrl-C would."""
    driven = Driven(folder)

    answer = call("sweep", "stop", "last", "--now", "--json")

    assert 128 + signal.SIGTERM == driven.process.wait(60)
    assert (1, 1, 0) == tuple(
        answer.document["result"][name] for name in ("drivers", "trials", "jobs")
    )
    assert {"interrupted": 1, "planned": 1} == counts(call)


def test_ctrl_c_is_handed_on(folder: Path, call: Call) -> None:
    """The exit code says that a signal ended the sweep."""
    driven = Driven(folder)

    os.kill(driven.process.pid, signal.SIGINT)

    assert 128 + signal.SIGINT == driven.process.wait(60)
    assert {"interrupted": 1, "planned": 1} == counts(call)


def test_rm_needs_a_yes(begin: Call, call: Call, folder: Path) -> None:
    """Without a terminal to ask on nothing is removed; with --yes everything."""
    begin("x=1")

    refused = call("sweep", "rm", "last")
    removed = call("sweep", "rm", "last", "--yes", "--json")

    assert (2, 0, 1) == (refused.code, removed.code, len(removed.document["result"]["removed"]))
    assert [] == list(folder.glob("runs/sweep-*"))


def test_rm_last_takes_no_trial_away(begin: Call, call: Call, folder: Path) -> None:
    """After a sweep `last` might be meant as the whole of it; the trial goes by its id."""
    begin("x=1,2")

    refused = call("rm", "last", "--yes")
    removed = call("rm", "last/1", "--yes")

    sweep = next((folder / "runs").glob("sweep-*"))
    assert (2, 0) == (refused.code, removed.code)
    assert f"brevetti-hydra sweep rm {sweep.name[-10:]};" in refused.err
    assert ["00000-work"] == [path.name[:10] for path in sweep.glob("0*")]


def test_a_launcher_that_cannot_be_had_leaves_nothing(
    folder: Path, begin: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no SLURM, the line is refused before the sweep's folder is made."""
    monkeypatch.setenv("PATH", "")

    ended = begin("x=1,2", "launcher=slurm")

    assert (2, False) == (ended.code, (folder / "runs").exists())
    assert "there is no SLURM here: 'sbatch' is not found" in ended.err
