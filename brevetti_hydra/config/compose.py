"""From a command line to the composed tree, with the origin of every key."""

from __future__ import annotations

import os
import re
from copy import copy
from typing import TYPE_CHECKING, Any

from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.command_line.overrides import read_overrides
from brevetti_hydra.config.command_line.values import literal_value, override_value
from brevetti_hydra.config.composition import Composition
from brevetti_hydra.config.files.search import Plan, SearchPath, plan
from brevetti_hydra.config.files.source import OLD_PACKAGE
from brevetti_hydra.config.hydra_node import read_hydra_node
from brevetti_hydra.config.layers import CommandLine, info_layer, stack
from brevetti_hydra.config.models.defaults import fill_tree
from brevetti_hydra.config.models.job_shapes import (
    RESERVED_MODELS,
    SWEEP_NODES,
    RootShape,
    class_shapes,
    shape_at,
)
from brevetti_hydra.config.opened import Opened
from brevetti_hydra.config.safety.targets import load_target
from brevetti_hydra.config.secrets import (
    WrittenSecret,
    find_secrets,
    hide_arguments,
    hide_by_look,
)
from brevetti_hydra.config.tree.documents import read_header
from brevetti_hydra.config.tree.interpolate import Resolution, resolve
from brevetti_hydra.config.tree.origins import MISSING, Node, Origin, Path
from brevetti_hydra.errors import (
    BrevettiHydraError,
    NoJobChosenError,
    OverrideSyntaxError,
    SweepNotAskedError,
)
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path as FilePath

    from brevetti_hydra.config.command_line.overrides import Argument, Request
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.documents import Document

__all__ = ["Pattern", "compose", "job_class_of"]


def compose(
    request: Request,
    *,
    folder: FilePath,
    base: type,
    job_class: type | None = None,
    target: str | None = None,
    info: Mapping[str, Any] | None = None,
    opened: Opened | None = None,
    chosen: Plan | None = None,
) -> Composition:
    """Compose the tree of a command line. Nothing is written, and nothing is validated.

    Args:
        request: The command line, read.
        folder: Where it was started; relative paths mean this folder.
        base: The class that a job must derive from.
        job_class: The job, where code has it already; else `job=` or `job._target_` names it.
        target: The name of `job_class`.
        info: The content of the job's info.json; its settings are a layer.
        opened: The search path, where many lines of one folder are composed over it.
        chosen: What takes part, where that is known already: by a line of the same choices.

    Raises:
        ConfigError: A file or the defaults list cannot be read, or an option does not exist.
        JobClassError: No job is named, or its class cannot be loaded.
    """
    try:
        opened = Opened(request, folder) if opened is None else opened
        composition = Composition(opened.project, folder)
        composition.info = info
        _compose(composition, request, base, job_class, target, opened, chosen)
    except BrevettiHydraError as error:
        hide_by_look(error)
        raise
    return composition


def _compose(
    composition: Composition,
    request: Request,
    base: type,
    job_class: type | None,
    target: str | None,
    opened: Opened,
    chosen: Plan | None,
) -> None:
    composition.arguments = request.arguments
    if chosen is None:
        chosen = plan(opened.search, request.arguments)
    composition.choices = chosen.choices
    composition.planned = chosen.files
    composition.documents = [file.document for file in chosen.files]
    composition.notices += _old_headers(composition.documents)
    versioned = None
    if composition.project.migrations or any(each.version for each in composition.documents):
        # Imported here: most runs have nothing to migrate.
        from brevetti_hydra.config.migration.versions import open_versions

        versioned = open_versions(composition, opened.search, chosen, request)
        layers = versioned.trees(None)
    else:
        layers = [file.placed_tree() for file in chosen.files]
    _refuse_targets(composition, layers)
    steering = _steering_tree(layers, chosen.values, opened.shapes_of(object))
    _load_class(composition, steering, base, job_class, target, opened)
    is_sweep = request.flags.multirun
    composition.shapes = opened.shapes_of(composition.job_class, of_sweeps=is_sweep)
    root = RootShape(composition.shapes)
    values = chosen.values
    if versioned is not None:
        from brevetti_hydra.config.migration.old_names import take_old_names

        layers = versioned.trees(composition.target)
        values = take_old_names(composition, values, root)
    composition.secrets = hide_arguments({*composition.arguments, *values}, root)
    if composition.old_names is not None:
        composition.old_names.hide_together()
    for layer in layers:
        composition.secrets += find_secrets(layer, root)
    if versioned is not None:
        # No type tells of what is gone; copies of the files hide it all the same.
        composition.secrets += [WrittenSecret(n.origin, n.plain()) for n in versioned.lost]
    _stack_layers(composition, layers, values, steering)
    fill_tree(composition.filled, composition.shapes)
    composition.hydra_values = _hydra_values(composition)
    composition.resolution = resolve(
        composition.filled,
        composition.hydra_values,
        composition.is_secret,
        composition.project.budget,
    )
    composition.problems += composition.resolution.problems


def _old_headers(documents: list[Document]) -> list[str]:
    """Give a line for each file whose header says `_group_`."""
    return [
        f"{document.label}: '# @package {header}' is an old form; write {document.package!r}"
        if document.package
        else f"{document.label}: '# @package {header}' is an old form; take the line out"
        for document in documents
        if OLD_PACKAGE in document.text
        and (header := read_header(document.text)) is not None
        and OLD_PACKAGE in header
    ]


def _refuse_targets(composition: Composition, layers: list[Node]) -> None:
    """Refuse every `_target_` but the job's own; most files and lines have no other."""
    name = "_target_"
    written = [
        layer
        for layer, document in zip(layers, composition.documents, strict=False)
        if name in document.text
    ]
    named = [argument for argument in composition.arguments if name in argument.text]
    info = composition.info if composition.info and name in repr(composition.info) else None
    if written or named or info:
        from brevetti_hydra.config.refused_targets import refuse_targets

        refuse_targets(written, named, info)


def job_class_of(search: SearchPath, project: Project, base: type, option: str) -> type:
    """Load the class that an option of the group `job` names; nothing else is composed.

    Raises:
        NoJobChosenError: It names none.
        ConfigError: A file that takes part cannot be read, or there is no such option.
        JobClassError: The class cannot be loaded.
    """
    arguments = read_overrides([f"job={option}"], project.budget)
    chosen = plan(search, arguments)
    if project.migrations or any(file.document.version for file in chosen.files):
        from brevetti_hydra.config.migration.versions import VersionedFiles, load_tables

        versioned = VersionedFiles(load_tables(project), search, chosen.files, allow_lossy=True)
        layers = versioned.trees(None)
    else:
        layers = [file.placed_tree() for file in chosen.files]
    named = _named_target(_steering_tree(layers, [], class_shapes(object)))
    if named is None:
        raise NoJobChosenError(f"the option 'job={option}' names no class")
    return load_target(named[0], project, base, named[1].place())


def _moved(composition: Composition, target: str) -> str:
    """Give the newest name of a class, and say so where an argument has an old one."""
    if composition.migrations is None:
        return target
    moved = composition.migrations.tables.project.moved_target(target)
    if moved != target and any(each.value == target for each in composition.arguments):
        composition.notices.append(f"'{target}' is now '{moved}'; taken as that")
    return moved


def _load_class(
    composition: Composition,
    steering: Node,
    base: type,
    job_class: type | None,
    target: str | None,
    opened: Opened,
) -> None:
    if job_class is None:
        named = _named_target(steering)
        if named is None:
            raise _no_job()
        target, origin = named
        if composition.migrations is not None:
            target = _moved(composition, target)
        job_class = opened.load(target, base, origin.place())
    composition.job_class = job_class
    module = f"{job_class.__module__}:{job_class.__qualname__}"
    composition.target = target.strip() if target and ":" in target else module


def _steering_tree(layers: list[Node], values: list[Argument], shapes: Mapping[str, Shape]) -> Node:
    """Stack the reserved nodes alone: they name the class, and the order of the layers."""
    root = RootShape(shapes)
    tree = Node(Origin("default", "the tree"), children={})
    for layer in layers:
        children = layer.children or {}
        kept = {name: children[name].copy() for name in RESERVED_MODELS if name in children}
        stack(tree, Node(layer.origin, children=kept), root)
    own = [a for a in values if re.split(r"[.\[]", a.key, maxsplit=1)[0] in RESERVED_MODELS]
    CommandLine(own, root, tree).apply(tree)
    return tree


def _named_target(steering: Node) -> tuple[str, Origin] | None:
    node = steering.at(("job", "_target_"))
    if node is None or node.plain() in (None, MISSING):
        return None
    return str(node.plain()), node.origin


def _stack_layers(
    composition: Composition, layers: list[Node], values: list[Argument], steering: Node
) -> None:
    root = RootShape(composition.shapes)
    tree = composition.written
    sent = _info_tree(composition)
    order = steering.at(("platform", "settings_layer"))
    is_below = order is not None and order.value == "below_yaml"
    sending = [sent] if sent is not None else []
    ordered = [*sending, *layers] if is_below else [*layers, *sending]
    for layer in ordered:
        composition.dropped += stack(tree, layer, root)
    line = CommandLine(values, root, tree)
    line.apply(tree)
    composition.dropped += line.dropped
    composition.secrets += find_secrets(tree, root)
    composition.problems += line.problems
    is_sweep = SWEEP_NODES[0] in composition.shapes
    for name in SWEEP_NODES:
        if not is_sweep:
            # What files say of sweeps has no effect on a single run; the line is refused.
            (tree.children or {}).pop(name, None)
    composition.hydra = read_hydra_node(tree, is_sweep=is_sweep)
    composition.problems += composition.hydra.problems
    composition.notices += composition.hydra.notices
    composition.filled = tree.copy()


def _info_tree(composition: Composition) -> Node | None:
    if composition.info is None:
        return None
    settings = composition.info.get("settings") or {}
    sent, composition.unknown_sent = info_layer(settings, composition.shape())
    return sent


def _hydra_values(composition: Composition) -> dict[str, str]:
    """Give what `${hydra:...}` serves."""
    # Made for names of folders: no secret belongs there.
    lines = sorted(argument.shown for argument in composition.arguments)
    served = {
        "job.name": composition.job_name,
        "job.num": "0",
        "job.override_dirname": ",".join(lines),
        "runtime.cwd": os.fspath(composition.folder),
    }
    for group, option in composition.choices.items():
        served[f"runtime.choices.{group}"] = str(option)
    return served


def _no_job() -> NoJobChosenError:
    return NoJobChosenError(
        "no job is chosen",
        hint="name one: job=classifier, or job=my_package.module:MyJob (--help lists them)",
    )


class Pattern:
    """A composition from which others are made that differ from it by plain values alone.

    `lr=0.01` in the place of `lr=0.1` changes one value and its origin; nothing else has to be
    composed again. Whatever may mean more than that takes the full way: groups, unions, mappings,
    lists, secrets, references, deletions, reserved nodes other than `run`, and mistakes.

    Attributes:
        is_plain: Whether anything can be made from it at all.
    """

    __slots__ = ("_composition", "_filled", "_places", "_values", "is_plain")

    def __init__(self, composition: Composition, values: Collection[Argument]) -> None:
        """Take a composition as the pattern; it has not been validated yet.

        Args:
            composition: It.
            values: Those of its arguments that set values, not options.
        """
        self._composition = composition
        # A validation writes into the tree what the defaults became.
        self._filled = composition.filled.copy()
        self._values = {id(argument) for argument in values}
        self._places: dict[int, tuple[Path, Shape] | None] = {}
        self.is_plain = not (
            composition.problems or composition.migrations or composition.old_names
        )

    def compose(self, arguments: tuple[Argument, ...]) -> Composition | None:
        """Compose a line that has other values; None where it takes the full way."""
        known = self._composition.arguments
        if not self.is_plain or len(arguments) != len(known):
            return None
        changed: list[tuple[Path, Node]] = []
        for position, (argument, other) in enumerate(zip(arguments, known, strict=True)):
            if argument is other:
                continue
            found = self._changed(position, argument, other)
            if found is None:
                return None
            changed.append(found)
        return self._with(arguments, changed)

    def _changed(
        self, position: int, argument: Argument, other: Argument
    ) -> tuple[Path, Node] | None:
        is_alike = (argument.key, argument.sign, argument.is_literal) == (
            other.key,
            other.sign,
            other.is_literal,
        )
        if not is_alike:
            return None
        if position not in self._places:
            self._places[position] = self._place(other)
        place = self._places[position]
        if place is None:
            return None
        path, shape = place
        try:
            read = literal_value if argument.is_literal else override_value
            value = read(argument, shape)
        except (OverrideSyntaxError, SweepNotAskedError):
            return None
        if not _is_plain(value) or hide_arguments((argument,), RootShape(self._composition.shapes)):
            return None
        return path, Node(argument.origin, value=value)

    def _place(self, argument: Argument) -> tuple[Path, Shape] | None:
        """Find the value that an argument sets; None where it does more, or less."""
        composition = self._composition
        path = split_text(argument.key) or ()
        root = path[0] if path else ""
        if id(argument) not in self._values or argument.sign == "~" or argument.is_hidden:
            return None
        if not root or (root in RESERVED_NODES and root != "run"):
            return None
        node = composition.written.at(path)
        if node is None or node.origin is not argument.origin or node.children is not None:
            return None
        tree = RootShape(composition.shapes)
        shape = shape_at(tree, path, composition.filled)
        holder = shape_at(tree, path[:-1], composition.filled)
        if shape is None or holder is None or holder.discriminator == path[-1]:
            return None
        kinds = (shape, *shape.members)
        if any(each.is_container or each.holds_secret for each in kinds):
            return None
        return (path, shape) if _is_plain(node.value) else None

    def _with(
        self, arguments: tuple[Argument, ...], changed: list[tuple[Path, Node]]
    ) -> Composition:
        known = self._composition
        made = copy(known)
        made.arguments = arguments
        made.filled = self._filled.copy()
        for path, node in changed:
            below = known.written.at(path)
            node.covered, node.via = (below.covered, below.via) if below is not None else (None, ())
            made.written = _with_node(made.written, path, node)
            holder = made.filled.at(path[:-1])
            if holder is not None and holder.children is not None:
                holder.children[path[-1]] = node.copy()
        made.notices, made.problems = list(known.notices), []
        made.secrets, made.dropped = list(known.secrets), list(known.dropped)
        made.hydra_values = _hydra_values(made)
        made.resolution = Resolution()
        if known.resolution.texts:
            made.resolution = resolve(
                made.filled, made.hydra_values, made.is_secret, made.project.budget
            )
            made.problems += made.resolution.problems
        return made


def _is_plain(value: Any) -> bool:
    """Whether a value is one scalar that means itself alone."""
    if isinstance(value, str):
        return "${" not in value and value != MISSING
    return value is None or isinstance(value, (bool, int, float))


def _with_node(tree: Node, path: Path, node: Node) -> Node:
    """Copy the mappings on the way to a key, and put a node there; everything else is shared."""
    if not path:
        return node
    children = dict(tree.children or {})
    children[path[0]] = _with_node(children[path[0]], path[1:], node)
    return Node(tree.origin, children=children, covered=tree.covered, via=tree.via)
