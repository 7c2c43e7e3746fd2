"""The composed tree as records keep it, and the way back from a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from brevetti_hydra._masks import MASK
from brevetti_hydra.config.command_line.overrides import Argument, split_key
from brevetti_hydra.config.composition import Composition
from brevetti_hydra.config.layers import CommandLine
from brevetti_hydra.config.models.defaults import fill_tree
from brevetti_hydra.config.models.job_shapes import RootShape, class_shapes, shape_at
from brevetti_hydra.config.project import find_project
from brevetti_hydra.config.safety.masks import masked_value
from brevetti_hydra.config.secrets import find_secrets, may_hold_secrets
from brevetti_hydra.config.tree.interpolate import escaped, resolve
from brevetti_hydra.config.tree.origins import Node, Origin, Path, dotted, node_of, walk
from brevetti_hydra.errors import BrevettiHydraError, MissingSettingError, UsageError
from brevetti_hydra.settings import HARNESS_VERSION, RESERVED_NODES, DatasetNode, ReservedNodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path as FilePath

    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.record import Snapshot

# Versions at which there is nothing to migrate, where the project names no steps.
_OF_TODAY: tuple[dict[str, int], ...] = ({}, {"project": 1, "harness": HARNESS_VERSION})

__all__ = ["compose_recorded", "recorded_at", "recorded_nodes", "recorded_tree"]


def recorded_tree(composition: Composition) -> dict[str, Any]:
    """Give the composed tree for a record: secrets masked, interpolations unresolved.

    Texts that hold `${` but are data are escaped, so that a rerun takes them to the letter again.
    """
    plain: dict[str, Any] = _recorded(composition.filled, (), composition)
    return plain


def recorded_at(composition: Composition, path: Path) -> Any:
    """Give what stands under some keys, as `recorded_tree` has it."""
    node = composition.filled.at(path)
    return None if node is None else _recorded(node, path, composition)


def recorded_nodes(composition: Composition, nodes: ReservedNodes) -> ReservedNodes:
    """Give the reserved nodes as records show them: texts from the environment unresolved.

    Numbers and switches stay what they are: a record is of no use without the seed or the lease.
    """
    shown = nodes._asdict()
    for path in composition.resolution.from_environment:
        if path[0] in shown:
            shown[path[0]] = _unresolved(shown[path[0]], path[1:], recorded_at(composition, path))
    return ReservedNodes(**shown)


def _unresolved(value: Any, path: Path, text: Any) -> Any:
    """Put the unresolved text under some keys of a validated value, as far as its type takes it."""
    if path and isinstance(value, BaseModel):
        fields = type(value).model_fields
        name = next((n for n, f in fields.items() if path[0] in (n, f.alias)), None)
        if name is None:
            return value
        return value.model_copy(update={name: _unresolved(getattr(value, name), path[1:], text)})
    if path and isinstance(value, dict):
        return {**value, path[0]: _unresolved(value.get(path[0]), path[1:], text)}
    if isinstance(value, DatasetNode):
        return DatasetNode(bucket=str(text))
    if isinstance(value, list):
        return list(map(str, text)) if isinstance(text, list) else [str(text)]
    if isinstance(value, dict):
        return {}
    return value if isinstance(value, int | float | BaseModel) else str(text)


def compose_recorded(
    snapshot: Snapshot,
    job_class: type,
    target: str,
    folder: FilePath,
    *,
    given: Sequence[Argument] = (),
    allow_lossy: bool = False,
    is_to_run: bool,
    project: Project | None = None,
    shapes: dict[str, Shape] | None = None,
) -> Composition:
    """Make a composition of a recorded tree alone; no YAML is read.

    Args:
        snapshot: What `recorded_tree` gave is in it.
        job_class: The Job class.
        target: Its name.
        folder: The working directory.
        given: What the record does not hold, secrets, given again.
        allow_lossy: Take a record of an older version also where something is lost by it.
        is_to_run: Whether secrets are needed: without them a job can be looked at, not run.
        project: The folder's project, where it is known already.
        shapes: What `class_shapes` gave for the class, likewise.

    Raises:
        UsageError: Something is given that the record does hold.
        NewerConfigError: The record is of a newer version than known.
    """
    composition = Composition(project or find_project(folder), folder)
    composition.job_class, composition.target = job_class, target
    composition.shapes = shapes or class_shapes(job_class)
    config, origins = snapshot.config, snapshot.origins
    if composition.project.migrations is not None or snapshot.config_version not in _OF_TODAY:
        # Imported here: most records are of today.
        from brevetti_hydra.config.migration.old_records import read_record_today

        today = read_record_today(snapshot, target, composition.project, allow_lossy=allow_lossy)
        config, origins, composition.versions = today.config, today.origins, today.versions
        composition.notices += today.notices
        composition.problems += today.problems
    composition.written = node_of(dict(config), Origin("yaml", "the record"))
    if is_to_run:
        composition.problems += _take_secrets(composition, origins, given)
    elif given:
        raise _settled(given, ())
    composition.filled = composition.written.copy()
    if is_to_run and may_hold_secrets(composition.shape()):
        # The class's own secrets are in no record.
        fill_tree(composition.filled, composition.shapes)
    composition.secrets = find_secrets(composition.written, composition.shape())
    composition.resolution = resolve(
        composition.filled, {}, composition.is_secret, composition.project.budget
    )
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


def _take_secrets(
    composition: Composition, origins: Mapping[str, list[str]], given: Sequence[Argument]
) -> list[BrevettiHydraError]:
    """Put what was given in the place of masks; a mask that stays is missing."""
    masked = [path for path, node in walk(composition.written) if _holds_mask(node.value)]
    if any(split_key(argument) not in masked for argument in given):
        raise _settled(given, masked)
    composition.written = _without_masks(composition.written)
    line = CommandLine(given, RootShape(composition.shapes), composition.written)
    line.apply(composition.written)
    missing: list[BrevettiHydraError] = []
    for path in masked:
        writers = origins.get(dotted(path), [])
        is_default = bool(writers) and writers[0].startswith("default of ")
        if composition.written.at(path) is None and not is_default:
            missing.append(
                MissingSettingError(
                    f"the record does not hold '{dotted(path)}', which is a secret",
                    hint=f"give it again: resume RUN {dotted(path)}=..., or let it come from the "
                    f"environment: {dotted(path)}=${{oc.env:NAME}}",
                )
            )
    return [*line.problems, *missing]


def _settled(given: Sequence[Argument], masked: Sequence[Path]) -> UsageError:
    names = ", ".join(map(dotted, masked))
    return UsageError(
        "the run has its settings already",
        notes=["given were " + ", ".join(f"'{argument.key}'" for argument in given)],
        hint="only what the record does not hold can be given again: " + names
        if names
        else "leave the settings out, or start a new run",
    )


def _without_masks(node: Node) -> Node:
    if node.children is not None:
        node.children = {
            key: _without_masks(child)
            for key, child in node.children.items()
            if child.children is not None or not _holds_mask(child.value)
        }
    return node


def _holds_mask(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_mask, value))
    # Also a URL without its password, and a text of which a secret was a part.
    return isinstance(value, str) and MASK in value
