"""Compose and validate one point of a sweep after the other, each file read once.

A point takes the shortest way that gives what the line of a single run would: from a known
composition where only plain values differ, over a known plan where the same options are chosen,
else the whole way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config import Composition, Validated, compose, validate
from brevetti_hydra.config.compose import Pattern
from brevetti_hydra.config.files.search import Plan, plan
from brevetti_hydra.config.tree.origins import dotted
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, UnknownSettingError
from brevetti_hydra.job import Job
from brevetti_hydra.job_class import check_job_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.config import Argument, Request
    from brevetti_hydra.config.opened import Opened

__all__ = ["Composed", "Composer", "Mistakes"]

# Patterns that are kept: variants of unions, and groups, make one each.
_MOST_PATTERNS = 64
# Wrong trials after which nobody needs more of them to see what is wrong.
_MOST_WRONG = 200
_MOST_NAMED = 5


class Composed(NamedTuple):
    """A point that is valid.

    Attributes:
        composition: Its tree.
        validated: Its settings.
        pattern: The number of the composition from which it differs by plain values alone, or is.
    """

    composition: Composition
    validated: Validated
    pattern: int


class Composer:
    """Composes the points of one sweep; one thread at a time."""

    def __init__(self, request: Request, opened: Opened, info: Mapping[str, Any] | None) -> None:
        """Begin.

        Args:
            request: The line of the sweep.
            opened: Its search path.
            info: The content of the job's info.json.
        """
        # A trial is what the line of a single run gives.
        self._request = request._replace(flags=request.flags._replace(multirun=False))
        self._opened = opened
        self._info = info
        self._plans: dict[tuple[str, ...], tuple[Plan, frozenset[int]]] = {}
        self._patterns: list[tuple[int, Pattern]] = []
        self._count = 0
        self._classes: set[type] = set()

    def compose(self, arguments: tuple[Argument, ...]) -> Composed:
        """Compose and validate a point.

        Raises:
            BrevettiHydraError: It is wrong; all mistakes are in it.
        """
        for place, (number, pattern) in enumerate(self._patterns):
            composition = pattern.compose(arguments)
            if composition is not None:
                if place:
                    self._patterns.insert(0, self._patterns.pop(place))
                return Composed(composition, validate(composition), number)
        composition, values = self._fully(arguments)
        self._count += 1
        found = Pattern(composition, values)
        composed = Composed(composition, validate(composition), self._count)
        if found.is_plain:
            self._patterns.insert(0, (self._count, found))
            del self._patterns[_MOST_PATTERNS:]
        return composed

    def compose_alone(self, arguments: Sequence[Argument]) -> Composition:
        """Compose a point and do not validate it; raises as `compose`."""
        return self._fully(tuple(arguments))[0]

    def _fully(self, arguments: tuple[Argument, ...]) -> tuple[Composition, Sequence[Argument]]:
        chosen = self._plan(arguments)
        composition = compose(
            self._request._replace(arguments=arguments),
            folder=self._opened.folder,
            base=Job,
            info=self._info,
            opened=self._opened,
            chosen=chosen,
        )
        if composition.job_class not in self._classes:
            check_job_class(composition.job_class)
            self._classes.add(composition.job_class)
        return composition, chosen.values

    def _plan(self, arguments: tuple[Argument, ...]) -> Plan:
        """Give what takes part; lines of the same choices have the same plan."""
        keys = tuple(argument.key for argument in arguments)
        groups = [a for a in arguments if self._may_choose(a)]
        signature = (*keys, *(each.origin.label for each in groups))
        known = self._plans.get(signature)
        if known is None:
            made = plan(self._opened.search, arguments)
            values = {id(argument) for argument in made.values}
            places = frozenset(n for n, each in enumerate(arguments) if id(each) in values)
            known = self._plans[signature] = (made, places)
        made, places = known
        return made._replace(values=[arguments[place] for place in sorted(places)])

    def _may_choose(self, argument: Argument) -> bool:
        """Whether an argument may choose an option; a setting has a type, and no such name."""
        if argument.is_literal or argument.parsed is None:
            return False
        return self._opened.search.repository.group_exists(argument.parsed.key_or_group)


class Mistakes:
    """What is wrong with the trials of a sweep, each thing told once.

    Attributes:
        count: How many trials are wrong.
    """

    def __init__(self) -> None:
        self.count = 0
        self._found: dict[tuple[str, str, str], tuple[BrevettiHydraError, list[int]]] = {}
        self._lines: dict[int, str] = {}
        self._keys: dict[int, frozenset[str]] = {}

    @property
    def are_enough(self) -> bool:
        """Whether more trials would tell nothing that anybody reads."""
        return self.count >= _MOST_WRONG

    def add(self, number: int, varied: Sequence[Argument], error: BrevettiHydraError) -> None:
        """Take what is wrong with a trial."""
        self.count += 1
        self._lines[number] = " ".join(argument.shown for argument in varied)
        self._keys[number] = frozenset(argument.key for argument in varied)
        for each in error.errors if isinstance(error, ConfigErrors) else [error]:
            place = each.where.label if each.where is not None else ""
            key = (each.code, each.message, place)
            self._found.setdefault(key, (each, []))[1].append(number)

    def error(self, others: Sequence[BrevettiHydraError], total: int) -> ConfigErrors:
        """Give the report: what is wrong with the sweep, then with its trials.

        Args:
            others: Mistakes about the sweep itself.
            total: How many trials were composed.
        """
        told: list[BrevettiHydraError] = list(others)
        for each, numbers in self._found.values():
            if len(numbers) < total:
                each.notes = (*each.notes, self._whose(numbers))
                if isinstance(each, UnknownSettingError) and self._is_axis(each, numbers[0]):
                    each.hint = "search=grid tries a setting of a variant with that variant alone"
            told.append(each)
        return ConfigErrors(told)

    def _is_axis(self, error: UnknownSettingError, number: int) -> bool:
        """Whether it is a nested setting that varies: others of the trials have it."""
        return len(error.key) > 1 and dotted(error.key) in self._keys[number]

    def _whose(self, numbers: Sequence[int]) -> str:
        first = numbers[0]
        line = self._lines[first]
        shown = f"trial {first}" + (f", {line}" if line else "")
        left = len(numbers) - 1
        if not left:
            return f"it is of {shown}"
        others = ", ".join(map(str, numbers[1:_MOST_NAMED]))
        more = " and more" if len(numbers) > _MOST_NAMED else ""
        return f"it is of {shown}; and of {left} more: {others}{more}"
