"""The shapes of a job's tree: its settings at the root, and the reserved nodes beside them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from brevetti_hydra.config.models.fields import Shape, model_shape
from brevetti_hydra.errors import NotAJobError
from brevetti_hydra.settings import RESERVED_NODES, JobNode, JobSettings, PlatformNode, RunNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevetti_hydra.config.tree.origins import Node, Path

__all__ = [
    "RESERVED_MODELS",
    "SWEEP_NODES",
    "RootShape",
    "class_shapes",
    "settings_class",
    "shape_at",
]

RESERVED_MODELS: dict[str, type] = {"job": JobNode, "platform": PlatformNode, "run": RunNode}

# What a single run leaves alone: their models are neither imported nor built for one.
SWEEP_NODES = ("sweep", "search", "launcher")


class RootShape(Shape):
    """The root of the tree: the settings' fields beside the reserved nodes."""

    __slots__ = ("_reserved",)

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        super().__init__(shapes[""].annotation)
        # Described once; a root is made for each composition.
        self._fields = shapes[""].fields
        self._reserved = shapes

    def at(self, key: str, tag: object = None) -> Shape | None:
        """Find the shape of a root key."""
        if key in RESERVED_NODES:
            return self._reserved.get(key)
        return super().at(key, tag)


def class_shapes(job_class: type, *, of_sweeps: bool = False) -> dict[str, Shape]:
    """Describe the reserved nodes by name, and the settings under the empty name.

    Args:
        job_class: The job.
        of_sweeps: Whether the nodes of sweeps are among them.

    Raises:
        NotAJobError: Its annotation of the settings cannot be resolved, or names none.
    """
    models = RESERVED_MODELS
    if of_sweeps:
        from brevetti_hydra.sweep_nodes import LauncherNode, SearchNode, SweepNode

        nodes = (SweepNode, SearchNode, LauncherNode)
        models = models | dict(zip(SWEEP_NODES, nodes, strict=True))
    shapes = {name: model_shape(model) for name, model in models.items()}
    shapes[""] = model_shape(settings_class(job_class))
    return shapes


def settings_class(job_class: type) -> type[JobSettings]:
    """Find the class that a Job's annotation `settings: MySettings` names.

    Raises:
        NotAJobError: The annotation cannot be resolved, or names no JobSettings.
    """
    for owner in job_class.__mro__:
        annotation = inspect.get_annotations(owner).get("settings")
        if annotation is None:
            continue
        found = _resolved(annotation, owner)
        if isinstance(found, type) and issubclass(found, JobSettings):
            return found
        raise NotAJobError(
            f"the settings of '{job_class.__name__}' are no JobSettings",
            notes=[f"they are annotated as {annotation!r}"],
            hint="write: settings: MySettings, where MySettings derives from JobSettings",
        )
    return JobSettings


def _resolved(annotation: Any, owner: type) -> Any:
    """Evaluate an annotation that is text; this one alone, others may be for type checkers only."""
    import sys
    import typing

    if not isinstance(annotation, str):
        return annotation
    names = vars(sys.modules.get(owner.__module__, typing))
    alone = type("alone", (), {"__annotations__": {"settings": annotation}})
    try:
        return typing.get_type_hints(alone, dict(names), {owner.__name__: owner})["settings"]
    except NameError as error:
        raise NotAJobError(
            f"the settings of '{owner.__name__}' cannot be found",
            notes=[f"{annotation!r}: {error}"],
            hint="define or import the settings class at the top of the job's module",
        ) from error


def shape_at(shape: Shape, path: Path, tree: Node | None = None) -> Shape | None:
    """Find the shape under some keys; the tree says which variants of unions are chosen."""
    current: Shape | None = shape
    for depth, key in enumerate(path):
        if current is None:
            return None
        tag = None
        if current.discriminator and tree is not None:
            chosen = tree.at((*path[:depth], current.discriminator))
            tag = chosen.value if chosen is not None else None
        current = current.at(key, tag)
    return current
