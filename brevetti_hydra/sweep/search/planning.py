"""Plan a search: what is wrong with it is found before its first trial, its trees are frozen."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._text import quote_all
from brevetti_hydra.config import Composition, Validated
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    InvalidSettingError,
    MissingExtraError,
    SearchError,
)
from brevetti_hydra.sweep.record import Frozen, Stem
from brevetti_hydra.sweep.search.outline import Outline, arguments_at, outline_of
from brevetti_hydra.sweep.search.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.planning.axes import Axes
    from brevetti_hydra.sweep.record import Objective
    from brevetti_hydra.sweep_nodes import SearchNode, SweepNode

__all__ = ["SearchPlan", "check_search", "plan_search"]

# Points that are tried where the corners of the space are refused for several settings together.
_MOST_DRAWS = 50


class SearchPlan(NamedTuple):
    """A search that is valid, and not written yet.

    Attributes:
        outline: What it chooses from.
        stems: What its points are laid over.
        bases: The frozen configurations of those, by digest.
        classes: The classes of its jobs, by target.
        trials: How many points it will ask for.
        first: A point that stands for all where only the sweep itself matters.
    """

    outline: Outline
    stems: tuple[Stem, ...]
    bases: dict[str, Frozen]
    classes: dict[str, type[Any]]
    trials: int
    first: tuple[Composition, Validated]


def plan_search(
    axes: Axes,
    first: Composition,
    node: SearchNode,
    *,
    is_group: Callable[[str], bool],
    compose_line: Callable[[Sequence[Argument]], Composition],
    validate: Callable[[Composition], Validated],
    freeze: Callable[[Composition, Validated], Frozen],
) -> SearchPlan:
    """Validate the choices and both ends of all axes, and freeze what points are laid over.

    Args:
        axes: The axes of the line.
        first: The composition of any point.
        node: The `search` node.
        is_group: Tells whether a key names a group of options.
        compose_line: Composes a line.
        validate: Validates a composition.
        freeze: Freezes one.

    Raises:
        ConfigError: A choice or an end of an axis does not validate; all mistakes are in it.
        SearchError: The search cannot be what the node says.
    """

    def compose_under(chosen: Mapping[str, str]) -> Composition:
        return compose_line(arguments_at(axes, chosen))

    outline = outline_of(axes, first, is_group, compose_under)
    trials = _count(node, outline.space)
    tried = _Tried(axes, outline, freeze)
    for point in outline.space.probes(outline.deciding):
        tried.take(point, compose_line, validate)
    chance = Random(0)  # noqa: S311 - no secret
    frame = list(_frame(outline).points())
    for chosen in frame:
        for _ in range(_MOST_DRAWS):
            if tried.own_problems or tuple(chosen.values()) in tried.stems:
                break
            tried.take(outline.space.draw(chance, chosen), compose_line, validate)
    if tried.own_problems or tried.shown is None or len(tried.stems) < len(frame):
        # Each mistake once, where it was met first.
        first_met: dict[str, BrevettiHydraError] = {}
        for error in tried.own_problems or tried.problems:
            first_met.setdefault(error.message, error)
        raise ConfigErrors(first_met.values())
    stems = tuple(tried.stems.values())
    return SearchPlan(outline, stems, tried.bases, tried.classes, trials, tried.shown)


class _Tried:
    """What came of the points that were validated.

    Attributes:
        shown: The first valid one.
        stems: A frozen configuration for each combination that decides, from a valid point.
        bases: Those configurations, by digest.
        classes: Classes of jobs, by target.
        problems: All mistakes, and of those,
        own_problems: those of a single setting. Points that are refused for several together,
            because `low` must be below `high`, are points that a search may meet, and that fail.
    """

    def __init__(
        self, axes: Axes, outline: Outline, freeze: Callable[[Composition, Validated], Frozen]
    ) -> None:
        self.shown: tuple[Composition, Validated] | None = None
        self.stems: dict[tuple[str, ...], Stem] = {}
        self.bases: dict[str, Frozen] = {}
        self.classes: dict[str, type[Any]] = {}
        self.problems: list[BrevettiHydraError] = []
        self.own_problems: list[BrevettiHydraError] = []
        self._axes = axes
        self._deciding = outline.deciding
        self._freeze = freeze
        self._paths = [path for key in axes.keys if (path := split_text(key)) is not None]

    def take(
        self,
        point: Mapping[str, Any],
        compose_line: Callable[[Sequence[Argument]], Composition],
        validate: Callable[[Composition], Validated],
    ) -> None:
        """Compose and validate a point."""
        try:
            composition = compose_line(arguments_at(self._axes, point))
            validated = validate(composition)
        except BrevettiHydraError as error:
            found = error.errors if isinstance(error, ConfigErrors) else (error,)
            self.problems += found
            self.own_problems += [each for each in found if not self._is_of_several(each)]
            return
        self.shown = self.shown or (composition, validated)
        chosen = {name: point[name] for name in self._deciding if name in point}
        if tuple(chosen.values()) not in self.stems:
            frozen = self._freeze(composition, validated)
            digest = frozen.digest
            self.bases[digest] = frozen
            self.classes[composition.target] = composition.job_class
            stem = Stem(chosen=chosen, base=digest, job=composition.job_name)
            self.stems[tuple(chosen.values())] = stem

    def _is_of_several(self, error: BrevettiHydraError) -> bool:
        if not isinstance(error, InvalidSettingError):
            return False
        key = tuple(map(str, error.key))
        return any(path[: len(key)] == key != path for path in self._paths)


def _frame(outline: Outline) -> Space:
    return Space({name: outline.space.axes[name] for name in outline.deciding})


def _count(node: SearchNode, space: Space) -> int:
    size = None
    if node.sampler.name == "grid":
        _check_grid(space)
        size = sum(1 for _ in space.points())
    if node.trials is None and size is None:
        raise SearchError(
            "the search does not say how many trials it is to try",
            hint="add search.trials=40",
        )
    return min(count for count in (node.trials, size) if count is not None)


def _check_grid(space: Space) -> None:
    endless = space.endless()
    if endless:
        raise SearchError(
            f"a grid needs values that can be counted, and {quote_all(endless)} has none",
            hint=f"give it steps: '{endless[0]}=range(0,1,0.1)'",
        )


def check_search(
    axes: Axes, node: SearchNode, sweep: SweepNode, objectives: Sequence[Objective]
) -> None:
    """Refuse a search that could not find anything; called before its lines are composed.

    Raises:
        SearchError: It has no axis or no objective, or its parts do not fit.
        MissingExtraError: Optuna is not installed.
    """
    if not axes.axes:
        raise SearchError(
            "the search has nothing to choose", hint="give it a range: 'lr=interval(1e-4,1)'"
        )
    if not objectives:
        raise SearchError(
            "the search has no objective",
            notes=["the job's class names none"],
            hint="name a metric that the job reports: sweep.objective=loss",
        )
    if sweep.repeat > 1:
        raise SearchError(
            f"a search runs each point once, not {sweep.repeat} times",
            hint="leave sweep.repeat out, and repeat the best point as a sweep of its own",
        )
    _check_several(node, objectives)
    _check_extra(node)


def _check_several(node: SearchNode, objectives: Sequence[Objective]) -> None:
    if len(objectives) == 1:
        return
    names = quote_all(objective.name for objective in objectives)
    if node.pruner.name != "none":
        raise SearchError(
            f"trials with {len(objectives)} objectives cannot be pruned",
            notes=[f"the objectives are {names}"],
            hint="leave search.pruner out, or choose one with sweep.objective=NAME",
        )
    if node.sampler.name == "cmaes":
        raise SearchError(
            f"'cmaes' searches for one objective, not {len(objectives)}",
            notes=[f"the objectives are {names}"],
            hint="take search.sampler.name=nsga2, or one of them with sweep.objective=NAME",
        )


def _check_extra(node: SearchNode) -> None:
    from importlib.util import find_spec

    needed = {"cmaes": "cmaes", "qmc": "scipy"}.get(node.sampler.name)
    for package in filter(None, ("optuna", needed)):
        if find_spec(package) is None:
            raise MissingExtraError(package, "optuna", "search=optuna")
