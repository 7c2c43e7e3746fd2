"""A tree that remembers who wrote each key.

Every file and every argument becomes a tree of `Node`s that bear their `Origin`; `merge` lays one
tree over another and keeps what it covers. So the chain of writers of a key is a by-product of the
merge itself, and cannot disagree with the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra.errors import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brevetti_hydra.config.models.fields import Field

__all__ = [
    "CHOICE",
    "MISSING",
    "Dropped",
    "Node",
    "Origin",
    "Path",
    "Via",
    "dotted",
    "is_same",
    "is_void",
    "merge",
    "node_of",
    "put_value",
    "type_of_origin",
    "walk",
]

# How YAML writes a required value that nobody has given yet.
MISSING = "???"

# Where the tree keeps `hydra/launcher=NAME`, beside the options of that; no key is written so.
CHOICE = "/"

type_of_origin = Literal["default", "yaml", "info", "argument"]
Path = tuple[str, ...]

_REFERENCE = re.compile(r"\$\{(\.*)([^${}:\s]+)\}")


class Origin:
    """Where a value was written.

    Attributes:
        kind: `default` (the class), `yaml`, `info` (a job's info.json) or `argument`.
        label: The place as errors print it: `conf/job/x.yaml:4:3`, `argument 2: lr=abc`.
        line: Line in the file, from 1; None for arguments and defaults.
        note: What is to be said of it beside its place: by which name it was written; or "".
        field: Of a default: the field whose default it is, or of which it is a part.
    """

    __slots__ = ("_excerpt", "field", "kind", "label", "line", "note")

    def __init__(
        self,
        kind: type_of_origin,
        label: str,
        line: int | None = None,
        excerpt: Callable[[int], str] | None = None,
        field: Field | None = None,
    ) -> None:
        self.kind = kind
        self.label = label
        self.line = line
        self.note = ""
        self.field = field
        self._excerpt = excerpt

    def __repr__(self) -> str:
        return f"Origin({self.label!r})"

    def noted(self, note: str) -> Origin:
        """Give the same place with a note."""
        origin = Origin(self.kind, self.label, self.line, self._excerpt)
        origin.note = note
        return origin

    def place(self) -> Place:
        """Give the place with the text of its line."""
        excerpt = self._excerpt(self.line) if self._excerpt and self.line is not None else ""
        return Place(self.label, self.line, excerpt)


class Via(NamedTuple):
    """By what a value came to where it is: an entry of a defaults list, `<<`, a reference.

    Attributes:
        origin: Where that stands.
        text: What stands there: `- job: classifier`, `<<`, `${model}`.
    """

    origin: Origin
    text: str


class Node:
    """One key of a tree: either a mapping (`children`) or a value.

    Attributes:
        children: The keys below, or None where this is a value.
        value: A scalar or a list; meaningless where `children` is set.
        origin: Who wrote it; of a mapping, who opened it last.
        covered: The node that this one replaced, the next link of the chain of writers.
        inside: Finds the origin of an element of a list value, where the writer is a file.
        via: By what it came here from its origin, the nearest to the origin first.
    """

    __slots__ = ("children", "covered", "inside", "origin", "value", "via")

    def __init__(
        self,
        origin: Origin,
        *,
        value: Any = None,
        children: dict[str, Node] | None = None,
        covered: Node | None = None,
        inside: Callable[[tuple[str | int, ...]], Origin | None] | None = None,
        via: tuple[Via, ...] = (),
    ) -> None:
        self.origin = origin
        self.value = value
        self.children = children
        self.covered = covered
        self.inside = inside
        self.via = via

    def copy(self, via: tuple[Via, ...] = ()) -> Node:
        """Copy the mappings of the tree; values and origins are shared.

        Args:
            via: By what the copy comes to its place.
        """
        children = None
        if self.children is not None:
            children = {key: child.copy(via) for key, child in self.children.items()}
        return Node(
            self.origin,
            value=self.value,
            children=children,
            covered=self.covered,
            inside=self.inside,
            via=self.via + via if via else self.via,
        )

    def at(self, path: Path) -> Node | None:
        """Find the node under some keys, or None."""
        node: Node | None = self
        for key in path:
            if node is None or node.children is None:
                return None
            node = node.children.get(key)
        return node

    def writers(self) -> Iterator[Origin]:
        """Give who wrote this key, the winner first."""
        return (node.origin for node in self.chain())

    def chain(self) -> Iterator[Node]:
        """Give this node and what it covers, the winner first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.covered

    def plain(self) -> Any:
        """Give the tree as plain dicts, lists and scalars."""
        if self.children is not None:
            return {key: child.plain() for key, child in self.children.items()}
        return self.value


class Dropped(NamedTuple):
    """What somebody wrote, and what is not in the tree any more.

    Attributes:
        path: Its keys.
        node: What was written, with what it covers.
        by: Who took it out.
        reason: `switch` (of a union, to a variant without the key), `deletion` (`~key`), `replaced`
            (by an argument that another argument builds on) or `open` (`???`, which replaces
            nothing: it is the writer that is dropped, and `by` is who stays).
    """

    path: Path
    node: Node
    by: Node
    reason: Literal["switch", "deletion", "replaced", "open"]


def is_void(node: Node) -> bool:
    """Whether a key stands there because an option without any content was chosen, as `g: none`."""
    is_of_file = node.origin.kind == "yaml" and node.origin.line is None
    return is_of_file and node.children is not None and all(map(is_void, node.children.values()))


def dotted(path: tuple[str | int, ...]) -> str:
    """Write keys as a user would: `model.layers[2]`, `weights['any text']`, `hydra/launcher`."""
    if path[:1] == ("hydra",) and path[-1] == CHOICE:
        return "/".join(map(str, path[:-1]))
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif re.fullmatch(r"[\w$/:@-]+", key):
            text += f".{key}" if text else key
        else:
            text += f"[{key!r}]"
    return text


def node_of(value: Any, origin: Origin) -> Node:
    """Make a tree of plain values that all have one origin."""
    if isinstance(value, dict):
        return Node(origin, children={str(key): node_of(v, origin) for key, v in value.items()})
    return Node(origin, value=value)


def is_same(one: Any, other: Any) -> bool:
    """Compare plain values: 1, 1.0 and true are three; the order of keys does not count."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN


def put_value(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value in a plain tree, in mappings that are there."""
    holder = tree
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Give every value below a node with its keys, in the order of the tree.

    An empty mapping counts as a value.
    """
    if not node.children:
        yield path, node
        return
    for key, child in node.children.items():
        yield from walk(child, (*path, key))


def merge(
    below: Node,
    above: Node,
    root: Node | None = None,
    dropped: list[Dropped] | None = None,
    path: Path = (),
) -> None:
    """Lay one mapping over another, in place; `above` is used up.

    The rules are OmegaConf's (its `merge`): mappings merge by key, everything else replaces,
    `???` replaces nothing, and a mapping laid over a reference to a mapping extends a copy of it.

    Args:
        below: The mapping that is changed.
        above: The mapping that wins.
        root: The tree in which references of `below` are looked up; default: `below` itself.
        dropped: Takes what was written to no effect.
        path: The keys above `below`.

    Raises:
        TypeError: One of them is no mapping.
    """
    root = below if root is None else root
    if below.children is None or above.children is None:
        message = "only mappings merge"
        raise TypeError(message)
    for key, child in above.children.items():
        known = below.children.get(key)
        if known is None:
            below.children[key] = child
            continue
        if child.children is None and isinstance(child.value, str) and child.value == MISSING:
            if dropped is not None:
                dropped.append(Dropped((*path, key), child, known, "open"))
            continue
        if child.children is not None and known.children is None:
            target = _referred_mapping(known, root)
            if target is not None:
                known = below.children[key] = target
        if child.children is not None and known.children is not None:
            if child.children:
                link = _link(known)
                known.origin, known.via, known.covered = child.origin, child.via, link
            merge(known, child, root, dropped, (*path, key))
        else:
            _end(child).covered = known
            below.children[key] = child


def _link(node: Node) -> Node:
    """Keep a mapping's former opener in its chain without keeping its keys twice."""
    return Node(node.origin, children={}, covered=node.covered, via=node.via)


def _end(node: Node) -> Node:
    """Find the end of a chain, where a covered node may be hung."""
    while node.covered is not None:
        node = node.covered
    return node


def _referred_mapping(node: Node, root: Node) -> Node | None:
    """Copy the mapping that a value such as `${model}` refers to."""
    found = _REFERENCE.fullmatch(node.value) if isinstance(node.value, str) else None
    if found is None or found.group(1):
        return None
    target = root.at(tuple(found.group(2).split(".")))
    if target is None or target.children is None:
        return None
    copied = target.copy((Via(node.origin, node.value),))
    copied.covered = Node(node.origin, value=node.value, covered=node.covered, via=node.via)
    return copied
