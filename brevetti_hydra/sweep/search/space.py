"""The space of a search: what each axis may be, as plain values that `sweep.json` holds.

A choice is written as it stands on the command line's right side, so that `1`, `1.0` and `true`
stay three things; numbers of a range are numbers. An axis with a condition counts only where
another axis has one of some values: `model.depth` where `model` is `cnn`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from brevetti_hydra.record import _Model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from random import Random

__all__ = ["Condition", "Space", "SpaceAxis"]


class Condition(_Model):
    """Under which an axis counts."""

    key: str = Field(description="another axis, which is a choice")
    values: tuple[str, ...] = Field(description="its choices under which the axis counts")


class SpaceAxis(_Model):
    """What one axis may be: one of some texts, or a number of a range with both ends."""

    kind: Literal["choice", "int", "float"]
    choices: tuple[str, ...] = Field((), description="of a choice: as on a command line")
    low: float = Field(0.0, description="of a range: the lowest value")
    high: float = Field(0.0, description="of a range: the highest value")
    step: float | None = Field(None, description="of a range: between two values; 1 of an int")
    log: bool = Field(False, description="of a range: even in the logarithm")
    conditions: tuple[Condition, ...] = Field((), description="all must hold for it to count")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "choice":
            if not self.choices or len(set(self.choices)) != len(self.choices):
                message = "a choice needs values, each once"
                raise ValueError(message)
            return self
        if not math.isfinite(self.low) or not math.isfinite(self.high) or self.low > self.high:
            message = f"no range goes from {self.low:g} to {self.high:g}"
            raise ValueError(message)
        if self.log and self.low <= 0:
            message = f"a logarithmic range begins above 0, not at {self.low:g}"
            raise ValueError(message)
        if self.step is not None and (self.step <= 0 or self.log):
            message = "a step is above 0, and not of a logarithmic range"
            raise ValueError(message)
        return self

    @property
    def size(self) -> int | None:
        """How many values there are; None of a range without steps."""
        if self.kind == "choice":
            return len(self.choices)
        step = self._step
        # A hair more than the last step: 0.3 is no multiple of 0.1.
        return None if step is None else int((self.high - self.low) / step + 1e-9) + 1

    @property
    def _step(self) -> float | None:
        return self.step or (1.0 if self.kind == "int" else None)

    @property
    def end(self) -> Any:
        """The highest value that the steps reach."""
        size = self.size
        return self.value(self.high if size is None else self.low + (size - 1) * (self._step or 0))

    def values(self) -> list[Any]:
        """Give all values, in order; empty where they cannot be counted."""
        if self.kind == "choice":
            return list(self.choices)
        step = self._step or 0.0
        return [self.value(self.low + number * step) for number in range(self.size or 0)]

    def draw(self, chance: Random) -> Any:
        """Give any value."""
        if self.kind == "choice":
            return chance.choice(self.choices)
        if self.size is not None and not self.log:
            return self.value(self.low + chance.randrange(self.size) * (self._step or 0))
        if self.log:
            return self.value(math.exp(chance.uniform(math.log(self.low), math.log(self.high))))
        return self.value(chance.uniform(self.low, self.high))

    def value(self, found: Any) -> Any:
        """Give a value as a command line would have it.

        Args:
            found: The value, perhaps with the noise of adding up steps.
        """
        if self.kind == "choice":
            return found
        if self.kind == "int":
            return round(found)
        return float(found) if self.step is None else float(f"{found:.12g}")


class Space:
    """All axes of a search, each behind the one that its condition looks at.

    Attributes:
        axes: Key -> axis.
    """

    __slots__ = ("axes",)

    def __init__(self, axes: Mapping[str, SpaceAxis]) -> None:
        """Put the axes in order.

        Raises:
            ValueError: A condition looks at no axis, or in a circle.
        """
        self.axes: dict[str, SpaceAxis] = {}
        waiting = dict(axes)
        while waiting:
            ready = [
                key
                for key, axis in waiting.items()
                if all(condition.key in self.axes for condition in axis.conditions)
            ]
            if not ready:
                message = f"the conditions of {', '.join(waiting)} never hold"
                raise ValueError(message)
            for key in ready:
                self.axes[key] = waiting.pop(key)

    @classmethod
    def of_json(cls, described: Mapping[str, Any]) -> Space:
        """Read the space of a sweep's record.

        Raises:
            ValueError: It is none.
        """
        return cls({key: SpaceAxis.model_validate(axis) for key, axis in described.items()})

    def as_json(self) -> dict[str, Any]:
        """Describe the space for a sweep's record."""
        return {
            key: axis.model_dump(mode="json", exclude_defaults=True)
            for key, axis in self.axes.items()
        }

    @property
    def has_conditions(self) -> bool:
        """Whether some axes count only sometimes."""
        return any(axis.conditions for axis in self.axes.values())

    def counts(self, key: str, values: Mapping[str, Any]) -> bool:
        """Tell whether an axis counts, given the values of those before it."""
        return all(
            values.get(condition.key) in condition.values for condition in self.axes[key].conditions
        )

    def endless(self) -> list[str]:
        """Give the axes whose values cannot be counted."""
        return [key for key, axis in self.axes.items() if axis.size is None]

    def points(self) -> Iterator[dict[str, Any]]:
        """Give every combination, the last axis fastest; axes that do not count are left out."""
        yield from self._combine(list(self.axes), {})

    def _combine(self, keys: list[str], chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not keys:
            yield dict(chosen)
            return
        key, *rest = keys
        if not self.counts(key, chosen):
            yield from self._combine(rest, chosen)
            return
        for value in self.axes[key].values():
            yield from self._combine(rest, {**chosen, key: value})

    def probes(self, deciding: Collection[str] = ()) -> Iterator[dict[str, Any]]:
        """Give points that together show each choice and both ends of each range.

        They are what is validated before a search begins. What others depend on comes in every
        combination; the rest all at once, so that there are few.

        Args:
            deciding: More axes that come in every combination.
        """
        combined = {each.key for axis in self.axes.values() for each in axis.conditions}
        combined.update(deciding)
        frame = Space({key: axis for key, axis in self.axes.items() if key in combined})
        for chosen in frame.points():
            free = {
                key: axis.values() if axis.kind == "choice" else [axis.value(axis.low), axis.end]
                for key, axis in self.axes.items()
                if key not in combined and self.counts(key, chosen)
            }
            for number in range(max(map(len, free.values()), default=1)):
                own = {key: found[min(number, len(found) - 1)] for key, found in free.items()}
                yield {key: (chosen | own)[key] for key in self.axes if key in chosen | own}

    def draw(self, chance: Random, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Give any point, with some values fixed."""
        point: dict[str, Any] = {}
        for key, axis in self.axes.items():
            if key in fixed:
                point[key] = fixed[key]
            elif self.counts(key, point):
                point[key] = axis.draw(chance)
        return point
