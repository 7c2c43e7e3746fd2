"""What a trial of a search costs above Optuna's own storage: both in turns, in one process.

A trial is asked for (four settings), planned (validated, and in the sweep's plan on the disk), and
told of. Optuna's own way is the same sampler on the same space with its study in its own journal
file, as its documentation has it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from figures import Figure, median, read_options, report
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from brevetti_hydra.config import read_argv
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.driving.feeding import SearchFeed
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep
from brevetti_hydra.sweep.search.optuna_search import OptunaSearch
from brevetti_hydra.sweep.search.points import PointPlanner
from brevetti_hydra.sweep.search.samplers import distribution_of, make_sampler
from brevetti_hydra.sweep.search.space import Space
from brevetti_hydra.sweep_nodes import SearchNode

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.sweep.opened import OpenSweep

TRIALS = 500
MOST_ABOVE_MS = 2.0

JOB = """
from brevetti_hydra import Job, JobSettings


class Settings(JobSettings):
    lr: float = 0.1
    hidden: int = 16
    optimizer: str = "adam"
    flip: bool = True


class Measured(Job):
    settings: Settings
    objective = "loss"
"""
LINE = (
    *("lr=tag(log,interval(1e-4,1))", "hidden=interval(16,256)"),
    *("optimizer=adam,sgd,rmsprop", "flip=true,false"),
)


def planned(folder: Path, sampler: str) -> OpenSweep:
    """Plan a search in a folder."""
    words = ["-m", "job=measured:Measured", f"search={sampler}", f"search.trials={TRIALS}", *LINE]
    request = read_argv([*words, f"run.root={folder}"])
    return write_sweep(plan_sweep(request, folder=folder.parent, command=words))


def ours(sweep: OpenSweep, node: SearchNode) -> Callable[[int], None]:
    """Give what a driver does for a trial: ask, plan and tell."""
    search = OptunaSearch(
        sweep.folder, node, Space.of_json(sweep.record.space), sweep.record.objectives
    )
    feed = SearchFeed(sweep, search, PointPlanner(sweep).plan)

    def one(number: int) -> None:
        assert feed.grow()
        search.tell(number, RunState.COMPLETED, [sweep.trials[number].varied["lr"]])

    return one


def optunas(sweep: OpenSweep, node: SearchNode) -> Callable[[int], None]:
    """Give what Optuna's users do for a trial: ask and tell."""
    space = Space.of_json(sweep.record.space)
    storage = JournalStorage(JournalFileBackend(str(sweep.folder.root / "other.log")))
    study = optuna.create_study(storage=storage, sampler=make_sampler(node, space, 0))
    distributions = {key: distribution_of(axis) for key, axis in space.axes.items()}

    def one(_number: int) -> None:
        trial = study.ask(distributions)
        study.tell(trial, trial.params["lr"])

    return one


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=3)
    warnings.simplefilter("ignore")
    logging.getLogger("optuna").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        (project / "pyproject.toml").touch()
        (project / "measured.py").write_text(JOB, encoding="utf-8")
        samplers = ("random", "optuna", "qmc", "cmaes", "nsga2")
        figures = [measure(project, sampler, options.rounds) for sampler in samplers]
    return report(figures, options)


def measure(project: Path, sampler: str, rounds: int) -> Figure:
    """Compare the two ways with one sampler, trial by trial."""
    ms: dict[str, list[float]] = {"ours": [], "optuna": []}
    for number in range(rounds):
        sweep = planned(project / f"{sampler}-{number}", sampler)
        node = SearchNode.model_validate(sweep.record.search)
        ways = {"ours": ours(sweep, node), "optuna": optunas(sweep, node)}
        spans = dict.fromkeys(ways, 0.0)
        for trial in range(TRIALS):
            for name, way in ways.items():
                begun = time.perf_counter()
                way(trial)
                spans[name] += time.perf_counter() - begun
        for name, span in spans.items():
            ms[name].append(1000 * span / TRIALS)
    middle = {name: median(found) for name, found in ms.items()}
    return Figure(
        f"a trial of a search: {sampler}",
        middle["ours"] - middle["optuna"],
        MOST_ABOVE_MS,
        "ms",
        f"{middle['ours']:.2f} ms, Optuna alone {middle['optuna']:.2f}",
    )


if __name__ == "__main__":
    sys.exit(main())
