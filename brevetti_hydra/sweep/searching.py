"""The search of a sweep, opened anew from its folder; whatever it knows stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._files import lock
from brevetti_hydra.errors import MissingExtraError
from brevetti_hydra.sweep.feeding import SearchFeed
from brevetti_hydra.sweep.search.points import PointPlanner
from brevetti_hydra.sweep.search.space import Space
from brevetti_hydra.sweep_nodes import SearchNode

if TYPE_CHECKING:
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.search.base import Search

__all__ = ["open_feed", "read_importances"]


def open_feed(sweep: OpenSweep) -> SearchFeed | None:
    """Open the search of a sweep for a driver, or begin it; None where nothing is searched for.

    Points of the plan that the search has lost are taken over: with its journal, or in a crash of
    the machine.

    Args:
        sweep: The sweep, whose plan will grow.

    Raises:
        MissingExtraError: Optuna is not installed.
        RecordUnreadableError: The search's journal is damaged.
        StorageWriteError: The journal cannot be written.
    """
    if sweep.record.search is None:
        return None
    search, planner = _open(sweep), PointPlanner(sweep)
    with lock(sweep.folder.lock, point="sweep.locked"):
        sweep.read_more()
        search.restore(planner.point_of(trial) for trial in sweep.trials)
    return SearchFeed(sweep, search, planner.plan)


def _open(sweep: OpenSweep) -> Search:
    try:
        from brevetti_hydra.sweep.search.optuna_search import OptunaSearch
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "optuna", "optuna", "search=optuna") from error
    record = sweep.record
    node = SearchNode.model_validate(record.search)
    return OptunaSearch(sweep.folder, node, Space.of_json(record.space), record.objectives)


def read_importances(sweep: OpenSweep) -> dict[str, float]:
    """Give how much each axis of a search matters; empty where there is none, or nobody knows."""
    if sweep.record.search is None or not sweep.folder.search.exists():
        return {}
    try:
        return _open(sweep).importances()
    except MissingExtraError:
        # Somebody looks at the sweep where it was not run.
        return {}
