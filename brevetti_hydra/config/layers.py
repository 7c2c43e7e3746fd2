"""Layers of the tree: arguments and info.json as trees, and how trees are stacked.

The layers, lowest first: YAML in Hydra's order, info.json's settings, the command line. The
classes' defaults lie beneath all of them and are filled in afterwards (`defaults.py`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import similar_name
from brevetti_hydra.config import _hydra
from brevetti_hydra.config.masks import masked_value
from brevetti_hydra.config.origins import MISSING, Node, Origin, Path, dotted, merge
from brevetti_hydra.config.overrides import Argument, split_key
from brevetti_hydra.errors import (
    BrevettiHydraError,
    OverrideSyntaxError,
    SweepNotAskedError,
    UnknownSettingError,
)
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.config.fields import Shape

__all__ = ["CommandLine", "info_layer", "node_of", "shape_at", "stack"]


def stack(root: Node, layer: Node, shape: Shape) -> None:
    """Lay a layer over the tree, in place.

    Aliases become the fields' names, and where the layer chooses another variant of a union, keys
    that the new variant does not know are dropped from what lies beneath.
    """
    _rename_aliases(layer, shape)
    _drop_stale(root, layer, shape)
    merge(root, layer)


def shape_at(shape: Shape, path: Path, tree: Node | None = None) -> Shape | None:
    """Find the shape under some keys; the tree says which variants of unions are chosen."""
    current: Shape | None = shape
    for depth, key in enumerate(path):
        if current is None:
            return None
        tag = None
        if current.discriminator and tree is not None:
            chosen = tree.at((*path[:depth], current.discriminator))
            tag = chosen.value if chosen is not None else None
        current = current.at(key, tag)
    return current


def node_of(value: Any, origin: Origin) -> Node:
    """Make a tree of plain values that all have one origin."""
    if isinstance(value, dict):
        return Node(origin, children={str(key): node_of(v, origin) for key, v in value.items()})
    return Node(origin, value=value)


class CommandLine:
    """The arguments of one command line, gathered into one layer.

    Attributes:
        layer: The values, a later argument over an earlier one.
        deletions: What `~key` takes away from the layers beneath.
        literals: Keys whose text is literal: no interpolation is looked for in it.
        problems: What is wrong with single arguments.
    """

    def __init__(self, arguments: Sequence[Argument], shape: Shape, below: Node) -> None:
        self.layer = Node(Origin("argument", "the command line"), children={})
        self.deletions: list[tuple[Path, Argument]] = []
        self.problems: list[BrevettiHydraError] = []
        self._shape = shape
        self._below = below
        for argument in arguments:
            try:
                self._add(argument)
            except (OverrideSyntaxError, SweepNotAskedError, UnknownSettingError) as error:
                self.problems.append(error)

    def _add(self, argument: Argument) -> None:
        path = split_key(argument)
        if path[0].startswith("hydra/"):
            path = ("hydra", *path[0].split("/")[1:], *path[1:])
        if argument.sign == "~":
            self._delete(path, argument)
            return
        value = self._value(argument, path)
        if isinstance(value, str) and value == MISSING:
            raise OverrideSyntaxError(
                f"'{argument.shown}' gives no value: '{MISSING}' leaves a setting open",
                where=argument.origin.place(),
                hint=f"write {argument.key}=VALUE, or leave it out",
            )
        tree = node_of(value, argument.origin)
        self._forget_replaced(path, argument)
        for key in reversed(path):
            tree = Node(argument.origin, children={key: tree})
        # An argument replaces a reference that another argument set; it does not extend its target.
        merge(self.layer, tree, Node(argument.origin, children={}))

    def _forget_replaced(self, path: Path, argument: Argument) -> None:
        """Of `m=null m.x=1`, keep that the first took away what lies beneath."""
        for depth in range(1, len(path)):
            earlier = self.layer.at(path[:depth])
            if earlier is not None and earlier.children is None:
                self.deletions.append((path[:depth], argument))

    def _delete(self, path: Path, argument: Argument) -> None:
        _take_out(self.layer, path)
        if self._is_unknown(path):
            # Written, so that the validation finds it and says which names there are.
            tree = Node(argument.origin)
            for key in reversed(path):
                tree = Node(argument.origin, children={key: tree})
            merge(self.layer, tree)
            return
        self.deletions.append((path, argument))

    def _is_unknown(self, path: Path) -> bool:
        """Whether no model knows a key, or one above it, and nobody has written it."""
        if path[0] == "hydra" or (len(path) == 1 and path[0] in RESERVED_NODES):
            return False
        for depth, key in enumerate(path):
            holder = shape_at(self._shape, path[:depth], self._below)
            if holder is None or self._below.at(path[: depth + 1]) is not None:
                continue
            if holder.at(key) is None and (depth == 0 or holder.names()):
                return True
        return False

    def _value(self, argument: Argument, path: Path) -> Any:
        shape = shape_at(self._shape, path, self._below)
        if argument.is_literal:
            return _literal_value(argument, shape)
        return _override_value(argument, shape)

    def apply(self, root: Node) -> None:
        """Lay the command line over the tree."""
        for path, argument in self.deletions:
            taken = _take_out(root, path)
            expected = None
            if argument.sign == "~" and argument.parsed is not None:
                expected = argument.parsed.value()
            if expected is not None and taken is not None and taken.plain() != expected:
                shape = shape_at(self._shape, path, root)
                found, wanted = (masked_value(v, shape) for v in (taken.plain(), expected))
                self.problems.append(
                    OverrideSyntaxError(
                        f"'{dotted(path)}' is {found!r}, not {wanted!r}",
                        where=argument.origin.place(),
                        hint=f"write ~{dotted(path)} to take it away whatever it is",
                    )
                )
        stack(root, self.layer, self._shape)


def info_layer(settings: Mapping[str, Any], shape: Shape) -> tuple[Node, list[UnknownSettingError]]:
    """Make the layer of an info.json's settings, each value read by its field's type.

    Text is taken apart as JSON where the field is no text, "" means null there; a value that is
    no JSON stays as it is, for the validation to judge.

    Returns:
        The layer, and an error for each setting that no field knows and that is left out.
    """
    unknown: list[UnknownSettingError] = []

    def read(value: Any, place: Shape | None, path: Path) -> Node:
        origin = Origin("info", f"info.json: settings.{dotted(path)}" if path else "info.json")
        value = _sent_value(value, place)
        if not isinstance(value, dict):
            return Node(origin, value=value)
        children = {}
        tag = value.get(place.discriminator) if place is not None and place.discriminator else None
        for key, inner in value.items():
            shape_below = place.at(key, tag) if place is not None else None
            is_closed = place is not None and bool(place.names())
            if is_closed and shape_below is None and place is not None:
                unknown.append(_unknown_sent((*path, key), place))
            else:
                children[key] = read(inner, shape_below, (*path, key))
        return Node(origin, children=children)

    return read(dict(settings), shape, ()), unknown


def _sent_value(value: Any, shape: Shape | None) -> Any:
    if not isinstance(value, str) or shape is None:
        return value
    if shape.is_text:
        return None if value == "" and shape.is_optional else value
    if value == "":
        return None
    if shape.is_container:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _unknown_sent(path: Path, shape: Shape) -> UnknownSettingError:
    nearest = similar_name(path[-1], shape.names())
    return UnknownSettingError(
        f"info.json has a setting '{dotted(path)}' that the job does not know",
        where=Origin("info", f"info.json: settings.{dotted(path)}").place(),
        hint=f"a similar name exists: '{dotted((*path[:-1], nearest))}'" if nearest else None,
    )


def _rename_aliases(layer: Node, shape: Shape) -> None:
    if not layer.children:
        return
    tag_node = layer.children.get(shape.discriminator) if shape.discriminator else None
    written, layer.children = layer.children, {}
    for key, child in written.items():
        field = None if shape.value is not None else _field_of(shape, key, tag_node)
        below = field.shape if field is not None else shape.value
        if below is not None:
            _rename_aliases(child, below)
        # Of two names for one field in a layer, the one further down wins.
        name = field.name if field is not None else key
        merge(layer, Node(layer.origin, children={name: child}))


def _field_of(shape: Shape, key: str, tag_node: Node | None) -> Any:
    if not shape.variants:
        return shape.field(key)
    chosen = shape.variants.get(str(tag_node.value)) if tag_node is not None else None
    candidates = [chosen] if chosen is not None else list(shape.variants.values())
    return next((field for s in candidates if (field := s.field(key)) is not None), None)


def _drop_stale(below: Node, above: Node, shape: Shape) -> None:
    if not above.children or not below.children:
        return
    if shape.discriminator and shape.discriminator in above.children:
        chosen = shape.variants.get(str(above.children[shape.discriminator].value))
        known = set(chosen.fields) if chosen is not None else set(below.children)
        for key in [key for key in below.children if key not in known]:
            del below.children[key]
    tag_node = above.children.get(shape.discriminator) if shape.discriminator else None
    tag = tag_node.value if tag_node is not None else None
    for key, child in above.children.items():
        inner = shape.at(key, tag)
        if inner is not None and key in below.children:
            _drop_stale(below.children[key], child, inner)


def _take_out(root: Node, path: Path) -> Node | None:
    holder = root.at(path[:-1])
    if holder is None or holder.children is None:
        return None
    return holder.children.pop(path[-1], None)


def _literal_value(argument: Argument, shape: Shape | None) -> Any:
    """Read `--key value` by the field's type; pydantic reads numbers and booleans from text."""
    value = argument.value
    if value is None:
        if shape is None or shape.takes_flag:
            return True
        raise OverrideSyntaxError(
            f"'--{argument.key}' needs a value: {shape.type_text()}",
            where=argument.origin.place(),
            hint=f"write --{argument.key} VALUE, or {argument.key}=VALUE",
        )
    if shape is None or shape.is_text:
        return value
    if value == "null" and shape.is_optional:
        return None
    if shape.annotation is bool and "=" in value:
        raise OverrideSyntaxError(
            f"'--{argument.key}' takes true or false, not '{value}'",
            where=argument.origin.place(),
            hint=f"write --{argument.key}=true where another argument follows it",
        )
    try:
        return json.loads(value)
    except ValueError:
        if not shape.is_container:
            return value
        raise OverrideSyntaxError(
            f"'--{argument.key}' takes JSON: {shape.type_text()}",
            where=argument.origin.place(),
            hint=f"quote it for the shell: --{argument.key} '[1, 2]'",
        ) from None


def _override_value(argument: Argument, shape: Shape | None) -> Any:
    parsed, text = argument.parsed, (argument.value or "").strip()
    takes_text = shape is not None and shape.is_text
    if parsed is None:
        if takes_text:
            return text
        raise OverrideSyntaxError(
            f"'{argument.shown}' cannot be read",
            where=argument.origin.place(),
            notes=[argument.fault or "it does not follow the override grammar"],
            hint=f"quote the value: {argument.key}='\"...\"', or write --{argument.key} ...",
        )
    if parsed.is_sweep_override():
        text = "..." if argument.is_hidden else text
        raise SweepNotAskedError(
            f"'{argument.shown}' is a sweep, but this is a single run",
            where=argument.origin.place(),
            hint=(
                f"for a text with commas write {argument.key}='\"{text}\"', "
                f"for a list {argument.key}=[{text}]"
            ),
        )
    value = parsed.value()
    is_bare = not _hydra.is_quoted(parsed) and value is not None
    if takes_text and is_bare and not isinstance(value, (dict, list)):
        return text
    return value
