"""The composed tree as records keep it, and the way back from a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra.config.compose import Composition, class_shapes
from brevetti_hydra.config.interpolate import escaped, resolve
from brevetti_hydra.config.layers import node_of, shape_at
from brevetti_hydra.config.masks import MASK, masked_value
from brevetti_hydra.config.origins import Node, Origin, Path
from brevetti_hydra.config.project import find_project
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

__all__ = ["compose_recorded", "recorded_tree"]


def recorded_tree(composition: Composition) -> dict[str, Any]:
    """Give the composed tree for a record: secrets masked, interpolations unresolved.

    Texts that hold `${` but are data are escaped, so that a rerun takes them to the letter again.
    """
    plain: dict[str, Any] = _recorded(composition.filled, (), composition)
    return plain


def compose_recorded(
    config: Mapping[str, Any], job_class: type, target: str, folder: FilePath
) -> Composition:
    """Make a composition of a recorded tree alone; no YAML is read.

    Masked secrets count as not given: a required one is then missing, and has to come from the
    environment.

    Args:
        config: What `recorded_tree` gave.
        job_class: The Job class.
        target: Its name.
        folder: The working directory.
    """
    composition = Composition(find_project(folder), folder)
    composition.job_class, composition.target = job_class, target
    composition.shapes = class_shapes(job_class)
    origin = Origin("yaml", "the record")
    composition.written = _without_masks(node_of(dict(config), origin))
    composition.filled = composition.written.copy()
    composition.resolution = resolve(composition.filled, {}, composition.is_secret)
    composition.problems += composition.resolution.problems
    return composition


def _recorded(node: Node, path: Path, composition: Composition) -> Any:
    if node.children is not None:
        return {
            key: _recorded(child, (*path, key), composition) for key, child in node.children.items()
        }
    is_setting = bool(path) and path[0] not in RESERVED_NODES
    shape = shape_at(composition.shape(), path, composition.filled) if is_setting else None
    value = escaped(node, composition.hydra_values)
    is_kept = path in composition.resolution.from_environment
    return masked_value(value, shape, keep_references=is_kept)


def _without_masks(node: Node) -> Node:
    if node.children is not None:
        node.children = {
            key: _without_masks(child)
            for key, child in node.children.items()
            if child.children is not None or not _holds_mask(child.value)
        }
    return node


def _holds_mask(value: Any) -> bool:
    return any(map(_holds_mask, value)) if isinstance(value, list) else bool(value == MASK)
