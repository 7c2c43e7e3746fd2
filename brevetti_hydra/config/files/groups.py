"""The groups of a search path, and the options of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._text import first_comment
from brevetti_hydra.config import _hydra
from brevetti_hydra.config.tree.budget import too_many_groups
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    from brevetti_hydra.config.files.search import SearchPath

__all__ = ["Group", "Option", "group_names", "list_groups"]


class Option(NamedTuple):
    """One option of a group: its name, first comment line, and file."""

    name: str
    summary: str
    label: str


class Group(NamedTuple):
    """A group and its options."""

    name: str
    options: tuple[Option, ...]


def list_groups(search: SearchPath) -> list[Group]:
    """Give every group with its options, sorted.

    Raises:
        OverBudgetError: The search path has more groups than the budget allows.
    """
    groups = []
    for name in group_names(search):
        options = search.repository.get_group_options(name)
        groups.append(Group(name, tuple(_option(search, name, option) for option in options)))
    return [group for group in groups if group.options]


def group_names(search: SearchPath) -> list[str]:
    """Name every group, those without options too, sorted.

    Raises:
        OverBudgetError: There are more than the budget allows; links that lead in a circle make
            groups without end.
    """
    names: set[str] = set()
    pending = [""]
    while pending:
        parent = pending.pop()
        for source in search.repository.get_sources():
            for name in source.list(parent, _hydra.ObjectType.GROUP):
                full = f"{parent}/{name}" if parent else name
                if full not in names:
                    names.add(full)
                    pending.append(full)
                if len(names) > search.budget.groups:
                    raise too_many_groups(source.path, search.budget)
    return sorted(names)


def _option(search: SearchPath, group: str, name: str) -> Option:
    try:
        document = search.document(f"{group}/{name}")
    except BrevettiHydraError as error:
        return Option(name, f"(cannot be read: {error.message})", "")
    return Option(name, first_comment(document.text), document.label)
