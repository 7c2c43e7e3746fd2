"""What pulled each file of a defaults list in: Hydra's tree of defaults, read beside its list.

Behind the door (`_hydra`): nothing of Hydra's is imported, but its objects are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.config._hydra import Override, Repository

__all__ = ["NUMBER", "Pull", "Pulls"]

# Where each entry of a defaults list keeps its place in that list; copies of it keep it, too.
NUMBER = "brevetti_number"


class Pull(NamedTuple):
    """What pulled a file in: an entry of a defaults list, or an override.

    Attributes:
        config_path: The config in whose defaults list the entry stands; None for an override.
        number: Of the entry in that list, or of the override among those given, from 0.
    """

    config_path: str | None
    number: int


class Pulls:
    """Finds what pulled in each file of a planned defaults list."""

    def __init__(self, repository: Repository, plan: Any, overrides: Sequence[Override]) -> None:
        self._repository = repository
        self._plan = plan
        self._appended = [n for n, each in enumerate(overrides) if each.is_add()]
        self._numbers = {each.get_key_element(): n for n, each in enumerate(overrides)}

    def walk(self, tree: Any, above: Any = None) -> Iterator[Pull | None]:
        """Give one for each file, in the order in which Hydra makes a list of its tree."""
        for child in tree.children or [tree.node]:
            if hasattr(child, "children"):
                yield from self.walk(child, tree)
            elif not (child.is_deleted() or child.is_missing() or child.get_name() is None):
                is_own = child.is_self() or not tree.children
                entry, holder = (tree.node, above) if is_own else (child, tree)
                yield None if holder is None else self._pull(entry, holder.node)

    def _pull(self, entry: Any, parent: Any) -> Pull:
        key = entry.get_override_key()
        chosen = self._plan.override_metadata.get(key)
        if chosen is not None and self._is_overridden(entry, key):
            if chosen.external_override:
                return Pull(None, self._numbers[key])
            holder = chosen.containing_config_path
            return Pull(holder, self._overriding(holder, chosen.relative_key))
        for number, appended in zip(self._appended, self._plan.append_group_defaults, strict=True):
            if entry is appended or _holds(appended, entry):
                return Pull(None, number)
        path = parent.get_config_path()
        own = vars(entry).get(NUMBER)
        made_of = (n for n, each in self._entries(path) if _holds(each, entry))
        return Pull(path, next(made_of) if own is None else own)

    def _is_overridden(self, entry: Any, key: str) -> bool:
        """Whether an override chose an entry; a list of options makes a new entry of each."""
        if hasattr(entry, "config_name_overridden"):
            return bool(entry.config_name_overridden)
        options = self._plan.override_choices[key]
        return NUMBER not in vars(entry) and entry.get_name() in options

    def _overriding(self, config_path: str, key: str) -> int:
        """Find the entry that says `override`."""
        names = {
            n: (f"{each.group}@{each.package}", each.group)
            for n, each in self._entries(config_path)
            if each.is_override()
        }
        exact = [n for n, (name, _) in names.items() if name == key]
        return (exact or [n for n, (_, group) in names.items() if group == key])[0]

    def _entries(self, config_path: str) -> list[tuple[int, Any]]:
        loaded = self._repository.load_config(config_path)
        return list(enumerate((loaded and loaded.defaults_list) or ()))


def _holds(choice: Any, entry: Any) -> bool:
    """Whether an entry was made of one of the options that another one lists."""
    return (
        hasattr(choice, "is_options")
        and choice.is_options()
        and entry.package == choice.package
        and getattr(entry, "path", None) in [f"{choice.group}/{o}" for o in choice.get_options()]
    )
