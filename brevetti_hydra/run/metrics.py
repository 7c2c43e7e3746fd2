"""Metrics: which names and values can be recorded, and how they stand in JSON."""

from __future__ import annotations

import json
import math
import operator
from functools import lru_cache
from typing import Any, SupportsFloat

from brevetti_hydra.errors import InvalidMetricError

__all__ = ["check_metric_name", "metric_json", "metric_key", "to_epoch", "to_metric"]

_MOST_NAME_CHARACTERS = 200

# Progress is sent as one object that holds the metrics beside the epoch.
_TAKEN = frozenset({"epoch"})


def check_metric_name(name: object) -> None:
    """Refuse a name that could not be told apart or shown later.

    Raises:
        InvalidMetricError: It is no text, empty, too long, 'epoch', or holds control characters.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidMetricError(f"a metric's name must be a text, but is {name!r}")
    if len(name) > _MOST_NAME_CHARACTERS:
        raise InvalidMetricError(
            f"a metric's name has {len(name)} characters",
            notes=[f"it begins '{name[:40]}'", f"at most {_MOST_NAME_CHARACTERS} are allowed"],
        )
    if name in _TAKEN:
        raise InvalidMetricError(f"no metric can be named '{name}'")
    if not name.isprintable():
        raise InvalidMetricError(f"a metric's name holds control characters: {name!r}")


def to_epoch(epoch: int) -> int:
    """Read an epoch: an integer, of NumPy and the like too.

    Raises:
        InvalidMetricError: It is none.
    """
    if type(epoch) is int:
        return epoch
    try:
        return operator.index(epoch)
    except TypeError as error:
        raise InvalidMetricError(
            f"the epoch must be an integer, but is {epoch!r:.80}", hint="count in whole epochs"
        ) from error


def to_metric(name: str, value: SupportsFloat) -> float:
    """Read a metric's value: a number, or a scalar of NumPy, torch and the like.

    Args:
        name: For the error.
        value: Anything with `item()` or `__float__`; True counts 1. NaN and infinities are values.

    Raises:
        InvalidMetricError: It is a text, None, complex, an array of several values, or an integer
            beyond the range of floats.
    """
    if type(value) is float:
        return value
    try:
        plain = _plain_number(value)
    except Exception as error:  # a scalar type of the user's may raise anything
        raise InvalidMetricError(
            f"metric '{name}' must be a number, but is {type(value).__name__}",
            notes=[str(error)[:200]] if str(error) else (),
            hint="give one number, for example float(x.mean())",
        ) from error
    return plain


def _plain_number(value: Any) -> float:
    # Arrays of one element count as scalars; float() of one is deprecated in NumPy.
    item = getattr(value, "item", None)
    if callable(item) and not isinstance(value, int | float):
        value = item()
    if isinstance(value, str | bytes | complex) or not hasattr(value, "__float__"):
        message = f"found {value!r:.80}"
        raise TypeError(message)
    return float(value)


def metric_json(value: float) -> str:
    """Write a metric as JSON; what JSON has no number for becomes text, as in the record."""
    if math.isfinite(value):
        return repr(value)
    if value != value:  # noqa: PLR0124 - NaN
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


@lru_cache(maxsize=4096)
def metric_key(name: str) -> str:
    """Write a metric's name as JSON; each name is spelled once, for progress comes often."""
    return json.dumps(name)
