"""What an argument sweeps over, as arguments of single runs: `lr=0.1,0.01` -> `lr=0.1`, `lr=0.01`.

A value keeps its spelling, as on the line of a single run: `v=1.10,1.20` gives the texts `1.10` and
`1.20`, which Hydra's reading would make numbers.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra.config._hydra_sweeps import Sweep, identity_of, read_sweep
from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.errors import InvalidAxisError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.config.tree.budget import Budget

__all__ = ["MOST_VALUES", "Domain", "Swept", "one_of", "read_swept", "split_top"]

# Values of one axis. A million trials fill a disk, and a range of a billion the memory.
MOST_VALUES = 1_000_000

_CALL = re.compile(r"(choice|sort|shuffle|tag)\s*\((.*)\)", re.DOTALL)
_SWEEPS = re.compile(r"(?:choice|sort|shuffle|tag|range|interval|glob)\s*\(.*\)", re.DOTALL)
_NAMED = re.compile(r"(?:reverse|list|sweep|tags)\s*=")


class Domain(NamedTuple):
    """What an axis may be, as a search reads it.

    Attributes:
        kind: `choice`, `range` or `interval`.
        low: Start of a range, lower end of an interval; None of choices.
        high: Stop of a range, which is not reached itself; upper end of an interval.
        step: Of a range.
        is_integer: Whether only integers are meant: `int(interval(1,8))`, `range(1,8)`.
        tags: What `tag(...)` says of it; `log` means that magnitudes matter.
    """

    kind: Literal["choice", "range", "interval"]
    low: float | None = None
    high: float | None = None
    step: float | None = None
    is_integer: bool = False
    tags: frozenset[str] = frozenset()


class Swept(NamedTuple):
    """What an argument sweeps over.

    Attributes:
        choices: One argument for each value, in order; none for an interval.
        domain: The same for a search.
    """

    choices: tuple[Argument, ...]
    domain: Domain


def read_swept(
    argument: Argument, options: Callable[[str], Sequence[str]], budget: Budget
) -> Swept | None:
    """Take an argument apart; None where it is for a single run.

    Args:
        argument: The argument.
        options: Names the options of a group, for `glob`.
        budget: Limits on each override.

    Raises:
        InvalidAxisError: It sweeps over nothing, over too much, or over what cannot be swept.
    """
    parsed = argument.parsed
    if parsed is None:
        return _beyond_grammar(argument, budget)
    if not parsed.is_sweep_override():
        return None
    if argument.sign == "~":
        raise _wrong(argument, "what is taken away cannot be swept", "leave the values out")
    try:
        sweep = read_sweep(parsed, options, MOST_VALUES)
    except ValueError as error:
        raise _wrong(argument, str(error), "give the values one by one") from error
    if sweep is None:
        return None
    if sweep.kind != "interval" and not sweep.values:
        raise _wrong(argument, "it gives no value", "take it out, or give values")
    if len(sweep.values) > MOST_VALUES:
        hint = "make the steps larger, or let a search choose: search=optuna"
        raise _wrong(argument, f"it gives more than {MOST_VALUES:,} values", hint)
    if sweep.kind == "choice":
        choices = _spelled(argument, sweep, budget)
    else:
        choices = [one_of(argument, str(value), budget) for value in sweep.values]
    if sweep.is_shuffled:
        # The same order at each reading: what `--dry-run` shows is what runs.
        random.Random(argument.text).shuffle(choices)  # noqa: S311 - no secret
    return Swept(tuple(choices), _domain(sweep))


def _beyond_grammar(argument: Argument, budget: Budget) -> Swept | None:
    """Split at its commas what the grammar cannot read, whose plain texts are ASCII: `name=ü,b`.

    Raises:
        InvalidAxisError: It is written as a sweep that only the grammar could take apart.
    """
    value = "" if argument.is_literal else (argument.value or "").strip()
    if _SWEEPS.fullmatch(value):
        note = argument.fault or "it does not follow the override grammar"
        raise _wrong(argument, note, "put each text with other characters in quotes")
    parts = split_top(value)
    if argument.sign == "~" or len(parts) == 1 or not all(parts):
        return None
    return Swept(tuple(one_of(argument, part, budget) for part in parts), Domain("choice"))


def one_of(argument: Argument, value: str, budget: Budget, key: str | None = None) -> Argument:
    """Make the argument that gives one value of a sweep; it stands where the sweep stands.

    Args:
        argument: The sweep.
        value: The value's text.
        budget: Limits on each override.
        key: Its key with its sign; default: the sweep's own.
    """
    key = f"{argument.sign}{argument.key}" if key is None else key
    return Argument(f"{key}={value}", argument.origin.label.partition(": ")[0], budget)


def split_top(text: str) -> list[str]:
    """Split a text at the commas that stand in no brackets and no quotes.

    Example:
        >>> split_top("1, [2, 3], 'a,b'")
        ['1', '[2, 3]', "'a,b'"]
    """
    parts, start, depth, quote = [], 0, 0, ""
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            parts.append(text[start:position].strip())
            start = position + 1
        position += 1
    return [*parts, text[start:].strip()]


def _spelled(argument: Argument, sweep: Sweep, budget: Budget) -> list[Argument]:
    """Give the choices as they are spelled; where the grammar made others of them, as it did."""
    written = [one_of(argument, part, budget) for part in _parts((argument.value or "").strip())]
    waiting: dict[str, list[Argument]] = {}
    for each in written:
        if each.parsed is not None:
            waiting.setdefault(identity_of(each.parsed), []).append(each)
    found: list[Argument] = []
    for value in sweep.values:
        same = waiting.get(identity_of(value))
        if not same:
            return [one_of(argument, _text_of(each), budget) for each in sweep.values]
        found.append(same.pop(0))
    return found


def _parts(value: str) -> list[str]:
    """Take `sort(tag(x, choice(3, 1)))` down to what is chosen from."""
    found = _CALL.fullmatch(value)
    if found is None:
        return split_top(value)
    inner = [part for part in split_top(found[2]) if not _NAMED.match(part)]
    if found[1] == "tag" or len(inner) == 1:
        return _parts(inner[-1]) if inner else []
    return inner


def _text_of(value: Any) -> str:
    from brevetti_hydra.config.command_line.spelling import written

    return written(getattr(value, "text", value))


def _domain(sweep: Sweep) -> Domain:
    if sweep.bounds is None:
        return Domain("choice", tags=sweep.tags)
    is_integer = all(isinstance(each, int) for each in sweep.bounds if each is not None)
    return Domain(sweep.kind, *sweep.bounds, is_integer, sweep.tags)


def _wrong(argument: Argument, note: str, hint: str) -> InvalidAxisError:
    return InvalidAxisError(
        f"'{argument.shown}' cannot be swept",
        where=argument.origin.place(),
        notes=[note],
        hint=hint,
    )
