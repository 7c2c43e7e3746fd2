"""From a command line to the composed tree, with the origin of every key."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import Masking
from brevetti_hydra.config.command_line.overrides import read_overrides
from brevetti_hydra.config.files.search import Plan, SearchPath, plan
from brevetti_hydra.config.files.source import OLD_PACKAGE
from brevetti_hydra.config.hydra_node import HydraNode, read_hydra_node
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
    secret_texts,
)
from brevetti_hydra.config.tree.documents import read_header
from brevetti_hydra.config.tree.interpolate import Resolution, resolve
from brevetti_hydra.config.tree.origins import MISSING, Dropped, Node, Origin, Path, dotted, walk
from brevetti_hydra.errors import (
    BrevettiHydraError,
    NoJobChosenError,
    UnknownSettingError,
)
from brevetti_hydra.settings import (
    HARNESS_VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from brevetti_hydra.config.command_line.overrides import Argument, Request
    from brevetti_hydra.config.files.planned import PlannedDocument
    from brevetti_hydra.config.migration.old_names import OldNames
    from brevetti_hydra.config.migration.versions import VersionedFiles
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.project import Project
    from brevetti_hydra.config.tree.documents import Document

__all__ = ["Composition", "compose", "job_class_of"]


class Composition:
    """A composed tree that is not validated yet.

    Attributes:
        project: The user's project.
        folder: Where the command was started.
        job_class: The Job class.
        target: Its name, `pkg.mod:Class`.
        job_name: `job.name` unless it comes from the environment, else info.json's name, else the
            option's, else the class's.
        written: What YAML, info.json and arguments say, unresolved.
        filled: The same with the classes' defaults beneath.
        shapes: What each root key may be; the settings' fields and the reserved nodes.
        hydra_values: What `${hydra:...}` serves, by the part after the colon.
        resolution: What the interpolations resolve to.
        choices: Group -> chosen option.
        planned: The YAML files that took part, lowest first, with their packages.
        documents: The same files alone.
        arguments: The overrides.
        hydra: What was taken from the `hydra` node.
        info: The content of info.json, or None.
        unknown_sent: Settings of info.json that no field knows, as errors;
            `platform.unknown_settings` may ask for them.
        notices: Lines for the user: translated keys of the `hydra` node.
        secrets: What files, info.json and arguments wrote of secrets, also what did not last.
        dropped: What was written and is not in the tree: keys of a variant that is not chosen, and
            what `~key` took away.
        problems: Mistakes found while composing; `validate` reports them with its own.
        versions: The versions to which everything was brought, `project` and `harness`.
        migrations: The files that were migrated and how; None: no file states a version, and
            the project names no migrations.
        old_names: What became of names of older versions, likewise.
    """

    def __init__(self, project: Project, folder: FilePath) -> None:
        self.project = project
        self.folder = folder
        self.job_class: type[Any] = object
        self.target = ""
        self.written = Node(Origin("default", "the tree"), children={})
        self.filled = self.written
        self.shapes: dict[str, Shape] = {}
        self.hydra_values: Mapping[str, str] = {}
        self.resolution = Resolution()
        self.choices: dict[str, str | None] = {}
        self.planned: list[PlannedDocument] = []
        self.documents: list[Document] = []
        self.arguments: tuple[Argument, ...] = ()
        self.hydra = HydraNode(verbose=False, notices=(), problems=())
        self.info: Mapping[str, Any] | None = None
        self.unknown_sent: list[UnknownSettingError] = []
        self.notices: list[str] = []
        self.secrets: list[WrittenSecret] = []
        self.dropped: list[Dropped] = []
        self.problems: list[BrevettiHydraError] = []
        self.versions: dict[str, int] = {"project": 1, "harness": HARNESS_VERSION}
        self.migrations: VersionedFiles | None = None
        self.old_names: OldNames | None = None

    @property
    def job_name(self) -> str:
        """What the job is called."""
        path = ("job", "name")
        named = self.written.at(path)
        is_hidden = path in self.resolution.from_environment
        if named is not None and isinstance(named.value, str) and not is_hidden:
            return self._without_secrets(str(self.resolution.values.get(path, named.value)))
        sent = (self.info or {}).get("name")
        if isinstance(sent, str) and sent:
            return self._without_secrets(sent)
        choice = self.choices.get("job")
        if choice and not re.search(r"[.:]", choice):
            return choice.rpartition("/")[2]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.job_class.__name__).lower()

    def _without_secrets(self, name: str) -> str:
        # It becomes the name of a folder, and stands in every record.
        return Masking(secret_texts(self)).text(name)

    @property
    def tree(self) -> dict[str, Any]:
        """The composed tree as plain values: defaults included, interpolations unresolved."""
        plain: dict[str, Any] = self.filled.plain()
        return plain

    def shape(self) -> Shape:
        """Give the shape of the settings."""
        return self.shapes[""]

    def is_secret(self, path: Path) -> bool:
        """Whether a key holds a secret, alone or in a list."""
        shape = shape_at(self.shape(), path, self.filled)
        return shape is not None and shape.holds_secret

    def origins(self) -> dict[str, list[str]]:
        """Give who wrote each key, the winner first; `~key` and what it took away last."""
        found = {
            dotted(path): [origin.label for origin in node.writers()]
            for path, node in walk(self.filled)
            if path
        }
        for taken in self.dropped:
            for path, node in walk(taken.node, taken.path):
                writers = found.get(dotted(path))
                if writers is not None and taken.reason == "deletion":
                    by = [taken.by.origin.label] if taken.by.origin.label not in writers else []
                    writers += [*by, *(origin.label for origin in node.writers())]
        return found


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
