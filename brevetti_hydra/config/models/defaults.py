"""The classes' own defaults, beneath everything that was written.

They are filled in after the layers are stacked: so `~key` goes back to the class's default, and a
switched union shows the defaults of its new variant.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from brevetti_hydra.config.models.fields import Field, Shape, default_of, instance_of
from brevetti_hydra.config.tree.origins import MISSING, Node, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["default_tree", "fill_defaults", "fill_tree", "with_instance_defaults"]


def fill_tree(tree: Node, shapes: Mapping[str, Shape]) -> None:
    """Fill in the defaults of the settings and of the reserved nodes, in place.

    Args:
        tree: The whole tree.
        shapes: The reserved nodes' by name, and the settings' under the empty name.
    """
    fill_defaults(tree, shapes[""])
    for name, shape in shapes.items():
        if name and tree.children is not None:
            node = tree.children.setdefault(name, Node(Origin("default", name), children={}))
            fill_defaults(node, shape)


def default_tree(tree: Node, shapes: Mapping[str, Shape]) -> Node:
    """Give what would stand beneath every key of a filled tree, were nothing of it written.

    Variants of unions are those of the tree; the switches themselves are its own nodes.
    """
    beneath = _skeleton(tree, shapes[""])
    for name, shape in shapes.items():
        node = (tree.children or {}).get(name)
        if name and node is not None and node.children is not None and beneath.children is not None:
            beneath.children[name] = _skeleton(node, shape)
    fill_tree(beneath, shapes)
    return beneath


def _skeleton(tree: Node, shape: Shape) -> Node:
    """Copy the mappings that a model or dict describes, and the switches of unions."""
    children: dict[str, Node] = {}
    chosen = _variant(tree, shape) or shape
    for key, child in (tree.children or {}).items():
        below = chosen.value or (field.shape if (field := chosen.field(key)) else None)
        if key == shape.discriminator:
            children[key] = child
        elif below is not None and child.children is not None and below.is_container:
            children[key] = _skeleton(child, below)
    return Node(tree.origin, children=children)


def fill_defaults(tree: Node, shape: Shape) -> None:
    """Add what nobody wrote, in place: defaults as JSON-like values, `???` where required."""
    chosen = _variant(tree, shape)
    if shape.value is not None and tree.children is not None:
        # The values of an open mapping are models of their own, each with its defaults.
        for value in tree.children.values():
            fill_defaults(value, shape.value)
        return
    if chosen is None or tree.children is None:
        return
    for field in chosen.fields.values():
        child = tree.children.get(field.name)
        if child is None:
            tree.children[field.name] = _default_node(field)
        elif child.children is not None:
            default = None if field.is_required else default_of(field)
            _fill_from(child, field.shape, default, _origin(field))


def with_instance_defaults(written: Any, shape: Shape, default: object = None) -> Any:
    """Complete partly written nested values from the instance that is the field's default.

    A field `model: Model = Model(hidden=64)` means 64 also when only `model.depth` is written;
    pydantic by itself would take the class's default there.

    Args:
        written: Plain values, as composed.
        shape: What they are.
        default: The instance that stands there when nothing is written.
    """
    if not isinstance(written, dict):
        return written
    if shape.value is not None:
        return {**default, **written} if isinstance(default, dict) else written
    chosen = shape
    if shape.variants and shape.discriminator:
        tag = written.get(shape.discriminator, getattr(default, shape.discriminator, None))
        chosen = shape.variants.get(str(tag), shape)
    known = _attribute_of(default, chosen)
    completed = {}
    for key, value in written.items():
        field = chosen.field(key)
        if field is None:
            completed[key] = value
            continue
        below = known(field) if known else _instance_default(field)
        completed[key] = with_instance_defaults(value, field.shape, below)
    if known is not None:
        for field in chosen.fields.values():
            if field.name not in completed:
                completed[field.name] = known(field)
    return completed


def _attribute_of(default: object, shape: Shape) -> Callable[[Field], Any] | None:
    if shape.model is None or not isinstance(default, shape.model):
        return None
    return lambda field: getattr(default, field.name)


def _instance_default(field: Field) -> object:
    if not field.shape.is_container:
        return None
    value = instance_of(field)
    is_instance = isinstance(value, (BaseModel, dict)) or dataclasses.is_dataclass(value)
    return value if is_instance else None


def _variant(tree: Node, shape: Shape) -> Shape | None:
    if not shape.variants or shape.discriminator is None:
        return shape if shape.model is not None else None
    tag = (tree.children or {}).get(shape.discriminator)
    return shape.variants.get(str(tag.value)) if tag is not None else None


def _fill_from(tree: Node, shape: Shape, default: Any, origin: Origin) -> None:
    """Fill a partly written node from its field's default, then from its own class."""
    if isinstance(default, dict) and tree.children is not None:
        tag = tree.children.get(shape.discriminator) if shape.discriminator else None
        if tag is None or tag.value == default.get(shape.discriminator or ""):
            for key, value in default.items():
                child = tree.children.get(key)
                if child is None:
                    tree.children[key] = _node(value, origin)
                elif child.children is not None:
                    below = shape.at(key, tag.value if tag else None)
                    if below is not None:
                        _fill_from(child, below, value, origin)
    fill_defaults(tree, shape)


def _default_node(field: Field) -> Node:
    if field.is_required:
        return Node(_origin(field), value=MISSING)
    return _node(default_of(field), _origin(field))


def _node(value: Any, origin: Origin) -> Node:
    if isinstance(value, dict):
        return Node(origin, children={str(key): _node(v, origin) for key, v in value.items()})
    return Node(origin, value=value)


def _origin(field: Field) -> Origin:
    label = f"default of {field.owner.__name__}.{field.name}"
    return Origin("default", label, field=field)
