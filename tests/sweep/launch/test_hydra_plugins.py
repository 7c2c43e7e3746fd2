"""Trials by launcher plugins of Hydra: released ones, and odd ones of this file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import read_argv
from brevetti_hydra.errors import BrevettiHydraError, LauncherError
from brevetti_hydra.sweep.launch.base import Ended
from brevetti_hydra.sweep.launch.hydra_plugins import HydraLauncher
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep
from brevetti_hydra.sweep.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.sweep.opened import OpenSweep

JOB = """
import json, logging, os, pathlib, time
from brevetti_hydra import Job, JobSettings


class Settings(JobSettings):
    size: int = 1
    seconds: float = 0.0
    way: str = "plain"


class Work(Job):
    settings: Settings

    def run(self):
        pathlib.Path(f"begun-{self.settings.size}").touch()
        if self.settings.way == "raises":
            raise RuntimeError("as it was told")
        if self.settings.way == "dies":
            os._exit(9)
        end = time.monotonic() + self.settings.seconds
        while time.monotonic() < end:
            self.report_progress(1, waited=1.0)
            time.sleep(0.02)
        found = {
            "folder": os.getcwd(),
            "handlers": len(logging.getLogger().handlers),
            "of_hydra": sorted(n for n in os.environ if n.startswith("HYDRA")),
        }
        self.artifact_path("found.json").write_text(json.dumps(found))
        self.add_output_metric("size", self.settings.size)
"""
# Launchers as somebody may write them; `{body}` has `self.one(words)`, which runs a task.
LAUNCHER = """
import os, time
from hydra.core.config_store import ConfigStore
from hydra.core.utils import run_job
from hydra.plugins.launcher import Launcher


class OddLauncher(Launcher):
    def __init__(self, depth=1, where="${{hydra.sweep.dir}}"):
        self.depth = depth

    def setup(self, *, hydra_context, task_function, config):
        self.context, self.task, self.config = hydra_context, task_function, config

    def one(self, words, number=0):
        config = self.context.config_loader.load_sweep_config(self.config, words)
        return run_job(self.task, config, "hydra.sweep.dir", "hydra.sweep.subdir", self.context)

    def launch(self, job_overrides, initial_job_idx):
        {body}


ConfigStore.instance().store(
    group="hydra/launcher",
    name="odd",
    node={{"_target_": f"{{__name__}}.OddLauncher", "depth": 1, "where": "${{hydra.sweep.dir}}"}},
)
"""
INLINE = "return [self.one(words) for words in job_overrides]"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a job, beside a plugin whose import fails."""
    folder = tmp_path / "a $project"
    (folder / "conf").mkdir(parents=True)
    (folder / "work.py").write_text(JOB)
    broken = tmp_path / "site" / "hydra_plugins" / "broken" / "__init__.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("raise RuntimeError('not here')\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "work", raising=False)
    before = os.environ.get("PYTHONPATH")
    places = [str(tmp_path / "site"), *([before] if before else [])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    return folder


def odd(tmp_path: Path, body: str) -> None:
    path = tmp_path / "site" / "hydra_plugins" / "odd" / "launcher.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "__init__.py").touch()
    path.write_text(LAUNCHER.format(body=body))


def sweep_of(
    project: Path, *words: str, launcher: str | None = None, at_once: int | None = None
) -> OpenSweep:
    """Plan and write a sweep; `launcher` is set past the check, which looks in this process."""
    line = ["-m", "job=work:Work", *words]
    sweep = write_sweep(plan_sweep(read_argv(line), folder=project, command=line))
    if launcher is not None:
        chosen: dict[str, Any] = {"name": launcher, "options": {}, "at_once": at_once}
        record = sweep.record.model_copy(update={"hydra_launcher": chosen})
        sweep.record = record
        sweep.folder.record.write_text(record.model_dump_json())
    return sweep


@pytest.fixture
def launch(project: Path) -> Iterator[Any]:
    """Give a function that hands all trials of a sweep to its launcher."""
    launchers: list[HydraLauncher] = []

    def begin(sweep: OpenSweep) -> HydraLauncher:
        launcher = HydraLauncher(sweep)
        launchers.append(launcher)
        launcher.submit([Task(trial, 1) for trial in sweep.trials])
        return launcher

    yield begin
    for launcher in launchers:
        launcher.stop(at_once=True)
        launcher.close()


def drain(launcher: HydraLauncher, count: int) -> list[Ended]:
    ended: list[Ended] = []
    until = time.monotonic() + 60
    while len(ended) < count and time.monotonic() < until:
        ended += launcher.wait(1.0)
    return sorted(ended)


def states(sweep: OpenSweep) -> list[str]:
    found = []
    for trial in sweep.trials:
        path = trial.run_folder(sweep.folder).record
        found.append(json.loads(path.read_text())["state"] if path.exists() else "planned")
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
    ],
)
def test_released_launchers_run_the_trials(words: list[str], project: Path, launch: Any) -> None:
    """Each trial is a whole run, and nothing of what Hydra does around a job takes effect."""
    sweep = sweep_of(project, "size=1,2", "way=plain,raises", *words)

    ended = drain(launch(sweep), 4)

    assert [Ended(0), Ended(1), Ended(2), Ended(3)] == ended
    assert ["completed", "failed", "completed", "failed"] == states(sweep)
    for trial in sweep.trials[::2]:
        folder = trial.run_folder(sweep.folder)
        found = json.loads((folder.root / "storage/artifacts/found.json").read_text())
        assert {"folder": str(project), "handlers": 0, "of_hydra": []} == found
        record = json.loads(folder.record.read_text())
        assert [trial.number, {"size": float(trial.varied["size"])}] == [
            record["trial"]["number"],
            record["metrics"],
        ]
    beside = {path.name for path in project.iterdir()} - {"__pycache__"}
    assert {"conf", "work.py", "runs", "begun-1", "begun-2"} == beside
    assert [] == [path for path in project.rglob("*") if path.name in {".hydra", "multirun.yaml"}]


def test_a_sweep_of_a_launcher_is_driven_from_the_command_line(project: Path) -> None:
    """`-m` with a launcher ends as any other sweep does."""
    line = ["-m", "job=work:Work", "size=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    answer = subprocess.run(
        [sys.executable, "-m", "brevetti_hydra", *line], check=False, capture_output=True
    )

    records = [json.loads(path.read_bytes()) for path in project.glob("runs/*/*/record.json")]
    assert [0, ["completed"] * 2] == [answer.returncode, [each["state"] for each in records]]


@pytest.mark.parametrize(
    ("body", "expected", "reason"),
    [
        (INLINE, ["completed", "completed"], None),
        ("return []", ["planned", "planned"], "hydra/launcher=odd did not run it to its end"),
        ("raise ValueError('no\\nmore')", ["planned"] * 2, "ended with ValueError: no"),
        ("os._exit(3)", ["planned"] * 2, "its process ended by exit code 3"),
        ("os.kill(os.getpid(), 9)", ["planned"] * 2, "its process ended by SIGKILL"),
        (
            "return [self.one(words) for words in [*job_overrides, *job_overrides]]",
            ["completed", "completed"],
            None,
        ),
        (
            "self.one(job_overrides[1]); raise OSError('away')",
            ["planned", "completed"],
            "ended with OSError: away",
        ),
        ("print('words' * 10000); " + INLINE, ["completed", "completed"], None),
        ("os.chdir('/'); " + INLINE, ["completed", "completed"], None),
    ],
)
def test_whatever_a_launcher_does_each_task_is_told_of_once(
    body: str, expected: list[str], reason: str | None, project: Path, tmp_path: Path, launch: Any
) -> None:
    """A launcher that fails, dies or runs a task twice loses nothing, and is named with its log."""
    odd(tmp_path, body)
    sweep = sweep_of(project, "size=1,2", launcher="odd")

    launcher = launch(sweep)
    ended = drain(launcher, 2)

    assert [0, 1] == [each.number for each in ended]
    assert expected == states(sweep)
    said = [each.reason for each in ended if each.reason is not None]
    assert expected.count("planned") == len(said)
    assert all(reason is not None and reason in each and ".log" in each for each in said)
    assert [[], 100_000] == [launcher.wait(0.2), launcher.room]


def test_a_trial_whose_process_dies_is_lost_and_the_others_are_not(
    project: Path, launch: Any
) -> None:
    """Joblib gives the whole batch up; what is done stays done, and the rest can be run again."""
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    sweep = sweep_of(project, "size=1,2,3", "way=plain,dies", *words)

    ended = drain(launch(sweep), 6)

    assert list(range(6)) == [each.number for each in ended]
    found = states(sweep)
    # Which trials had begun by then is the engine's own matter.
    assert {"running"} <= set(found) <= {"running", "completed", "planned"}
    said = {each.number: each.reason for each in ended if each.reason is not None}
    assert [n for n, state in enumerate(found) if state != "completed"] == sorted(said)
    assert all("TerminatedWorkerError" in each for each in said.values())


def test_a_launcher_that_has_gone_takes_no_more(project: Path, tmp_path: Path, launch: Any) -> None:
    """The next batch is refused, with the last words of the log."""
    odd(tmp_path, "import sys; print('good bye', file=sys.stderr, flush=True); os._exit(3)")
    sweep = sweep_of(project, "size=1,2", launcher="odd")
    launcher = launch(sweep)
    drain(launcher, 2)
    launcher.submit([Task(sweep.trials[0], 1)])

    with pytest.raises(LauncherError, match="good bye"):
        launcher.wait(1.0)


def test_there_is_room_again_though_nobody_waits(
    project: Path, tmp_path: Path, launch: Any
) -> None:
    """A driver whose trials have all ended does not wait for any; the batch ends all the same."""
    odd(tmp_path, INLINE + " + [time.sleep(0.5)]")
    sweep = sweep_of(project, "size=1,2", launcher="odd", at_once=2)
    launcher = launch(sweep)

    drain(launcher, 2)

    assert 0 == launcher.room
    until = time.monotonic() + 60
    while not launcher.room and time.monotonic() < until:
        time.sleep(0.05)
    assert 2 == launcher.room


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)


def test_a_stop_ends_what_runs_and_begins_nothing(
    project: Path, tmp_path: Path, launch: Any
) -> None:
    """A trial that reports is interrupted; those after it are told of, and left alone."""
    odd(tmp_path, INLINE)
    sweep = sweep_of(project, "size=1,2,3", "seconds=60", launcher="odd")
    launcher = launch(sweep)
    launcher.wait(0.1)
    wait_for(project / "begun-1")

    launcher.stop(at_once=False)

    assert [0, 1, 2] == [each.number for each in drain(launcher, 3)]
    assert ["interrupted", "planned", "planned"] == states(sweep)


def test_a_stop_before_the_first_look_begins_nothing(project: Path, launch: Any) -> None:
    """Tasks that were never handed over are told of as well."""
    sweep = sweep_of(project, "size=1,2", launcher="basic")
    launcher = launch(sweep)

    launcher.stop(at_once=False)

    assert [[0, 1], ["planned"] * 2] == [[e.number for e in drain(launcher, 2)], states(sweep)]


def test_a_stop_at_once_kills(project: Path, launch: Any) -> None:
    """The launcher and its workers are gone; all tasks are told of."""
    words = ["hydra/launcher=submitit_local"]
    sweep = sweep_of(project, "size=1,2", "seconds=60", *words)
    launcher = launch(sweep)
    launcher.wait(0.1)
    wait_for(project / "begun-1")
    wait_for(project / "begun-2")

    launcher.stop(at_once=True)

    assert [0, 1] == [each.number for each in drain(launcher, 2)]
    for trial in sweep.trials:
        mark = json.loads(trial.run_folder(sweep.folder).claim.read_text())
        until = time.monotonic() + 20
        while Path(f"/proc/{mark['pid']}").exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not Path(f"/proc/{mark['pid']}").exists()


def test_an_orphan_ends_its_trial_and_begins_no_other(project: Path, tmp_path: Path) -> None:
    """When the driver dies by SIGKILL, the trial at work completes, and the launcher goes."""
    odd(tmp_path, INLINE)
    sweep = sweep_of(project, "size=1,2", "seconds=1.5", launcher="odd")
    code = (
        "import sys\n"
        "from brevetti_hydra.sweep.folders import SweepFolder\n"
        "from brevetti_hydra.sweep.task import Task\n"
        "from brevetti_hydra.sweep.launch.hydra_plugins import HydraLauncher\n"
        "from brevetti_hydra.sweep.opened import open_sweep\n"
        "from pathlib import Path\n"
        "sweep = open_sweep(SweepFolder(Path(sys.argv[1])))\n"
        "launcher = HydraLauncher(sweep)\n"
        "launcher.submit([Task(trial, 1) for trial in sweep.trials])\n"
        "launcher.wait(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(sweep.folder.root)]) as driver:
        wait_for(project / "begun-1")
        driver.send_signal(signal.SIGKILL)
    mark = next(sweep.folder.engine_dir.glob("*/0001"), None)
    assert mark is not None
    wait_for(mark / "ended-1")

    assert ["completed", "planned"] == states(sweep)


def test_a_search_is_asked_for_as_much_as_runs_at_once(project: Path) -> None:
    """A batch is what the launcher runs at once, where a search learns from each trial."""
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]
    sweep = sweep_of(project, "size=1,2", *words)
    sweep.record = sweep.record.model_copy(update={"search": {"kind": "optuna"}})
    launcher = HydraLauncher(sweep)

    room = launcher.room
    launcher.close()

    assert 3 == room


def test_a_batch_is_as_large_as_hydra_says(project: Path, launch: Any) -> None:
    """`hydra.sweeper.max_batch_size` cuts the trials into batches."""
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.max_batch_size=2"]
    answer = subprocess.run(
        [sys.executable, "-m", "brevetti_hydra", "-m", "job=work:Work", "size=1,2,3,4", *words],
        check=False,
        capture_output=True,
        timeout=120,
    )

    batches = [path.name for path in project.glob("runs/*/engine/*/0*")]
    assert (0, ["0001", "0002"]) == (answer.returncode, sorted(batches))


def test_a_secret_is_not_handed_to_a_launcher(project: Path) -> None:
    """Some launchers write what they are handed into files."""
    sweep = sweep_of(project, "size=1,2", launcher="basic")
    secret = read_argv(["token=abc"]).arguments

    with pytest.raises(LauncherError, match="'token' cannot be handed") as caught:
        HydraLauncher(sweep, secrets=secret)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["hydra/launcher=jobib"],
            (
                "error[unknown-option]: no Hydra launcher 'jobib' is installed\n"
                "  --> argument 4: hydra/launcher=jobib\n"
            ),
        ),
        (["hydra/launcher=jobib"], "  hint: a similar name exists: 'joblib'"),
        (["hydra/launcher=moon"], "  hint: install its plugin, as in: pip install hydra-moon-"),
        (
            ["hydra/launcher=joblib", "hydra.launcher.n_job=2"],
            (
                "error[unknown-setting]: the Hydra launcher 'joblib' has no option 'n_job'\n"
                "  --> argument 5: hydra.launcher.n_job=2\n"
            ),
        ),
        (
            ["hydra/launcher=joblib", "hydra.launcher.n_jobs=two"],
            (
                "error[invalid-setting]: 'hydra.launcher.n_jobs' does not take its value\n"
                "  --> argument 5: hydra.launcher.n_jobs=two\n"
            ),
        ),
        (
            ["hydra.launcher.n_jobs=2"],
            "error[unknown-setting]: 'hydra.launcher.n_jobs' belongs to no launcher: none",
        ),
        (
            ["hydra/launcher=joblib", "hydra.launcher._target_=os.system"],
            "error[refused-hydra-key]: 'hydra.launcher._target_' is not taken here\n",
        ),
        (
            ["hydra/launcher=joblib", "hydra.sweeper.max_batch_size=0"],
            "error[invalid-setting]: 'hydra.sweeper.max_batch_size' must be a whole number from 1",
        ),
        (
            ["hydra.sweeper.n_trials=9"],
            "error[refused-hydra-key]: 'hydra.sweeper.n_trials' is not taken here",
        ),
        (
            ["hydra/sweeper=optuna"],
            "error[refused-hydra-key]: 'hydra/sweeper=optuna' is not taken here\n",
        ),
        (["hydra/job_logging=none"], "error[refused-hydra-key]: 'hydra/job_logging' is not taken"),
    ],
)
def test_a_wrong_choice_is_told_before_anything_is_written(
    words: list[str], expected: str, project: Path
) -> None:
    """Launchers and options are judged by what is installed, with the argument's place."""
    with pytest.raises(BrevettiHydraError) as caught:
        sweep_of(project, "size=1,2", *words)

    assert expected in str(caught.value)
    assert not (project / "runs").exists()
