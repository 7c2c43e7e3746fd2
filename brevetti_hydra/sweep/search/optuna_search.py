"""A search by Optuna, asked and told; everything it knows stands in its journal in the folder."""

from __future__ import annotations

import logging
import math
import warnings
from contextlib import contextmanager
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from brevetti_hydra._files import move_over, remove
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.search.base import Point
from brevetti_hydra.sweep.search.samplers import distribution_of, make_pruner, make_sampler
from brevetti_hydra.sweep.search.study_log import StudyLog

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from optuna.distributions import BaseDistribution

    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.record import Objective
    from brevetti_hydra.sweep.search.space import Space, SpaceAxis
    from brevetti_hydra.sweep_nodes import SearchNode

__all__ = ["OptunaSearch"]

_ENDS = {
    RunState.COMPLETED: TrialState.COMPLETE,
    RunState.PRUNED: TrialState.PRUNED,
    RunState.FAILED: TrialState.FAIL,
}
_FEWEST_TO_JUDGE = 2
# They tell of each step, which the driver does already.
_TALKATIVE = ("optuna.study", "optuna.storages", "optuna.samplers")


class OptunaSearch:
    """Asks Optuna for points; any number of drivers may do so at once, each with its own object.

    Every call is one step of the journal: all of it stands there when the call returns, or nothing.
    """

    def __init__(
        self,
        folder: SweepFolder,
        node: SearchNode,
        space: Space,
        objectives: Sequence[Objective],
    ) -> None:
        """Open the search, or begin it.

        Args:
            folder: The sweep's.
            node: The `search` node.
            space: What there is to choose from.
            objectives: What is optimised, one or more.

        Raises:
            StorageWriteError: The journal cannot be written.
            RecordUnreadableError: The journal is damaged.
        """
        self._folder = folder
        self._node = node
        self._space = space
        self._objectives = tuple(objectives)
        self._distributions: dict[str, BaseDistribution] = {
            key: distribution_of(axis) for key, axis in space.axes.items()
        }
        self._most = node.trials
        if node.sampler.name == "grid":
            size = sum(1 for _ in space.points())
            self._most = size if self._most is None else min(size, self._most)
        self._pruner = make_pruner(node)
        self._prunes = node.pruner.name != "none" and len(self._objectives) == 1
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._open()

    def _open(self) -> None:
        """Read the journal, and begin it where it is empty."""
        self._log = StudyLog(self._folder.search)
        # In one step, so that a kill does not leave a journal without its study.
        with self._log.step(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._storage = JournalStorage(self._log)
            known = self._storage.get_all_studies()
            if known:
                self._study = optuna.load_study(
                    study_name=known[0].study_name, storage=self._storage, pruner=self._pruner
                )
                return
            self._study = optuna.create_study(
                # Hyperband draws from the name which trial goes where.
                study_name=self._folder.name,
                storage=self._storage,
                pruner=self._pruner,
                directions=[objective.direction for objective in self._objectives],
            )
            self._study.set_metric_names([objective.name for objective in self._objectives])

    @contextmanager
    def _step(self, *, durable: bool = False) -> Iterator[list[FrozenTrial]]:
        """Hold the journal; gives the trials as they stand."""
        while True:
            if self._log.is_stale or self._log.is_replaced():
                self._log.close()
                self._open()
            with self._log.step(durable=durable):
                # It may have been replaced while we waited for the lock.
                if not self._log.is_replaced():
                    yield self._study.get_trials(deepcopy=False)
                    return

    def ask(self, known: int) -> Point | None:
        """Choose the point that follows the `known` first ones; None when there are no more.

        Not synced: what a crash of the machine takes away, `restore` brings back from the plan.

        Raises:
            StorageWriteError: The disk does not take it; nothing was asked for.
        """
        with self._step() as trials:
            if known < len(trials):
                return self._asked_before(trials[known])
            if self._most is not None and known >= self._most:
                return None
            self._study.sampler = make_sampler(self._node, self._space, known)
            return self._complete(self._study.ask())

    def _asked_before(self, trial: FrozenTrial) -> Point:
        if trial.state.is_finished():
            # Ended by somebody else, but a point nevertheless: or all later ones would move up.
            return Point(trial.number, self._values_of(trial))
        self._study.sampler = make_sampler(self._node, self._space, trial.number)
        return self._complete(Trial(self._study, _id_of(trial)))

    def _complete(self, trial: Trial) -> Point:
        """Choose whatever a trial has no value for yet."""
        values: dict[str, Any] = {}
        for key, axis in self._space.axes.items():
            if self._space.counts(key, values):
                values[key] = axis.value(_suggest(trial, key, axis))
        return Point(trial.number, values)

    def _values_of(self, trial: FrozenTrial) -> dict[str, Any]:
        axes = self._space.axes
        return {key: axes[key].value(value) for key, value in trial.params.items() if key in axes}

    def restore(self, planned: Iterable[Point]) -> None:
        """Take over points of the plan that the search has lost, with their numbers.

        Raises:
            StorageWriteError: The disk does not take it; nothing was taken over.
        """
        with self._step(durable=True) as trials:
            for point in islice(planned, len(trials), None):
                self._study.add_trial(
                    create_trial(
                        state=TrialState.RUNNING,
                        params=point.values,
                        distributions={key: self._distributions[key] for key in point.values},
                    )
                )

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Report the objective at an epoch; tell whether the trial is to be pruned.

        Reported again, by another driver or a later attempt, a value takes the earlier one's place.
        """
        if not self._prunes:
            return False
        with self._step() as trials:
            trial = trials[number]
            if trial.state.is_finished():
                return False
            if trial.intermediate_values.get(epoch) != value:
                self._storage.set_trial_intermediate_value(_id_of(trial), epoch, value)
            seen = copy(self._storage.get_trial(_id_of(trial)))
            # An earlier attempt may have come further than this one has.
            values = seen.intermediate_values
            seen.intermediate_values = {step: values[step] for step in values if step <= epoch}
            return self._pruner.prune(self._study, seen)

    def tell(self, number: int, state: RunState, values: Sequence[float] = ()) -> None:
        """Tell how a trial ended; a second time changes nothing.

        Raises:
            StorageWriteError: The disk does not take it; it was not told.
        """
        end = _ENDS.get(state)
        if end is None:
            # It will be run again.
            return
        if any(map(math.isnan, values)):
            end = TrialState.FAIL
        with self._step() as trials:
            if not trials[number].state.is_finished():
                told = list(values) if end is TrialState.COMPLETE else None
                self._study.tell(number, told, state=end)

    def reopen(self, numbers: Collection[int]) -> None:
        """Forget how trials ended: they are run again, with the same values.

        Optuna lets no ended trial go on, so the journal is written anew, and put in the old one's
        place; other drivers see that, and read the new one.

        Raises:
            StorageWriteError: The disk does not take it; the journal is as it was.
        """
        with self._step() as trials:
            if not any(trial.number in numbers and trial.state.is_finished() for trial in trials):
                return
            aside = self._log.path.with_name(f".{self._log.path.name}.new")
            remove(aside, point="search.cleared")
            log = StudyLog(aside)
            try:
                with log.step(durable=True):
                    self._copy(log, trials, numbers)
                move_over(aside, self._log.path, point="search.replaced")
            finally:
                log.close()

    def _copy(
        self, log: StudyLog, trials: list[FrozenTrial], open_numbers: Collection[int]
    ) -> None:
        old, storage = self._study, JournalStorage(log)
        study_id = storage.create_new_study(old.directions, old.study_name)
        for name, value in old.user_attrs.items():
            storage.set_study_user_attr(study_id, name, value)
        for name, value in self._storage.get_all_studies()[0].system_attrs.items():
            storage.set_study_system_attr(study_id, name, value)
        for trial in trials:
            storage.create_new_trial(
                study_id, _reopened(trial) if trial.number in open_numbers else trial
            )

    def importances(self) -> dict[str, float]:
        """Give how much each axis matters, as shares that add up to 1; empty where unknown.

        Of several objectives, for the first.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        with self._step() as trials, warnings.catch_warnings():
            if sum(trial.state is TrialState.COMPLETE for trial in trials) < _FEWEST_TO_JUDGE:
                return {}
            warnings.simplefilter("ignore")
            try:
                found = get_param_importances(
                    self._study,
                    evaluator=PedAnovaImportanceEvaluator(),
                    target=(lambda trial: trial.values[0]) if len(self._objectives) > 1 else None,
                )
            except (RuntimeError, ValueError):
                # All values alike, or none finite: nothing can be said.
                return {}
        return {key: float(share) for key, share in found.items()}


def _suggest(trial: Trial, key: str, axis: SpaceAxis) -> Any:
    if axis.kind == "choice":
        return trial.suggest_categorical(key, axis.choices)
    if axis.kind == "int":
        low, end, step = round(axis.low), round(axis.end), round(axis.step or 1)
        return trial.suggest_int(key, low, end, step=step, log=axis.log)
    return trial.suggest_float(key, axis.low, axis.end, step=axis.step, log=axis.log)


def _id_of(trial: FrozenTrial) -> int:
    # The one thing that Optuna's own classes are built with and do not tell.
    return trial._trial_id  # noqa: SLF001


def _reopened(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=TrialState.RUNNING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )
