"""Places of the tree: what may stand there, and which field is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.models.fields import Field, Shape
from brevetti_hydra.config.tree.origins import Node, Path
from brevetti_hydra.settings import RESERVED_NODES

if TYPE_CHECKING:
    from brevetti_hydra.config.composition import Composition

__all__ = ["Place", "Places"]


class Place(NamedTuple):
    """A place of the tree, on the way down.

    Attributes:
        path: Its keys.
        shape: What may stand there.
        fields: The field of each of its keys; None where it is none.
        switches: The variants, where it is a switch.
    """

    path: Path
    shape: Shape | None
    fields: tuple[Field | None, ...]
    switches: tuple[str, ...] = ()


class Places:
    """Finds the places of one composition."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition

    def canonical(self, names: Path) -> Path:
        """Write names as the fields are called: aliases are taken."""
        path: Path = ()
        for name in names:
            shape = self.at(path).shape
            tag = self.tag(shape, self._composition.filled.at(path))
            chosen = shape.variants.get(str(tag), shape) if shape is not None else None
            field = chosen.field(name) if chosen is not None and chosen.value is None else None
            path = (*path, field.name if field is not None else name)
        return path

    def at(self, path: Path) -> Place:
        """Find the place under some keys."""
        shapes = self._composition.shapes
        start = 1 if path and path[0] in RESERVED_NODES else 0
        shape = shapes.get(path[0] if start else "")
        place = Place(path[:start], shape, (None,) * start)
        for depth in range(start, len(path)):
            place = self.below(place, self._composition.filled.at(path[:depth]), path[depth])
        return place

    def below(self, place: Place, node: Node | None, key: str) -> Place:
        """Find the place one key further down."""
        shape = place.shape
        path = (*place.path, key)
        if shape is None:
            return Place(path, None, (*place.fields, None))
        tag = self.tag(shape, node)
        chosen = shape.variants.get(str(tag), shape) if shape.variants else shape
        field = None if chosen.value is not None else chosen.field(key)
        below = field.shape if field is not None else shape.at(key, tag)
        if shape.variants and field is None:
            below = None
        switches = tuple(shape.variants) if key == shape.discriminator else ()
        return Place(path, below, (*place.fields, field), switches)

    def tag(self, shape: Shape | None, node: Node | None) -> Any:
        """Tell which variant of a union is chosen, or None."""
        if shape is None or not shape.discriminator or node is None:
            return None
        chosen = (node.children or {}).get(shape.discriminator)
        return None if chosen is None else chosen.value
