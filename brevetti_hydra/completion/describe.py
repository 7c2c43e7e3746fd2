"""Write down what completion offers: settings classes, commands, flags.

The only module of completion that imports pydantic, and the harness: it runs where a class is
loaded anyway, and to make `shipped.json`, which holds what comes with the package:

    python -m brevetti_hydra.completion.describe > brevetti_hydra/completion/shipped.json
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plain_text
from brevetti_hydra.completion import cache
from brevetti_hydra.completion.folders import shipped_folder
from brevetti_hydra.completion.tables import class_name
from brevetti_hydra.config.models.fields import Shape, default_of
from brevetti_hydra.config.models.job_shapes import class_shapes
from brevetti_hydra.config.safety.masks import masked_value

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from brevetti_hydra.completion.candidate import Node
    from brevetti_hydra.config.models.fields import Field

__all__ = ["class_nodes", "keep_class", "shipped_document"]

# A settings tree may be recursive, or larger than anybody types.
_MOST_DEPTH = 6
_MOST_NODES = 3000
_LONGEST_DEFAULT = 60

# What changes with its version alone.
_FIXED = frozenset({"brevetti_hydra", "pydantic", "pydantic_core"})

# Texts of the reserved nodes that are paths.
_FOLDERS = frozenset(
    {
        ("run", "root"),
        ("job", "datasets", "*"),
        ("job", "datasets", "*", "bucket"),
        ("job", "models", "*"),
    }
)


class _Writer:
    """Writes shapes down as nodes; stops where there are too many."""

    def __init__(self) -> None:
        self._left = _MOST_NODES
        self.classes: set[type] = set()

    def node(self, shape: Shape, path: tuple[str, ...] = ()) -> Node:
        """Describe a place and what lies below it."""
        node: Node = {"type": shape.type_text()}
        if shape.bounds:
            node["bounds"] = ", ".join(shape.bounds)
        if shape.is_secret:
            node["secret"] = True
        values = list(_values(shape))
        if values:
            node["values"] = values
        if path in _FOLDERS:
            node["path"] = "folder"
        elif _is_path(shape):
            node["path"] = "file"
        self._add_inner(node, shape, path)
        return node

    def keys(self, shape: Shape, path: tuple[str, ...] = ()) -> dict[str, Node]:
        """Describe the keys of a model."""
        if shape.model is not None:
            self.classes.update(shape.model.__mro__)
        found = {}
        for name, field in shape.fields.items():
            self._left -= 1
            if self._left < 0:
                break
            found[name] = self._field(field, (*path, name))
        return found

    def _field(self, field: Field, path: tuple[str, ...]) -> Node:
        node = self.node(field.shape, path)
        if field.info.description:
            node["text"] = " ".join(field.info.description.split())
        if field.is_required:
            node["required"] = True
        else:
            self._add_default(node, field)
        return node

    def _add_default(self, node: Node, field: Field) -> None:
        default = masked_value(default_of(field), field.shape)
        if "tag" in node and isinstance(default, dict):
            default = default.get(node["tag"])
        if "secret" in node or field.shape.holds_secret or isinstance(default, (dict, list)):
            return
        text = plain_text(default)
        if len(text) <= _LONGEST_DEFAULT:
            node["default"] = text

    def _add_inner(self, node: Node, shape: Shape, path: tuple[str, ...]) -> None:
        if len(path) > _MOST_DEPTH or self._left < 0:
            return
        if shape.variants:
            node["tag"] = shape.discriminator
            node["variants"] = {tag: self.keys(s, path) for tag, s in shape.variants.items()}
        elif shape.model is not None:
            node["keys"] = self.keys(shape, path)
        elif shape.value is not None:
            node["value"] = self.node(shape.value, (*path, "*"))
        elif shape.members:
            models = [member for member in shape.members if member.model is not None]
            keys = {k: n for member in models for k, n in self.keys(member, path).items()}
            if keys:
                node["keys"] = keys
        for literal in shape.literals:
            self.classes.update(type(literal).__mro__)


def class_nodes(job_class: type) -> tuple[dict[str, Node], list[str]]:
    """Describe the settings of a Job class.

    Returns:
        The keys at the root of the tree, and the files that they depend on.
    """
    writer = _Writer()
    keys = writer.keys(class_shapes(job_class)[""])
    return keys, sorted(_files({*writer.classes, *job_class.__mro__}))


def keep_class(job_class: type, target: str, folder: str | os.PathLike[str]) -> None:
    """Write the settings of a Job class into the cache, where they are missing or stale.

    Nothing that goes wrong is told: a run has other things to do.

    Args:
        job_class: The class, loaded.
        target: Its name, `pkg.mod:Class`.
        folder: Where the command was started.
    """
    try:
        name = class_name(target, os.path.abspath(folder))
        kept = cache.load(os.environ, "class", name)
        files = kept.get("files")
        is_fresh = isinstance(files, dict) and bool(files) and files == cache.stamps(files)
        if is_fresh and not kept.get("is_from_source"):
            return
        keys, paths = class_nodes(job_class)
        cache.save(os.environ, "class", name, {"files": cache.stamps(paths), "keys": keys})
    except Exception:  # noqa: BLE001 - types and defaults are the user's; completion is no reason
        return


def shipped_document() -> dict[str, Any]:
    """Describe what comes with the package: commands, flags, reserved nodes, its own jobs."""
    from brevetti_hydra.cli.commands import COMMANDS
    from brevetti_hydra.cli.help import FLAGS

    shapes = class_shapes(object, of_sweeps=True)
    reserved = {name: _Writer().node(shape, (name,)) for name, shape in shapes.items() if name}
    # Of Hydra's own node these are honoured as they stand.
    hydra = {"searchpath": {"type": "list of folders"}, "verbose": {"values": ["true", "false"]}}
    reserved["hydra"] = {"type": "HydraNode", "keys": hydra}
    return {
        "commands": {name: _command(name, module) for name, (module, *_) in COMMANDS.items()},
        "flags": dict(FLAGS),
        "reserved": reserved,
        "classes": dict(_shipped_classes()),
    }


def _command(name: str, module: str) -> dict[str, Any]:
    from brevetti_hydra.cli.arguments import LineParser
    from brevetti_hydra.cli.commands import COMMANDS

    parser: argparse.ArgumentParser = import_module(module).build_parser()
    actions = parser._actions  # noqa: SLF001 - argparse has no other list of them
    return {
        "about": COMMANDS[name].summary,
        "options": [_option(action) for action in actions if action.option_strings],
        "words": [_option(action) for action in actions if not action.option_strings],
        "takes_line": isinstance(parser, LineParser),
        "takes_keys": "KEY" in COMMANDS[name].words,
    }


def _option(action: argparse.Action) -> dict[str, Any]:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest
    return {
        "names": list(action.option_strings),
        "kind": None if action.nargs == 0 else metavar.upper(),
        "choices": [str(choice) for choice in action.choices or ()],
        "is_repeated": action.nargs in {"*", "+"},
        "about": " ".join((action.help or "").split()),
    }


def _shipped_classes() -> Iterator[tuple[str, dict[str, Node]]]:
    from brevetti_hydra.completion.reading import read_yaml

    for path in sorted(Path(shipped_folder()).glob("job/*.yaml")):
        target = read_yaml(path.read_text(encoding="utf-8"))["tree"]["job"]["_target_"]
        module, _, name = target.partition(":")
        yield f"{module}.{name}", class_nodes(getattr(import_module(module), name))[0]


def _files(classes: set[type]) -> Iterator[str]:
    """Give the files whose change may change the classes: their own, and the project's."""
    modules = {each.__module__ for each in classes}
    for name in modules:
        top = name.partition(".")[0]
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and top not in sys.stdlib_module_names and top not in _FIXED:
            yield os.path.abspath(file)


def _values(shape: Shape) -> Iterator[str]:
    """Give the texts that are allowed, where they can be listed."""
    found = [plain_text(literal) for literal in shape.literals]
    if shape.variants:
        return
    for member in shape.members:
        found += _values(member)
    if shape.annotation is bool:
        found = ["true", "false"]
    yield from dict.fromkeys(found)
    if shape.is_optional:
        yield "null"


def _is_path(shape: Shape) -> bool:
    from pathlib import PurePath

    kinds = [shape.annotation, *(member.annotation for member in shape.members)]
    return any(isinstance(kind, type) and issubclass(kind, PurePath) for kind in kinds)


if __name__ == "__main__":
    # The module of this name, not `__main__`, is what classes and tests see.
    print(json.dumps(shipped_document(), indent=1, ensure_ascii=False))  # noqa: T201
