"""How large, deep and wide untrusted YAML and overrides may be.

An alias bomb of 430 bytes keeps OmegaConf busy for minutes, and 20 kB of override the grammar for
seconds; so sizes are counted on the stream of YAML events and on the bare text, before any tree is
built. Deep nesting is refused there as well: it ends the recursion of the parsers behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from brevetti_hydra.config.tree.origins import Node
from brevetti_hydra.errors import OverBudgetError, Place, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

__all__ = [
    "Budget",
    "check_override",
    "check_trees",
    "check_yaml",
    "over_references",
    "too_many_files",
    "too_many_groups",
]


class Budget(NamedTuple):
    """The limits; `[tool.brevetti_hydra.budget]` of pyproject.toml sets others.

    Attributes:
        yaml_bytes: Size of one YAML file.
        depth: Nesting of mappings and lists, in YAML and in overrides.
        nodes: Scalars, lists and mappings of one file, each alias counted in full.
        override_bytes: Size of one override.
        references: Characters of texts with interpolations, each text as often as it is resolved.
        files: Files that defaults lists name, each as often as it is named.
        groups: Folders on the search path, sub-folders included, where all of them are listed.
    """

    yaml_bytes: int = 1 << 20
    depth: int = 64
    nodes: int = 20_000
    override_bytes: int = 8_000
    references: int = 30_000
    files: int = 1_000
    groups: int = 1_000

    @classmethod
    def of(cls, table: Mapping[str, Any], label: str) -> Budget:
        """Read the table of pyproject.toml.

        Raises:
            UsageError: A key is unknown or a value is no positive integer.
        """
        for key, value in table.items():
            # `type`, as a bool is an int to isinstance.
            if key not in cls._fields or type(value) is not int or value < 1:
                raise UsageError(
                    f"'{key} = {value}' is no limit of the configuration budget",
                    where=Place(label),
                    notes=[f"limits are positive integers: {', '.join(cls._fields)}"],
                )
        return cls(**table)


def check_yaml(text: str, label: str, budget: Budget) -> None:  # noqa: C901 - one walk
    """Refuse a YAML text that is over the budget.

    Raises:
        OverBudgetError: It is too large, too deep or, with its aliases expanded, too wide.
        yaml.YAMLError: It is no YAML.
    """
    size_bytes = len(text.encode())
    if size_bytes > budget.yaml_bytes:
        raise _over(label, f"{size_bytes:,} bytes", f"{budget.yaml_bytes:,} bytes", "yaml_bytes")
    # The open collections, innermost last: [anchor, nodes so far, levels below it so far].
    stack: list[list[Any]] = [[None, 0, 0]]
    anchored: dict[str, tuple[int, int]] = {}
    for event in yaml.parse(text, Loader=_EventLoader):
        place = f"{label}:{event.start_mark.line + 1}" if event.start_mark else label
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append([event.anchor, 1, 1])
            if len(stack) - 1 > budget.depth:
                raise _over(place, f"deeper than {budget.depth} levels", f"{budget.depth}", "depth")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, count, height = stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchored:
                raise _unknown_alias(event, place, stack)
            anchor, (count, height) = None, anchored[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            anchor, count, height = event.anchor, 1, 0
        else:
            continue
        if anchor is not None:
            anchored[anchor] = (count, height)
        stack[-1][1] += count
        stack[-1][2] = max(stack[-1][2], height + 1)
        if len(stack) - 1 + height > budget.depth:
            raise _over(place, f"deeper than {budget.depth} levels", f"{budget.depth}", "depth")
        if stack[-1][1] > budget.nodes:
            found = f"more than {budget.nodes:,} nodes, aliases counted in full"
            raise _over(label, found, f"{budget.nodes:,} nodes", "nodes")


def check_override(text: str, label: str, budget: Budget) -> None:
    """Refuse an override that is over the budget.

    Raises:
        OverBudgetError: It is too long or nested too deep.
    """
    size_bytes = len(text.encode(errors="surrogatepass"))
    if size_bytes > budget.override_bytes:
        found = f"{size_bytes:,} bytes"
        raise _over(label, found, f"{budget.override_bytes:,} bytes", "override_bytes")
    # A key of many parts is as deep as a value in as many brackets.
    depth = _QUOTED.sub("", text.partition("=")[0]).count(".")
    if depth > budget.depth:
        raise _over(label, f"deeper than {budget.depth} levels", f"{budget.depth} levels", "depth")
    for character in text:
        if character in "[{(":
            depth += 1
            if depth > budget.depth:
                found = f"deeper than {budget.depth} levels"
                raise _over(label, found, f"{budget.depth} levels", "depth")
        elif character in "]})":
            depth -= 1


def check_trees(trees: Iterable[tuple[str, Node, int]], budget: Budget) -> None:
    """Refuse files that are over the budget together: one may take part a thousand times.

    Args:
        trees: Of each file its label, its tree, and how many keys lie above that.
        budget: The limits.

    Raises:
        OverBudgetError: They are too deep, or hold too much.
    """
    count = 0
    sizes: dict[int, tuple[int, int]] = {}
    for label, tree, above in trees:
        if id(tree) not in sizes:
            sizes[id(tree)] = _measured(tree)
        nodes, height = sizes[id(tree)]
        count += nodes + above
        if count > budget.nodes:
            found = f"more than {budget.nodes:,} nodes in all files"
            raise _over(label, found, f"{budget.nodes:,} nodes", "nodes")
        if height + above > budget.depth:
            found = f"deeper than {budget.depth} levels, its package counted"
            raise _over(label, found, f"{budget.depth} levels", "depth")


def _measured(tree: Node) -> tuple[int, int]:
    """Count the nodes of a tree, and its levels."""
    count, height = 0, 0
    level: list[Any] = [tree]
    while level:
        count += len(level)
        height += 1
        level = [below for node in level for below in _below(node)]
    return count, height - 1


def _below(node: Any) -> Iterable[Any]:
    if isinstance(node, Node):
        return node.children.values() if node.children is not None else _below(node.value)
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def too_many_files(budget: Budget) -> OverBudgetError:
    """Give the error of defaults lists that name each other again and again."""
    found = f"the defaults lists name more than {budget.files:,} files"
    return _over("the defaults lists", found, f"{budget.files:,} files", "files")


def too_many_groups(label: str, budget: Budget) -> OverBudgetError:
    """Give the error of a search path that leads over half a disk, or back into itself."""
    found = f"more than {budget.groups:,} groups on the search path"
    return _over(label, found, f"{budget.groups:,} groups", "groups")


def over_references(key: str, where: Place, budget: Budget) -> OverBudgetError:
    """Give the error of interpolations that lead to each other too often."""
    return OverBudgetError(
        f"the configuration is over its budget: '{key}' takes too long to resolve",
        where=where,
        notes=[f"at most {budget.references:,} characters of interpolations are read"],
        hint="refer to fewer keys, or set 'references' in [tool.brevetti_hydra.budget] of "
        "pyproject.toml",
    )


def _unknown_alias(event: Any, place: str, stack: list[list[Any]]) -> Exception:
    if any(anchor == event.anchor for anchor, _, _ in stack):
        return OverBudgetError(
            f"'*{event.anchor}' stands inside of itself, and so never ends",
            where=Place(place),
            hint="write out what is meant in its place",
        )
    problem = f"'*{event.anchor}' refers to no anchor above it"
    return yaml.composer.ComposerError(None, None, problem, event.start_mark)


def _over(label: str, found: str, allowed: str, key: str) -> OverBudgetError:
    return OverBudgetError(
        f"the configuration is over its budget: {found}",
        where=Place(label),
        notes=[f"at most {allowed}"],
        hint=f"make it smaller, or set '{key}' in [tool.brevetti_hydra.budget] of pyproject.toml",
    )


# libyaml where PyYAML was built with it: ten times faster on the same events.
_EventLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
