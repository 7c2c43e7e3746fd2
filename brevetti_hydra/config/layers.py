"""Layers of the tree: arguments and info.json as trees, and how trees are stacked.

The layers, lowest first: YAML in Hydra's order, info.json's settings, the command line. The
classes' defaults lie beneath all of them and are filled in afterwards (`defaults.py`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from brevetti_hydra._text import similar_name
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.command_line.overrides import Argument, split_key
from brevetti_hydra.config.command_line.values import json_or_text, literal_value, override_value
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.safety.masks import masked_value
from brevetti_hydra.config.tree.origins import (
    CHOICE,
    MISSING,
    Dropped,
    Node,
    Origin,
    Path,
    Via,
    dotted,
    merge,
    node_of,
)
from brevetti_hydra.errors import (
    BrevettiHydraError,
    OverrideSyntaxError,
    SweepNotAskedError,
    UnknownSettingError,
)
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.config.models.fields import Shape

__all__ = ["CommandLine", "info_layer", "stack"]

_DATASETS = ("job", "datasets")


def stack(root: Node, layer: Node, shape: Shape) -> list[Dropped]:
    """Lay a layer over the tree, in place.

    Aliases become the fields' names, and where the layer chooses another variant of a union, keys
    that the new variant does not know are dropped from what lies beneath.

    Returns:
        What was dropped.
    """
    dropped: list[Dropped] = []
    _rename_aliases(layer, shape)
    _drop_stale(root, layer, shape, (), dropped)
    merge(root, layer, None, dropped)
    return dropped


class CommandLine:
    """The arguments of one command line, gathered into one layer.

    Attributes:
        layer: The values, a later argument over an earlier one.
        deletions: What is taken away from the layers beneath: by `~key`, or by `m=null` where
            `m.x=1` follows.
        problems: What is wrong with single arguments.
        dropped: What arguments took away from each other and from the layers beneath.
    """

    def __init__(self, arguments: Sequence[Argument], shape: Shape, below: Node) -> None:
        self.layer = Node(Origin("argument", "the command line"), children={})
        self.deletions: list[tuple[Path, Node, Literal["deletion", "replaced"]]] = []
        self.problems: list[BrevettiHydraError] = []
        self.dropped: list[Dropped] = []
        self._shape = shape
        # What stands beneath, and the same with the variants that the line chooses.
        self._written = self._below = below
        self._switch_variants(arguments)
        for argument in arguments:
            try:
                self._add(argument)
            except (OverrideSyntaxError, SweepNotAskedError, UnknownSettingError) as error:
                self.problems.append(error)

    def _switch_variants(self, arguments: Sequence[Argument]) -> None:
        """Read values by the variant that the line itself chooses, wherever on it that stands."""
        for argument in arguments:
            path = split_text(argument.key) or ()
            union = shape_at(self._shape, path[:-1], self._below) if len(path) > 1 else None
            if union is None or union.discriminator != path[-1] or argument.sign == "~":
                continue
            tree = Node(argument.origin, value=(argument.value or "").strip().strip("'\""))
            for key in reversed(path):
                tree = Node(argument.origin, children={key: tree})
            if self._below is self._written:
                self._below = self._written.copy()
            merge(self._below, tree)

    def _add(self, argument: Argument) -> None:
        if re.search(r"[.\[]-?\d", argument.key):
            self._refuse_element(argument)
        path = split_key(argument)
        if re.match(r"[^\w\[$]", argument.key) or argument.key.endswith("+"):
            self._refuse_odd_key(argument, path)
        if path[0].startswith("hydra/"):
            path = ("hydra", *path[0].split("/")[1:], *path[1:], CHOICE)
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
        tree = self._of_dataset(path, tree)
        self._forget_replaced(path)
        for key in reversed(path):
            tree = Node(argument.origin, children={key: tree})
        # An argument replaces a reference that another argument set; it does not extend its target.
        merge(self.layer, tree, Node(argument.origin, children={}))

    def _of_dataset(self, path: Path, tree: Node) -> Node:
        """Write a dataset's bucket out where the line says more of it, in either order."""
        known = self.layer.at(path[:3]) if path[:2] == _DATASETS else None
        if known is not None and known.children and isinstance(tree.value, str) and path[3:] == ():
            _write_out(tree)
        elif known is not None and isinstance(known.value, str) and (path[3:] or tree.children):
            _write_out(known)
        return tree

    def _refuse_element(self, argument: Argument) -> None:
        # Imported here: only keys with numbers in them may mean elements of lists.
        from brevetti_hydra.config.command_line.elements import element_error

        error = element_error(argument, self._shape, self._below, self.layer)
        if error is not None:
            raise error

    def _refuse_odd_key(self, argument: Argument, path: Path) -> None:
        """Answer `'lr'=1` and `layers+=[1]` where there is no such key."""
        if shape_at(self._shape, path, self._below) is None:
            from brevetti_hydra.config.command_line.spelling import wrong_key

            raise wrong_key(argument)

    def _forget_replaced(self, path: Path) -> None:
        """Of `m=null m.x=1`, keep that the first took away what lies beneath."""
        for depth in range(1, len(path)):
            earlier = self.layer.at(path[:depth])
            if earlier is not None and earlier.children is None:
                self.deletions.append((path[:depth], earlier, "replaced"))

    def _delete(self, path: Path, argument: Argument) -> None:
        replaced = self._take_out(self.layer, path, Node(argument.origin), "deletion")
        if argument.parsed is not None and argument.parsed.value() is not None:
            self._check_value(path, argument, replaced or self._written.at(path))
        if self._is_unknown(path):
            # Written, so that the validation finds it and says which names there are.
            tree = Node(argument.origin)
            for key in reversed(path):
                tree = Node(argument.origin, children={key: tree})
            merge(self.layer, tree)
            return
        if replaced is None and self._written.at(path) is None:
            self._refuse_nothing(path, argument)
        self.deletions.append((path, Node(argument.origin), "deletion"))

    def _refuse_nothing(self, path: Path, argument: Argument) -> None:
        """Refuse to take a key out of a mapping that does not have it: it may be misspelt."""
        holder = shape_at(self._shape, path[:-1], self._below)
        if holder is None or holder.value is None:
            return
        from brevetti_hydra.config.command_line.elements import default_at, no_such_key

        if default_at(path, self._shape, self._below) is None:
            known = [self._written.at(path[:-1]), self.layer.at(path[:-1])]
            names = {name for node in known if node for name in node.children or ()}
            self.problems.append(no_such_key(argument, path, names))

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
            return literal_value(argument, shape)
        return override_value(argument, shape)

    def apply(self, root: Node) -> None:
        """Lay the command line over the tree."""
        for path, by, reason in self.deletions:
            self._take_out(root, path, by, reason)
        _keep_buckets(root, self.layer)
        self.dropped += stack(root, self.layer, self._shape)

    def _take_out(
        self, root: Node, path: Path, by: Node, reason: Literal["deletion", "replaced"]
    ) -> Node | None:
        """Take a key out of a tree, and keep who wrote it and who took it away."""
        holder = root.at(path[:-1])
        if holder is None or holder.children is None:
            return None
        taken = holder.children.pop(path[-1], None)
        if taken is not None:
            self.dropped.append(Dropped(path, taken, by, reason))
        return taken

    def _check_value(self, path: Path, argument: Argument, now: Node | None) -> None:
        """Refuse `~lr=0.5` where `lr` is something else, by the class's default as well."""
        if now is None:
            from brevetti_hydra.config.command_line.elements import default_at

            now = default_at(path, self._shape, self._below)
        expected = self._value(argument, path)
        if now is None or now.plain() == expected:
            return
        shape = shape_at(self._shape, path, self._below)
        found, wanted = (masked_value(value, shape) for value in (now.plain(), expected))
        self.problems.append(
            OverrideSyntaxError(
                f"'{dotted(path)}' is {found!r}, not {wanted!r}",
                where=argument.origin.place(),
                hint=f"write ~{dotted(path)} to take it away whatever it is",
            )
        )


def _keep_buckets(below: Node, above: Node) -> None:
    """Let `job.datasets.d=X` and `job.datasets.d.mapping={...}` be of one dataset.

    A text there is short for its bucket; laid under a mapping it is written out.
    """
    named = above.at(_DATASETS)
    known = below.at(_DATASETS)
    if named is None or known is None or not named.children or not known.children:
        return
    for name, node in named.children.items():
        text = known.children.get(name)
        if node.children and text is not None and isinstance(text.value, str):
            _write_out(text)


def _write_out(node: Node) -> None:
    node.children = {
        "bucket": Node(node.origin, value=node.value, covered=node.covered, via=node.via)
    }
    node.value = None


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
    return json_or_text(value) if shape.is_container else value


def _unknown_sent(path: Path, shape: Shape) -> UnknownSettingError:
    nearest = similar_name(path[-1], shape.names())
    return UnknownSettingError(
        f"info.json has a setting '{dotted(path)}' that the job does not know",
        key=path,
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
        if name != key:
            child.via = (Via(child.origin, f"written as '{key}'"), *child.via)
        merge(layer, Node(layer.origin, children={name: child}))


def _field_of(shape: Shape, key: str, tag_node: Node | None) -> Any:
    if not shape.variants:
        return shape.field(key)
    chosen = shape.variants.get(str(tag_node.value)) if tag_node is not None else None
    candidates = [chosen] if chosen is not None else list(shape.variants.values())
    return next((field for s in candidates if (field := s.field(key)) is not None), None)


def _drop_stale(below: Node, above: Node, shape: Shape, path: Path, dropped: list[Dropped]) -> None:
    if not above.children or not below.children:
        return
    if shape.discriminator and shape.discriminator in above.children:
        switch = above.children[shape.discriminator]
        for key in _stale_keys(below, above, shape):
            taken = below.children.pop(key)
            dropped.append(Dropped((*path, key), taken, switch, "switch"))
    tag_node = above.children.get(shape.discriminator) if shape.discriminator else None
    tag = tag_node.value if tag_node is not None else None
    for key, child in above.children.items():
        inner = shape.at(key, tag)
        if inner is not None and key in below.children:
            _drop_stale(below.children[key], child, inner, (*path, key), dropped)


def _stale_keys(below: Node, above: Node, shape: Shape) -> list[str]:
    """Name the keys of the variant that was chosen; what no variant knows stays, to be refused."""
    tags = [(node.children or {}).get(shape.discriminator or "") for node in (below, above)]
    new = shape.variants.get(str(tags[1].value)) if tags[1] is not None else None
    old = shape.variants.get(str(tags[0].value)) if tags[0] is not None else None
    if new is None or new is old:
        return []
    return [
        key
        for key in below.children or ()
        if new.field(key) is None and any(each.field(key) for each in shape.variants.values())
    ]
