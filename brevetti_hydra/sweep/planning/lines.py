"""Points that do not stand on a sweep's line: a file of lines, and `hydra.sweeper.params`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plain_text
from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.config.tree.origins import Node, Origin, dotted, walk
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    ConfigNotFoundError,
    ConfigSyntaxError,
    InvalidAxisError,
    Place,
)
from brevetti_hydra.sweep.planning.axes import Axis, is_of_sweep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from brevetti_hydra.config.tree.budget import Budget

__all__ = ["params_of", "read_line_file"]

_PARAMS = ("hydra", "sweeper", "params")
_MOST_BYTES = 64 << 20


def read_line_file(name: str, folder: Path, by: Origin, budget: Budget) -> Axis:
    """Read `sweep.file`: each line is one point, its overrides written as in a shell.

    Empty lines and what follows a `#` do not count.

    Args:
        name: The file, from the folder where the sweep was started.
        folder: That folder.
        by: Who names it.
        budget: Limits on each override.

    Raises:
        ConfigNotFoundError: It cannot be read.
        ConfigErrors: All lines that cannot be read, or that sweep themselves.
    """
    try:
        with (folder / name).open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode()
    except (OSError, ValueError) as error:  # ValueError: also what is no UTF-8
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read '{name}', the file of override lines"
        raise ConfigNotFoundError(message, where=by.place(), notes=[reason]) from error
    choices: list[tuple[Argument, ...]] = []
    problems: list[BrevettiHydraError] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            arguments = tuple(_line(line, f"{name}:{number}", budget))
        except BrevettiHydraError as error:
            problems.append(error)
            continue
        if arguments:
            choices.append(arguments)
    if not choices and not problems:
        problems.append(
            InvalidAxisError(
                f"'{name}' has no lines",
                where=by.place(),
                hint="write one line of overrides for each point: lr=0.1 epochs=5",
            )
        )
    if problems:
        raise problems[0] if len(problems) == 1 else ConfigErrors(problems)
    keys = dict.fromkeys(argument.key for arguments in choices for argument in arguments)
    return Axis(choices[0][0], tuple(keys), tuple(choices), by=by)


def _line(line: str, label: str, budget: Budget) -> Iterator[Argument]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        message = f"'{label}' is no line of a shell"
        raise ConfigSyntaxError(message, where=Place(label), notes=[str(error)]) from error
    for word in words:
        argument = Argument(word, label, budget)
        if argument.parsed is not None and argument.parsed.is_sweep_override():
            raise InvalidAxisError(
                f"'{argument.shown}' gives several values on one line",
                where=argument.origin.place(),
                notes=["each line is one point of the sweep"],
                hint="write a line for each, or let it vary on the command line",
            )
        if is_of_sweep(argument.key):
            raise InvalidAxisError(
                f"'{argument.key}' cannot vary from trial to trial",
                where=argument.origin.place(),
                notes=["it is about the sweep as a whole"],
                hint="give it on the command line",
            )
        yield argument


def params_of(
    trees: Iterable[Node], arguments: Iterable[Argument], budget: Budget
) -> list[Argument]:
    """Give `hydra.sweeper.params` as arguments, as they would stand on the line.

    Args:
        trees: The files that take part, placed, lowest first.
        arguments: Those of the line that are about the sweep.
        budget: Limits on each override.

    Raises:
        OverrideSyntaxError: One of them is no override.
    """
    found: dict[str, tuple[Any, str]] = {}
    for tree in trees:
        node = tree.at(_PARAMS)
        for path, each in walk(node) if node is not None and node.children else ():
            found[_key(path)] = (each.value, each.origin.label)
    prefix = ".".join(_PARAMS)
    for argument in arguments:
        label = argument.origin.label.partition(": ")[0]
        if argument.key.startswith(f"{prefix}."):
            found[argument.key.removeprefix(f"{prefix}.")] = (argument.value, label)
        elif argument.key == prefix and argument.parsed is not None:
            value = argument.parsed.value()
            items = value.items() if isinstance(value, dict) else ()
            found |= {str(key): (each, label) for key, each in items}
    return [
        Argument(f"{key}={_text(value)}", label, budget) for key, (value, label) in found.items()
    ]


def _key(path: tuple[str, ...]) -> str:
    # `params: {model.hidden: 1,2}` is how Hydra's users write it: the dots are in the key.
    return ".".join(path) if all("." in key or key.isidentifier() for key in path) else dotted(path)


def _text(value: Any) -> str:
    from brevetti_hydra.config.command_line.spelling import written

    return written(value) if isinstance(value, (list, dict)) else plain_text(value)
