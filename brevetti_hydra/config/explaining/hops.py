"""What a value refers to: `${key}`, `${oc.env:X}`, `${hydra:...}`, hop by hop."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra._masks import MASK
from brevetti_hydra.config.safety.masks import is_secret_name
from brevetti_hydra.config.tree.interpolate import has_reference, is_live
from brevetti_hydra.config.tree.origins import Node, Path, Via

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.composition import Composition

__all__ = [
    "Element",
    "Found",
    "Reference",
    "element_of",
    "find_element",
    "find_node",
    "holds_secret",
    "references_of",
]

# One reference without another one inside: what nearly all are. The grammar takes 1 ms for a text.
_SIMPLE = re.compile(r"\$\{\s*((?:oc\.env\s*:\s*)?[^${}:\\]*(?:,[^${}\\]*)?)\s*\}")
_WHOLE = re.compile(r"\$\{\s*(\.*[^${}:\s]+)\s*\}")
_ENVIRONMENT = re.compile(r"oc\.env\s*:\s*([^,]*)(?:,(.*))?", re.DOTALL)
_SELECT = re.compile(r"oc\.(?:select|dict\.(?:keys|values))\s*:\s*([^,]*)")


class Reference(NamedTuple):
    """One thing that a value refers to.

    Attributes:
        text: As written between `${` and `}`.
        kind: `key` of the tree, `environment` variable, `hydra` value, or another `resolver`.
        name: The key (from the root), the variable, or the resolver.
        path: The keys, where it is one of the tree.
        fallback: Of a variable: what is taken where it is not set; None without.
    """

    text: str
    kind: Literal["key", "environment", "hydra", "resolver"]
    name: str
    path: Path = ()
    fallback: str | None = None

    @property
    def is_set(self) -> bool:
        """Whether the variable is set; true of everything else."""
        return self.kind != "environment" or self.name in os.environ

    def masked(self) -> Reference:
        """Give it as part of a secret: the fallback, and what a resolver takes, is hidden."""
        if self.kind == "environment" and self.fallback:
            return self._replace(text=f"oc.env:{self.name},{MASK}", fallback=MASK)
        if self.kind == "resolver":
            return self._replace(text=f"{self.name}:{MASK}")
        return self


class Found(NamedTuple):
    """A node, and how a search came to it.

    Attributes:
        node: The node.
        path: Where it stands, after all references.
        via: The references to mappings that led there, the last one first.
    """

    node: Node
    path: Path
    via: tuple[Via, ...]


class Element(NamedTuple):
    """An element of a list that is the value of a node.

    Attributes:
        node: The node.
        path: Where it stands.
        rest: The indexes and keys inside of its value.
    """

    node: Node
    path: Path
    rest: tuple[str | int, ...]

    @property
    def whole_path(self) -> Path:
        """The keys and indexes, all as texts."""
        return (*self.path, *map(str, self.rest))

    def as_node(self) -> Node:
        """Give a node of the element alone, with what was written there."""
        return Node(self.node.origin, value=element_of(self.node.value, self.rest))


def references_of(node: Node, path: Path) -> list[Reference]:
    """Give what the value of a node refers to, in order, each once.

    Args:
        node: The node.
        path: Its keys; relative references begin there.
    """
    if node.children is not None or not is_live(node) or not has_reference(node.value):
        return []
    found: dict[str, Reference] = {}
    for text in _texts(node.value):
        for inner in _inner(text):
            found.setdefault(inner, _reference(inner, path))
    return list(found.values())


def find_node(tree: Node, path: Path, via: tuple[Via, ...] = ()) -> Found | None:
    """Find the node under some keys, also where one of them refers to a mapping elsewhere."""
    node = tree
    for depth, key in enumerate(path):
        if node.children is None:
            target = _whole(node, path[:depth])
            if target is None or len(via) > len(path) + 8:
                return None
            here = Via(node.origin, str(node.value))
            return find_node(tree, (*target, *path[depth:]), (here, *via))
        if key not in node.children:
            return None
        node = node.children[key]
    return Found(node, path, via)


def find_element(tree: Node, path: Path) -> Element | None:
    """Find the element of a list under some keys: `sizes.2`, `layers.0.name`."""
    for depth in range(len(path) - 1, 0, -1):
        found = find_node(tree, path[:depth])
        if found is None:
            continue
        rest = tuple(int(key) if key.isdecimal() else key for key in path[depth:])
        try:
            element_of(found.node.value, rest)
        except LookupError:
            return None
        return Element(found.node, found.path, rest)
    return None


def element_of(value: Any, rest: tuple[str | int, ...]) -> Any:
    """Give what stands at some indexes and keys of a plain value.

    Raises:
        LookupError: Nothing does.
    """
    for part in rest:
        is_index = isinstance(value, list) and isinstance(part, int)
        if not is_index and not isinstance(value, dict):
            raise LookupError(part)
        value = value[part]
    return value


def holds_secret(composition: Composition, node: Node, path: Path, depth: int = 16) -> bool:
    """Tell whether a value is a secret, or is made of one, however many references lie between.

    A variable of the environment counts as one when its name says so: API_KEY, TOKEN.
    """
    if composition.is_secret(path):
        return True
    for reference in references_of(node, path):
        if reference.kind == "environment":
            if is_secret_name(reference.name):
                return True
        elif reference.path and depth:
            found = find_node(composition.filled, reference.path)
            if found is not None and holds_secret(composition, found.node, found.path, depth - 1):
                return True
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "${" in value:
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _inner(text: str) -> list[str]:
    """Give what stands in each `${...}` of a text, inner ones too."""
    if "\\" not in text and "${" not in _SIMPLE.sub("", text):
        return [found[1].strip() for found in _SIMPLE.finditer(text)]
    from brevetti_hydra.config._hydra import COMPOSITION_FAULTS
    from brevetti_hydra.config._omegaconf import references

    try:
        return references(text)
    except COMPOSITION_FAULTS:  # the resolution has reported it
        return []


def _whole(node: Node, path: Path) -> Path | None:
    """Give the key that a value consists of a reference to."""
    found = _WHOLE.fullmatch(node.value) if isinstance(node.value, str) else None
    return _keys(found[1], path) if found is not None and is_live(node) else None


def _reference(text: str, path: Path) -> Reference:
    variable = _ENVIRONMENT.fullmatch(text)
    if variable is not None:
        fallback = variable[2]
        name = variable[1].strip()
        found = Reference(text, "environment", name, (), fallback and fallback.strip())
        return found.masked() if is_secret_name(name) else found
    selected = _SELECT.match(text)
    if selected is not None and "${" not in selected[1]:
        keys = _keys(selected[1].strip(), path)
        return Reference(text, "key", ".".join(keys), keys)
    resolver, colon, rest = text.partition(":")
    if colon:
        is_hydra = resolver.strip() == "hydra"
        return Reference(text, "hydra" if is_hydra else "resolver", rest if is_hydra else resolver)
    if "${" in text:
        return Reference(text, "resolver", text)
    keys = _keys(text, path)
    return Reference(text, "key", ".".join(keys), keys)


def _keys(name: str, path: Path) -> Path:
    """Split a reference into keys from the root; one leading dot means the node it stands in."""
    bare = name.lstrip(".")
    dots = len(name) - len(bare)
    base = path[: len(path) - dots] if dots else ()
    return (*base, *(key for key in re.split(r"[.\[\]]+", bare) if key))
