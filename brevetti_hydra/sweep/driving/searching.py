"""The search of a sweep, opened anew from its folder; whatever it knows stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._files import lock
from brevetti_hydra.errors import MissingExtraError, RecordUnreadableError, StorageError
from brevetti_hydra.sweep.driving.feeding import SearchFeed
from brevetti_hydra.sweep.opened import read_sweep_record
from brevetti_hydra.sweep.search.points import PointPlanner
from brevetti_hydra.sweep.search.space import Space
from brevetti_hydra.sweep_nodes import SearchNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import SweepRecord
    from brevetti_hydra.sweep.search.base import Search

__all__ = ["open_feed", "read_importances"]


def open_feed(sweep: OpenSweep, *, secrets: Sequence[Argument] = ()) -> SearchFeed | None:
    """Open the search of a sweep for a driver, or begin it; None where nothing is searched for.

    Points of the plan that the search has lost are taken over: with its journal, or in a crash of
    the machine.

    Args:
        sweep: The sweep, whose plan will grow.
        secrets: Overrides that the plan does not hold, because they are secrets.

    Raises:
        MissingExtraError: Optuna is not installed.
        RecordUnreadableError: The search's journal is damaged.
        StorageWriteError: The journal cannot be written.
    """
    if sweep.record.search is None:
        return None
    search = _open(sweep.folder, sweep.record)
    planner = PointPlanner(sweep, secrets=secrets)
    with lock(sweep.folder.lock, point="sweep.locked"):
        sweep.read_more()
        search.restore(planner.point_of(trial) for trial in sweep.trials)
    return SearchFeed(sweep, search, planner.plan)


def _open(folder: SweepFolder, record: SweepRecord) -> Search:
    try:
        from brevetti_hydra.sweep.search.optuna_search import OptunaSearch
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "optuna", "optuna", "search=optuna") from error
    node = SearchNode.model_validate(record.search)
    return OptunaSearch(folder, node, Space.of_json(record.space), record.objectives)


def read_importances(folder: SweepFolder) -> dict[str, float]:
    """Give how much each axis of a search matters; empty where there is none, or nobody knows.

    Raises:
        RecordUnreadableError: The sweep's record is missing or damaged.
    """
    if not folder.search.exists():
        return {}
    record = read_sweep_record(folder)
    try:
        return _open(folder, record).importances()
    except (MissingExtraError, StorageError, RecordUnreadableError):
        # Somebody looks at a sweep that ran elsewhere, or may only be read.
        return {}
