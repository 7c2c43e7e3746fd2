"""What `--help`, `--cfg` and `--info` say, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._masks import MASK, Masking
from brevetti_hydra._text import shorten
from brevetti_hydra.config.fields import Field, Shape, default_of
from brevetti_hydra.config.masks import masked_value
from brevetti_hydra.config.origins import MISSING, Node, Path, dotted
from brevetti_hydra.config.recorded import recorded_tree
from brevetti_hydra.config.secrets import secret_texts
from brevetti_hydra.config.yaml_text import yaml_text
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brevetti_hydra.config.compose import Composition
    from brevetti_hydra.config.search import Group

__all__ = [
    "SettingLine",
    "cfg_text",
    "cfg_tree",
    "describe_settings",
    "groups_text",
    "info_text",
    "settings_text",
]

# Names of the whole tree.
_WHOLE = (None, "", "_global_")


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


def describe_settings(composition: Composition) -> list[SettingLine]:
    """Give every setting of the chosen job, in the order of the class."""
    return list(_lines(composition.shape(), composition.filled, (), {}))


def _lines(
    union: Shape, tree: Node | None, path: Path, defaults: Mapping[str, Any]
) -> Iterator[SettingLine]:
    shape = _chosen(union, tree) or union
    kinds = {union.discriminator: " | ".join(map(repr, union.variants))}
    for field in shape.fields.values():
        key = (*path, field.name)
        node = (tree.children or {}).get(field.name) if tree is not None else None
        chosen = _chosen(field.shape, node)
        if chosen is not None and chosen.fields and (node is None or node.children is not None):
            below = _same_variant(_mapping(_default(field, defaults)), field.shape, node)
            yield from _lines(field.shape, node, key, below)
            continue
        default = _default(field, defaults)
        value = node.plain() if node is not None else default
        if default != MISSING:
            default = masked_value(default, field.shape)
        if value != MISSING:
            value = masked_value(value, field.shape)
        yield SettingLine(
            dotted(key),
            kinds.get(field.name) or field.shape.type_text(),
            ", ".join(field.shape.bounds),
            default,
            value,
            field.info.description or "",
        )


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


def settings_text(lines: Sequence[SettingLine], width: int = 100) -> str:
    """Write settings as a table: name, type, value, description."""
    rows = []
    for line in lines:
        kind = f"{line.type} ({line.bounds})" if line.bounds else line.type
        shown = "required" if line.value == MISSING else _shown(line.value)
        if line.value not in (line.default, MISSING) and line.default != MISSING:
            shown += f" (default {_shown(line.default)})"
        rows.append((line.key, shorten(kind, 40), shorten(shown, 40), line.description))
    return _table(rows, width)


def groups_text(groups: Sequence[Group], width: int = 100) -> str:
    """Write groups with their options and first comment lines."""
    rows = [
        (f"{group.name}={option.name}", option.summary)
        for group in groups
        for option in group.options
    ]
    return _table(rows, width)


def cfg_text(composition: Composition, *, resolved: bool, package: str | None) -> str:
    """Write the composed tree as YAML, as Hydra's `--cfg job` does.

    Raises:
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
        UsageError: There is no such package.
    """
    tree = recorded_tree(composition)
    if resolved:
        for path, value in composition.resolution.values.items():
            _put(tree, path, MASK if composition.is_secret(path) else value)
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


def info_text(composition: Composition) -> str:
    """Write how the configuration was put together: files in order, options, search path."""
    lines = ["Files that take part, the last one wins:"]
    for document in composition.documents:
        package = f"  (package {document.package})" if document.package else ""
        lines.append(f"  {document.label}{package}")
    lines += ["", "Options:"]
    lines += [f"  {group}={option}" for group, option in sorted(composition.choices.items())]
    lines += ["", f"Project: {composition.project.folder}", f"Job: {composition.target}"]
    return "\n".join(lines)


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:
    holder: Any = tree
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else "''"


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    if not rows:
        return ""
    columns = len(rows[0])
    widths = [max(len(row[column]) for row in rows) for column in range(columns - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        left = "  " + "  ".join([*cells, ""])
        lines.append(_wrapped(left, row[-1], width))
    return "\n".join(lines)


def _wrapped(left: str, text: str, width: int) -> str:
    """Put the last column beside the others, wrapped; below them where there is no room."""
    import textwrap

    room = width - len(left)
    least_room = 30
    if not text:
        return left.rstrip()
    if room >= least_room:
        first, *rest = textwrap.wrap(text, room) or [""]
        return "\n".join([left + first, *(" " * len(left) + line for line in rest)])
    return "\n".join([left.rstrip(), *(" " * 6 + line for line in textwrap.wrap(text, width - 6))])
