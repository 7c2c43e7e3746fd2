"""The axes of a sweep: what varies between its trials, and the points that they span.

Read from the line alone, before anything is composed; `hydra.sweeper.params` and `sweep.zip` come
from the composition and are laid over it afterwards (`plan`).
"""

from __future__ import annotations

import re
from itertools import product
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.config.command_line.swept import MOST_VALUES, Domain, read_swept
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.origins import Origin
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, InvalidAxisError
from brevetti_hydra.sweep.planning.zips import check_lengths, is_zip, read_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from brevetti_hydra.config.command_line.overrides import Request

__all__ = ["Axes", "Axis", "Point", "axis_of", "is_of_sweep", "read_axes", "root_of"]

# Nodes and groups that are about a sweep as a whole, and no part of its trials.
_OF_SWEEPS = frozenset({"sweep", "search", "launcher"})
_OF_HYDRA = ("hydra/launcher", "hydra.launcher", "hydra.sweeper", "hydra/sweeper", "hydra.mode")
# What all trials share, whatever the line says of it.
_SHARED = frozenset({"run.root", "hydra.searchpath", "hydra.verbose"})


class Axis(NamedTuple):
    """One direction of a sweep.

    Attributes:
        argument: What it was read from; of several, the first.
        keys: What changes along it, as given: settings and groups; several where they are paired.
        choices: Its values in order, each with the arguments that give it; none of an interval.
        domain: What a search may choose from; None where several keys are paired.
        by: Who says that they belong together, where that is not the argument.
    """

    argument: Argument
    keys: tuple[str, ...]
    choices: tuple[tuple[Argument, ...], ...]
    domain: Domain | None = None
    by: Origin | None = None

    @property
    def origin(self) -> Origin:
        """Where it is written."""
        return self.argument.origin if self.by is None else self.by


class Point(NamedTuple):
    """One point of a sweep: the line of a single run.

    Attributes:
        arguments: All its arguments, in the order of the line.
        varied: Those among them that differ from point to point, by key.
    """

    arguments: tuple[Argument, ...]
    varied: dict[str, Argument]


class Axes:
    """What the arguments of a line make of a sweep.

    Attributes:
        parts: The line in order: single arguments, and axes in the place of those that sweep.
        of_sweep: The arguments that are about the sweep itself, `sweep.*`, `launcher=...`.
        given: All arguments as they were given.
    """

    __slots__ = ("given", "of_sweep", "parts")

    def __init__(
        self,
        parts: Sequence[Argument | Axis],
        of_sweep: Sequence[Argument] = (),
        given: Sequence[Argument] = (),
    ) -> None:
        self.parts = tuple(parts)
        self.of_sweep = tuple(of_sweep)
        self.given = tuple(given)

    @property
    def axes(self) -> list[Axis]:
        """The axes, in the order of the line; the last one changes fastest."""
        return [part for part in self.parts if isinstance(part, Axis)]

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that varies, in order."""
        return tuple(dict.fromkeys(key for axis in self.axes for key in axis.keys))

    @property
    def count(self) -> int:
        """How many points the product has."""
        return prod(len(axis.choices) for axis in self.axes)

    def __iter__(self) -> Iterator[Point]:
        """Give every point of the product, one at a time.

        Raises:
            InvalidAxisError: An axis has no list of values, or there are too many points.
        """
        self.check_product()
        for chosen in product(*(axis.choices for axis in self.axes)):
            yield self.point(chosen)

    def check_product(self) -> None:
        """Refuse what has no product.

        Raises:
            InvalidAxisError: An axis has no list of values, or there are too many points.
        """
        for axis in self.axes:
            if not axis.choices:
                key = axis.keys[0]
                raise InvalidAxisError(
                    f"'{key}' has no list of values to combine",
                    where=axis.origin.place(),
                    notes=["an interval holds any number of values"],
                    hint=f"let a search choose: search=optuna; or give steps: {key}=range(...)",
                )
        if self.count > MOST_VALUES:
            told = " x ".join(str(len(axis.choices)) for axis in self.axes)
            raise InvalidAxisError(
                f"the sweep has {self.count:,} points, which is more than {MOST_VALUES:,}",
                notes=[f"they are {told} values of {quote_all(self.keys)}"],
                hint="vary less at once, or let a search choose: search=optuna search.trials=100",
            )

    def first(self) -> Point:
        """Give a point that stands for all where only the sweep itself matters."""
        return self.point([axis.choices[0] if axis.choices else () for axis in self.axes])

    def point(self, chosen: Sequence[Sequence[Argument]]) -> Point:
        """Give the point of one choice for each axis."""
        arguments: list[Argument] = []
        varied: dict[str, Argument] = {}
        waiting = iter(chosen)
        for part in self.parts:
            if isinstance(part, Axis):
                for argument in next(waiting):
                    arguments.append(argument)
                    varied[argument.key] = argument
            else:
                arguments.append(part)
        return Point(tuple(arguments), varied)

    def beneath(self, others: Iterable[Argument | Axis]) -> Axes:
        """Add what the line does not say itself; a key on the line wins over it."""
        known = {key for part in self.parts for key in _keys_of(part)}
        added = [each for each in others if not known.intersection(_keys_of(each))]
        return Axes([*added, *self.parts], self.of_sweep, self.given)

    def above(self, axis: Axis) -> Axes:
        """Add an axis whose values win over what the line says.

        Raises:
            ConfigErrors: One of its keys varies on the line.
        """
        problems = list(_problems_of([*self.axes, axis]))
        if problems:
            raise ConfigErrors(problems)
        return Axes([*self.parts, axis], self.of_sweep, self.given)

    def paired(self, groups: Sequence[Sequence[str]], by: Origin) -> Axes:
        """Let the axes of each group change together, as `sweep.zip` says.

        Args:
            groups: Keys of axes.
            by: Who says so.

        Raises:
            InvalidAxisError: A key is none of an axis, or their values differ in number.
        """
        parts = list(self.parts)
        for group in groups:
            members = {key: self._axis(key, by) for key in group}
            check_lengths(by.place(), {key: axis.choices for key, axis in members.items()})
            axes = list({id(axis): axis for axis in members.values()}.values())
            together = zip(*(axis.choices for axis in axes), strict=True)
            choices = tuple(tuple(a for each in row for a in each) for row in together)
            keys = tuple(key for axis in axes for key in axis.keys)
            places = [parts.index(axis) for axis in axes if axis in parts]
            if len(places) < len(axes):
                raise _pair_error(by, f"{quote_all(group)} are paired already")
            parts[min(places)] = Axis(axes[0].argument, keys, choices, by=by)
            for place in sorted(set(places) - {min(places)}, reverse=True):
                del parts[place]
        return Axes(parts, self.of_sweep, self.given)

    def _axis(self, key: str, by: Origin) -> Axis:
        for axis in self.axes:
            if key in axis.keys:
                return axis
        near = similar_name(key, self.keys)
        hint = f"a similar name exists: '{near}'" if near else f"give it values: {key}=1,2"
        raise _pair_error(by, f"'{key}' does not vary in this sweep", hint)


def read_axes(
    request: Request,
    options: Callable[[str], Sequence[str]] = lambda _: (),
    budget: Budget | None = None,
) -> Axes:
    """Read the axes of a line.

    Args:
        request: The line.
        options: Names the options of a group, for `glob`.
        budget: Limits on each override.

    Raises:
        ConfigErrors: All mistakes: what cannot be swept, is swept twice, or pairs nothing.
    """
    limits = budget or Budget()
    parts: list[Argument | Axis] = []
    of_sweep: list[Argument] = []
    problems: list[BrevettiHydraError] = []
    for argument in request.arguments:
        try:
            axis = axis_of(argument, options, limits)
            if is_of_sweep(argument.key):
                of_sweep.append(_single(argument, axis))
            else:
                parts.append(argument if axis is None else axis)
        except BrevettiHydraError as error:
            problems.append(error)
    problems += _problems_of([part for part in parts if isinstance(part, Axis)])
    if problems:
        raise problems[0] if len(problems) == 1 else ConfigErrors(problems)
    return Axes(parts, of_sweep, request.arguments)


def axis_of(
    argument: Argument, options: Callable[[str], Sequence[str]], budget: Budget
) -> Axis | None:
    """Read one argument as an axis; None where it is for a single run.

    Raises:
        InvalidAxisError: It cannot be swept, or pairs nothing.
        OverrideSyntaxError: One of its values cannot be read.
    """
    if argument.text.startswith("zip("):
        raise InvalidAxisError(
            "what changes together needs a name",
            where=argument.origin.place(),
            notes=["the name is for you; it is no setting"],
            hint="write it before the call: pair=zip(lr=[0.1,0.01],epochs=[5,50])",
        )
    if is_zip(argument):
        members = read_zip(argument, options, budget)
        return Axis(argument, tuple(members), tuple(zip(*members.values(), strict=True)))
    swept = read_swept(argument, options, budget)
    if swept is None:
        return None
    choices = tuple((choice,) for choice in swept.choices)
    return Axis(argument, (argument.key,), choices, swept.domain)


def is_of_sweep(key: str) -> bool:
    """Whether an argument with this key is about the sweep as a whole."""
    return root_of(key) in _OF_SWEEPS or key.startswith(_OF_HYDRA)


def root_of(key: str) -> str:
    """Give the first part of a key: `launcher` of `launcher.workers` and `launcher@x`."""
    return re.split(r"[.\[/@]", key, maxsplit=1)[0]


def _keys_of(part: Argument | Axis) -> tuple[str, ...]:
    return part.keys if isinstance(part, Axis) else (part.key,)


def _single(argument: Argument, axis: Axis | None) -> Argument:
    """Take an argument about the sweep, which has one value."""
    if axis is not None and not argument.key.startswith("hydra.sweeper"):
        raise _not_varied(argument.origin, argument.key)
    return argument


def _not_varied(origin: Origin, key: str) -> InvalidAxisError:
    return InvalidAxisError(
        f"'{key}' cannot vary from trial to trial",
        where=origin.place(),
        notes=["it is about the sweep as a whole"],
        hint="give it one value, or start a sweep for each",
    )


def _problems_of(axes: Sequence[Axis]) -> Iterator[InvalidAxisError]:
    seen: dict[str, Axis] = {}
    for axis in axes:
        for key in axis.keys:
            if key in _SHARED or is_of_sweep(key):
                yield _not_varied(axis.origin, key)
            elif key in seen:
                yield InvalidAxisError(
                    f"'{key}' varies in two places of the line",
                    where=axis.origin.place(),
                    notes=[f"the first is {seen[key].origin.label}"],
                    hint="give all its values in one of them",
                )
            seen.setdefault(key, axis)


def _pair_error(by: Origin, note: str, hint: str | None = None) -> InvalidAxisError:
    return InvalidAxisError(
        "'sweep.zip' pairs nothing",
        where=by.place(),
        notes=[note],
        hint=hint or "name keys that vary: sweep.zip=[[lr,epochs]]",
    )
