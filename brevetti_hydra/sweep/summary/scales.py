"""Axes of settings and results as charts draw them: where a value stands, and what is read there.

A position is a share of the axis, from 0 at its foot to 1 at its head. Charts get positions and
not values, so that numbers, words and switches can stand side by side.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Scale", "is_log", "scale_of", "value_label"]

# As many values are each written at the axis; more of them are counted in steps.
_MOST_LABELS = 7
_MOST_WORDS = 12
_LABEL_CHARACTERS = 18
# Between the greatest and the least positive number; beyond it a linear axis shows one of them.
_LOG_RATIO = 50.0
_UNSET = "unset"
# Where trials stand that have no such setting, and how far apart those stand that share a value.
_UNSET_AT = -0.1
_BAND = 0.05


class Scale(NamedTuple):
    """One axis.

    Attributes:
        name: What it shows: a dotted key, or a metric.
        positions: Where each trial stands; None where a result is missing.
        ticks: Position and text of each label.
        is_discrete: Whether there are few enough values that many trials share one.
    """

    name: str
    positions: list[float | None]
    ticks: list[tuple[float, str]]
    is_discrete: bool

    def spread(self, shares: Sequence[float]) -> list[float | None]:
        """Move trials that share a value a little apart, so that each can be seen.

        Args:
            shares: Of each trial, a number from 0 to 1 by which they are told apart.
        """
        if not self.is_discrete:
            return self.positions
        return [
            None if at is None else at + (share - 0.5) * _BAND
            for at, share in zip(self.positions, shares, strict=True)
        ]


def scale_of(
    name: str, values: Sequence[Any], *, is_result: bool = False, is_reversed: bool = False
) -> Scale:
    """Lay out an axis.

    Args:
        name: What it shows.
        values: Of each trial; None where it has none.
        is_result: A missing result has no place; a setting that is missing is unset.
        is_reversed: The least value stands at the head.
    """
    read = [_number(value) for value in values]
    present = [value for value in read if value is not None]
    if present and len(present) == sum(value is not None for value in values):
        found = _numbers(name, read, present)
    else:
        found = _words(name, values)
    if is_reversed:
        found = _turned(found)
    return found if is_result else _with_unset(found)


def is_log(values: Iterable[float]) -> bool:
    """Tell whether numbers are better shown by their logarithm."""
    found = list(values)
    return bool(found) and min(found) > 0 and max(found) / min(found) >= _LOG_RATIO


def value_label(value: Any) -> str:
    """Write a value shortly, as it could stand behind `key=`."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=str)
    return str(value)


def _numbers(name: str, values: Sequence[float | None], present: Sequence[float]) -> Scale:
    distinct = sorted(set(present))
    is_discrete = len(distinct) <= _MOST_LABELS
    low, high = distinct[0], distinct[-1]
    by_log = is_log(distinct)

    def place(value: float) -> float:
        if high == low:
            return 0.5
        if by_log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)

    labelled = distinct if is_discrete else _steps(low, high, by_log=by_log)
    ticks = _apart([(place(value), value_label(_whole(value))) for value in labelled])
    positions = [None if value is None else place(value) for value in values]
    return Scale(name, positions, ticks, is_discrete)


def _words(name: str, values: Sequence[Any]) -> Scale:
    texts = [None if value is None else value_label(value) for value in values]
    names = list(dict.fromkeys(text for text in texts if text is not None))
    places = {
        text: (index / (len(names) - 1) if len(names) > 1 else 0.5)
        for index, text in enumerate(names)
    }
    step = max(1, math.ceil(len(names) / _MOST_WORDS))
    ticks = [(places[text], shorten(text, _LABEL_CHARACTERS)) for text in names[::step]]
    positions = [None if text is None else places[text] for text in texts]
    return Scale(name, positions, ticks, is_discrete=True)


def _turned(scale: Scale) -> Scale:
    positions = [None if at is None else 1 - at for at in scale.positions]
    return scale._replace(positions=positions, ticks=[(1 - at, text) for at, text in scale.ticks])


def _with_unset(scale: Scale) -> Scale:
    if None not in scale.positions:
        return scale
    positions: list[float | None] = [_UNSET_AT if at is None else at for at in scale.positions]
    return scale._replace(positions=positions, ticks=[(_UNSET_AT, _UNSET), *scale.ticks])


def _steps(low: float, high: float, *, by_log: bool) -> list[float]:
    """Give round numbers between two, which stand among them."""
    if by_log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        step = max(1, math.ceil((last - first) / _MOST_LABELS))
        between = [10.0**power for power in range(first, last + 1, step)]
    else:
        size = (high - low) / 5
        unit = 10.0 ** math.floor(math.log10(size))
        step_size = next(each * unit for each in (1, 2, 5, 10) if each * unit >= size * 0.999)
        first = math.ceil(low / step_size)
        between = [each * step_size for each in range(first, math.floor(high / step_size) + 1)]
    inner = [value for value in between if low < value < high]
    return [low, *inner, high]


def _apart(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out labels that would stand upon one another; the ends stay."""
    if not ticks:
        return []
    kept = [ticks[0]]
    last = ticks[-1]
    for tick in ticks[1:-1]:
        if tick[0] - kept[-1][0] >= _BAND * 1.4 and last[0] - tick[0] >= _BAND * 1.4:
            kept.append(tick)
    return [*kept, last] if last != ticks[0] else kept


def _number(value: Any) -> float | None:
    """Read a number, also one that stands as it was written on the line."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 1e9 else value  # noqa: PLR2004 - digits
