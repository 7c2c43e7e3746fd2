"""Settings that change together: `NAME=zip(lr=[0.1,0.01],model.hidden=[16,32])`, `sweep.zip`.

Hydra's grammar takes no dots in names of a function's arguments, so the call is read here; each
member's values are Hydra's again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brevetti_hydra._text import plural, quote_all
from brevetti_hydra.config.command_line.swept import one_of, read_swept, split_top
from brevetti_hydra.errors import InvalidAxisError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.tree.budget import Budget

__all__ = ["check_lengths", "is_zip", "read_zip"]

_CALL = re.compile(r"\s*zip\s*\((.*)\)\s*", re.DOTALL)
_MEMBER = re.compile(r"((?:\[(?:'[^']*'|\"[^\"]*\")\]|[^=\[\](){},])+)=(.*)", re.DOTALL)
_EXAMPLE = "write it as pair=zip(lr=[0.1,0.01],epochs=[5,50])"


def is_zip(argument: Argument) -> bool:
    """Whether an argument pairs settings."""
    return not argument.is_literal and _CALL.fullmatch(argument.value or "") is not None


def read_zip(
    argument: Argument, options: Callable[[str], Sequence[str]], budget: Budget
) -> dict[str, tuple[Argument, ...]]:
    """Read `NAME=zip(...)`: the arguments of each member, as many of one as of another.

    Args:
        argument: It.
        options: Names the options of a group, for `glob`.
        budget: Limits on each override.

    Raises:
        InvalidAxisError: A member is no list of values, or is longer than another.
        OverrideSyntaxError: A member's key or value cannot be read.
    """
    found = _CALL.fullmatch(argument.value or "")
    members: dict[str, tuple[Argument, ...]] = {}
    for part in split_top(found[1]) if found is not None else ():
        member = _MEMBER.fullmatch(part)
        if member is None:
            raise _wrong(argument, "a member is not of the form key=[...]" if part else "")
        key, values = member[1].strip(), member[2].strip()
        if key in members:
            raise _wrong(argument, f"'{key}' stands in it twice")
        members[key] = _values(argument, key, values, options, budget)
    check_lengths(argument.origin.place(), members)
    return members


def _values(
    argument: Argument,
    key: str,
    values: str,
    options: Callable[[str], Sequence[str]],
    budget: Budget,
) -> tuple[Argument, ...]:
    if values[:1] == "[" and values[-1:] == "]":
        inner = values[1:-1].strip()
        parts = split_top(inner) if inner else []
        return tuple(one_of(argument, part, budget, key) for part in parts)
    swept = read_swept(one_of(argument, values, budget, key), options, budget)
    if swept is None or not swept.choices:
        raise _wrong(argument, f"'{key}' has no list of values")
    return swept.choices


def check_lengths(where: Place, members: Mapping[str, Sequence[object]]) -> None:
    """Refuse pairs of which one has more values than another.

    Args:
        where: Who pairs them.
        members: The values by key.

    Raises:
        InvalidAxisError: Their numbers differ, or there are none.
    """
    lengths = {len(values) for values in members.values()}
    if len(lengths) > 1:
        told = (f"'{key}' has {plural(len(values), 'value')}" for key, values in members.items())
        raise InvalidAxisError(
            f"{quote_all(members)} are to change together, but differ in length",
            where=where,
            notes=[", ".join(told)],
            hint="give each of them as many values",
        )
    if not lengths or 0 in lengths:
        raise InvalidAxisError(
            "what is to change together has no values",
            where=where,
            hint=_EXAMPLE,
        )


def _wrong(argument: Argument, note: str) -> InvalidAxisError:
    return InvalidAxisError(
        f"'{argument.shown}' pairs nothing",
        where=argument.origin.place(),
        notes=[note or "a comma in it has nothing behind it"],
        hint=_EXAMPLE,
    )
