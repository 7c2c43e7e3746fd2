"""What pydantic refuses, said in the words of errors.py and with the place that wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import quote_all, shorten, similar_name
from brevetti_hydra.config.layers import shape_at
from brevetti_hydra.config.masks import MASK
from brevetti_hydra.config.origins import Node, Origin, dotted
from brevetti_hydra.errors import (
    BrevettiHydraError,
    InvalidSettingError,
    MissingSettingError,
    Place,
    UnknownSettingError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.fields import Shape

__all__ = ["find_problems"]

_UNKNOWN_TYPES = {
    "extra_forbidden",
    "unexpected_keyword_argument",
    "unexpected_positional_argument",
}
_MISSING_TYPES = {"missing", "missing_argument", "missing_keyword_only_argument"}
# pydantic speaks of input and strings; users speak of settings, numbers and text.
_MUST = {
    "int_parsing": "be an integer",
    "int_type": "be an integer",
    "int_from_float": "be a whole number",
    "int_parsing_size": "be a smaller integer",
    "float_parsing": "be a number",
    "float_type": "be a number",
    "finite_number": "be a finite number",
    "bool_parsing": "be true or false",
    "bool_type": "be true or false",
    "string_type": "be text",
    "list_type": "be a list",
    "set_type": "be a list",
    "frozen_set_type": "be a list",
    "tuple_type": "be a list",
    "dict_type": "be a mapping",
    "model_type": "be a mapping",
    "model_attributes_type": "be a mapping",
    "dataclass_type": "be a mapping",
    "path_type": "be a path",
    "none_required": "be null",
}


def find_problems(
    faults: Sequence[Any], tree: Node, shape: Shape, prefix: tuple[str, ...] = ()
) -> list[BrevettiHydraError]:
    """Translate pydantic's list of faults.

    Args:
        faults: What `ValidationError.errors()` gives.
        tree: The composed tree, defaults included; it knows who wrote what.
        shape: What may stand in it.
        prefix: The keys above, for a reserved node.
    """
    found: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], Any]]] = {}
    for fault in faults:
        path, labels = _path_of(fault, tree)
        found.setdefault(path, []).append((labels, fault))
    _keep_nearest_variant(found)
    return [
        _problem(path, [fault for _, fault in entries], tree, shape, prefix)
        for path, entries in found.items()
    ]


def _path_of(fault: Any, tree: Node) -> tuple[tuple[str | int, ...], tuple[str, ...]]:
    """Tell the keys of a location from the names of union members that pydantic puts between."""
    path: list[str | int] = []
    labels: list[str] = []
    node: Any = tree
    location = list(fault["loc"])
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        below = _below(node, part)
        if below is not None:
            path.append(part)
            node = below
        elif is_last and fault["type"] in _MISSING_TYPES | _UNKNOWN_TYPES:
            path.append(str(part))
        else:
            labels.append(str(part))
    return tuple(path), tuple(labels)


def _below(node: Any, part: str | int) -> Any:
    if isinstance(node, Node):
        if node.children is not None:
            return node.children.get(str(part))
        node = node.value
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return _Value(node[part])
    if isinstance(node, dict) and part in node:
        return _Value(node[part])
    if isinstance(node, _Value):
        return _below(node.value, part)
    return None


class _Value:
    """An element of a list, told apart from a node."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _keep_nearest_variant(found: dict[tuple[Any, ...], list[tuple[Any, Any]]]) -> None:
    """Of a union without discriminator, keep the complaints of the member that fits best."""
    members: dict[Any, set[Any]] = {}
    counts: dict[Any, int] = {}
    for entries in found.values():
        for labels, _ in entries:
            if labels:
                members.setdefault(labels[:-1], set()).add(labels)
                counts[labels] = counts.get(labels, 0) + 1
    for path in list(found):
        entries = found[path]
        if len({labels for labels, _ in entries}) > 1:
            continue
        labels = entries[0][0]
        rivals = members.get(labels[:-1], set()) if labels else set()
        best = min(rivals, key=lambda rival: (counts[rival], rival), default=labels)
        if labels and counts[best] < counts[labels]:
            del found[path]


def _problem(
    path: tuple[Any, ...],
    faults: Sequence[Any],
    tree: Node,
    shape: Shape,
    prefix: tuple[str, ...],
) -> BrevettiHydraError:
    kind = faults[0]["type"]
    name = dotted((*prefix, *path))
    origin, covered = _origin_of(path, tree)
    if kind in _UNKNOWN_TYPES:
        return _unknown(path, prefix, origin, shape, tree)
    keys = tuple(part for part in path if isinstance(part, str))
    place = shape_at(shape, keys, tree)
    notes = _description(path, shape, tree)
    if kind in _MISSING_TYPES:
        wanted = f" ({place.type_text()})" if place is not None else ""
        return MissingSettingError(
            f"'{name}' has no value, but needs one{wanted}",
            where=_owner_place(path, shape, tree),
            notes=notes,
            hint=f"give it: {name}=...",
        )
    is_secret = place is not None and place.is_secret
    if covered is not None:
        value = MASK if is_secret else _shown(covered.plain())
        notes.insert(0, f"it replaces {name}={value} from {covered.origin.label}")
    given = "something else, not shown here" if is_secret else None
    return InvalidSettingError(
        f"'{name}' {_complaint(faults, given)}",
        where=origin.place() if origin is not None else None,
        notes=notes,
        hint=_hint(kind, faults[0]),
    )


def _complaint(faults: Sequence[Any], given: str | None) -> str:
    kinds = [fault["type"] for fault in faults]
    first = faults[0]
    shown = given or _shown(first["input"])
    if all(kind in _MUST for kind in kinds):
        must = " or ".join(dict.fromkeys(_MUST[kind] for kind in kinds))
        return f"must {must}, but is {shown}"
    message = str(first["msg"])
    if first["type"] in {"value_error", "assertion_error"}:
        return f"is refused: {message.partition(', ')[2] or message}; it is {shown}"
    if message.startswith("Input should be "):
        return f"must be {message.removeprefix('Input should be ')}, but is {shown}"
    if message.startswith("Input should "):
        return f"must {message.removeprefix('Input should ')}, but is {shown}"
    return f"is refused: {message[:1].lower()}{message[1:]}; it is {shown}"


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return shorten(repr(value))


def _hint(kind: str, fault: Any) -> str | None:
    if kind == "string_type" and isinstance(fault["input"], (int, float, bool)):
        return "quote it in YAML"
    return None


def _unknown(
    path: tuple[Any, ...],
    prefix: tuple[str, ...],
    origin: Origin | None,
    shape: Shape,
    tree: Node,
) -> UnknownSettingError:
    name = dotted((*prefix, *path))
    keys = tuple(part for part in path if isinstance(part, str))
    holder = shape_at(shape, keys[:-1], tree) if len(keys) > 1 else shape
    names = _names_at(holder, keys[:-1], tree)
    nearest = similar_name(str(keys[-1]), names)
    base = name[: len(name) - len(str(keys[-1]))]
    notes: list[str] = []
    other = _other_variant(str(keys[-1]), keys[:-1], holder, tree)
    if other is not None:
        notes, hint = [other], "set the setting of the chosen variant, or choose the other one"
    elif (*prefix, *keys) == ("platform", "api_key"):
        hint = "give the key by --api_key, or in the variable BREVETTI_API_KEY"
    elif nearest is not None:
        hint = f"a similar name exists: '{base}{nearest}'"
    else:
        elsewhere = _same_leaf(str(keys[-1]), shape)
        hint = f"nearest: '{elsewhere}'" if elsewhere else "see --help for the settings"
        if names:
            above = f"'{dotted((*prefix, *keys[:-1]))}'" if prefix or keys[:-1] else "the job"
            notes = [f"{above} has {quote_all(names)}"]
    return UnknownSettingError(
        f"no setting '{name}'",
        where=origin.place() if origin is not None else None,
        notes=notes,
        hint=hint,
    )


def _other_variant(key: str, path: tuple[str, ...], holder: Shape | None, tree: Node) -> str | None:
    """Say so where a key belongs to a variant that is not chosen."""
    if holder is None or not holder.discriminator:
        return None
    owners = [tag for tag, variant in holder.variants.items() if variant.field(key)]
    chosen = tree.at((*path, holder.discriminator))
    if not owners or chosen is None:
        return None
    switch = dotted((*path, holder.discriminator))
    return f"it belongs to {switch}={owners[0]}, but {switch} is {chosen.value!r}"


def _names_at(holder: Shape | None, path: tuple[str, ...], tree: Node) -> list[str]:
    if holder is None:
        return []
    if holder.variants and holder.discriminator:
        tag = tree.at((*path, holder.discriminator))
        chosen = holder.variants.get(str(tag.value)) if tag is not None else None
        if chosen is not None:
            return chosen.names()
    return holder.names()


def _same_leaf(name: str, shape: Shape, path: tuple[str, ...] = (), depth: int = 4) -> str | None:
    """Find a field of the same name in another node."""
    for field in shape.fields.values():
        if path and similar_name(name, [field.name]):
            return dotted((*path, field.name))
    if depth:
        for field in shape.fields.values():
            candidates = field.shape.variants.values() if field.shape.variants else [field.shape]
            for candidate in candidates:
                found = _same_leaf(name, candidate, (*path, field.name), depth - 1)
                if found:
                    return found
    return None


def _origin_of(path: tuple[Any, ...], tree: Node) -> tuple[Origin | None, Node | None]:
    """Find who wrote a value, and whom that replaced."""
    node = tree
    rest: tuple[str | int, ...] = ()
    for position, part in enumerate(path):
        below = (node.children or {}).get(str(part))
        if below is None:
            rest = path[position:]
            break
        node = below
    covered = node.covered
    if rest and node.inside is not None:
        return node.inside(rest) or node.origin, covered
    return (node.origin if path else None), covered


def _description(path: tuple[Any, ...], shape: Shape, tree: Node) -> list[str]:
    keys = tuple(part for part in path if isinstance(part, str))
    if not keys:
        return []
    holder = shape_at(shape, keys[:-1], tree) if len(keys) > 1 else shape
    candidates = (
        list(holder.variants.values()) if holder is not None and holder.variants else [holder]
    )
    for candidate in candidates:
        field = candidate.field(keys[-1]) if candidate is not None else None
        if field is not None and field.info.description:
            return [f"it is: {field.info.description}"]
    return []


def _owner_place(path: tuple[Any, ...], shape: Shape, tree: Node) -> Place | None:
    origin, _ = _origin_of(path, tree)
    node = tree.at(tuple(str(part) for part in path))
    if node is not None and node.origin.kind != "default":
        # Somebody wrote `???`.
        return node.origin.place()
    keys = tuple(part for part in path if isinstance(part, str))
    holder = shape_at(shape, keys[:-1], tree) if len(keys) > 1 else shape
    model = getattr(holder, "model", None)
    if isinstance(model, type):
        return Place(f"class {model.__name__}")
    return origin.place() if origin is not None else None
