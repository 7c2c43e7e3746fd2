"""Unknown settings: what the user may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.tree.origins import Node, Origin, dotted
from brevetti_hydra.errors import UnknownSettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.models.fields import Shape

__all__ = ["below", "holder_of", "names_in", "unknown_setting", "value_at"]

_MOST_PLACES = 3


def unknown_setting(
    path: tuple[Any, ...],
    prefix: tuple[str, ...],
    origin: Origin | None,
    shape: Shape,
    tree: Node,
) -> UnknownSettingError:
    """Say that nobody knows a key, and which one may be meant.

    Args:
        path: The key below the prefix, with numbers of elements.
        prefix: The keys above, for a reserved node.
        origin: Who wrote it.
        shape: What may stand below the prefix.
        tree: The composed tree below the prefix; it knows the chosen variants.
    """
    keys = names_in(path)
    holder = holder_of(shape, keys, tree)
    names = _names_at(holder, path[:-1], tree)
    nearest = similar_name(str(keys[-1]), names)
    above = (*prefix, *path[:-1])
    notes: list[str] = []
    other = _other_variant(str(keys[-1]), path[:-1], holder, tree)
    if other is not None:
        notes, hint = [other], "set the setting of the chosen variant, or choose the other one"
    elif (*prefix, *keys) == ("platform", "api_key"):
        hint = "give the key by --api_key, or in the variable BREVETTI_API_KEY"
    elif nearest is not None:
        hint = f"a similar name exists: '{dotted((*above, nearest))}'"
    else:
        hint = _elsewhere(str(keys[-1]), shape, prefix, tree) or "see --help for the settings"
        if names:
            place = f"'{dotted((*prefix, *keys[:-1]))}'" if prefix or keys[:-1] else "the job"
            notes = [f"{place} has {quote_all(names)}"]
    return UnknownSettingError(
        f"no setting '{dotted((*prefix, *path))}'",
        key=(*prefix, *path),
        where=origin.place() if origin is not None else None,
        notes=notes,
        hint=hint,
    )


def _elsewhere(name: str, shape: Shape, prefix: tuple[str, ...], tree: Node) -> str | None:
    """Say where else in the tree the same name stands, or one like it."""
    from brevetti_hydra._text import folded_name

    if name == "settings" and not prefix:
        return "settings stand at the root: write lr=..., not settings.lr=..."
    paths = sorted(_leaves(shape, tree, prefix), key=len)
    if not prefix:
        paths += [(node, key) for node in ("run", "job", "platform") for key in _reserved(node)]
    same = [path for path in paths if folded_name(path[-1]) == folded_name(name)]
    if same:
        found = ", ".join(f"'{dotted(path)}'" for path in same[:_MOST_PLACES])
        return f"the same name exists at {found}"
    by_leaf = {path[-1]: path for path in reversed(paths)}
    nearest = similar_name(name, by_leaf)
    return f"a similar name exists: '{dotted(by_leaf[nearest])}'" if nearest else None


def _leaves(
    shape: Shape, tree: Node | None, path: tuple[str, ...], depth: int = 4
) -> Iterator[tuple[str, ...]]:
    """Give the keys of all fields, those of chosen variants first."""
    tag = None
    if tree is not None and shape.discriminator is not None:
        tag = tree.at((shape.discriminator,))
    chosen = shape.variants.get(str(tag.value)) if tag is not None else None
    candidates = [chosen] if chosen is not None else [*shape.variants.values(), *shape.members]
    for candidate in candidates or [shape]:
        for field in candidate.fields.values():
            yield (*path, field.name)
    for candidate in candidates or [shape]:
        for field in candidate.fields.values() if depth else ():
            inner = tree.at((field.name,)) if tree is not None else None
            yield from _leaves(field.shape, inner, (*path, field.name), depth - 1)


def _reserved(node: str) -> list[str]:
    from brevetti_hydra import settings

    models: dict[str, Any] = {
        "run": settings.RunNode,
        "job": settings.JobNode,
        "platform": settings.PlatformNode,
    }
    return [field.alias or name for name, field in models[node].model_fields.items()]


def _other_variant(key: str, path: tuple[Any, ...], holder: Shape | None, tree: Node) -> str | None:
    """Say so where a key belongs to a variant that is not chosen."""
    if holder is None or not holder.discriminator:
        return None
    owners = [tag for tag, variant in holder.variants.items() if variant.field(key)]
    chosen = value_at((*path, holder.discriminator), tree)
    if not owners or chosen is None:
        return None
    switch = dotted((*path, holder.discriminator))
    return f"it belongs to {switch}={owners[0]}, but {switch} is {chosen!r}"


def holder_of(shape: Shape, keys: tuple[str, ...], tree: Node) -> Shape | None:
    """Find the shape in which a key stands; of a list, that of its elements."""
    holder = shape_at(shape, keys[:-1], tree) if len(keys) > 1 else shape
    while holder is not None and holder.item is not None:
        holder = holder.item
    return holder


def _names_at(holder: Shape | None, path: tuple[Any, ...], tree: Node) -> list[str]:
    if holder is None:
        return []
    if holder.variants and holder.discriminator:
        chosen = holder.variants.get(str(value_at((*path, holder.discriminator), tree)))
        if chosen is not None:
            return chosen.names()
    return holder.names()


def names_in(path: tuple[Any, ...]) -> tuple[str, ...]:
    """Give the keys of a path without the numbers of elements."""
    return tuple(part for part in path if isinstance(part, str))


def value_at(path: tuple[Any, ...], tree: Node) -> Any:
    """Give the plain value under some keys and numbers of elements, or None."""
    node: Any = tree
    for part in path:
        node = below(node, part)
    return node.plain() if isinstance(node, Node) else getattr(node, "value", None)


def below(node: Any, part: str | int) -> Any:
    """Give what stands below a key or the number of an element, or None."""
    if isinstance(node, Node):
        if node.children is not None:
            return node.children.get(str(part))
        node = node.value
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return _Value(node[part])
    if isinstance(node, dict) and part in node:
        return _Value(node[part])
    if isinstance(node, _Value):
        return below(node.value, part)
    return None


class _Value:
    """An element of a list, told apart from a node."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value
