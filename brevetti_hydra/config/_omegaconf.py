"""The door to OmegaConf's interpolations, within a budget; every private name of its stands here.

tests/config/test_hydra_contract.py holds each name to what is expected of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from omegaconf import Container, OmegaConf
from omegaconf.errors import InterpolationResolutionError

__all__ = ["Data", "Evaluator", "cost_of_reading", "references"]


def references(text: str) -> list[str]:
    """Give the keys and resolvers that a text's interpolations name: `['lr', 'oc.env:HOME']`.

    Raises:
        OmegaConfBaseException: The text is no valid interpolation.
    """
    from omegaconf.grammar_parser import parse

    found: list[str] = []
    pending = [parse(text)]
    while pending:
        context = pending.pop()
        name = type(context).__name__
        if name in {"InterpolationNodeContext", "InterpolationResolverContext"}:
            found.append(context.getText()[2:-1])
        pending += list(getattr(context, "children", None) or ())
    return found


class Evaluator:
    """Resolves interpolations in a plain tree; built only where a tree has any.

    Each text costs its length, whenever it is read, and each value that it names its size.
    OmegaConf alone reads `${a}${a}` twice, and what that names four times, without end.

    Attributes:
        is_spent: Whether the costs are above the limit; nothing resolves any more.
    """

    def __init__(self, tree: dict[str, Any], most_cost: int) -> None:
        """Build the evaluator.

        Args:
            tree: A plain tree; texts in `Data` are no interpolations.
            most_cost: The limit.

        Raises:
            OmegaConfBaseException: A text is no valid interpolation.
        """
        self.is_spent = False
        self._left = most_cost
        self._config = OmegaConf.create(tree, flags={"allow_objects": True})
        self._watch(self._config)

    def value(self, path: tuple[str, ...]) -> Any:
        """Resolve the value under some keys to plain values.

        Raises:
            OmegaConfBaseException: Something in it does not resolve.
        """
        node: Any = self._config
        for key in path:
            node = node[key]
        return self._plain(node)

    def _plain(self, node: Any) -> Any:
        """Resolve what stands below a node; OmegaConf 2.4 writes it out without asking again."""
        if not OmegaConf.is_config(node):
            return node.text if isinstance(node, Data) else node
        self._spend(1)
        keys = list(node) if OmegaConf.is_dict(node) else range(len(node))
        found = {k: "???" if OmegaConf.is_missing(node, k) else self._plain(node[k]) for k in keys}
        return found if OmegaConf.is_dict(node) else list(found.values())

    def _watch(self, node: Any) -> None:
        if not isinstance(node, Container):
            return
        # `object`: a container takes an attribute for one of its keys.
        object.__setattr__(node, "__class__", _watched(type(node)))
        object.__setattr__(node, "spend", self._spend)
        content = node._content  # noqa: SLF001 - the door
        if isinstance(content, (dict, list, tuple)):
            for child in content.values() if isinstance(content, dict) else content:
                self._watch(child)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            self.is_spent = True
            raise InterpolationResolutionError("over the budget")


class Data:
    """A text that OmegaConf must not look into."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


# What reading a text costs beside its characters, and how many characters of a value cost one.
_COST_OF_READING, _CHARACTERS_FOR_ONE = 10, 100


def cost_of_reading(text: str) -> int:
    """Give what it costs to read a text with interpolations once."""
    return _COST_OF_READING + len(text)


@cache
def _watched(kind: type[Any]) -> type[Any]:
    """Derive a container that tells of each text that it resolves and of each value it finds."""

    class Watched(kind):  # type: ignore[misc]
        def _resolve_interpolation_from_parse_tree(self, **given: Any) -> Any:
            self.__dict__["spend"](cost_of_reading(str(given["value"]._value())))  # noqa: SLF001
            return super()._resolve_interpolation_from_parse_tree(**given)

        def _resolve_node_interpolation(self, *args: Any, **given: Any) -> Any:
            found = super()._resolve_node_interpolation(*args, **given)
            self.__dict__["spend"](_size(found))
            return found

    return Watched


def _size(node: Any) -> int:
    """Give what a value costs that an interpolation names."""
    content = node._content if isinstance(node, Container) else node._value()  # noqa: SLF001
    if isinstance(content, dict):
        return 1 + sum(map(_size, content.values()))
    if isinstance(content, (list, tuple)):
        return 1 + sum(map(_size, content))
    return 1 + len(str(content)) // _CHARACTERS_FOR_ONE
