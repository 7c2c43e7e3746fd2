"""Reading a sweep: what became of each trial, from its own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.errors import RecordUnreadableError, SweepNotFoundError
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.driving.drivers import sign_on
from brevetti_hydra.sweep.finding import find_sweep, sweep_folders
from brevetti_hydra.sweep.summary.ranking import best_trials, group_repeats, rank
from brevetti_hydra.sweep.summary.view import read_sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.sweep.folders import SweepFolder

DONE = {"varied": {"lr": 0.1}, "metrics": {"accuracy": 0.5}}
FAILED = {"varied": {"lr": 0.2}, "state": RunState.FAILED}
PLANNED = {"varied": {"lr": 0.3}, "state": RunState.PLANNED}


def test_every_trial_has_its_state(make_sweep: Callable[..., SweepFolder]) -> None:
    """States, counts and objectives are those of the run folders; what has none is planned."""
    pruned = {"varied": {"lr": 1.0}, "state": RunState.PRUNED, "progress": {"accuracy": 0.3}}

    view = read_sweep(make_sweep([DONE, FAILED, pruned, PLANNED]))

    assert {"planned": 1, "completed": 1, "failed": 1, "pruned": 1} == view.counts
    assert [(0.5,), (None,), (0.3,), ()] == [trial.values for trial in view.trials]
    assert ("stopped", 2, 4, 180.0) == (view.state, view.done, view.total, view.duration_s)


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ([DONE, DONE], "completed"),
        ([DONE, FAILED], "failed"),
        ([DONE, PLANNED], "stopped"),
        ([DONE, {"varied": {}, "state": RunState.RUNNING}], "running"),
        ([DONE, {"varied": {}, "state": RunState.CREATED}], "running"),
    ],
)
def test_the_state_of_a_sweep(
    make_sweep: Callable[..., SweepFolder], ends: list[dict[str, object]], state: str
) -> None:
    """A sweep is running, completed, failed, or stopped while trials are left."""
    assert state == read_sweep(make_sweep(ends)).state


def test_a_sweep_with_a_driver_is_running(make_sweep: Callable[..., SweepFolder]) -> None:
    """A driver at work makes a sweep a running one, until it has gone."""
    folder = make_sweep([DONE, PLANNED])

    with sign_on(folder):
        driven = read_sweep(folder)

    assert ("running", 1) == (driven.state, driven.drivers)
    assert "stopped" == read_sweep(folder).state


def test_a_damaged_trial_hides_no_other(make_sweep: Callable[..., SweepFolder]) -> None:
    """A record that cannot be read makes a failed trial that says so."""
    folder = make_sweep([DONE, DONE])
    folder.trial(read_sweep(folder).trials[0].planned.folder).record.write_text("{")

    damaged, other = read_sweep(folder).trials

    assert (RunState.FAILED, RunState.COMPLETED) == (damaged.state, other.state)
    assert damaged.failure is not None
    assert "RecordUnreadable" == damaged.failure.type


def test_a_torn_line_of_the_plan_does_not_count(make_sweep: Callable[..., SweepFolder]) -> None:
    """A last line without its end was never a trial; a torn one before it is damage."""
    folder = make_sweep([DONE, DONE])
    content = folder.plan.read_bytes()

    folder.plan.write_bytes(content[:-5])
    assert [0] == [trial.number for trial in read_sweep(folder).trials]

    folder.plan.write_bytes(b"{\n" + content)
    with pytest.raises(RecordUnreadableError):
        read_sweep(folder)


def test_ranks_by_the_objective(make_sweep: Callable[..., SweepFolder]) -> None:
    """The best completed one is first, in either direction; what has no result comes behind."""
    ends = [FAILED, *({"varied": {}, "metrics": {"accuracy": x}} for x in (0.5, 0.9, 0.7)), PLANNED]

    greatest = read_sweep(make_sweep(ends))
    least = greatest._replace(
        record=greatest.record.model_copy(
            update={
                "objectives": tuple(
                    each.model_copy(update={"direction": "minimize"})
                    for each in greatest.record.objectives
                )
            }
        )
    )

    assert [2, 3, 1, 0, 4] == [trial.number for trial in rank(greatest)]
    assert [1, 3, 2, 0, 4] == [trial.number for trial in rank(least)]
    assert [2] == [trial.number for trial in best_trials(greatest)]


def test_ranks_by_several_objectives(make_sweep: Callable[..., SweepFolder]) -> None:
    """Trials that no other surpasses in everything come first."""
    points = [(0.9, 9.0), (0.8, 2.0), (0.7, 3.0), (0.5, 1.0), (0.4, 1.5)]
    ends = [{"varied": {}, "metrics": {"accuracy": a, "latency": b}} for a, b in points]

    view = read_sweep(make_sweep(ends, {"accuracy": "maximize", "latency": "minimize"}))

    assert [0, 1, 3, 2, 4] == [trial.number for trial in rank(view)]
    assert [0, 1, 3] == [trial.number for trial in best_trials(view)]


def test_repeats_of_a_plan_are_grouped(sweeps: Any) -> None:
    """`sweep.repeat` makes groups of its trials, and other lines others."""
    sweep = sweeps.plan("x=1,2", "sweep.repeat=3")
    sweeps.drive(sweep)

    groups = group_repeats(read_sweep(sweep.folder))

    assert [3, 3] == [len(group.trials) for group in groups]


def test_repeats_are_grouped(make_sweep: Callable[..., SweepFolder]) -> None:
    """Trials that differ in their seed alone have a mean and a spread, the best mean first."""
    ends = [
        {"varied": {"lr": lr, "run.seed": seed}, "metrics": {"accuracy": value}, "repeat": seed}
        for lr, seed, value in [(0.1, 0, 0.5), (0.1, 1, 0.7), (0.2, 0, 0.9), (0.2, 1, 0.9)]
    ]

    best, other = group_repeats(read_sweep(make_sweep(ends)))

    assert ({"lr": 0.2}, {"lr": 0.1}) == (best.varied, other.varied)
    assert other.spreads[0] is not None
    assert (0.6, 0.1414, 0.5, 0.7) == tuple(round(each or 0, 4) for each in other.spreads[0])
    assert [] == group_repeats(read_sweep(make_sweep([DONE, FAILED], sweep_id="f" * 36)))


def test_a_sweep_is_found_in_many_ways(
    make_sweep: Callable[..., SweepFolder], tmp_path: Path
) -> None:
    """Its id, the beginning of it, the name, the path, and 'last'."""
    folder = make_sweep([DONE])
    make_sweep([DONE], sweep_id="0" * 36).record.unlink()
    texts = ["7a1f7ef772", "7A1F", "7a1f7ef7-7287-43a1-b34d-71d8fc1f01aa", folder.name]

    found = {find_sweep(text, tmp_path / "runs").root for text in [*texts, str(folder.root)]}

    assert {folder.root} == found
    assert [folder.root] == [each.root for each in sweep_folders(tmp_path / "runs")]
    with pytest.raises(SweepNotFoundError, match="no sweep 'beef'"):
        find_sweep("beef", tmp_path / "runs")
