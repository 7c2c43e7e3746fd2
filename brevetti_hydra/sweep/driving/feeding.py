"""Between a driver and a search: points become trials of the plan, ends and progress are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._files import lock
from brevetti_hydra.errors import RecordUnreadableError, StorageWriteError
from brevetti_hydra.record import RunState
from brevetti_hydra.run.journal import read_tail
from brevetti_hydra.run.objectives import objective_of
from brevetti_hydra.run.requests import Request, write_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial
    from brevetti_hydra.sweep.search.base import Point, Search
    from brevetti_hydra.sweep.task import Task

__all__ = ["SearchFeed"]

_ENDS = frozenset({RunState.COMPLETED, RunState.PRUNED, RunState.FAILED})


class SearchFeed:
    """Asks and tells a search on behalf of one driver; others may do so at the same time."""

    def __init__(
        self, sweep: OpenSweep, search: Search, plan_point: Callable[[Point], PlannedTrial]
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            sweep: The sweep, whose plan grows by what is asked.
            search: The search.
            plan_point: Makes a trial of a point.
        """
        self._sweep = sweep
        self._search = search
        self._plan_point = plan_point
        # Only one objective can be compared while a trial runs.
        names = [objective.name for objective in sweep.record.objectives]
        prunes = (sweep.record.search or {}).get("pruner", {}).get("name", "none") != "none"
        self._followed = names[0] if len(names) == 1 and prunes else None
        self._offsets: dict[int, int] = {}

    def grow(self) -> bool:
        """Have one trial more in the plan, of another driver or asked for now.

        Returns:
            Whether there is one.

        Raises:
            StorageWriteError: The disk does not take it.
            BrevettiHydraError: A point cannot be made a trial of.
        """
        with lock(self._sweep.folder.lock, point="sweep.locked"):
            if self._sweep.read_more():
                return True
            point = self._search.ask(len(self._sweep.trials))
            if point is None:
                return False
            self._sweep.append(self._plan_point(point))
        return True

    def tell(self, trial: PlannedTrial, record: RunRecord) -> None:
        """Tell of a trial that will not be run again by itself."""
        if record.state not in _ENDS:
            return
        names = [objective.name for objective in self._sweep.record.objectives]
        values = [objective_of(record, name) for name in names]
        is_good = record.state is RunState.COMPLETED and None not in values
        self._offsets.pop(trial.number, None)
        self._search.tell(
            trial.number, record.state, [v for v in values if v is not None] if is_good else []
        )

    def reopen(self, numbers: Iterable[int]) -> None:
        """Say that failed trials are run again."""
        self._search.reopen(list(numbers))

    def observe(self, task: Task, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take progress of a trial that runs in this process; it may be asked to end by it."""
        if self._followed is None or self._followed not in metrics:
            return
        if self._search.report(task.trial.number, epoch, metrics[self._followed]):
            self._prune(task, epoch)

    def follow(self, tasks: Iterable[Task]) -> None:
        """Read the progress of trials that run elsewhere from their journals."""
        if self._followed is None:
            return
        for task in tasks:
            for epoch, value in self._progress(task, self._followed):
                if self._search.report(task.trial.number, epoch, value):
                    self._prune(task, epoch)
                    break

    def _progress(self, task: Task, name: str) -> list[tuple[int, float]]:
        journal = task.trial.run_folder(self._sweep.folder).journal
        try:
            events, end = read_tail(journal, self._offsets.get(task.trial.number, 0))
        except RecordUnreadableError:
            return []  # whoever reads its record tells of it
        self._offsets[task.trial.number] = end
        return [
            (event["epoch"], float(event["metrics"][name]))
            for event in events or ()
            if event.get("kind") == "progress"
            if event["attempt"] == task.attempt and name in event["metrics"]
        ]

    def _prune(self, task: Task, epoch: int) -> None:
        pruner = (self._sweep.record.search or {})["pruner"]["name"]
        request = Request("prune", f"the {pruner} pruner ended it at epoch {epoch}")
        folder = task.trial.run_folder(self._sweep.folder)
        try:
            write_request(folder, request, attempt=task.attempt)
        except StorageWriteError:
            return  # then it runs to its end
