"""Files that take part in a composition, each with what pulled it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.config.files.defaults_lists import entry_via
from brevetti_hydra.config.tree.documents import Document
from brevetti_hydra.config.tree.origins import Node, Origin, Via, node_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.config._hydra import Pull

__all__ = ["PlannedDocument", "pulled_by"]


class PlannedDocument(NamedTuple):
    """A file that takes part.

    Attributes:
        document: The file.
        package: The package in which its keys go.
        by: What pulled it in; None for the primary config.
    """

    document: Document
    package: str
    by: Via | None

    @property
    def depth(self) -> int:
        """Keys above those of the file."""
        return self.package.count(".") + bool(self.package)

    def placed_tree(self) -> Node:
        """Give a copy of the file's tree, moved into its package."""
        via = () if self.by is None else (self.by,)
        tree = self.document.tree.copy(via)
        if self.by is not None and not self.document.text and tree.origin.kind == "argument":
            # No file says it: whoever named the class is its writer.
            tree = node_of(tree.plain(), self.by.origin)
        for key in reversed(self.package.split(".") if self.package else []):
            tree = Node(tree.origin, children={key: tree}, via=via)
        return tree


def pulled_by(
    pull: Pull | None, arguments: Sequence[Origin], document: Callable[[str], Document]
) -> Via | None:
    """Say what pulled a file in, with its place.

    Args:
        pull: What did, as the plan numbers it.
        arguments: The overrides of the plan.
        document: Gives a config that takes part.
    """
    if pull is None:
        return None
    if pull.config_path is None:
        return Via(arguments[pull.number], "")
    return entry_via(document(pull.config_path), pull.number)
