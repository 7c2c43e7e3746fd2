"""What a sweep is as a whole: its axes, and its `sweep`, `search` and `launcher` nodes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config import Composition, compose
from brevetti_hydra.config.files.search import plan
from brevetti_hydra.config.secrets import hide_secrets
from brevetti_hydra.config.validate import validate_sweep_nodes
from brevetti_hydra.errors import BrevettiHydraError, ConfigError
from brevetti_hydra.job import Job
from brevetti_hydra.sweep.planning.axes import Axes, axis_of, read_axes
from brevetti_hydra.sweep.planning.composing import Composer, Mistakes
from brevetti_hydra.sweep.planning.lines import params_of, read_line_file
from brevetti_hydra.sweep_nodes import LauncherNode, SearchNode, SweepNode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.config import Argument, Request
    from brevetti_hydra.config.opened import Opened
    from brevetti_hydra.config.tree.origins import Node, Origin

__all__ = ["Head", "first_line", "read_head"]


class Head(NamedTuple):
    """What all trials of a sweep share.

    Attributes:
        axes: What varies.
        composition: The first point, with the nodes of the sweep.
        sweep: The `sweep` node.
        search: The `search` node.
        launcher: The `launcher` node.
        problems: What is wrong with these nodes; defaults stand in the place of a wrong one.
    """

    axes: Axes
    composition: Composition
    sweep: SweepNode
    search: SearchNode
    launcher: LauncherNode
    problems: tuple[BrevettiHydraError, ...]

    def hide_axes(self) -> None:
        """Hide what sweeps over secrets, once the types of its values are known.

        The composition tells from now on of the line as it was given.
        """
        hidden = {
            each.origin.label.partition(": ")[0]
            for axis in self.axes.axes
            for choice in axis.choices
            for each in choice
            if each.is_hidden
        }
        for argument in self.axes.given:
            if argument.origin.label.partition(": ")[0] in hidden:
                argument.show(hidden=True)
        self.composition.arguments = self.axes.given


def read_head(request: Request, opened: Opened, info: Mapping[str, Any] | None) -> Head:
    """Read the axes of a line, and compose what it says of the sweep itself.

    Args:
        request: The line.
        opened: Its search path.
        info: The content of the job's info.json.

    Raises:
        ConfigError: An axis cannot be read, or what trials share cannot be composed; then what is
            wrong with the trials is told as well.
        JobClassError: The job cannot be loaded.
    """
    axes = _axes(request, opened)
    own = request._replace(flags=request.flags._replace(multirun=True))
    try:
        composition = compose(
            own._replace(arguments=(*axes.first().arguments, *_composed(axes.of_sweep))),
            folder=opened.folder,
            base=Job,
            info=info,
            opened=opened,
        )
    except BrevettiHydraError as error:
        raise _first_error(request, opened, info, axes, error) from error
    nodes, problems = validate_sweep_nodes(composition)
    sweep = nodes["sweep"] or SweepNode()
    if sweep.file is not None:
        by = _origin(composition, "file")
        axes = axes.above(read_line_file(sweep.file, opened.folder, by, opened.project.budget))
    if sweep.zip:
        axes = axes.paired(sweep.zip, _origin(composition, "zip"))
    return Head(
        axes,
        composition,
        sweep,
        nodes["search"] or SearchNode(),
        nodes["launcher"] or LauncherNode(),
        (*_problems_of(composition, axes.of_sweep), *problems),
    )


def first_line(request: Request, opened: Opened) -> Request:
    """Give the line of the first point, with what it says of the sweep.

    Raises:
        ConfigError: An axis cannot be read.
    """
    axes = _axes(request, opened)
    return request._replace(arguments=(*axes.first().arguments, *_composed(axes.of_sweep)))


def _axes(request: Request, opened: Opened) -> Axes:
    options, budget = opened.search.repository.get_group_options, opened.project.budget
    axes = read_axes(request, options, budget)
    trees: list[Node] = []
    # What is wrong with options is told with all that is wrong.
    with suppress(ConfigError):
        chosen = plan(opened.search, (*axes.first().arguments, *_composed(axes.of_sweep)))
        trees = [file.placed_tree() for file in chosen.files if "sweeper" in file.document.text]
    params = params_of(trees, axes.of_sweep, budget)
    return axes.beneath(axis_of(each, options, budget) or each for each in params)


def _composed(of_sweep: Sequence[Argument]) -> tuple[Argument, ...]:
    """Leave out what Hydra's sweeper would be given: it has become axes."""
    return tuple(each for each in of_sweep if not each.key.startswith("hydra.sweeper.params"))


def _problems_of(
    composition: Composition, of_sweep: Sequence[Argument]
) -> list[BrevettiHydraError]:
    """Give what is wrong with arguments that no trial has."""
    labels = {argument.origin.label for argument in of_sweep}
    found = [each for each in composition.problems if each.where and each.where.label in labels]
    return hide_secrets(found, composition)


def _origin(composition: Composition, key: str) -> Origin:
    node = composition.filled.at(("sweep", key))
    return node.origin if node is not None else composition.filled.origin


def _first_error(
    request: Request,
    opened: Opened,
    info: Mapping[str, Any] | None,
    axes: Axes,
    error: BrevettiHydraError,
) -> BrevettiHydraError:
    """Give what is wrong with all trials, where it is they that cannot be composed."""
    composer, mistakes, total = Composer(request, opened, info), Mistakes(), 0
    for total, point in enumerate(axes, 1):
        try:
            composer.compose(point.arguments)
        except BrevettiHydraError as wrong:
            mistakes.add(total - 1, list(point.varied.values()), wrong)
        if mistakes.are_enough:
            break
    return mistakes.error((), total) if mistakes.count else error
