"""A search by Optuna: asked, told, killed, gone on with, by one driver or by several."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from brevetti_hydra.errors import RecordUnreadableError
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.record import Objective
from brevetti_hydra.sweep.search.optuna_search import OptunaSearch
from brevetti_hydra.sweep.search.space import Condition, Space, SpaceAxis
from brevetti_hydra.sweep_nodes import SearchNode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.sweep.search.base import Point

SAMPLERS = ["tpe", "random", "grid", "cmaes", "qmc", "nsga2"]
PRUNERS = ["median", "percentile", "successive_halving", "hyperband"]
LOSS = Objective(name="loss", direction="minimize")
ACCURACY = Objective(name="accuracy", direction="maximize")
CNN = Condition(key="kind", values=("cnn",))

LR = SpaceAxis(kind="float", low=1e-4, high=1, log=True)
SPACE = Space(
    {
        "lr": SpaceAxis(kind="float", low=0.1, high=0.5, step=0.1),
        "hidden": SpaceAxis(kind="int", low=16, high=64, step=16),
        "kind": SpaceAxis(kind="choice", choices=("cnn", "mlp")),
        "depth": SpaceAxis(kind="int", low=1, high=4, conditions=(CNN,)),
    }
)


def node(sampler: str = "random", pruner: str = "none", **fields: Any) -> SearchNode:
    return SearchNode.model_validate(
        {
            "kind": "optuna",
            "trials": 12,
            "sampler": {"name": sampler},
            "pruner": {"name": pruner},
            **fields,
        }
    )


def loss_of(point: Point) -> float:
    depth: float = point.values.get("depth", 2.5)
    lr: float = point.values["lr"]
    return (lr - 0.3) ** 2 + depth / 10


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    """Make the folder of a sweep."""
    root = tmp_path / "sweep-20261123T101500Z-a-0123456789"
    root.mkdir()
    return SweepFolder(root)


def begin(folder: SweepFolder, chosen: SearchNode, space: Space = SPACE) -> OptunaSearch:
    return OptunaSearch(folder, chosen, space, [LOSS])


def run_to_end(open_search: Callable[[], OptunaSearch], known: int = 0) -> list[Point]:
    points: list[Point] = []
    while (point := open_search().ask(known + len(points))) is not None:
        points.append(point)
        open_search().tell(point.number, RunState.COMPLETED, [loss_of(point)])
    return points


def unfinished(folder: SweepFolder) -> list[int]:
    """Give the trials that have not ended, as Optuna itself reads the journal."""
    storage = JournalStorage(JournalFileBackend(str(folder.search)))
    (study,) = storage.get_all_studies()
    trials = storage.get_all_trials(study._study_id)
    return [trial.number for trial in trials if not trial.state.is_finished()]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_point_lies_in_the_space(folder: SweepFolder, sampler: str) -> None:
    """Each sampler chooses as many points as are wanted, numbered, each within the space."""
    search = begin(folder, node(sampler))

    points = run_to_end(lambda: search)

    assert list(range(12)) == [point.number for point in points]
    for point in points:
        counting = [key for key in SPACE.axes if SPACE.counts(key, point.values)]
        assert counting == list(point.values)
        assert all(value in SPACE.axes[key].values() for key, value in point.values.items())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_goes_on_as_if_it_had_never_stopped(folder: SweepFolder, sampler: str) -> None:
    """Opened anew for every single call, a search chooses what one in a single process chooses."""
    other = SweepFolder(folder.root.with_name("other"))
    other.root.mkdir()
    whole = begin(other, node(sampler))

    assert run_to_end(lambda: whole) == run_to_end(lambda: begin(folder, node(sampler)))


def test_another_seed_chooses_other_points(folder: SweepFolder) -> None:
    """The seed of the search decides what it chooses."""
    other = SweepFolder(folder.root.with_name("other"))
    other.root.mkdir()

    first, second = begin(folder, node(seed=1)), begin(other, node(seed=2))

    assert run_to_end(lambda: first) != run_to_end(lambda: second)


def test_a_grid_holds_each_combination_once(folder: SweepFolder) -> None:
    """A grid ends by itself when all combinations that count were asked for, each once."""
    search = begin(folder, node("grid", trials=None))

    points = [point.values for point in run_to_end(lambda: search)]

    assert len(points) == 5 * 4 * (4 + 1)
    assert sorted(map(json.dumps, SPACE.points())) == sorted(map(json.dumps, points))


def test_a_point_that_was_never_planned_is_given_again(folder: SweepFolder) -> None:
    """A driver that died between asking and planning costs no number: its point comes first."""
    first = begin(folder, node()).ask(0)

    assert first == begin(folder, node()).ask(0)
    assert 1 == getattr(begin(folder, node()).ask(1), "number", None)


def test_half_a_point_is_completed(folder: SweepFolder) -> None:
    """Where the disk kept a part of a point, the rest is chosen anew, as it was."""
    search = begin(folder, node())
    point = search.ask(0)
    lines = folder.search.read_bytes().splitlines(keepends=True)
    folder.search.write_bytes(b"".join(lines[:-2]) + lines[-2][:20])

    again = begin(folder, node()).ask(0)

    assert point is not None
    assert again is not None
    assert point.number == again.number
    kept = list(point.values)[: len(point.values) - 2]
    assert [point.values[key] for key in kept] == [again.values[key] for key in kept]
    assert list(SPACE.axes)[:3] == list(again.values)[:3]


def test_points_of_the_plan_outlive_the_journal(folder: SweepFolder) -> None:
    """A journal that is lost begins again with the plan's points, under their numbers."""
    search = begin(folder, node())
    points = [point for number in range(5) if (point := search.ask(number)) is not None]
    folder.search.unlink()

    again = begin(folder, node())
    again.restore(points)

    assert [0, 1, 2, 3, 4] == unfinished(folder)
    assert 5 == getattr(again.ask(5), "number", None)
    assert points == [again.ask(number) for number in range(5)]


def test_the_end_of_a_trial_is_told_once(folder: SweepFolder) -> None:
    """What was told stays; a second telling, by another driver or with other values, is nothing."""
    search = begin(folder, node())
    for number in range(4):
        search.ask(number)
    search.tell(0, RunState.COMPLETED, [1.5])
    size = folder.search.stat().st_size

    begin(folder, node()).tell(0, RunState.COMPLETED, [99.0])
    search.tell(0, RunState.FAILED)
    search.tell(1, RunState.LOST)

    assert size == folder.search.stat().st_size
    assert [1, 2, 3] == unfinished(folder)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_value_aborts_a_search(folder: SweepFolder, value: float) -> None:
    """NaN, infinities and failures are told like any end, and the search goes on."""
    search = begin(folder, node("tpe"))
    for number in range(12):
        search.ask(number)
        if number % 3 == 2:
            search.tell(number, RunState.FAILED)
        else:
            search.tell(number, RunState.COMPLETED, [value if number % 3 else number])

    assert [] == unfinished(folder)
    assert search.ask(12) is None


def test_several_objectives_are_told_together(folder: SweepFolder) -> None:
    """A search for several objectives takes a value for each."""
    search = OptunaSearch(folder, node("nsga2"), SPACE, [LOSS, ACCURACY])
    for number in range(12):
        point = search.ask(number)
        assert point is not None
        search.tell(number, RunState.COMPLETED, [loss_of(point), point.values["lr"]])
        assert not search.report(number, 1, 0.5)

    assert {"lr", "hidden", "kind"} <= set(search.importances())
    assert [] == unfinished(folder)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_hopeless_trials_are_pruned(folder: SweepFolder, pruner: str) -> None:
    """Each pruner ends trials that are far worse than the others, and keeps the best."""
    search = begin(folder, node("random", pruner, trials=30))
    pruned = set()
    for number in range(30):
        search.ask(number)
        value = 0.0 if number == 7 else float(1 + number % 10)
        for epoch in range(9):
            if search.report(number, epoch, value + 1 / (1 + epoch)):
                pruned.add(number)
                search.tell(number, RunState.PRUNED)
                break
        else:
            search.tell(number, RunState.COMPLETED, [value])

    assert pruned
    assert 7 not in pruned
    assert [] == unfinished(folder)


def test_what_an_earlier_attempt_reported_does_not_prune_the_next(folder: SweepFolder) -> None:
    """An attempt that begins anew is judged by its own epochs, not by those that came before."""
    search = begin(folder, node("random", "median"))
    for number in range(6):
        search.ask(number)
        for epoch in range(5):
            search.report(number, epoch, 5.0 - epoch)
        search.tell(number, RunState.COMPLETED, [1.0])
    search.ask(6)

    # It came to the fourth epoch, where the others were much better, and was killed.
    assert not search.report(6, 0, 5.0)
    assert search.report(6, 3, 9.0)

    assert [False, False, True] == [search.report(6, epoch, 4.5) for epoch in (0, 0, 1)]


def test_a_trial_that_is_run_again_is_told_again(folder: SweepFolder) -> None:
    """A failed trial that is reopened keeps number and values, and its second end counts.

    Another driver with the journal open goes on with the new one.
    """
    search, other = begin(folder, node()), begin(folder, node())
    points = [search.ask(number) for number in range(4)]
    search.tell(0, RunState.COMPLETED, [0.5])
    search.tell(1, RunState.FAILED)

    search.reopen([1])

    assert [1, 2, 3] == unfinished(folder)
    other.tell(1, RunState.COMPLETED, [0.25])
    assert [2, 3] == unfinished(folder)
    assert points == [other.ask(number) for number in range(4)]
    assert 4 == getattr(search.ask(4), "number", None)


def test_importances_add_up(folder: SweepFolder) -> None:
    """How much each axis matters is given in shares, and unknown of too few trials."""
    deep = SPACE.axes["depth"].model_copy(update={"conditions": ()})
    search = begin(folder, node(trials=40), Space({**SPACE.axes, "depth": deep}))
    assert {} == search.importances()

    for number in range(40):
        point = search.ask(number)
        assert point is not None
        search.tell(number, RunState.COMPLETED, [point.values["depth"]])

    found = search.importances()
    assert math.isclose(1.0, sum(found.values()))
    assert "depth" == max(found, key=lambda key: found[key])


def test_optuna_opens_the_journal_as_it_is(folder: SweepFolder) -> None:
    """Optuna's own storage reads the study, its names and all values, and its tools go on."""
    space = Space({"lr": LR, "depth": SpaceAxis(kind="int", low=1, high=9)})
    search = begin(folder, node("tpe", "median"), space)
    points = run_to_end(lambda: search)
    program = (
        "import json, sys, optuna\n"
        "from optuna.storages import JournalStorage\n"
        "from optuna.storages.journal import JournalFileBackend\n"
        "storage = JournalStorage(JournalFileBackend(sys.argv[1]))\n"
        "study = optuna.load_study(study_name=None, storage=storage)\n"
        "study.set_user_attr('note', 'seen')\n"
        "values = [trial.params for trial in study.trials]\n"
        "print(json.dumps([study.study_name, study.metric_names, values]))\n"
    )

    found = subprocess.run(
        [sys.executable, "-c", program, str(folder.search)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert [folder.name, ["loss"], [point.values for point in points]] == json.loads(found.stdout)
    # Written by somebody who does not know our lock.
    assert search.ask(12) is None
    assert 12 == len(run_to_end(lambda: begin(folder, node(trials=24), space), 12))


def test_a_damaged_journal_is_told(folder: SweepFolder) -> None:
    """A line in the middle that is none of Optuna's is an error that names the file."""
    begin(folder, node()).ask(0)
    with folder.search.open("ab") as stream:
        stream.write(b"{nonsense\n")

    with pytest.raises(RecordUnreadableError, match="is damaged"):
        begin(folder, node())


def test_a_full_disk_takes_all_of_a_point_or_nothing(folder: SweepFolder) -> None:
    """Where the disk refuses, nothing was asked for; the same search goes on when there is room."""
    space = Space({"lr": LR, "hidden": SpaceAxis(kind="int", low=1, high=99)})
    begin(folder, node(), space).ask(0)
    before = folder.search.read_bytes()
    program = (
        "import json, resource, signal, sys\n"
        "from brevetti_hydra.errors import StorageWriteError\n"
        "from brevetti_hydra.sweep.folders import SweepFolder\n"
        "from brevetti_hydra.sweep.record import Objective\n"
        "from brevetti_hydra.sweep.search.optuna_search import OptunaSearch\n"
        "from brevetti_hydra.sweep.search.space import Space\n"
        "from brevetti_hydra.sweep_nodes import SearchNode\n"
        "folder, loss = SweepFolder(sys.argv[1]), Objective(name='loss', direction='minimize')\n"
        "space = Space.of_json(json.loads(sys.argv[2]))\n"
        "search = OptunaSearch(folder, SearchNode(trials=12), space, [loss])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "size, hard = folder.search.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))\n"
        "try:\n"
        "    search.ask(1)\n"
        "except StorageWriteError as error:\n"
        "    print(error.code)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "print(folder.search.stat().st_size - size)\n"
        "print(search.ask(1).number)\n"
    )

    found = subprocess.run(
        [sys.executable, "-c", program, str(folder.root), json.dumps(space.as_json())],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "storage-unwritable\n0\n1\n" == found.stdout, found.stderr
    assert folder.search.read_bytes().startswith(before)
