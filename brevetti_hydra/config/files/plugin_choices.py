"""Which plugins of Hydra a defaults list chooses for sweeps: no file has these options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.tree.origins import CHOICE, Node, Origin

if TYPE_CHECKING:
    from brevetti_hydra.config.tree.documents import Document

__all__ = ["with_plugins"]


def with_plugins(config_path: str, document: Document) -> Document:
    """Take `- override hydra/launcher: NAME` out of a defaults list, and for content instead.

    Args:
        config_path: The config's name; in a group, only what goes to the root can say it.
        document: The config, whose defaults list is checked.
    """
    kept = [n for n, entry in enumerate(document.defaults or ()) if _plugin_of(entry) is None]
    is_of_root = "/" not in config_path or document.package == "_global_"
    if document.defaults is None or len(kept) == len(document.defaults) or not is_of_root:
        return document
    tree = document.tree.copy()
    origins = document.defaults_origins
    for number, entry in enumerate(document.defaults):
        plugin = _plugin_of(entry)
        if plugin is not None:
            origin = origins[number] if number < len(origins) else tree.origin
            _choose(tree, plugin, origin)
    return document._replace(
        tree=tree,
        defaults=[document.defaults[number] for number in kept],
        defaults_origins=tuple(origins[number] for number in kept if number < len(origins)),
    )


def _choose(tree: Node, plugin: tuple[str, str | None], origin: Origin) -> None:
    kind, name = plugin
    holder = tree
    for key in ("hydra", kind):
        if holder.children is None:
            return  # it is no mapping, which is told where the node is read
        holder = holder.children.setdefault(key, Node(origin, children={}))
    if holder.children is not None:
        holder.children[CHOICE] = Node(origin, value=name)


def _plugin_of(entry: object) -> tuple[str, str | None] | None:
    """Give kind and name, where an entry chooses a plugin of Hydra's for sweeps."""
    if not isinstance(entry, dict):
        return None
    ((key, value),) = entry.items()
    words = str(key).split()
    group, _, kind = (words or [""])[-1].strip("/").partition("/")
    is_choice = group == "hydra" and kind in {"launcher", "sweeper"} and "override" in words
    return (kind, value) if is_choice and not isinstance(value, list) else None
