"""Overrides of single elements of lists: refused, with the whole list as it would be written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.command_line.spelling import written, wrong_key
from brevetti_hydra.config.command_line.values import json_or_text
from brevetti_hydra.config.models.defaults import fill_defaults
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.safety.masks import masked_value
from brevetti_hydra.config.tree.origins import Node, Path, dotted, merge
from brevetti_hydra.errors import OverrideSyntaxError, UnknownSettingError
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.models.fields import Shape

__all__ = ["default_at", "element_error", "no_such_key"]


def element_error(
    argument: Argument, shape: Shape, below: Node, line: Node
) -> OverrideSyntaxError | None:
    """Say how `layers[0]=3` or `layers.0=3` is written; None where the key means no element.

    Args:
        argument: The override.
        shape: The root's.
        below: The tree beneath the command line.
        line: What earlier arguments have set.
    """
    path = split_text(re.sub(r"\[(-?\d+)\]", r".\1", argument.key))
    if path is None:
        return None
    for depth in range(1, len(path)):
        place = shape_at(shape, path[:depth], below)
        if place is None or not re.fullmatch(r"-?\d+", path[depth]):
            continue
        if place.item is not None:
            return _in_list(argument, path, depth, shape, _at(path[:depth], shape, below, line))
        if place.value is not None and argument.key != dotted(path):
            name = f"{dotted(path[:depth])}.{path[depth]}"
            error = wrong_key(argument)
            error.notes = (f"'{dotted(path[:depth])}' is a mapping, and no list",)
            error.hint = f"write {name}={argument.shown.partition('=')[2]}"
            return error
    return None


def default_at(path: Path, shape: Shape, below: Node) -> Node | None:
    """Find what the classes say about a key that nobody has written."""
    tree = below.copy()
    holder = tree.at(path[:-1])
    if holder is not None and holder.children is not None:
        holder.children.pop(path[-1], None)
    if path[0] in RESERVED_NODES:
        node = (tree.children or {}).setdefault(path[0], Node(tree.origin, children={}))
        place = shape.at(path[0])
        if place is not None:
            fill_defaults(node, place)
    else:
        fill_defaults(tree, shape)
    return tree.at(path)


def no_such_key(argument: Argument, path: Path, names: set[str]) -> UnknownSettingError:
    """Say which keys a mapping has, where `~weights.b` names none of them."""
    nearest = similar_name(path[-1], names)
    name = dotted(path[:-1])
    return UnknownSettingError(
        f"'{name}' has no key '{path[-1]}' that could be taken away",
        where=argument.origin.place(),
        notes=[f"it has {quote_all(names)}" if names else "it has none"],
        hint=f"a similar name exists: '{dotted((*path[:-1], nearest))}'"
        if nearest
        else "leave it out",
    )


def _at(path: Path, shape: Shape, below: Node, line: Node) -> Any:
    tree = below.copy()
    merge(tree, line.copy())
    node = tree.at(path) or default_at(path, shape, tree)
    value = node.plain() if node is not None else []
    return masked_value(value, shape_at(shape, path, below))


def _in_list(
    argument: Argument, path: Path, depth: int, shape: Shape, now: Any
) -> OverrideSyntaxError:
    name = dotted(path[:depth])
    error = OverrideSyntaxError(
        f"'{name}' is a list, and elements of lists cannot be set one by one",
        where=argument.origin.place(),
        hint=f"give the whole list: {name}=[...]",
    )
    if not isinstance(now, list):
        return error
    index = int(path[depth])
    is_there = -len(now) <= index <= len(now)
    error.notes = (f"it is {written(now)}", *([] if is_there else [f"it has no element {index}"]))
    is_shown = argument.shown == argument.text and not _holds_secrets(shape, path[:depth])
    if is_there and is_shown and argument.sign != "~":
        changed = _changed(now, index, path[depth + 1 :], argument)
        error.hint = f"give the whole list: {name}={written(changed)}"
    return error


def _holds_secrets(shape: Shape, path: Path) -> bool:

    place = shape_at(shape, path)
    return place is not None and place.holds_secret


def _changed(now: list[Any], index: int, below: Path, argument: Argument) -> list[Any]:
    value = (
        argument.parsed.value()
        if argument.parsed is not None
        else json_or_text(argument.value or "")
    )
    if below:
        old = now[index] if index < len(now) else {}
        value = _with(old if isinstance(old, dict) else {}, below, value)
    changed = [*now, None] if index == len(now) else list(now)
    changed[index] = value
    return changed


def _with(old: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    inner = old.get(path[0])
    if path[1:]:
        value = _with(inner if isinstance(inner, dict) else {}, path[1:], value)
    return {**old, path[0]: value}
