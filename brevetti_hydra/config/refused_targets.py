"""`_target_` anywhere but in `job._target_`: refused, before anything is imported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.tree.origins import Node, Origin, dotted
from brevetti_hydra.errors import ConfigErrors, TargetRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from brevetti_hydra.config.command_line.overrides import Argument

__all__ = ["TARGET", "refuse_targets"]

TARGET = "_target_"
_Key = tuple[str | int, ...]


def refuse_targets(
    layers: Iterable[Node], arguments: Iterable[Argument], info: Mapping[str, Any] | None
) -> None:
    """Refuse what Hydra's `instantiate` would load.

    Args:
        layers: The trees of files, each in its package.
        arguments: The overrides.
        info: The content of the job's info.json.

    Raises:
        ConfigErrors: There is a `_target_` that is not `job._target_`; each with its place. Those
            of the `hydra` node are refused with it.
    """
    found = [each for layer in layers for each in _in_node(layer, ())]
    for argument in arguments:
        found += _in_argument(argument)
    settings = (info or {}).get("settings")
    if isinstance(settings, dict):
        for path in _in_value(settings):
            found.append((path, Origin("info", f"info.json: settings.{dotted(path)}")))
    if found:
        raise ConfigErrors([_refused(path, origin) for path, origin in found])


def _refused(path: _Key, origin: Origin) -> TargetRefusedError:
    return TargetRefusedError(
        f"'{dotted(path)}' names what is to be loaded, and only 'job._target_' may",
        where=origin.place(),
        notes=["nothing of it was imported"],
        hint="write plain values, and build the object in the job's run()",
    )


def _is_refused(path: _Key) -> bool:
    return path[-1] == TARGET and path != ("job", TARGET) and path[0] != "hydra"


def _in_node(node: Node, path: tuple[str, ...]) -> Iterator[tuple[_Key, Origin]]:
    if path and _is_refused(path):
        yield path, node.origin
    for key, child in (node.children or {}).items():
        yield from _in_node(child, (*path, key))
    if isinstance(node.value, list):
        for inner in _in_value(node.value):
            place = node.inside(inner) if node.inside is not None else None
            yield (*path, *inner), place or node.origin


def _in_argument(argument: Argument) -> Iterator[tuple[_Key, Origin]]:
    path: _Key = split_text(argument.key) or (argument.key,)
    if argument.sign == "~" or path[0] == "hydra":
        return
    if _is_refused(path):
        yield path, argument.origin
    value: Any = argument.value
    if argument.parsed is not None and not argument.parsed.is_sweep_override():
        value = argument.parsed.value()
    for inner in _in_value(value):
        if _is_refused((*path, *inner)):
            yield (*path, *inner), argument.origin


def _in_value(value: Any, path: _Key = ()) -> Iterator[_Key]:
    if isinstance(value, str) and TARGET in value:
        value = _as_json(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == TARGET:
                yield (*path, TARGET)
            yield from _in_value(inner, (*path, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _in_value(inner, (*path, number))


def _as_json(text: str) -> Any:
    """Take a text apart as the fields' types may do later."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
