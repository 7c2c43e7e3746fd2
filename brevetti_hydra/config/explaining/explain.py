"""Where each value comes from: its writers, what it refers to, and what was taken away.

All of it is read off the nodes that the merge left behind (`origins`, `layers`); nothing is
composed a second time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import MASK, Masking
from brevetti_hydra.config.command_line.values import typed_text
from brevetti_hydra.config.explaining.asked import split_asked
from brevetti_hydra.config.explaining.explanation import (
    Explanation,
    Loss,
    Step,
    Target,
    Writer,
    without_secrets,
)
from brevetti_hydra.config.explaining.hops import (
    Element,
    element_of,
    find_element,
    find_node,
    holds_secret,
    references_of,
)
from brevetti_hydra.config.explaining.places import Place, Places
from brevetti_hydra.config.models.class_source import default_source
from brevetti_hydra.config.models.defaults import default_tree
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.safety.masks import is_secret_name, masked_value
from brevetti_hydra.config.secrets import secret_texts
from brevetti_hydra.config.tree.origins import (
    MISSING,
    Dropped,
    Node,
    Origin,
    Path,
    Via,
    dotted,
    is_void,
    walk,
)
from brevetti_hydra.errors import BrevettiHydraError, UnknownSettingError
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.explaining.hops import Reference
    from brevetti_hydra.config.models.fields import Field

__all__ = ["explain"]

_API_KEY = ("platform", "api_key")


def explain(composition: Composition, keys: Sequence[str] = ()) -> list[Explanation]:
    """Explain all settings, or the named keys with what is below them.

    Args:
        composition: The composed tree; it need not be valid.
        keys: `lr`, `model`, `weights['any text']`, `boxes[0].hidden`; also in reserved nodes.

    Raises:
        UnknownSettingError: There is no such key, and nothing was dropped there.
        OverrideSyntaxError: It is no key.
    """
    explainer = _Explainer(composition)
    if not keys:
        return [explainer.masked(each) for each in explainer.settings()]
    found = {each.key: explainer.masked(each) for key in keys for each in explainer.named(key)}
    return list(found.values())


# How many references are followed, one behind the other.
_MOST_HOPS = 8


class _Explainer:
    """Explains one composition."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self._places = Places(composition)
        self._masking = Masking(secret_texts(composition))
        self._beneath = default_tree(composition.filled, composition.shapes)
        self._unwritten: Node | None = None
        self._dropped: dict[Path, list[Dropped]] = {}
        self._switched: dict[Path, list[Dropped]] = {}
        for each in composition.dropped:
            for path, node in walk(each.node, each.path):
                leaf = Dropped(path, node, each.by, each.reason)
                self._dropped.setdefault(path, []).append(leaf)
                if each.reason == "switch":
                    self._switched.setdefault(each.path[:-1], []).append(leaf)

    def masked(self, explanation: Explanation) -> Explanation:
        """Take secrets out of every text: keys and the places of arguments may hold them too."""
        return without_secrets(explanation, self._masking)

    def settings(self) -> Iterator[Explanation]:
        """Explain everything but the reserved nodes."""
        tree, shape = self._composition.filled, self._composition.shape()
        children = tree.children or {}
        kept = {
            key: node
            for key, node in children.items()
            if key not in RESERVED_NODES and not (is_void(node) and shape.at(key) is None)
        }
        root = Node(tree.origin, children=kept)
        yield from self._subtree(root, Place((), shape, ()))
        yield from (
            self._lost(path)
            for path in self._dropped
            if path[0] not in RESERVED_NODES and not self._is_told(path)
        )

    def named(self, key: str) -> Iterator[Explanation]:
        """Explain a key, or what is below it.

        Raises:
            UnknownSettingError: There is none.
            OverrideSyntaxError: It is no key.
        """
        path, rest = self._read(key)
        tree = self._composition.filled
        if path[0] == "hydra":
            tree = Node(
                tree.origin, children={"hydra": self._composition.hydra.tree or Node(tree.origin)}
            )
        found = find_node(tree, path)
        if found is None or (path == ("hydra",) and self._composition.hydra.tree is None):
            yield from self._lost_below(path)
            return
        place = self._places.at(found.path)
        if rest:
            yield self._element(found.node, place, path, rest)
            return
        for each in self._subtree(found.node, place, found.via):
            shown = each.key
            if found.via:
                below = shown.removeprefix(dotted(found.path))
                shown = dotted(path) + below
            yield each._replace(key=shown)
        yield from (
            self._lost(lost)
            for lost in self._dropped
            if lost[: len(path)] == path and not self._is_told(lost)
        )

    def _read(self, key: str) -> tuple[Path, tuple[str | int, ...]]:
        """Split a key at its first index; aliases become the fields' names."""
        names, rest = split_asked(key)
        return self._places.canonical(names), rest

    def _subtree(
        self, node: Node, place: Place, via: tuple[Via, ...] = ()
    ) -> Iterator[Explanation]:
        """Explain every value below a node: known keys in the order of the class, then others."""
        if not node.children:
            if place.path:
                yield self._leaf(node, place, via)
            return
        shape = place.shape
        chosen = shape
        if shape is not None and shape.variants:
            chosen = shape.variants.get(str(self._places.tag(shape, node)))
        known = chosen.fields if chosen is not None else {}
        children = node.children
        ordered = [*(key for key in known if key in children)]
        for key in [*ordered, *(key for key in children if key not in known)]:
            yield from self._subtree(children[key], self._places.below(place, node, key), via)

    def _leaf(self, node: Node, place: Place, via: tuple[Via, ...]) -> Explanation:
        path, shape = place.path, place.shape
        field = place.fields[-1]
        dropped = [
            self._loss(each)
            for each in (
                *self._dropped.get(path, ()),
                *(self._switched.get(path[:-1], ()) if place.switches else ()),
            )
        ]
        text = ""
        if place.switches:
            text = " | ".join(map(repr, place.switches))
        elif shape is not None:
            text = shape.type_text()
        writers = [self._writer(each, place, via) for each in node.chain()]
        default = None if node.origin.kind == "default" else self._default(path)
        if default is not None:
            writers.append(self._writer(default, place))
        return Explanation(
            dotted(path),
            is_there=True,
            value=self._value(node, place),
            type=text,
            bounds=", ".join(shape.bounds) if shape is not None else "",
            description=(field.info.description or "") if field is not None else "",
            writers=tuple(writers),
            targets=self._targets(node, path, set(), 0),
            dropped=tuple(dropped),
        )

    def _default(self, path: Path) -> Node | None:
        """Give what the class says beneath everything that was written."""
        node = self._beneath.at(path)
        if node is not None and node.origin.kind != "default":
            # A switch: what it was before anybody turned it.
            if self._unwritten is None:
                empty = Node(Origin("default", "the tree"), children={})
                self._unwritten = default_tree(empty, self._composition.shapes)
            node = self._unwritten.at(path)
        return node

    def _element(
        self, node: Node, place: Place, path: Path, rest: tuple[str | int, ...]
    ) -> Explanation:
        """Explain one element of a list; who wrote the list wrote it."""
        whole = self._leaf(node, place, ())
        try:
            value = element_of(whole.value, rest)
        except LookupError:
            raise UnknownSettingError(
                f"'{dotted(path)}' has no element '{dotted(rest)}'",
                where=node.origin.place(),
                notes=[f"it is {self._masking.tree(whole.value)!r}"],
            ) from None
        shape = place.shape
        for part in rest:
            if shape is not None:
                shape = shape.item if isinstance(part, int) else shape.at(part)
        element = Element(node, place.path, rest)
        return whole._replace(
            key=dotted((*path, *rest)),
            value=value,
            type=shape.type_text() if shape is not None else "",
            bounds=", ".join(shape.bounds) if shape is not None else "",
            writers=(self._element_writer(element, place), *whole.writers[1:]),
            targets=self._targets(element.as_node(), element.whole_path, set(), 0),
        )

    def _element_writer(self, element: Element, place: Place) -> Writer:
        """Give who wrote an element, as it stands there."""
        node = element.node
        inside = node.inside(element.rest) if node.inside is not None else None
        moved = node if inside is None else Node(inside, value=node.value, via=node.via)
        writer = self._writer(moved, place)
        try:
            return writer._replace(value=element_of(writer.value, element.rest))
        except LookupError:  # of a secret list, nothing is shown
            return writer

    def _value(self, node: Node, place: Place) -> Any:
        resolution = self._composition.resolution
        if place.path not in resolution.values:
            return self._shown(node.plain(), place)
        if holds_secret(self._composition, node, place.path):
            return MASK
        return self._shown(typed_text(resolution.values[place.path], place.shape), place)

    def _shown(self, value: Any, place: Place, *, is_written: bool = False) -> Any:
        """Mask the secrets in a value: by its class, by its key's name, and by content."""
        if value == MISSING or value is None:
            return value
        path, shape = place.path, place.shape
        is_named = shape is None and not isinstance(value, dict) and is_secret_name(path[-1])
        if path[:2] == _API_KEY or is_named:
            return MASK
        return self._masking.tree(masked_value(value, shape, keep_references=is_written))

    def _writer(self, node: Node, place: Place, via: tuple[Via, ...] = ()) -> Writer:
        origin = node.origin
        value = self._shown(node.plain(), place, is_written=True)
        if any(each.fallback == MASK for each in references_of(node, place.path)):
            value = MASK
        by = tuple(self._step(each, origin) for each in (*node.via, *via))
        if origin.note:
            by = (Step("", origin.note), *by)
        if origin.kind == "default" and origin.field is not None:
            return self._default_writer(origin.field, place, value)
        file, line, column = None, origin.line, None
        if origin.kind == "yaml":
            file, column = origin.label, None
            if line is not None:
                file, _, number = origin.label.rpartition(":")
                file, column = file.rpartition(":")[0], int(number)
        return Writer(origin.kind, origin.label, file, line, column, value, "", by)

    def _default_writer(self, field: Field, place: Place, value: Any) -> Writer:
        depth = next(
            (
                depth
                for depth in range(len(place.fields) - 1, -1, -1)
                if (each := place.fields[depth]) is not None
                and (each.owner, each.name) == (field.owner, field.name)
            ),
            len(place.path) - 1,
        )
        source, name = default_source(field, place.path[depth + 1 :])
        label = source.label(self._composition.folder)
        file = source.file if source.line is not None else None
        return Writer("default", label, file, source.line, None, value, name, ())

    def _step(self, via: Via, origin: Origin) -> Step:
        text = self._masking.text(via.text)
        if via.origin is origin:
            return Step("", text)
        return Step(via.origin.label, text)

    def _targets(self, node: Node, path: Path, seen: set[Path], hops: int) -> tuple[Target, ...]:
        # In the end it refers to itself, or was told before: `${a}${a}` doubles at each hop.
        if path in seen or hops > _MOST_HOPS:
            return ()
        seen.add(path)
        is_secret = self._composition.is_secret(path)
        return tuple(
            self._target(each.masked() if is_secret else each, seen, hops)
            for each in references_of(node, path)
        )

    def _target(self, reference: Reference, seen: set[Path], hops: int) -> Target:
        text, kind, name, path, fallback = reference
        writer, value = None, None
        targets: tuple[Target, ...] = ()
        is_set = reference.is_set
        if kind == "key":
            found = find_node(self._composition.filled, path)
            element = None if found is not None else find_element(self._composition.filled, path)
            is_set = found is not None or element is not None
            if found is not None:
                place = self._places.at(found.path)
                value = self._value(found.node, place)
                writer = self._writer(found.node, place, found.via)
                targets = self._targets(found.node, found.path, seen, hops + 1)
            elif element is not None:
                place = self._places.at(element.path)
                value = element_of(self._value(element.node, place), element.rest)
                writer = self._element_writer(element, place)
                targets = self._targets(element.as_node(), element.whole_path, seen, hops + 1)
            name = dotted(path)
        elif kind == "hydra":
            value = self._composition.hydra_values.get(name.strip())
            is_set = value is not None
            value = None if value is None else self._masking.text(value)
        return Target(text, kind, name, is_set, fallback, value, writer, targets)

    def _lost_below(self, path: Path) -> Iterator[Explanation]:
        """Explain what was dropped under a key that is not in the tree."""
        found = [lost for lost in self._dropped if lost[: len(path)] == path]
        if not found:
            covered = self._covered(path)
            if covered is None:
                raise self._unknown(path)
            yield covered
        yield from map(self._lost, found)

    def _covered(self, path: Path) -> Explanation | None:
        """Explain a key of a mapping that something else replaced as a whole."""
        for depth in range(len(path) - 1, 0, -1):
            holder = self._composition.filled.at(path[:depth])
            if holder is None:
                continue
            chain = list(holder.chain())
            for upper, lower in pairwise(chain):
                node = lower.at(path[depth:])
                if node is not None:
                    return self._gone(path, [Dropped(path, node, upper, "replaced")])
            return None
        return None

    def _is_told(self, path: Path) -> bool:
        """Whether the explanation of another key tells that this one was dropped."""
        if self._composition.filled.at(path) is not None:
            return True
        reasons = {each.reason for each in self._dropped[path]}
        holder = self._composition.filled.at(path[:-1])
        return reasons == {"switch"} and holder is not None

    def _lost(self, path: Path) -> Explanation:
        return self._gone(path, self._dropped[path])

    def _gone(self, path: Path, dropped: list[Dropped]) -> Explanation:
        losses = tuple(map(self._loss, dropped))
        return Explanation(dotted(path), False, None, "", "", "", (), (), losses)

    def _loss(self, dropped: Dropped) -> Loss:
        path, node, by, reason = dropped
        place = self._places.at(path)
        if place.shape is None:
            # A key of the variant that was chosen before.
            place = place._replace(shape=shape_at(self._composition.shape(), path))
        by_step = Step(by.origin.label, "")
        tag = str(by.value) if reason == "switch" else ""
        return Loss(dotted(path), self._writer(node, place), by_step, reason, tag)

    def _unknown(self, path: Path) -> BrevettiHydraError:
        # Imported here: most keys are there.
        from brevetti_hydra.config.models.nearest import unknown_setting

        composition = self._composition
        prefix = path[:1] if path[0] in composition.shapes else ()
        tree = composition.filled.at(prefix) or composition.filled
        shape = composition.shapes["".join(prefix)]
        error = unknown_setting(path[len(prefix) :], prefix, None, shape, tree)
        names = composition.old_names
        former = names.former(path) if names is not None else None
        if former is not None:
            # What became of it says more than a name that looks alike.
            error.notes, error.hint = (former.text,), None
        return error
