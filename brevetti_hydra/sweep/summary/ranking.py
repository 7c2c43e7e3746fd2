"""Which trials are better: by the objective, by several at once, and over repeats."""

from __future__ import annotations

import json
import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.summary.view import TrialView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brevetti_hydra.sweep.record import Objective
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = ["SEED", "Group", "Spread", "best_trials", "group_repeats", "is_better", "rank"]

SEED = "run.seed"

# Behind the completed ones: what still tells something comes first.
_ORDER = {
    RunState.COMPLETED: 0,
    RunState.PRUNED: 1,
    RunState.RUNNING: 2,
    RunState.INTERRUPTED: 3,
    RunState.LOST: 4,
    RunState.FAILED: 5,
    RunState.CREATED: 6,
    RunState.PLANNED: 7,
}


class Spread(NamedTuple):
    """A number over repeats.

    Attributes:
        mean: Their mean.
        deviation: Their sample standard deviation; None of a single one.
        least: The least of them.
        greatest: The greatest.
    """

    mean: float
    deviation: float | None
    least: float
    greatest: float


class Group(NamedTuple):
    """Trials with the same settings but for the seed.

    Attributes:
        job: Their job.
        varied: What they have in common of what differs between trials.
        trials: All of them, in the order of their numbers.
        spreads: Of each objective, over those that completed; None where none did.
    """

    job: str
    varied: dict[str, Any]
    trials: tuple[TrialView, ...]
    spreads: tuple[Spread | None, ...]

    @property
    def completed(self) -> int:
        """How many the spreads are of."""
        return sum(trial.has_values for trial in self.trials)


def is_better(left: float, right: float, objective: Objective) -> bool:
    """Tell whether one value of an objective is better than another."""
    return left < right if objective.direction == "minimize" else left > right


def rank(view: SweepView) -> list[TrialView]:
    """Sort the trials, the best first; those without a value come behind, by state and number.

    With several objectives, those that no other surpasses in all of them come first, and among
    them the best in the first objective.
    """
    if not view.objectives:
        return list(view.trials)
    fronts = _fronts(view) if len(view.objectives) > 1 else {}
    return sorted(view.trials, key=lambda trial: _key(trial, view.objectives, fronts))


def best_trials(view: SweepView) -> list[TrialView]:
    """Give the best trial, or with several objectives all that no other surpasses, in order."""
    ranked = [trial for trial in rank(view) if trial.has_values]
    if len(view.objectives) <= 1:
        return ranked[:1]
    fronts = _fronts(view)
    return [trial for trial in ranked if fronts[trial.number] == 0]


def group_repeats(view: SweepView) -> list[Group]:
    """Gather trials that differ in their seed alone, the best mean first.

    Returns:
        The groups; none where no trial was repeated.
    """
    gathered: dict[str, list[TrialView]] = {}
    for trial in view.trials:
        planned = trial.planned
        own = {name: value for name, value in planned.varied.items() if name != SEED}
        # The line as well: what does not vary by a setting may vary by a group. Not the base: a
        # repeat may have one of its own, for its seed's sake.
        line = [text for text in planned.overrides if not text.startswith(f"{SEED}=")]
        key = json.dumps([planned.job, line, own], sort_keys=True, default=str)
        gathered.setdefault(key, []).append(trial)
    if all(len(trials) == 1 for trials in gathered.values()):
        return []
    groups = [_group(trials, view.objectives) for trials in gathered.values()]
    groups.sort(key=lambda group: _group_key(group, view.objectives))
    return groups


def _key(
    trial: TrialView, objectives: Sequence[Objective], fronts: dict[int, int]
) -> tuple[Any, ...]:
    values = trial.values or (None,) * len(objectives)
    signed = [
        math.inf if value is None else value if each.direction == "minimize" else -value
        for value, each in zip(values, objectives, strict=True)
    ]
    return (_ORDER[trial.state], fronts.get(trial.number, len(fronts)), *signed, trial.number)


def _fronts(view: SweepView) -> dict[int, int]:
    """Give of each completed trial how many fronts surpass it (non-dominated sorting)."""
    points = {
        trial.number: tuple(
            value if each.direction == "minimize" else -value
            for value, each in zip(trial.values, view.objectives, strict=True)
            if value is not None
        )
        for trial in view.trials
        if trial.has_values
    }
    # What surpasses a point sorts before it, so that one pass puts each into its front.
    fronts: list[list[tuple[float, ...]]] = []
    found: dict[int, int] = {}
    for number, point in sorted(points.items(), key=lambda item: item[1]):
        level = _level(point, fronts)
        if level == len(fronts):
            fronts.append([])
        fronts[level].append(point)
        found[number] = level
    return found


def _level(point: tuple[float, ...], fronts: Sequence[Sequence[tuple[float, ...]]]) -> int:
    """Find the first front of which no member surpasses the point, by halving."""
    low, high = 0, len(fronts)
    while low < high:
        middle = (low + high) // 2
        # Of two objectives the last one is the front's best in the second.
        rivals = fronts[middle][-1:] if len(point) == 2 else fronts[middle]  # noqa: PLR2004 - two
        if any(_surpasses(other, point) for other in rivals):
            low = middle + 1
        else:
            high = middle
    return low


def _surpasses(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return left != right and all(one <= other for one, other in zip(left, right, strict=True))


def _group(trials: list[TrialView], objectives: Sequence[Objective]) -> Group:
    first = trials[0].planned
    varied = {name: value for name, value in first.varied.items() if name != SEED}
    finished = [trial for trial in trials if trial.has_values]
    spreads = tuple(
        _spread(value for trial in finished if (value := trial.values[index]) is not None)
        for index in range(len(objectives))
    )
    return Group(first.job, varied, tuple(trials), spreads)


def _spread(values: Iterable[float]) -> Spread | None:
    found = list(values)
    if not found:
        return None
    deviation = statistics.stdev(found) if len(found) > 1 else None
    return Spread(statistics.fmean(found), deviation, min(found), max(found))


def _group_key(group: Group, objectives: Sequence[Objective]) -> tuple[float, ...]:
    if not objectives or group.spreads[0] is None:
        return (math.inf, group.trials[0].number)
    mean = group.spreads[0].mean
    return (mean if objectives[0].direction == "minimize" else -mean, group.trials[0].number)
