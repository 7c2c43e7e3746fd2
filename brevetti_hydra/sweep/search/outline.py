"""From the axes of a line to the space of a search, and what its points are laid over.

An axis is plain when its value is laid over a composed tree. One that decides what the tree is (an
option of a group, the variant of a union, a whole mapping, a reserved node) decides for a stem: a
tree that is composed and frozen for each combination of such choices. Under some stems an axis may
not count: the setting belongs to another variant. That becomes its condition.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from brevetti_hydra._text import quote_all
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.command_line.swept import one_of
from brevetti_hydra.config.models.job_shapes import RootShape, shape_at
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.errors import InvalidAxisError
from brevetti_hydra.settings import RESERVED_NODES
from brevetti_hydra.sweep.planning.axes import Axis
from brevetti_hydra.sweep.record import LinePart
from brevetti_hydra.sweep.search.space import Condition, Space, SpaceAxis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brevetti_hydra.config import Argument, Composition
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.sweep.planning.axes import Axes

__all__ = ["MOST_STEMS", "Outline", "arguments_at", "name_of", "outline_of"]

# Each is composed before the search begins, and frozen in a file.
MOST_STEMS = 1000


class Outline(NamedTuple):
    """What a search chooses from.

    Attributes:
        space: All axes.
        deciding: Names of those that decide for a stem.
        line: What the trials' lines are.
    """

    space: Space
    deciding: tuple[str, ...]
    line: tuple[LinePart, ...]


def name_of(axis: Axis) -> str:
    """Name an axis: its key, or what the line calls keys that change together."""
    if len(axis.keys) == 1:
        return axis.keys[0]
    return "+".join(axis.keys) if axis.by is not None else axis.argument.key


def arguments_at(axes: Axes, values: Mapping[str, Any]) -> tuple[Argument, ...]:
    """Give the line of a point; axes that have no value are left out.

    Args:
        axes: The axes.
        values: Name of an axis -> a choice as `outline_of` writes it, or a number.
    """
    arguments: list[Argument] = []
    for part in axes.parts:
        if not isinstance(part, Axis):
            arguments.append(part)
        elif name_of(part) in values:
            arguments += _at(part, values[name_of(part)])
    return tuple(arguments)


def _at(axis: Axis, value: Any) -> Sequence[Argument]:
    if _is_range(axis):
        return [one_of(axis.argument, str(value), Budget())]
    return next(each for each in axis.choices if _text_of(axis, each) == value)


def outline_of(
    axes: Axes,
    first: Composition,
    is_group: Callable[[str], bool],
    compose_under: Callable[[Mapping[str, str]], Composition],
) -> Outline:
    """Describe the axes of a line for a search.

    Args:
        axes: They.
        first: The composition of any point.
        is_group: Tells whether a key names a group of options.
        compose_under: Composes the line under some choices of the deciding axes, without the rest.

    Raises:
        InvalidAxisError: An axis cannot be searched over.
        ConfigError: A line cannot be composed.
    """
    root = RootShape(first.shapes)
    found = {name_of(axis): _described(axis, _shape_of(axis, root, first)) for axis in axes.axes}
    decide = [axis for axis in axes.axes if _is_deciding(axis, is_group, root, first)]
    _check_number(decide, found)
    frame = _frame_of(decide, found, is_group, compose_under)
    deciding = tuple(frame.axes)
    stems = [(chosen, compose_under(chosen)) for chosen in frame.points()]
    for axis in axes.axes:
        name = name_of(axis)
        found[name] = (
            frame.axes[name] if name in deciding else _limited(axis, found[name], stems, frame)
        )
    parts = tuple(map(_part, axes.parts))
    return Outline(Space(found), deciding, parts)


def _frame_of(
    decide: Sequence[Axis],
    found: Mapping[str, SpaceAxis],
    is_group: Callable[[str], bool],
    compose_under: Callable[[Mapping[str, str]], Composition],
) -> Space:
    """Give the space of the axes that decide, the outer ones first: variants hold unions, too."""
    frame = Space({})
    for depth, axis in sorted(((_depth(axis, is_group), axis) for axis in decide), key=_first):
        described = found[name_of(axis)]
        if depth > 1 and frame.axes:
            stems = [(chosen, compose_under(chosen)) for chosen in frame.points()]
            described = _limited(axis, described, stems, frame)
        frame = Space({**frame.axes, name_of(axis): described})
    return frame


def _depth(axis: Axis, is_group: Callable[[str], bool]) -> int:
    """Tell how deep in the settings an axis stands; options of groups are above them all."""
    paths = [() if is_group(key) else split_text(key) or () for key in axis.keys]
    return max(map(len, paths), default=0)


def _first(pair: tuple[int, Axis]) -> int:
    return pair[0]


def _limited(
    axis: Axis,
    described: SpaceAxis,
    stems: Sequence[tuple[dict[str, Any], Composition]],
    frame: Space,
) -> SpaceAxis:
    """Add the conditions under which an axis counts, among some stems."""
    counting = [chosen for chosen, tree in stems if _counts(axis, tree)]
    # An axis that counts nowhere is a mistake, and told by whoever composes it.
    if not counting:
        return described
    conditions = tuple(_conditions(axis, counting, frame))
    return described.model_copy(update={"conditions": conditions})


def _part(part: Argument | Axis) -> LinePart:
    if not isinstance(part, Axis):
        return LinePart(text=part.word)
    # Each choice once, in the order of the axis's choices.
    texts = {_text_of(part, each): tuple(a.text for a in each) for each in part.choices}
    if _is_range(part):
        texts = {"": (f"{part.argument.sign}{part.argument.key}=",)}
    origin = part.argument.origin.label.partition(": ")[0]
    return LinePart(axis=name_of(part), writes=tuple(texts.values()), origin=origin)


def _is_range(axis: Axis) -> bool:
    return axis.domain is not None and axis.domain.kind != "choice"


def _described(axis: Axis, shape: Shape | None) -> SpaceAxis:
    if shape is not None and shape.holds_secret:
        raise _wrong(axis, "it is a secret, which a search would write down", "leave it out")
    try:
        return _range_of(axis, shape) if _is_range(axis) else _choice_of(axis)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise _wrong(axis, reason) from error


def _choice_of(axis: Axis) -> SpaceAxis:
    texts = [_text_of(axis, choice) for choice in axis.choices]
    return SpaceAxis(kind="choice", choices=tuple(dict.fromkeys(texts)))


def _text_of(axis: Axis, choice: Sequence[Argument]) -> str:
    return " ".join(_written(axis, argument) for argument in choice)


def _written(axis: Axis, argument: Argument) -> str:
    # What changes together is told with its keys.
    return (argument.value or "").strip() if len(axis.keys) == 1 else argument.text


def _range_of(axis: Axis, shape: Shape | None) -> SpaceAxis:
    domain = axis.domain
    if domain is None or domain.low is None or domain.high is None:
        raise _wrong(axis, "its ends are not known")
    is_integer = domain.is_integer or (shape is not None and shape.annotation is int)
    is_log = "log" in domain.tags
    for tag in sorted(domain.tags - {"log"}):
        raise _wrong(
            axis, f"'{tag}' is no tag that a search knows", "write tag(log,...), or no tag"
        )
    if domain.kind == "interval":
        kind = "int" if is_integer and _are_whole(domain.low, domain.high) else "float"
        return SpaceAxis.model_validate(
            {"kind": kind, "low": domain.low, "high": domain.high, "log": is_log}
        )
    ends = sorted(float(each[0].value or 0) for each in (axis.choices[0], axis.choices[-1]))
    step = abs(domain.step or 1)
    is_integer = is_integer and _are_whole(*ends, step)
    if is_log and step != 1:
        raise _wrong(axis, "a range on a logarithmic scale has no steps; an interval has none")
    return SpaceAxis(
        kind="int" if is_integer else "float",
        low=ends[0],
        high=ends[1],
        step=None if is_log else step,
        log=is_log,
    )


def _are_whole(*numbers: float) -> bool:
    return all(float(number).is_integer() for number in numbers)


def _is_deciding(
    axis: Axis, is_group: Callable[[str], bool], root: Shape, tree: Composition
) -> bool:
    return any(_decides(key, is_group, root, tree) for key in axis.keys) or any(
        (argument.value or "").lstrip().startswith("{")
        for choice in axis.choices
        for argument in choice
    )


def _decides(key: str, is_group: Callable[[str], bool], root: Shape, tree: Composition) -> bool:
    path = split_text(key)
    if path is None or is_group(key) or "@" in key or "/" in key:
        return True
    if path[0] in RESERVED_NODES:
        return path != ("run", "seed")
    union = shape_at(root, path[:-1], tree.filled)
    here = shape_at(root, path, tree.filled)
    is_tag = union is not None and union.discriminator == path[-1]
    return is_tag or (here is not None and bool(here.model or here.variants))


def _shape_of(axis: Axis, root: Shape, tree: Composition) -> Shape | None:
    path = split_text(axis.keys[0]) if len(axis.keys) == 1 else None
    return None if path is None else shape_at(root, path, tree.filled)


def _check_number(decide: Sequence[Axis], found: Mapping[str, SpaceAxis]) -> None:
    names = [name_of(axis) for axis in decide]
    count = prod(found[name].size or 1 for name in names)
    if count > MOST_STEMS:
        raise _wrong(
            decide[-1],
            f"{quote_all(names)} make {count:,} configurations, more than {MOST_STEMS:,}",
            "vary less of it at once",
        )


def _counts(axis: Axis, tree: Composition) -> bool:
    """Tell whether all keys of an axis belong to the variants that are chosen."""
    root = RootShape(tree.shapes)
    return not any(_is_of_another(split_text(key) or (), root, tree) for key in axis.keys)


def _is_of_another(path: tuple[str, ...], root: Shape, tree: Composition) -> bool:
    for depth in range(len(path)):
        union = shape_at(root, path[:depth], tree.filled)
        if union is None or union.discriminator is None:
            continue
        tag = tree.filled.at((*path[:depth], union.discriminator))
        chosen = union.variants.get(str(tag.value)) if tag is not None else None
        if chosen is not None and chosen.field(path[depth]) is None:
            return any(each.field(path[depth]) for each in union.variants.values())
    return False


def _conditions(axis: Axis, counting: list[dict[str, Any]], frame: Space) -> list[Condition]:
    """Say under which choices an axis counts; raises where that is more than a combination."""
    shown = {name: {chosen.get(name) for chosen in counting} - {None} for name in frame.axes}
    told = [
        Condition(key=name, values=tuple(v for v in each.choices if v in shown[name]))
        for name, each in frame.axes.items()
        # What counts under none of them is not asked.
        if 0 < len(shown[name]) < (each.size or 0)
    ]
    fitting = [
        chosen
        for chosen in frame.points()
        if all(chosen.get(condition.key) in condition.values for condition in told)
    ]
    if len(fitting) != len(counting):
        raise _wrong(axis, "it counts under some pairs of choices and not under others")
    return told


def _wrong(
    axis: Axis, note: str, hint: str = "give it as choices, or leave it out"
) -> InvalidAxisError:
    return InvalidAxisError(
        f"'{axis.argument.shown}' cannot be searched over",
        where=axis.argument.origin.place(),
        notes=[note],
        hint=hint,
    )
