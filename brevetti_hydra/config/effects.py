"""Which overrides of a command line had no effect.

They are guessed from the tree, which knows who wrote each key; then the line is composed without
them, and only if that gives the same tree they count as such. Most lines have none, and pay for
one walk of the tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.config.compose import compose
from brevetti_hydra.config.files.defaults_lists import entries_of
from brevetti_hydra.config.models.defaults import fill_tree
from brevetti_hydra.config.models.job_shapes import RootShape, shape_at
from brevetti_hydra.config.tree.origins import Node, Origin, is_same, walk
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.models.fields import Shape

__all__ = ["LeftOut", "find_ineffective", "short_command"]

# Each try composes once more.
_MOST_TRIES = 8

_REPLACED = "a later one replaces it"
_TAKEN_AWAY = "a later one takes it away"
_SAME = "it is so without it"


class LeftOut(NamedTuple):
    """An override without effect.

    Attributes:
        argument: The override.
        reason: Why.
    """

    argument: Argument
    reason: str


def find_ineffective(composition: Composition, request: Request, base: type) -> list[LeftOut]:
    """Find the overrides without which the tree is the same.

    Args:
        composition: What the line was composed to.
        request: The line.
        base: The class that a job derives from.
    """
    guessed = _guess(composition)
    if not guessed or _tells_arguments(composition):
        return []
    if _is_same(composition, request, base, guessed):
        return guessed
    found: list[LeftOut] = []
    for each in reversed(guessed[-_MOST_TRIES:]):
        if _is_same(composition, request, base, [each, *found]):
            found.insert(0, each)
    return found


def short_command(
    command: Sequence[str], request: Request, left_out: Sequence[LeftOut]
) -> list[str]:
    """Give the words of a command line without those overrides; those of code are not on it.

    Args:
        command: The words of the process, which end with the request's.
        request: What was read.
        left_out: What to leave out.
    """
    if not request.word_count:
        return list(command)
    start = len(command) - request.word_count
    dropped: set[int] = set()
    for each in left_out:
        kind, _, number = _name(each.argument.origin).partition(" ")
        if kind == "argument":
            first = start + int(number) - 1
            dropped.update(range(first, first + len(each.argument.words)))
    return [word for position, word in enumerate(command) if position not in dropped]


def _name(origin: Origin) -> str:
    """Give `argument 2`: what stays when a key is brought to a newer name."""
    return origin.label.partition(":")[0]


def _guess(composition: Composition) -> list[LeftOut]:
    """Name what wins no key, or only keys that have the same value without it."""
    arguments = composition.arguments
    groups = dict(_superfluous_choices(composition))
    values = [a for a in arguments if a not in groups and not _is_choice(a, composition)]
    winners = _winners(composition) if values else {}
    guessed: list[LeftOut] = []
    for position, argument in enumerate(arguments):
        if argument in groups:
            guessed.append(LeftOut(argument, groups[argument]))
        elif argument in values and not winners.get(_name(argument.origin), False):
            reason = _SAME
            if _name(argument.origin) not in winners and argument.sign != "~":
                reason = _reason(argument, arguments[position + 1 :])
            guessed.append(LeftOut(argument, reason))
    return guessed


def _reason(argument: Argument, later: Sequence[Argument]) -> str:
    is_taken = any(
        each.sign == "~" and f"{argument.key}.".startswith(f"{each.key}.") for each in later
    )
    is_replaced = any(
        f"{argument.key}.".startswith(f"{each.key}.") or f"{each.key}.".startswith(argument.key)
        for each in later
    )
    return _TAKEN_AWAY if is_taken else _REPLACED if is_replaced else _SAME


def _is_choice(argument: Argument, composition: Composition) -> bool:
    group = argument.key.partition("@")[0]
    return argument.key in composition.choices or group in composition.choices


def _superfluous_choices(composition: Composition) -> Iterator[tuple[Argument, str]]:
    """Give choices that a later one replaces, and those that a defaults list makes anyway."""
    chosen: dict[str, Argument] = {}
    for argument in composition.arguments:
        if argument.sign == "~" or not _is_choice(argument, composition):
            continue
        if argument.key in chosen:
            yield chosen[argument.key], _REPLACED
        chosen[argument.key] = argument
    for key, argument in chosen.items():
        is_listed = any(
            entry.group == key and entry.options == (argument.value,)
            for document in composition.documents
            for entry in entries_of(document)
        )
        if is_listed:
            yield argument, _SAME


def _winners(composition: Composition) -> dict[str, bool]:
    """Tell of each argument that wins a key whether it changes what stands there."""
    found: dict[str, bool] = {}
    root = RootShape(composition.shapes)
    below: dict[bool, Node] = {}
    for path, node in walk(composition.written):
        if node.origin.kind != "argument":
            continue
        name = _name(node.origin)
        if found.get(name):
            continue
        covered = _written_beneath(node)
        if covered is None:
            holder = shape_at(root, path[:-1], composition.written)
            is_switch = holder is not None and holder.discriminator == path[-1]
            if is_switch not in below:
                below[is_switch] = _without_arguments(composition, has_switches=not is_switch)
            covered = below[is_switch].at(path)
        found[name] = covered is None or not is_same(covered.plain(), node.plain())
    return found


def _written_beneath(node: Node) -> Node | None:
    below = node.covered
    while below is not None and below.origin.kind == "argument":
        below = below.covered
    return below


def _without_arguments(composition: Composition, *, has_switches: bool) -> Node:
    """Give the tree as it were if only files, info.json and classes had written.

    Args:
        composition: What was composed.
        has_switches: Whether the variants of unions are still those that arguments chose.
    """
    root = RootShape(composition.shapes)
    tree = _kept(composition.written, root if has_switches else None)
    fill_tree(tree, composition.shapes)
    return tree


def _kept(node: Node, shape: Shape | None) -> Node:
    switch = shape.discriminator if shape is not None else None
    tag = (node.children or {}).get(switch or "")
    kept: dict[str, Node] = {}
    for key, child in (node.children or {}).items():
        is_own = child.origin.kind != "argument" or key == switch
        if child.children is None:
            inner = child
        else:
            inner = _kept(child, shape.at(key, tag.value if tag else None) if shape else None)
            # A mapping that only arguments opened, and only they have filled, is not there.
            is_own = is_own or bool(inner.children)
        if is_own:
            kept[key] = inner
    return Node(node.origin, children=kept)


def _tells_arguments(composition: Composition) -> bool:
    """Whether a value holds the arguments themselves, so that leaving one out changes it."""
    return any("override_dirname" in text for text in composition.resolution.texts.values())


def _is_same(
    composition: Composition, request: Request, base: type, left_out: Sequence[LeftOut]
) -> bool:
    gone = {_name(each.argument.origin) for each in left_out}
    kept = tuple(a for a in request.arguments if _name(a.origin) not in gone)
    try:
        other = compose(
            request._replace(arguments=kept),
            folder=composition.folder,
            base=base,
            job_class=composition.job_class,
            target=composition.target,
            info=composition.info,
        )
    except BrevettiHydraError:
        return False
    return (
        not other.problems
        and is_same(composition.resolution.values, other.resolution.values)
        and [each.label for each in composition.documents]
        == [each.label for each in other.documents]
        and composition.job_name == other.job_name
        and _is_same_tree(composition.filled, other.filled)
    )


def _is_same_tree(one: Node, other: Node) -> bool:
    if one.children is None or other.children is None:
        # A factory may give another default at each call.
        is_default = one.origin.kind == other.origin.kind == "default"
        is_one_field = is_default and one.origin.label == other.origin.label
        return is_one_field or is_same(one.plain(), other.plain())
    return one.children.keys() == other.children.keys() and all(
        _is_same_tree(child, other.children[key]) for key, child in one.children.items()
    )
