"""What `--help`, `--cfg` and `--info` say, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._masks import MASK, Masking
from brevetti_hydra._text import pad, plain_text, shorten, width_of
from brevetti_hydra.config.models.fields import Field, Shape, default_of
from brevetti_hydra.config.recorded import recorded_tree
from brevetti_hydra.config.safety.masks import masked_value
from brevetti_hydra.config.secrets import hide_secrets, secret_texts
from brevetti_hydra.config.tree.origins import MISSING, Node, Path, dotted, put_value
from brevetti_hydra.config.tree.yaml_text import yaml_text
from brevetti_hydra.errors import (
    ConfigErrors,
    OverrideSyntaxError,
    SweepNotAskedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.files.groups import Group

__all__ = [
    "Further",
    "SettingLine",
    "cfg_text",
    "cfg_tree",
    "describe_further",
    "describe_settings",
    "further_text",
    "groups_text",
    "node_descriptions",
    "settings_text",
    "table",
]

# Names of the whole tree.
_WHOLE = (None, "", "_global_")


# What the merge leaves out.
_NOT_READ = (OverrideSyntaxError, SweepNotAskedError)
# Deeper than any tree that people write by hand; a recursive class ends here.
_DEEPEST = 6
_WIDEST_TYPE = 40


class SettingLine(NamedTuple):
    """One setting, for a reader.

    Attributes:
        key: `model.hidden`.
        type: `int`, `'adam' | 'sgd'`.
        bounds: `> 0, <= 10`, or "".
        default: The class's default as plain value; `???` where one is required.
        value: What stands there now; secrets masked.
        description: What the class says about it.
    """

    key: str
    type: str
    bounds: str
    default: Any
    value: Any
    description: str


class Further(NamedTuple):
    """Settings that another choice brings.

    Attributes:
        when: What chooses them, as one writes it: `optim.kind=sgd`.
        settings: The settings with their defaults; of elements of lists, with their own keys.
    """

    when: str
    settings: list[SettingLine]


def describe_settings(composition: Composition) -> list[SettingLine]:
    """Give every setting of the chosen job, in the order of the class."""
    masking = Masking(secret_texts(composition))
    lines = _lines(composition.shape(), composition.filled, (), {})
    return [line._replace(value=masking.tree(line.value)) for line in lines]


def _lines(
    union: Shape, tree: Node | None, path: Path, defaults: Mapping[str, Any], about: str = ""
) -> Iterator[SettingLine]:
    shape = _chosen(union, tree) or union
    kinds = {union.discriminator: " | ".join(map(repr, union.variants))}
    for field in shape.fields.values():
        key = (*path, field.name)
        node = (tree.children or {}).get(field.name) if tree is not None else None
        chosen = _chosen(field.shape, node)
        default = _default(field, defaults)
        # Of a class that may hold itself, what is null ends the way down.
        is_open = node.children is not None if node is not None else default is not None
        if chosen is not None and chosen.fields and is_open and len(path) < _DEEPEST:
            below = _same_variant(_mapping(default), field.shape, node)
            yield from _lines(field.shape, node, key, below, field.info.description or "")
            continue
        value = node.plain() if node is not None else default
        if default != MISSING:
            default = masked_value(default, field.shape)
        if value != MISSING:
            value = masked_value(value, field.shape)
        yield SettingLine(
            dotted(key),
            kinds.get(field.name) or field.shape.type_text(),
            ", ".join(_bounds(field.shape)),
            default,
            value,
            field.info.description or (about if field.name == union.discriminator else ""),
        )


def _bounds(shape: Shape) -> Iterator[str]:
    """Give the bounds of a value, and those of each element of a list or mapping."""
    yield from shape.bounds
    inner = shape.item if shape.item is not None else shape.value
    if inner is not None:
        yield from (f"each {bound}" for bound in inner.bounds)


def _default(field: Field, defaults: Mapping[str, Any]) -> Any:
    """Give a field's default: what the instance above it says, else its own."""
    if field.name in defaults:
        return defaults[field.name]
    return MISSING if field.is_required else default_of(field)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _same_variant(default: Mapping[str, Any], shape: Shape, node: Node | None) -> Mapping[str, Any]:
    """Of a default of another variant of a union, keep the switch alone."""
    switch = shape.discriminator
    tag = (node.children or {}).get(switch or "") if node is not None else None
    if tag is None or tag.value == default.get(switch or ""):
        return default
    return {key: value for key, value in default.items() if key == switch}


def _chosen(shape: Shape, node: Node | None) -> Shape | None:
    if not shape.variants or shape.discriminator is None:
        return shape
    tag = (node.children or {}).get(shape.discriminator) if node is not None else None
    return shape.variants.get(str(tag.value)) if tag is not None else None


def settings_text(
    lines: Sequence[SettingLine], width: int = 100, about: Mapping[str, str] | None = None
) -> str:
    """Write settings as a table: name, type, value, description.

    Args:
        lines: The settings.
        width: How wide it may be; where the columns do not fit beside each other, they stand
            below each other.
        about: What the classes say about whole nodes, by key.
    """
    about = about or {}
    rows: list[tuple[str, ...]] = []
    told: set[str] = set()
    for line in lines:
        parts = line.key.split(".")
        for node in (".".join(parts[:depth]) for depth in range(1, len(parts))):
            if node in about and node not in told:
                told.add(node)
                rows.append((node, "", "", about[node]))
        rows.append(_row(line))
    left = sum(max((width_of(row[column]) for row in rows), default=0) for column in range(3)) + 8
    if left <= width:
        return table(rows, width)
    return "\n".join(text for row in rows for text in _stacked(row, width))


def _row(line: SettingLine) -> tuple[str, str, str, str]:
    kind = f"{line.type} ({line.bounds})" if line.bounds else line.type
    shown = "required" if line.value == MISSING else shorten(_shown(line.value), 40)
    if line.value not in (line.default, MISSING) and line.default != MISSING:
        shown += f" (default {shorten(_shown(line.default), 30)})"
    # What is too long for its column is told in full beside the description.
    more = f"{line.description}; it is {kind}" if line.description else f"it is {kind}"
    is_long = len(kind) > _WIDEST_TYPE
    return line.key, shorten(kind, _WIDEST_TYPE), shown, more if is_long else line.description


def _stacked(row: tuple[str, ...], width: int) -> Iterator[str]:
    import textwrap

    yield f"  {row[0]}"
    for text in (f"{row[1]}, now {row[2]}" if row[1] else "", row[3]):
        yield from textwrap.wrap(
            text,
            max(width, 20),
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )


def node_descriptions(composition: Composition) -> dict[str, str]:
    """Give what the classes say about nodes that hold settings, by key."""
    found: dict[str, str] = {}

    def look(shape: Shape, path: Path) -> None:
        for field in shape.fields.values() if len(path) < _DEEPEST else ():
            key = (*path, field.name)
            if field.shape.fields:
                if field.info.description:
                    found[dotted(key)] = field.info.description
                look(field.shape, key)

    look(composition.shape(), ())
    return found


def describe_further(composition: Composition) -> list[Further]:
    """Give the settings that there are with other choices than those of now."""
    return list(_further(composition.shape(), composition.filled, ()))


def _further(union: Shape, tree: Node | None, path: Path) -> Iterator[Further]:
    shape = _chosen(union, tree) or union
    for field in shape.fields.values() if len(path) < _DEEPEST else ():
        key = (*path, field.name)
        node = (tree.children or {}).get(field.name) if tree is not None else None
        place = field.shape
        is_open = node is not None and node.children is not None
        chosen = _chosen(place, node) if is_open else None
        for tag, variant in place.variants.items():
            if variant is not chosen:
                when = f"{dotted((*key, place.discriminator or ''))}={tag}"
                yield Further(when, _without_switch(place, key, _lines(variant, None, key, {})))
        models = [each for each in (place, *place.members) if each.model is not None]
        if not is_open:
            for model in models:
                yield Further(f"{dotted(key)}={{...}}", list(_lines(model, None, key, {})))
        elif place.value is None:
            yield from _further(place, node, key)
        if place.item is not None:
            yield from _of_elements(place.item, (), f"{dotted(key)}=[{{...}}]")
        elif place.value is not None:
            name = (*key, "NAME")
            yield from _of_elements(place.value, name, f"{dotted(name)}={{...}}")


def _of_elements(inner: Shape, path: Path, form: str) -> Iterator[Further]:
    """Give what stands in each element of a list or mapping of models."""
    if inner.model is not None:
        yield Further(form, list(_lines(inner, None, path, {})))
    for tag, variant in inner.variants.items():
        when = f"{form} with {inner.discriminator}={tag}"
        yield Further(when, _without_switch(inner, path, _lines(variant, None, path, {})))


def _without_switch(union: Shape, path: Path, lines: Iterator[SettingLine]) -> list[SettingLine]:
    """Leave the key out that chose the variant."""
    switch = dotted((*path, union.discriminator or ""))
    return [line for line in lines if line.key != switch]


def further_text(further: Sequence[Further], width: int = 100) -> str:
    """Write the settings of other choices, each under what chooses it."""
    return "\n".join(
        f"  {each.when}\n" + "\n".join(f"  {line}" for line in lines.splitlines())
        for each in further
        if (lines := settings_text(each.settings, width - 2))
    )


def groups_text(groups: Sequence[Group], width: int = 100) -> str:
    """Write groups with their options and first comment lines."""
    rows = [
        (f"{group.name}={option.name}", option.summary)
        for group in groups
        for option in group.options
    ]
    return table(rows, width)


def cfg_text(composition: Composition, *, resolved: bool, package: str | None) -> str:
    """Write the composed tree as YAML, as Hydra's `--cfg job` does.

    Raises:
        ConfigErrors: An argument cannot be read.
        UsageError: There is no such package.
    """
    node = cfg_tree(composition, resolved=resolved, package=package)
    if package in _WHOLE:
        return yaml_text(node).rstrip("\n")
    # The header says where the keys belong, as Hydra's does.
    # One value alone is quoted where YAML wants it, as a mask does.
    is_tree = isinstance(node, (dict, list))
    text = yaml_text(node) if is_tree else yaml_text([node]).removeprefix("- ")
    return f"# @package {package}\n{text}".rstrip("\n")


def cfg_tree(composition: Composition, *, resolved: bool, package: str | None) -> Any:
    """Give what `cfg_text` writes as plain values.

    Raises:
        ConfigErrors: An argument cannot be read; without it, the tree would be another line's.
        UsageError: There is no such package.
    """
    unread = [e for e in composition.problems if isinstance(e, _NOT_READ)]
    if unread:
        raise ConfigErrors(hide_secrets(unread, composition))
    tree = recorded_tree(composition)
    if resolved:
        for path, value in composition.resolution.values.items():
            put_value(tree, path, MASK if composition.is_secret(path) else value)
    tree = Masking(secret_texts(composition)).tree(tree)
    if package in _WHOLE:
        return tree
    node: Any = tree
    for key in str(package).split("."):
        if not isinstance(node, dict) or key not in node:
            message = f"there is no package '{package}' in the configuration"
            raise UsageError(message, hint="leave -p out to see the whole of it")
        node = node[key]
    return node


def _shown(value: Any) -> str:
    return plain_text(value) or "''"


def table(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Write rows in columns; with a width, the last one is wrapped."""
    if not rows:
        return ""
    columns = len(rows[0])
    widths = [max(width_of(row[column]) for row in rows) for column in range(columns - 1)]
    lines = []
    for row in rows:
        cells = [pad(cell, size) for cell, size in zip(row, widths, strict=False)]
        left = "  " + "  ".join([*cells, ""])
        text = left + row[-1] if width is None else _wrapped(left, row[-1], width)
        lines.append(text.rstrip())
    return "\n".join(lines)


def _wrapped(left: str, text: str, width: int) -> str:
    """Put the last column beside the others, wrapped; below them where there is no room."""
    import textwrap

    room = width - width_of(left)
    least_room = 30
    if not text:
        return left.rstrip()
    if room >= least_room:
        first, *rest = textwrap.wrap(text, room) or [""]
        return "\n".join([left + first, *(" " * width_of(left) + line for line in rest)])
    return "\n".join([left.rstrip(), *(" " * 6 + line for line in textwrap.wrap(text, width - 6))])
