"""Searches as they are run: whole lines, killed and gone on with, by one driver or by two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import optuna
import pytest

from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.sweep.driving.searching import read_importances
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.opened import OpenSweep, open_sweep
from brevetti_hydra.sweep.search.study_log import StudyLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RESUME = (
    "import sys\n"
    "from brevetti_hydra.sweep.driving.driver import Driver\n"
    "from brevetti_hydra.sweep.folders import SweepFolder\n"
    "from brevetti_hydra.sweep.launch.choice import open_launcher\n"
    "from brevetti_hydra.sweep.opened import open_sweep\n"
    "from brevetti_hydra.sweep.driving.policy import Policy\n"
    "from brevetti_hydra.sweep.driving.searching import open_feed\n"
    "sweep = open_sweep(SweepFolder(sys.argv[1]))\n"
    "policy = Policy.of(sweep.record, is_retrying_failed=len(sys.argv) > 2)\n"
    "Driver(sweep, open_launcher(sweep), feed=open_feed(sweep), policy=policy).drive()\n"
)
LINE = ("-m", "job=train:Train", "search=optuna", "lr=tag(log,interval(1e-4,1))")


def begin(*command: str) -> subprocess.Popen[bytes]:
    # A group of its own, to be killed as a whole.
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def line(*words: str) -> tuple[str, ...]:
    return ("-m", "brevetti_hydra", *LINE, *words)


def resumed(folder: SweepFolder, *words: str) -> tuple[str, ...]:
    return ("-c", RESUME, str(folder.root), *words)


def folder_of(project: Path) -> SweepFolder:
    (root,) = (project / "runs").glob("sweep-*")
    return SweepFolder(root)


def states_of(sweep: OpenSweep) -> list[str]:
    return [record.state.value for record in records_of(sweep)]


def records_of(sweep: OpenSweep) -> list[RunRecord]:
    paths = [trial.run_folder(sweep.folder).record for trial in sweep.trials]
    return [RunRecord.model_validate_json(path.read_bytes()) for path in paths]


def told(folder: SweepFolder) -> list[tuple[int, str]]:
    storage = optuna.storages.JournalStorage(StudyLog(folder.search))
    (study,) = storage.get_all_studies()
    return [(t.number, t.state.name) for t in storage.get_all_trials(study._study_id)]


def overrides_of(folder: SweepFolder) -> list[Sequence[str]]:
    return [trial.overrides for trial in open_sweep(folder).trials]


def run(*words: str) -> None:
    found = subprocess.run(
        [sys.executable, *line(*words)], capture_output=True, text=True, check=False
    )
    assert 0 == found.returncode, found.stderr


def test_a_line_searches(project: Path) -> None:
    """A line with a search runs as many trials as it says, whose numbers are Optuna's."""
    run("search.trials=8", "model.kind=cnn,mlp", "model.depth=range(1,6)")

    sweep = open_sweep(folder_of(project))
    assert list(range(8)) == [trial.number for trial in sweep.trials]
    assert ["completed"] * 8 == states_of(sweep)
    assert [(number, "COMPLETE") for number in range(8)] == told(sweep.folder)
    assert {"lr", "model.kind"} <= set(read_importances(sweep.folder))


def test_a_pruned_trial_stops_at_its_report(project: Path) -> None:
    """Hopeless trials end inside run() and are recorded as pruned; the sweep is a success."""
    run("search.trials=12", "search.pruner.name=median", "epochs=9")

    sweep = open_sweep(folder_of(project))
    records = records_of(sweep)
    pruned = [record for record in records if record.state is RunState.PRUNED]
    assert pruned
    assert all(record.epoch is not None and record.epoch < 8 for record in pruned)
    assert [record.state.name[:6] for record in records] == [
        state[:6] for _, state in told(sweep.folder)
    ]


def test_trials_of_other_processes_are_pruned(project: Path) -> None:
    """What worker processes report comes by their journals, and prunes them as well."""
    run(
        *("search.trials=10", "search.pruner={name: median, startup_trials: 2}", "epochs=15"),
        *("launcher=processes", "launcher.workers=2", "pause_s=0.05"),
    )

    states = states_of(open_sweep(folder_of(project)))
    assert {"completed", "pruned"} == set(states)


def test_a_killed_search_goes_on_as_if_it_had_not_been(project: Path) -> None:
    """After SIGKILL of everything, again and again, the same points are tried as without it."""
    words = ("search.trials=12", "optimizer=adam,sgd", "model.depth=range(1,6)", "pause_s=0.02")
    run(*words)
    undisturbed = folder_of(project).root
    undisturbed.rename(project / "undisturbed")
    started = begin(*line(*words))
    for count in (3, 6, 9):
        _wait_for_lines(project, count)
        os.killpg(started.pid, signal.SIGKILL)
        assert -signal.SIGKILL == started.wait()
        started = begin(*resumed(folder_of(project)))
    assert 0 == started.wait()

    found = open_sweep(folder_of(project))
    assert overrides_of(SweepFolder(project / "undisturbed")) == overrides_of(found.folder)
    assert ["completed"] * 12 == states_of(found)
    assert [(number, "COMPLETE") for number in range(12)] == told(found.folder)


def _wait_for_lines(project: Path, count: int) -> None:
    for _ in range(4000):
        plans = list((project / "runs").glob("sweep-*/plan.jsonl"))
        if plans and plans[0].read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"the plan never had {count} lines")


def test_two_drivers_share_a_search(project: Path) -> None:
    """Two drivers on one search try each point once, and not one more than was asked for."""
    first = begin(*line("search.trials=12", "pause_s=0.02"))
    _wait_for_lines(project, 1)
    second = begin(*resumed(folder_of(project)))

    assert [0, 0] == [first.wait(), second.wait()]

    sweep = open_sweep(folder_of(project))
    assert list(range(12)) == [trial.number for trial in sweep.trials]
    assert ["completed"] * 12 == states_of(sweep)
    assert all(1 == len(record.attempts) for record in records_of(sweep))
    assert [(number, "COMPLETE") for number in range(12)] == told(sweep.folder)


def test_a_point_that_the_job_refuses_fails_alone(project: Path) -> None:
    """Where a validator of the job refuses a point, its trial has failed, and says why."""
    started = begin(*line("search.trials=8", "low=interval(0,1)", "high=interval(0,1)"))

    assert 1 == started.wait()
    sweep = open_sweep(folder_of(project))
    assert {"completed", "failed"} == set(states_of(sweep))
    failures = [record.failure for record in records_of(sweep) if record.failure]
    assert all("low must be below high" in failure.message for failure in failures)
    assert {"COMPLETE", "FAIL"} == {state for _, state in told(sweep.folder)}


def test_what_failed_is_tried_again_and_told(project: Path) -> None:
    """A failed trial that is retried keeps its number and values, and its new end is Optuna's."""
    source = project / "train.py"
    whole = source.read_text(encoding="utf-8")
    source.write_text(
        whole.replace("for epoch in", "1 / 0\n        for epoch in"), encoding="utf-8"
    )
    assert 1 == begin(*line("search.trials=3", "sweep.code=current")).wait()
    folder = folder_of(project)
    points = overrides_of(folder)
    assert [(number, "FAIL") for number in range(3)] == told(folder)
    source.write_text(whole, encoding="utf-8")

    assert 0 == begin(*resumed(folder, "retry-failed")).wait()

    assert points == overrides_of(folder)
    assert [(number, "COMPLETE") for number in range(3)] == told(folder)


def test_the_record_of_a_search_tells_its_space(project: Path) -> None:
    """`sweep.json` holds the search, its space and how many trials are wanted."""
    run("search.trials=2", "search.seed=7")

    record = json.loads(folder_of(project).record.read_bytes())
    assert 2 == record["trials"]
    assert ["lr"] == record["varied"]
    assert 7 == record["search"]["seed"]
    assert {"lr": {"kind": "float", "low": 1e-4, "high": 1.0, "log": True}} == record["space"]
