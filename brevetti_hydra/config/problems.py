"""What pydantic refuses, said in the words of errors.py and with the place that wrote it."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import MASK, without_word
from brevetti_hydra._text import plain_text, shorten, similar_name
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.models.nearest import (
    below,
    holder_of,
    names_in,
    unknown_setting,
    value_at,
)
from brevetti_hydra.config.safety.masks import masked_value, texts_in
from brevetti_hydra.config.tree.origins import MISSING, Node, Origin, dotted
from brevetti_hydra.errors import (
    InvalidSettingError,
    MissingSettingError,
    Place,
    SettingError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.tree.interpolate import Resolution

__all__ = ["find_problems"]

_UNKNOWN_TYPES = {
    "extra_forbidden",
    "unexpected_keyword_argument",
    "unexpected_positional_argument",
}
_SOURCE = "(from the environment)"
_MISSING_TYPES = {"missing", "missing_argument", "missing_keyword_only_argument"}
_TAG_TYPES = {"union_tag_invalid", "union_tag_not_found"}
# pydantic speaks of input and strings; users speak of settings, numbers and text.
_MUST = {
    "int_parsing": "an integer",
    "int_type": "an integer",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller integer",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "longer text",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "path_type": "a path",
    "none_required": "null",
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "a date"),
    "date_from_datetime_inexact": "a date without a time of day",
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), "a date and time"
    ),
    **dict.fromkeys(("time_type", "time_parsing"), "a time of day"),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), "a duration"),
}
# These say the bound themselves.
_BOUND_TYPES = {
    *("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"),
    *("too_short", "too_long", "string_too_short", "string_too_long"),
}

# "Tuple should have at most 2 items after validation, not 3"
_LENGTH = re.compile(r" should have at (most|least) (\d+) items? after validation, not (.+)")
# A value that is another key's.
_REFERENCE = re.compile(r"\s*\$\{([\w.]+)\}\s*")
# Nobody reads more, and finding the similar names of 20,000 unknown keys takes minutes.
_MOST_TOLD = 100


def find_problems(
    faults: Sequence[Any],
    tree: Node,
    shape: Shape,
    prefix: tuple[str, ...],
    resolution: Resolution,
) -> list[SettingError]:
    """Translate pydantic's list of faults.

    Args:
        faults: What `ValidationError.errors()` gives.
        tree: The composed tree, defaults included; it knows who wrote what.
        shape: What may stand in it.
        prefix: The keys above, for a reserved node.
        resolution: Which values come from the environment; they are not shown.
    """
    found: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], Any]]] = {}
    for fault in faults:
        if fault["type"] == "default_factory_not_called":
            continue  # what it would have been made of is wrong, and told
        path, labels = _path_of(fault, tree)
        found.setdefault(path, []).append((labels, fault))
    _keep_nearest_variant(found)
    problems = [
        _problem(path, [fault for _, fault in entries], tree, shape, prefix, resolution)
        for path, entries in islice(found.items(), _MOST_TOLD)
    ]
    if len(found) > _MOST_TOLD:
        left = f"{len(found) - _MOST_TOLD:,} more mistakes are not told"
        problems[-1].notes = (*problems[-1].notes, left)
    return problems


def _path_of(fault: Any, tree: Node) -> tuple[tuple[str | int, ...], tuple[str, ...]]:
    """Tell the keys of a location from the names of union members that pydantic puts between."""
    path: list[str | int] = []
    labels: list[str] = []
    node: Any = tree
    location = list(fault["loc"])
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        inner = below(node, part)
        if inner is not None:
            path.append(part)
            node = inner
        elif is_last and fault["type"] in _MISSING_TYPES | _UNKNOWN_TYPES:
            path.append(part)
        else:
            labels.append(str(part))
    return tuple(path), tuple(labels)


def _keep_nearest_variant(found: dict[tuple[Any, ...], list[tuple[Any, Any]]]) -> None:
    """Of a union without discriminator, keep the complaints of the member that fits best."""
    for path in list(found):
        if any(labels for labels, _ in found[path]) and any(
            other[: len(path)] == path and len(other) > len(path) for other in found
        ):
            # Another member took the value for its own and complains about what is in it.
            del found[path]
    # Counted behind that: a member whose complaint is gone is nobody's rival.
    members: dict[Any, set[Any]] = {}
    counts: dict[Any, int] = {}
    for entries in found.values():
        for labels, _ in entries:
            if labels:
                members.setdefault(labels[:-1], set()).add(labels)
                counts[labels] = counts.get(labels, 0) + 1
    for path, entries in list(found.items()):
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
    resolution: Resolution,
) -> SettingError:
    # A key that one member of a union does not know, another may know and refuse the value of.
    faults = [f for f in faults if f["type"] not in _UNKNOWN_TYPES] or faults
    kind = faults[0]["type"]
    name = dotted((*prefix, *path))
    origin, covered = _origin_of(path, tree)
    if kind in _UNKNOWN_TYPES:
        return _after_steps(unknown_setting(path, prefix, origin, shape, tree), origin)
    keys = names_in(path)
    place = shape_at(shape, keys, tree)
    notes = _description(path, shape, tree)
    if kind not in _BOUND_TYPES and place is not None and place.bounds:
        notes.append(f"it takes {place.type_text()} ({', '.join(place.bounds)})")
    if kind in _MISSING_TYPES:
        wanted = f" ({place.type_text()})" if place is not None else ""
        below = _required_below(place)
        if isinstance(path[-1], int):
            wanted, below = "", []
        return MissingSettingError(
            f"'{name}' has no value, but needs one{wanted}",
            key=(*prefix, *path),
            where=_owner_place(path, shape, tree),
            notes=notes,
            hint=(
                f"give it: {' '.join('.'.join((name, *key)) + '=...' for key in below)}"
                if below
                else f"give the whole list: {dotted((*prefix, *keys))}=[...]"
            ),
        )
    if kind in _TAG_TYPES:
        return _wrong_variant(path, prefix, shape, tree)
    if covered is not None:
        is_secret = place is not None and place.holds_secret
        value = MASK if is_secret else _shown(covered.plain())
        notes.insert(0, f"it replaces {name}={value} from {covered.origin.label}")
    if origin is not None and origin.note:
        notes.append(origin.note)
    return _invalid((*prefix, *path), faults, origin, notes, place, tree, prefix, resolution)


def _invalid(
    whole: tuple[Any, ...],
    faults: Sequence[Any],
    origin: Origin | None,
    notes: list[str],
    place: Shape | None,
    tree: Node,
    prefix: tuple[str, ...],
    resolution: Resolution,
) -> SettingError:
    """Say what is wrong with a value, without it where it is secret."""
    name, keys, kind = dotted(whole), names_in(whole[len(prefix) :]), faults[0]["type"]
    is_secret = place is not None and place.holds_secret
    # A reserved node's tree is a part; what it refers to stands elsewhere.
    referred = None if prefix else _referred(tree.at(keys), tree)
    notes += [referred] if referred is not None else []
    given = "something else, not shown here" if is_secret else None
    if given is None and (hidden := _from_environment((*prefix, *keys), resolution)):
        source = tree.at(keys)
        given = f"{_shown(hidden if source is None else _plain(source, place))} {_SOURCE}"
        faults = [_without_value(fault, hidden) for fault in faults]
    elif is_secret:
        faults = [_without_value(fault, MASK) for fault in faults]
    refused = None if given else _input(faults[0], place)
    problem = InvalidSettingError(
        f"'{name}' {_complaint(faults, given or _shown(refused))}",
        key=whole,
        where=origin.place() if origin is not None else None,
        notes=notes,
        # What a reference brings cannot be quoted.
        hint=None
        if is_secret or (referred and kind == "string_type")
        else _hint(kind, faults[0], origin, name, place) or None,
    )
    problem.given = refused if isinstance(refused, str) else None
    return problem


def _referred(node: Node | None, tree: Node) -> str | None:
    """Say who wrote what a value refers to: there, the mistake is mended."""
    found = _REFERENCE.fullmatch(node.value) if node and isinstance(node.value, str) else None
    target = tree.at(tuple(found[1].split("."))) if found is not None else None
    if found is None or target is None or target.origin.kind == "default":
        return None
    return f"{found[0].strip()} is what {target.origin.label} says"


def _from_environment(path: tuple[str, ...], resolution: Resolution) -> str | None:
    """Give what is written where a value comes from the environment: it, a part, or all of it."""
    for hidden in resolution.from_environment:
        shortest = min(len(path), len(hidden))
        if hidden[:shortest] == path[:shortest]:
            return resolution.texts[hidden]
    return None


def _plain(node: Node, shape: Shape | None) -> Any:
    return masked_value(node.plain(), shape, keep_references=True)


def _input(fault: Any, shape: Shape | None) -> Any:
    """Give the refused value; of a mapping, the secrets in it masked."""
    return masked_value(fault["input"], shape)


def _without_value(fault: Any, shown: str) -> Any:
    """Take the refused value out of what a validator says about it."""
    message = fault["msg"]
    for text in texts_in(fault["input"]):
        message = without_word(message, text, shown)
    return {**fault, "msg": message}


def _required_below(shape: Shape | None, depth: int = 3) -> list[tuple[str, ...]]:
    """Find the settings without a default in a node that is missing as a whole."""
    if shape is not None and shape.discriminator:
        return [(shape.discriminator,)]
    required = [f for f in shape.fields.values() if f.is_required] if shape and depth else []
    if not required:
        return [()]
    return [(f.name, *key) for f in required for key in _required_below(f.shape, depth - 1)]


def _wrong_variant(
    path: tuple[Any, ...], prefix: tuple[str, ...], shape: Shape, tree: Node
) -> SettingError:
    """Say which variants a union has, where none or an unknown one is chosen."""
    union = holder_of(shape, (*names_in(path), ""), tree)
    switch, variants = (union.discriminator, union.variants) if union is not None else (None, {})
    known = " or ".join(map(repr, variants))
    keys = (*prefix, *path, *([switch] if switch else []))
    name = dotted(keys)
    chosen = value_at((*path, switch), tree)
    origin, _ = _origin_of((*path, switch), tree)
    where = origin.place() if origin is not None else None
    if chosen in (None, MISSING):
        return MissingSettingError(
            f"'{name}' has no value, but needs one ({known})",
            key=keys,
            where=where,
            hint=f"give it: {name}={next(iter(variants), '...')}",
        )
    nearest = similar_name(str(chosen), variants)
    problem = InvalidSettingError(
        f"'{name}' must be {known}, but is {_shown(chosen)}",
        key=keys,
        where=where,
        hint=f"a similar name exists: '{nearest}'" if nearest else None,
    )
    problem.given = chosen if isinstance(chosen, str) else None
    return problem


def _complaint(faults: Sequence[Any], shown: str) -> str:
    kinds = [fault["type"] for fault in faults]
    first = faults[0]
    if all(kind in _MUST for kind in kinds):
        must = " or ".join(dict.fromkeys(_MUST[kind] for kind in kinds))
        return f"must be {must}, but is {shown}"
    message = str(first["msg"])
    if first["type"] in {"value_error", "assertion_error"}:
        return f"is refused: {message.partition(', ')[2] or message}; it is {shown}"
    length = _LENGTH.search(message)
    if length is not None:
        most, wanted, given = length.groups()
        noun = "element" if wanted == "1" else "elements"
        return f"must have at {most} {wanted} {noun}, but has {given}: {shown}"
    if message.startswith("Input should be "):
        return f"must be {message.removeprefix('Input should be ')}, but is {shown}"
    if message.startswith("Input should "):
        return f"must {message.removeprefix('Input should ')}, but is {shown}"
    return f"is refused: {message[:1].lower()}{message[1:]}; it is {shown}"


def _after_steps(problem: SettingError, origin: Origin | None) -> SettingError:
    """Say of an unknown setting whether a step of a migration gave it the name."""
    if origin is not None and origin.note:
        problem.notes = (origin.note,)
        problem.hint = "correct the step that gives it this name, or take it out"
    return problem


def _shown(value: Any) -> str:
    is_word = value is None or isinstance(value, bool)
    return plain_text(value) if is_word else shorten(repr(value))


def _hint(kind: str, fault: Any, origin: Origin | None, name: str, place: Shape | None) -> str:
    """Say how a value of the wanted type is written, or ""."""
    value = fault["input"]
    if isinstance(value, str) and place is not None and kind in {"literal_error", "enum"}:
        nearest = similar_name(value, (p.strip("'") for p in place.type_text().split(" | ")))
        if nearest is not None:
            return f"a similar name exists: '{nearest}'"
    from brevetti_hydra.config.command_line.spelling import type_hint

    is_argument = origin is not None and origin.kind == "argument"
    return type_hint(kind, value, name, is_argument=is_argument, shape=place)


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
    # Without a path it is a reserved node as a whole, `run=x`, or the tree, which nobody wrote.
    is_written = bool(path) or node.origin.kind != "default"
    return (node.origin if is_written else None), covered


def _description(path: tuple[Any, ...], shape: Shape, tree: Node) -> list[str]:
    keys = names_in(path)
    if not keys:
        return []
    holder = holder_of(shape, keys, tree)
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
    is_in_list = any(isinstance(part, int) for part in path)
    if origin is not None and (is_in_list or (node is not None and node.origin.kind != "default")):
        # Somebody wrote `???`, or the list in which it is missing.
        return origin.place()
    keys = names_in(path)
    holder = holder_of(shape, keys, tree)
    model = getattr(holder, "model", None)
    if isinstance(model, type):
        return Place(f"class {model.__name__}")
    return origin.place() if origin is not None else None
