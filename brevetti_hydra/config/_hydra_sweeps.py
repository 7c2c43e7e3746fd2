"""What an override of Hydra's grammar sweeps over, as values of ours.

Behind the door (`_hydra`): nothing of Hydra's is imported, but its objects are read.
"""

from __future__ import annotations

from itertools import islice
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.config._hydra import Override

__all__ = ["Sweep", "identity_of", "read_sweep"]

_RANGE, _INTERVAL, _GLOB = "RANGE_SWEEP", "INTERVAL_SWEEP", "GLOB_CHOICE_SWEEP"


class Sweep(NamedTuple):
    """What stands behind the `=` of an override that sweeps.

    Attributes:
        kind: `choice` (also of options by `glob`), `range` or `interval`.
        values: What it gives, as the grammar read it, in order; empty for an interval.
        bounds: Start, stop and step of a range; the two ends of an interval, and None.
        is_shuffled: Whether their order is to be random.
        tags: What `tag(...)` says of it.
    """

    kind: Literal["choice", "range", "interval"]
    values: tuple[Any, ...]
    bounds: tuple[float, float, float | None] | None = None
    is_shuffled: bool = False
    tags: frozenset[str] = frozenset()


def read_sweep(
    override: Override, options: Callable[[str], Sequence[str]], most: int
) -> Sweep | None:
    """Read what an override sweeps over; None where it gives one value.

    Args:
        override: The override.
        options: Names the options of a group, for `glob`.
        most: How many values are read at most; one more tells that there are more.

    Raises:
        ValueError: A range has no step, or a sweep stands inside of another.
    """
    if not override.is_sweep_override() or override.value_type is None:
        return None
    kind = override.value_type.name
    found: Any = override.value()
    tags = frozenset(str(tag) for tag in getattr(found, "tags", ()))
    if kind == _GLOB:
        return Sweep("choice", tuple(found.filter(list(options(override.key_or_group)))))
    if kind == _INTERVAL:
        return Sweep("interval", (), (found.start, found.end, None), tags=tags)
    if kind == _RANGE:
        if not found.step:
            message = "the step of a range cannot be 0"
            raise ValueError(message)
        # Hydra 1.4 casts each number when it is asked for, 1.3 has cast the bounds.
        given = found if hasattr(found, "__iter__") else found.range()
        numbers = tuple(islice(given, most + 1))
        bounds = _retyped((found.start, found.stop, found.step), numbers)
        return Sweep("range", numbers, bounds, found.shuffle, tags)
    if any(hasattr(each, "tags") for each in found.list):
        message = "a sweep cannot stand inside of another"
        raise ValueError(message)
    return Sweep("choice", tuple(found.list[: most + 1]), None, found.shuffle, tags)


def _retyped(
    bounds: tuple[float, float, float], numbers: Sequence[float]
) -> tuple[float, float, float]:
    """Give the bounds of a range the type of its numbers, where it has the same numbers then."""
    if not numbers or not isinstance(numbers[0], int):
        return bounds
    start, stop, step = bounds
    whole = (int(start), ceil(stop) if step > 0 else floor(stop), int(step))
    return whole if whole[::2] == (start, step) else bounds


def identity_of(value: Any) -> str:
    """Tell values apart as the grammar does: 1, 1.0, true and '1' are four.

    Args:
        value: One of `Sweep.values`, or the override that gives it alone.
    """
    value = getattr(value, "_value", value)
    # Functions of the grammar take the quotes off.
    value = getattr(value, "text", value)
    return f"{type(value).__name__} {value!r}"
