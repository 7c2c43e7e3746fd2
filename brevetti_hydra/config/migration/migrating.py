"""Changes between versions, made on a tree that remembers who wrote each key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.migration.conversions import converted, scaled
from brevetti_hydra.config.safety.masks import hidden_line, is_secret_name, masked_line
from brevetti_hydra.config.tree.interpolate import has_reference
from brevetti_hydra.config.tree.origins import Node, Origin, Path, dotted, node_of, walk
from brevetti_hydra.config.tree.references import References
from brevetti_hydra.errors import BrevettiHydraError, LossyMigrationError, MigrationError
from brevetti_hydra.migrations import (
    Change,
    JobMove,
    Relocation,
    Removal,
    Rescaling,
    Splitting,
    Substitution,
    canonical_target,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Fired", "Migration", "Trace", "describe_change", "migrate_tree", "trace"]

_TARGET = ("job", "_target_")


class Fired(NamedTuple):
    """A change that a tree held something for.

    Attributes:
        number: The step.
        change: What changed.
        origin: Where the old key stands; of references alone, that of the first.
    """

    number: int
    change: Change
    origin: Origin


class Migration:
    """What became of one tree.

    Attributes:
        tree: The tree, changed in place.
        fired: The changes that it held something for, in order.
        problems: What cannot be decided, and what would be lost.
        lost: What was removed under a name that looks like a secret's.
        made: Mappings that stand in no file: they were made for keys that moved into them.
    """

    def __init__(self, tree: Node, written_as: str, *, allow_lossy: bool) -> None:
        self.tree = tree
        self.fired: list[Fired] = []
        self.problems: list[BrevettiHydraError] = []
        self.made: list[Node] = []
        self.lost: list[Node] = []
        self._written_as = written_as
        self._allow_lossy = allow_lossy
        self._noted: dict[int, Origin] = {}
        self._emptied: dict[Path, Node] = {}
        self._undecided: list[BrevettiHydraError] = []

    def make(self, number: int, change: Change) -> None:
        """Make one change; what cannot be made becomes a problem."""
        self._undecided = []
        origin = None
        try:
            origin = self._made(change)
        except (MigrationError, LossyMigrationError) as error:
            self._undecided.append(error)
        for each in self._undecided:
            _hide_by_name(each, change)
            each.notes = (*each.notes, f"it is the step {number}: {describe_change(change)}")
        self.problems += self._undecided
        if origin is not None and not self._undecided:
            self.fired.append(Fired(number, change, origin))

    def _made(self, change: Change) -> Origin | None:
        """Give where it was found, or None."""
        if isinstance(change, JobMove):
            return self._move_job(change)
        references = References(self.tree, change.old)
        if isinstance(change, Relocation):
            found = self._relocate(change, references)
            moved = references.rewrite(change.new)
            self._undecided += references.problems
            return found or moved
        references.refuse()
        self._undecided += references.problems
        node = self._find(change.old)
        if node is None:
            return None
        if isinstance(change, Removal):
            self._refuse_loss(node, change, change.reason)
            self._take(change.old)
            if any(map(is_secret_name, change.old)):
                self.lost.append(node)
            return node.origin
        if isinstance(change, Rescaling):
            return self._put_converted(change.old, (change.new,), [scaled(node, change.factor)])
        if change.is_lossy:
            self._refuse_loss(node, change, "the step is marked as lossy")
        into = change.into if isinstance(change, Splitting) else (change.old,)
        return self._put_converted(change.old, into, converted(node, change))

    def _find(self, path: Path) -> Node | None:
        """Find a key; a reference in the place of a node above it hides whether it is there."""
        for depth in range(1, len(path)):
            above = self.tree.at(path[:depth])
            if above is not None and above.children is None and has_reference(above.value):
                name = dotted(path[:depth])
                raise MigrationError(
                    f"'{dotted(path)}' cannot be looked for: '{name}' is a reference",
                    where=above.origin.place(),
                    hint="write the keys out that it stands for",
                )
        return self.tree.at(path)

    def _relocate(self, change: Relocation, references: References) -> Origin | None:
        node = self._find(change.old)
        if node is None:
            return None
        references.refuse_leaving(node)
        origin = node.origin
        self._take(change.old)
        known = self.tree.at(change.new)
        if known is not None:
            raise MigrationError(
                f"'{dotted(change.old)}' and '{dotted(change.new)}', its new name, are both set",
                where=origin.place(),
                notes=[f"the other one stands at {known.origin.label}"],
                hint="take one of them out",
            )
        for path, each in walk(node):
            self._note(each, (*change.old, *path))
        self._note(node, change.old)
        self._put(change.new, node)
        return origin

    def _put_converted(self, old: Path, into: Sequence[Path], values: Sequence[Any]) -> Origin:
        node = self._take(old)
        for path in into:
            known = self.tree.at(path)
            if known is not None:
                raise MigrationError(
                    f"'{dotted(old)}' and '{dotted(path)}', which it becomes, are both set",
                    where=node.origin.place(),
                    notes=[f"the other one stands at {known.origin.label}"],
                    hint="take one of them out",
                )
        origin = node.origin
        for path, each in zip(into, values, strict=True):
            changed = node_of(each, origin)
            changed.covered, changed.inside, changed.via = node.covered, node.inside, node.via
            self.made += [below for below in _nodes(changed) if below is not changed]
            self._note(changed, old)
            self._put(path, changed)
        return origin

    def _move_job(self, change: JobMove) -> Origin | None:
        node = self.tree.at(_TARGET)
        if node is None or not isinstance(node.value, str):
            return None
        if canonical_target(node.value) != canonical_target(change.old):
            return None
        node.value = change.new
        return node.origin

    def _refuse_loss(self, node: Node, change: Any, reason: str) -> None:
        if self._allow_lossy or all(each.origin.kind == "default" for _, each in walk(node)):
            return
        raise LossyMigrationError(
            f"'{dotted(change.old)}' would be lost: {reason}",
            where=node.origin.place(),
            hint="take it out, or allow what is lost with --allow-lossy",
        )

    def _note(self, node: Node, old: Path) -> None:
        """Let a key tell by which name it was written; it keeps its place."""
        if node.origin.note:
            return
        key = id(node.origin)
        if key not in self._noted:
            self._noted[key] = node.origin.noted(f"written as '{dotted(old)}'{self._written_as}")
        node.origin = self._noted[key]

    def _take(self, path: Path) -> Node:
        """Take a key out, and the mappings above it that nothing is left in."""
        holders = [self.tree.at(path[:depth]) for depth in range(len(path))]
        taken: Node | None = None
        self._emptied = {}
        for key, holder in zip(reversed(path), reversed(holders), strict=True):
            children = holder.children if holder is not None else None
            if children is None:  # the key was found before
                break
            gone = children.pop(key)
            if taken is None:
                taken = gone
            else:
                self._emptied[path[: holders.index(gone)]] = gone
            if children:
                break
        if taken is None:
            message = f"there is no {dotted(path)}"
            raise KeyError(message)
        return taken

    def _put(self, path: Path, node: Node) -> None:
        holder = self.tree
        for depth, key in enumerate(path[:-1], 1):
            children = holder.children
            below = children.get(key) if children is not None else None
            if below is None and children is not None:
                # What was emptied a moment ago is the same mapping still.
                below = self._emptied.get(path[:depth])
                if below is None:
                    below = Node(node.origin, children={})
                    self.made.append(below)
                children[key] = below
            if below is None or below.children is None:
                place = (below or holder).origin
                raise MigrationError(
                    f"'{dotted(path)}' has no place: '{dotted(path[:depth])}' is no mapping here",
                    where=place.place(),
                    hint="write the keys out that belong there",
                )
            holder = below
        if holder.children is not None:
            holder.children[path[-1]] = node


def migrate_tree(
    tree: Node,
    changes: Iterable[tuple[int, Change]],
    *,
    written_as: str = "",
    allow_lossy: bool = False,
) -> Migration:
    """Make changes on a tree, in place.

    Args:
        tree: A whole tree, keys from the root; it must be nobody else's.
        changes: What changed, with the steps' numbers, in order.
        written_as: What the notes of moved keys say behind the old name: `, version 1`.
        allow_lossy: Whether something may be lost.
    """
    migration = Migration(tree, written_as, allow_lossy=allow_lossy)
    for number, change in changes:
        migration.make(number, change)
    return migration


class Trace(NamedTuple):
    """What became of a key, whatever its value.

    Attributes:
        paths: Where it went; none where it is gone, several where it was split.
        numbers: The steps that it went through.
        is_converted: Whether its value changed on the way.
        removal: The change that took it away.
    """

    paths: tuple[Path, ...]
    numbers: tuple[int, ...]
    is_converted: bool
    removal: Removal | None


def trace(path: Path, changes: Iterable[tuple[int, Change]]) -> Trace:
    """Follow a key through changes."""
    paths: list[Path] = [path]
    numbers: list[int] = []
    is_converted, removal = False, None
    for number, change in changes:
        if isinstance(change, JobMove):
            continue
        for position, each in enumerate(paths):
            if each[: len(change.old)] != change.old:
                continue
            rest = each[len(change.old) :]
            numbers.append(number)
            becomes = _becomes(change)
            is_converted |= not isinstance(change, Relocation)
            if isinstance(change, Removal):
                removal = change
            paths[position : position + 1] = [(*new, *rest) for new in becomes]
            break
    return Trace(tuple(paths), tuple(dict.fromkeys(numbers)), is_converted, removal)


def describe_change(change: Change) -> str:
    """Write a change as a line of text does."""
    if isinstance(change, JobMove):
        return f"{change.old} -> {change.new}"
    old = dotted(change.old)
    if isinstance(change, Removal):
        return f"{old} removed"
    becomes = ", ".join(dotted(path) for path in _becomes(change))
    if isinstance(change, Rescaling):
        text = old if becomes == old else f"{old} -> {becomes}"
        return f"{text}, times {change.factor:g}"
    return f"{old} written otherwise" if becomes == old else f"{old} -> {becomes}"


def _becomes(change: Change) -> tuple[Path, ...]:
    if isinstance(change, (Relocation, Rescaling)):
        return (change.new,)
    if isinstance(change, Splitting):
        return change.into
    return (change.old,) if isinstance(change, Substitution) else ()


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in (node.children or {}).values():
        yield from _nodes(child)


def _hide_by_name(error: BrevettiHydraError, change: Change) -> None:
    """Hide the line that an error shows, where an old or a new name looks like a secret's."""
    if error.where is None or not error.where.excerpt or isinstance(change, JobMove):
        return
    paths = (change.old, *_becomes(change))
    is_secret = any(is_secret_name(key) for path in paths for key in path)
    mask = hidden_line if is_secret else masked_line
    error.where = error.where._replace(excerpt=mask(error.where.excerpt))
