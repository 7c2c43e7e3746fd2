"""What a trial of a search costs above Optuna's own storage: both in turns, in one process.

A trial is asked for (four settings), and told of. Optuna's own way is the same sampler on the same
space with its study in its own journal file, as its documentation has it.
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

from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.record import Objective
from brevetti_hydra.sweep.search.optuna_search import OptunaSearch
from brevetti_hydra.sweep.search.samplers import distribution_of, make_sampler
from brevetti_hydra.sweep.search.space import Space, SpaceAxis
from brevetti_hydra.sweep_nodes import SearchNode

if TYPE_CHECKING:
    from collections.abc import Callable

TRIALS = 500
MOST_ABOVE_MS = 2.0

SPACE = Space(
    {
        "lr": SpaceAxis(kind="float", low=1e-4, high=1, log=True),
        "model.hidden": SpaceAxis(kind="int", low=16, high=256),
        "optimizer": SpaceAxis(kind="choice", choices=("adam", "sgd", "rmsprop")),
        "augment.flip": SpaceAxis(kind="choice", choices=("true", "false")),
    }
)


def ours(folder: Path, node: SearchNode) -> list[float]:
    """Give the seconds of each trial, as a sweep asks and tells."""
    search = OptunaSearch(
        SweepFolder(folder), node, SPACE, [Objective(name="loss", direction="minimize")]
    )

    def one(number: int) -> None:
        point = search.ask(number)
        assert point is not None
        search.tell(number, RunState.COMPLETED, [point.values["lr"]])

    return timed(one, node.trials or 0)


def optunas(folder: Path, node: SearchNode) -> list[float]:
    """Give the seconds of each trial, as Optuna's users ask and tell."""
    storage = JournalStorage(JournalFileBackend(str(folder / "optuna.log")))
    study = optuna.create_study(storage=storage, sampler=make_sampler(node, SPACE, 0))
    space = {key: distribution_of(axis) for key, axis in SPACE.axes.items()}

    def one(_number: int) -> None:
        trial = study.ask(space)
        study.tell(trial, trial.params["lr"])

    return timed(one, node.trials or 0)


def timed(one: Callable[[int], None], count: int) -> list[float]:
    """Give the seconds that each call takes."""
    spans = []
    for number in range(count):
        begun = time.perf_counter()
        one(number)
        spans.append(time.perf_counter() - begun)
    return spans


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=3)
    warnings.simplefilter("ignore")
    logging.getLogger("optuna").setLevel(logging.ERROR)
    figures = []
    for sampler in ("random", "tpe", "qmc", "cmaes", "nsga2"):
        node = SearchNode.model_validate(
            {"kind": "optuna", "trials": TRIALS, "sampler": {"name": sampler}}
        )
        ms: dict[str, list[float]] = {"ours": [], "optuna": []}
        for _ in range(options.rounds):
            for name, way in (("ours", ours), ("optuna", optunas)):
                with tempfile.TemporaryDirectory() as folder:
                    ms[name].append(1000 * sum(way(Path(folder), node)) / TRIALS)
        middle = {name: median(found) for name, found in ms.items()}
        figures.append(
            Figure(
                f"a trial of a search: {sampler}",
                middle["ours"] - middle["optuna"],
                MOST_ABOVE_MS,
                "ms",
                f"{middle['ours']:.2f} ms, Optuna alone {middle['optuna']:.2f}",
            )
        )
    return report(figures, options)


if __name__ == "__main__":
    sys.exit(main())
