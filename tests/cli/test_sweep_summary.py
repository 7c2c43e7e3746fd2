"""`sweep summary`, `sweep status`, and sweeps among runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.record import Failure, RunState
from brevetti_hydra.run.columns import short_id
from brevetti_hydra.run.history import list_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.run import RunFolder
    from brevetti_hydra.sweep.folders import SweepFolder

SWEEP = "7a1f7ef772"
FAILURE = Failure(
    type="ValueError", message="too much", traceback="Traceback\n  in run\nValueError"
)


@pytest.fixture
def sweep(make_sweep: Callable[..., SweepFolder], runs_dir: Any) -> SweepFolder:
    """Make a sweep of which one trial failed, and one has not begun."""
    return make_sweep(
        [
            {"varied": {"lr": 0.1}, "metrics": {"accuracy": 0.5}},
            {"varied": {"lr": 0.2}, "metrics": {"accuracy": 0.9}},
            {"varied": {"lr": 0.3}, "state": RunState.FAILED, "failure": FAILURE},
            {"varied": {"lr": 0.4}, "state": RunState.PLANNED},
        ]
    )


def test_summary(
    call: Callable[..., Any], sweep: SweepFolder, golden: Callable[[str, str], None]
) -> None:
    """The best trial first, then each traceback with its log, then what can be done."""
    answer = call("sweep", "summary", SWEEP)

    assert (0, "") == (answer.code, answer.err)
    golden("sweeps/summary.txt", answer.out)
    assert sweep.summary_csv.exists()
    assert sweep.summary_json.exists()
    assert sweep.summary_page.exists()


def test_summary_documents(call: Callable[..., Any], sweep: SweepFolder) -> None:
    """One document holds all; with lines, each trial is one."""
    whole = call("sweep", "summary", "last", "--json").document
    lines = call("sweep", "summary", "last", "--json=lines").documents

    assert [1, 0, 2, 3] == [trial["number"] for trial in whole["result"]["trials"]]
    assert [0, 1, 2, 3] == [line["result"]["number"] for line in lines]
    assert {"completed": 2, "failed": 1, "planned": 1} == whole["result"]["counts"]


def test_show_of_a_sweep(call: Callable[..., Any], sweep: SweepFolder) -> None:
    """`show` tells the same and writes nothing; of a trial, it tells of the run."""
    shown = call("show", SWEEP[:5])
    trial = call("show", f"{SWEEP}/1")

    assert shown.out.startswith(f"sweep {SWEEP} stopped after 3m00s: ")
    assert not sweep.summary_csv.exists()
    assert f"  trial      1 of {sweep.name}\n" in trial.out


def test_status(call: Callable[..., Any], sweep: SweepFolder) -> None:
    """Where it stands, the best so far, and how to go on."""
    answer = call("sweep", "status", "last")

    assert [
        f"sweep {SWEEP} stopped after 3m00s: 2 completed, 1 failed, 1 planned",
        "  best   accuracy=0.9  trial 1  lr=0.2",
        f"  go on  brevetti-hydra sweep resume {SWEEP}",
        f"  more   brevetti-hydra sweep summary {SWEEP}",
    ] == answer.out.splitlines()


def test_status_of_a_running_sweep(
    call: Callable[..., Any], make_sweep: Callable[..., SweepFolder], runs_dir: Any
) -> None:
    """What runs is told with how far it has come."""
    running = {"varied": {"lr": 0.3}, "state": RunState.RUNNING, "progress": {"loss": 2.5}}
    make_sweep([{"varied": {"lr": 0.1}, "metrics": {"accuracy": 0.5}}, running])

    text = call("sweep", "status", "last").out
    result = call("sweep", "status", "last", "--json").document["result"]

    assert "  loss=2.5  lr=0.3" in text
    assert ("running", [1]) == (result["state"], [each["number"] for each in result["running"]])
    assert result["left_s"] is not None


def test_status_of_a_sweep_that_is_left_alone(
    call: Callable[..., Any], make_sweep: Callable[..., SweepFolder], runs_dir: Any
) -> None:
    """Trials outlive a driver that was killed, and nobody begins those that are left."""
    make_sweep(
        [{"varied": {}, "state": RunState.RUNNING}, {"varied": {}, "state": RunState.PLANNED}]
    )

    status = call("sweep", "status", "last")
    summary = call("sweep", "summary", "last")

    assert "(no driver is at work)" in status.out
    assert "left " not in status.out
    assert "go on" in summary.out


def test_what_is_lost_is_said_once(
    call: Callable[..., Any], make_sweep: Callable[..., SweepFolder], runs_dir: Any
) -> None:
    """The state says that a trial is lost; what follows says why."""
    lost = Failure(type="Lost", message="process 7 ended without a word", traceback="")
    make_sweep([{"varied": {}, "state": RunState.LOST, "failure": lost}])

    assert "trial 0 lost: process 7 ended" in call("sweep", "summary", "last").out


@pytest.mark.parametrize("command", ["summary", "status"])
def test_a_sweep_that_does_not_exist(
    call: Callable[..., Any], sweep: SweepFolder, command: str
) -> None:
    """An unknown sweep is an error that names those that there are."""
    answer = call("sweep", command, "beef")

    assert (2, "error[sweep-not-found]: no sweep 'beef'") == (
        answer.code,
        answer.err.splitlines()[0],
    )


def test_a_sweep_is_one_line_of_runs(
    call: Callable[..., Any], sweep: SweepFolder, make_run: Callable[..., RunFolder]
) -> None:
    """Runs and sweeps stand in one list, the newest first."""
    make_run()

    lines = [line.split() for line in call("runs").out.splitlines()]
    documents = call("runs", "--json=lines").documents

    assert ["01ab000001", SWEEP] == [line[0] for line in lines[1:]]
    assert ["2/4", "stopped", "sweep", "of", "classifier", "accuracy=0.9", "3m00s"] == lines[2][2:9]
    assert {"accuracy": 0.9} == documents[1]["result"]["best"]


def test_trials_are_runs_where_runs_are_looked_for(
    call: Callable[..., Any], sweep: SweepFolder, make_run: Callable[..., RunFolder]
) -> None:
    """`--trials`, a sweep, conditions and sorting mean the trials themselves."""
    make_run(metrics={"accuracy": 0.7})
    ids = {
        record.trial.number: short_id(record) for record in list_runs(sweep.root) if record.trial
    }

    def listed(*words: str) -> list[str]:
        text: str = call("runs", *words, "--columns", "id").out
        return text.split()[1:]

    assert {"01ab000001", *ids.values()} == set(listed("--trials"))
    assert set(ids.values()) == set(listed(SWEEP))
    assert [ids[1], "01ab000001"] == listed("--where", "accuracy>0.6", "--sort", "-accuracy")
    assert [ids[2]] == listed("--where", "trial=2")
