"""Old values as new ones: in another unit, written otherwise, or split into several."""

from __future__ import annotations

import copy
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from brevetti_hydra._masks import MASK
from brevetti_hydra.config.tree.interpolate import has_reference
from brevetti_hydra.config.tree.origins import MISSING, Node, dotted, walk
from brevetti_hydra.errors import MigrationError
from brevetti_hydra.migrations import Splitting, Substitution

__all__ = ["converted", "scaled"]

_SCALARS = (str, int, float, bool, type(None))


def _is_open(value: Any) -> bool:
    """Whether there is no value that could be converted: `???`, or a mask of a record."""
    return isinstance(value, str) and (value == MISSING or MASK in value)


def _undecided(node: Node, what: str, hint: str) -> MigrationError:
    return MigrationError(what, where=node.origin.place(), hint=hint)


def scaled(node: Node, factor: float) -> Any:
    """Give a number, or a list of them, in another unit.

    Raises:
        MigrationError: It is no number.
    """
    if node.children is not None:
        raise _undecided(node, "a mapping is no number", "give the number itself")
    return _product(node.value, factor, node)


def _product(number: Any, factor: float, node: Node) -> Any:
    if number is None or _is_open(number):
        return number
    if isinstance(number, list):
        return [_product(each, factor, node) for each in number]
    if has_reference(number):
        raise _undecided(
            node, "a reference cannot be given in another unit", "write the number itself"
        )
    if isinstance(number, str):
        try:
            number = int(number) if number.strip().lstrip("+-").isdigit() else float(number)
        except ValueError:
            number = None
    if number is None or isinstance(number, (bool, dict)):
        raise _undecided(
            node, "what is no number cannot be given in another unit", "write a number"
        )
    if not math.isfinite(number):
        return number
    # By their decimal digits: 0.1 times 3 is 0.3.
    product = Decimal(repr(number)) * Decimal(repr(factor))
    return int(product) if isinstance(number, int) and product == int(product) else float(product)


def converted(node: Node, change: Substitution | Splitting) -> list[Any]:
    """Give the new values, one for each key that it becomes.

    Raises:
        MigrationError: It is a reference, or the function raises or gives something else.
    """
    given = node.plain()
    count = len(change.into) if isinstance(change, Splitting) else 1
    if _is_open(given):
        return [given] * count
    if any(has_reference(each.value) for _, each in walk(node)):
        raise _undecided(
            node,
            f"'{dotted(change.old)}' is a reference, which cannot be written otherwise",
            "write the value itself",
        )
    if not callable(change.how):
        return [next((new for old, new in change.how.items() if _equal(old, given)), given)]
    try:
        made = change.how(copy.deepcopy(given))
    except Exception as error:  # what a user wrote may raise anything
        raise MigrationError(
            f"the step's function for '{dotted(change.old)}' raised {type(error).__name__}",
            where=node.origin.place(),
            notes=[_last_line(error)],
            hint="let it take every value that may stand there",
        ) from error
    values = list(made) if isinstance(change, Splitting) and _is_listed(made) else [made]
    if isinstance(change, Splitting) and isinstance(made, dict):
        values = [made[each] for each in map(dotted, change.into) if each in made]
    if len(values) != count or not all(map(_is_plain, values)):
        wanted = f"{count} values" if isinstance(change, Splitting) else "one value"
        given_count = f" of {len(values)}" if _is_listed(made) and len(values) != count else ""
        raise MigrationError(
            f"the step's function for '{dotted(change.old)}' has to give {wanted} as YAML has them",
            where=node.origin.place(),
            notes=[f"what it gave is of the type {type(made).__name__}{given_count}"],
            hint="give numbers, texts, booleans, null, lists or mappings of them",
        )
    return values


def _is_listed(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _last_line(error: Exception) -> str:
    """Say where it was raised; the text of a foreign exception may hold the value itself."""
    trace_back = error.__traceback__
    while trace_back is not None and trace_back.tb_next is not None:
        trace_back = trace_back.tb_next
    if trace_back is None:
        return "nothing is known of where"
    file = Path(trace_back.tb_frame.f_code.co_filename)
    here = Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"at {shown}:{trace_back.tb_lineno}"


def _equal(one: Any, other: Any) -> bool:
    """Compare as YAML does: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, _SCALARS)
