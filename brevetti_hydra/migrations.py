"""How a project's configuration changed from version to version, as data.

A project lists the steps in a module of its own, and names the list in pyproject.toml as
`[tool.brevetti_hydra] migrations = "my_project.migrations:MIGRATIONS"`:

    MIGRATIONS = Migrations(
        step(1, rename("learning_rate", "lr"), unit("timeout_min", "timeout_s", factor=60)),
        step(2, move("lr", "optim.lr"), remove("legacy", reason="nothing read it"),
             job="my_project.train:MyJob"),
    )

A key is written as on the command line: `optim.lr`, `weights['any text']`. The changes of a step
are made one after another, in the order in which they stand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Change",
    "JobMove",
    "Migrations",
    "Relocation",
    "Removal",
    "Rescaling",
    "Splitting",
    "Step",
    "Substitution",
    "canonical_target",
    "move",
    "move_job",
    "read_key",
    "remove",
    "rename",
    "split",
    "step",
    "unit",
    "value",
]

_KEY_PART = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\")\]|([^.\[\]\s${}:=]+)")
_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*[:.][^\W\d]\w*(\.[^\W\d]\w*)*")


class Relocation(NamedTuple):
    """A key, with all below it, that has another name or stands elsewhere."""

    old: tuple[str, ...]
    new: tuple[str, ...]


class Rescaling(NamedTuple):
    """A number that is given in another unit; `new` is `old` where it keeps its name."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    factor: float


class Substitution(NamedTuple):
    """A value that is written otherwise: by a table, or by a function."""

    old: tuple[str, ...]
    how: Mapping[Any, Any] | Callable[[Any], Any]
    is_lossy: bool


class Splitting(NamedTuple):
    """A value that became several; `how` gives them in the order of `into`."""

    old: tuple[str, ...]
    into: tuple[tuple[str, ...], ...]
    how: Callable[[Any], Any]
    is_lossy: bool


class Removal(NamedTuple):
    """A key that is gone."""

    old: tuple[str, ...]
    reason: str


class JobMove(NamedTuple):
    """A Job class that lies elsewhere."""

    old: str
    new: str


Change = Relocation | Rescaling | Substitution | Splitting | Removal | JobMove


class Step(NamedTuple):
    """What changed between two versions.

    Attributes:
        number: The version before it; the one after it is `number + 1`.
        changes: What changed, in order.
        job: The Job class whose configuration it is about, `pkg.mod:Class`; None: all.
    """

    number: int
    changes: tuple[Change, ...]
    job: str | None


class Migrations:
    """All steps of a project, or of the harness.

    Attributes:
        steps: By number; of one number, those about all jobs first.
        current: The newest version: one more than the highest step's number.
    """

    __slots__ = ("current", "steps")

    def __init__(self, *steps: Step) -> None:
        """Gather steps.

        Args:
            steps: In any order. Of one number there may be several, each for another job.

        Raises:
            MigrationError: A number is missing, or a step stands twice.
        """
        for each in steps:
            if not isinstance(each, Step):
                raise MigrationError(
                    f"migrations are made of steps, but one is {each!r}",
                    hint="write each as: step(1, rename('old', 'new'))",
                )
        self.steps = tuple(sorted(steps, key=lambda s: (s.number, s.job is not None, s.job or "")))
        self.current = 1 + max((each.number for each in steps), default=0)
        self._check_numbers()

    def _check_numbers(self) -> None:
        seen: set[tuple[int, str | None]] = set()
        for each in self.steps:
            mark = (each.number, each.job and canonical_target(each.job))
            if mark in seen:
                about = f" of '{each.job}'" if each.job else ""
                raise MigrationError(
                    f"the step {each.number}{about} stands there twice",
                    hint="put the changes of both into one step, or number one of them anew",
                )
            seen.add(mark)
        missing = sorted(set(range(1, self.current)) - {each.number for each in self.steps})
        if missing:
            raise MigrationError(
                f"the step {missing[0]} is missing: the highest is {self.current - 1}",
                hint="number the steps 1, 2, 3 without a gap",
            )

    def __repr__(self) -> str:
        return f"Migrations(steps={len(self.steps)}, current={self.current})"

    def between(self, version: int, target: str | None) -> Iterable[tuple[int, Change]]:
        """Give what changed since a version, with the steps' numbers, in order.

        Args:
            version: The version of what is to be migrated.
            target: The Job class, by any name that it had; None: what is about all jobs only.
        """
        wanted = None if target is None else self.final_target(target)
        for each in self.steps:
            is_meant = each.job is None or self.final_target(each.job) == wanted
            if each.number >= version and is_meant:
                for change in each.changes:
                    yield each.number, change

    def final_target(self, target: str) -> str:
        """Give the newest name of a Job class, in one spelling for all."""
        name = canonical_target(target)
        for each in self.steps:
            for change in each.changes:
                if isinstance(change, JobMove) and canonical_target(change.old) == name:
                    name = canonical_target(change.new)
        return name

    def moved_target(self, target: str) -> str:
        """Give the newest name of a Job class as the steps write it; most stay what they are."""
        for each in self.steps:
            for change in each.changes:
                if isinstance(change, JobMove) and _is_same(change.old, target):
                    target = change.new
        return target


def step(number: int, *changes: Change, job: str | None = None) -> Step:
    """Say what changed between the versions `number` and `number + 1`.

    Args:
        number: The older version, from 1.
        changes: What `rename`, `move`, `unit`, `value`, `split`, `remove` and `move_job` give.
        job: `pkg.mod:Class`, where the change is about the settings of one Job class alone.

    Raises:
        MigrationError: The number is none, or something is no change.
    """
    if type(number) is not int or number < 1:
        raise MigrationError(
            f"the number of a step must be an integer from 1, but is {number!r}",
            hint="step(1, ...) leads from version 1 to version 2",
        )
    if job is not None:
        _check_target(job)
    for each in changes:
        if not isinstance(each, Change):
            raise MigrationError(
                f"the step {number} holds {each!r}, which is no change",
                hint="use rename, move, unit, value, split, remove or move_job",
            )
        if isinstance(each, JobMove) and job is not None:
            raise MigrationError(
                f"the step {number} moves a class, but is about one job",
                hint="put move_job into a step without 'job'",
            )
    _refuse_gone(number, changes)
    return Step(number, changes, job)


def _refuse_gone(number: int, changes: Iterable[Change]) -> None:
    """Refuse a change of a key that an earlier one of the same step took away: it never fires."""
    gone: set[tuple[str, ...]] = set()
    for change in changes:
        if isinstance(change, JobMove):
            continue
        old = change.old
        if any(old[: len(each)] == each for each in gone):
            raise MigrationError(
                f"the step {number} changes '{'.'.join(old)}' after it has taken it away",
                hint="changes are made in order: name it as the earlier one leaves it",
            )
        into = _into(change)
        # What comes back under a name, or below it, is there again.
        gone = {each for each in gone if not any(new[: len(each)] == each for new in into)}
        if old not in into and not any(new[: len(old)] == old for new in into):
            gone.add(old)


def _into(change: Change) -> tuple[tuple[str, ...], ...]:
    if isinstance(change, (Relocation, Rescaling)):
        return (change.new,)
    if isinstance(change, Substitution):
        return (change.old,)
    return change.into if isinstance(change, Splitting) else ()


def rename(old: str, new: str) -> Relocation:
    """Give a key another name; both are written in full, `model.layers` and `model.depth`.

    Raises:
        MigrationError: One of them is no key, or they are the same.
    """
    return _relocation("rename", old, new)


def move(old: str, new: str) -> Relocation:
    """Put a key, with all below it, into another node.

    Raises:
        MigrationError: One of them is no key, or they are the same.
    """
    return _relocation("move", old, new)


def unit(old: str, new: str | None = None, *, factor: float) -> Rescaling:
    """Give a number in another unit: `unit("timeout_min", "timeout_s", factor=60)`.

    Args:
        old: The key; of a list, each element changes.
        new: Its new name; None: it keeps its name.
        factor: What the number is multiplied with.

    Raises:
        MigrationError: A key is none, or the factor is no finite number, or 0.
    """
    if type(factor) not in {int, float} or not math.isfinite(factor) or factor == 0:
        raise MigrationError(f"the factor of '{old}' must be a number other than 0, not {factor!r}")
    before = read_key(old)
    return Rescaling(before, before if new is None else read_key(new), factor)


def value(
    key: str, how: Mapping[Any, Any] | Callable[[Any], Any], *, lossy: bool = False
) -> Substitution:
    """Write a value otherwise: `value("mode", {"quick": "fast"})`.

    Args:
        key: The key.
        how: New values by old ones, all others stay; or a function from the old value to the new,
            which depends on nothing else.
        lossy: Whether something is lost by it; it is then made only when asked for.

    Raises:
        MigrationError: The key is none, or `how` is neither a mapping nor a function.
    """
    if not callable(how) and not hasattr(how, "items"):
        raise MigrationError(f"the values of '{key}' must be a mapping or a function, not {how!r}")
    return Substitution(read_key(key), how, lossy)


def split(
    old: str, into: Iterable[str], how: Callable[[Any], Any], *, lossy: bool = False
) -> Splitting:
    """Make several keys of one: `split("size", into=("width", "height"), how=lambda s: (s, s))`.

    Args:
        old: The key.
        into: The new keys, in full; `old` may be among them.
        how: Gives the new values in the order of `into`, and depends on the old value alone.
        lossy: Whether something is lost by it; it is then made only when asked for.

    Raises:
        MigrationError: A key is none, there are none, or `how` is no function.
    """
    keys = () if isinstance(into, str) else tuple(read_key(each) for each in into)
    if not keys or len(set(keys)) < len(keys):
        raise MigrationError(f"'{old}' must be split into a list of different keys, not {into!r}")
    if not callable(how):
        raise MigrationError(f"'{old}' must be split by a function, not by {how!r}")
    return Splitting(read_key(old), keys, how, lossy)


def remove(key: str, *, reason: str) -> Removal:
    """Say that a key is gone, and why; where it is set this loses something.

    Raises:
        MigrationError: The key is none, or the reason is empty.
    """
    if not str(reason or "").strip():
        raise MigrationError(f"the removal of '{key}' needs a reason")
    return Removal(read_key(key), str(reason).strip())


def move_job(old: str, new: str) -> JobMove:
    """Say that a Job class lies elsewhere: `move_job("train:MyJob", "my_project.train:MyJob")`.

    Raises:
        MigrationError: One of them is no `pkg.mod:Class`, or they are the same.
    """
    for each in (old, new):
        _check_target(each)
    if _is_same(old, new):
        raise MigrationError(f"the class '{old}' is moved to where it is")
    return JobMove(old, new)


def read_key(text: object) -> tuple[str, ...]:
    """Take a key apart: `optim.lr`, `weights['any text']`.

    Raises:
        MigrationError: It is no key.
    """
    parts: list[str] = []
    position, key = 0, text if isinstance(text, str) else ""
    while position < len(key):
        found = _KEY_PART.match(key, position)
        if found is None:
            break
        parts.append(next(part for part in found.groups() if part is not None))
        position = found.end()
        if key[position : position + 1] == "." and position + 1 < len(key):
            position += 1
    if not parts or position < len(key):
        raise MigrationError(
            f"{text!r} is no key", hint="write keys as on the command line: optim.lr"
        )
    return tuple(parts)


def canonical_target(target: str) -> str:
    """Write `pkg.mod:Class` and `pkg.mod.Class` alike."""
    return target.replace(":", ".").replace(" ", "")


def _relocation(word: str, old: str, new: str) -> Relocation:
    before, after = read_key(old), read_key(new)
    if before == after:
        raise MigrationError(f"{word}: '{old}' is its new name as well")
    return Relocation(before, after)


def _check_target(target: str) -> None:
    if not _TARGET.fullmatch(str(target)):
        raise MigrationError(
            f"{target!r} names no class", hint="write it as 'package.module:ClassName'"
        )


def _is_same(one: str, other: str) -> bool:
    return canonical_target(one) == canonical_target(other)
