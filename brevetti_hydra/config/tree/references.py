"""References to a key that changes: `${old}` and `${old.sub}` can follow it, others cannot."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.tree.origins import Node, Origin, Path, dotted, walk
from brevetti_hydra.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["References"]

# The innermost `${...}`; with a backslash before it, it is text.
_INNERMOST = re.compile(r"(?<!\\)\$\{([^${}]*)\}")
_LIVE = re.compile(r"(?<!\\)\$\{")
_PARTS = re.compile(r"[^.\[\]'\"\s]+")
# Resolvers whose first argument names a key.
_BY_NAME = ("oc.select", "oc.dict.keys", "oc.dict.values", "oc.deprecated")


class _Reference(NamedTuple):
    """One reference in a text.

    Attributes:
        path: The key to which it leads, from the root; `*` where that is put together.
        is_absolute: Whether it is `${a.b}`, which alone can be written anew.
    """

    path: Path
    is_absolute: bool


class References:
    """Everything in a tree that refers to one key, or to what is below it.

    It is gathered before the key moves.

    Attributes:
        problems: The references that cannot follow.
    """

    def __init__(self, tree: Node, old: Path) -> None:
        self.problems: list[MigrationError] = []
        self._old = old
        self._nodes: list[tuple[Path, Node, bool]] = []
        for path, node in walk(tree):
            found = list(_references(node.value, path))
            aimed = [each for each in found if self._leads_here(each.path)]
            if aimed:
                # `${optim}` means all of it, of which a part would be elsewhere.
                can_follow = all(e.is_absolute and len(e.path) >= len(old) for e in aimed)
                self._nodes.append((path, node, can_follow))

    def refuse(self) -> None:
        """Refuse references, outside of it, to a key whose value changes, or that is gone."""
        for path, node, _ in self._nodes:
            if path[: len(self._old)] != self._old:
                name = dotted(self._old)
                self.problems.append(
                    MigrationError(
                        f"'{dotted(path)}' refers to '{name}', which does not stay as it is",
                        where=node.origin.place(),
                        hint="write the value itself in the place of the reference",
                    )
                )

    def refuse_leaving(self, moved: Node) -> None:
        """Refuse relative references in what moves that would lead elsewhere from there."""
        for path, node in walk(moved, self._old):
            for each in _references(node.value, path):
                if not each.is_absolute and each.path[: len(self._old)] != self._old:
                    self.problems.append(_undecidable(path, node, self._old))

    def rewrite(self, new: Path) -> Origin | None:
        """Let absolute references follow the key, and refuse others.

        Returns:
            Where the first of them stands, or None where there is none.
        """
        first: Origin | None = None
        for path, node, is_absolute in self._nodes:
            is_inside = path[: len(self._old)] == self._old
            if not is_absolute and not is_inside:
                self.problems.append(_undecidable(path, node, self._old))
                continue
            changed = _mapped(node.value, lambda text: self._written_anew(text, new))
            if changed != node.value:
                node.value = changed
                first = first or node.origin
        return first

    def _leads_here(self, path: Path) -> bool:
        if not any("*" in part for part in path):
            shortest = min(len(path), len(self._old))
            return bool(path) and path[:shortest] == self._old[:shortest]
        wanted = self._old[: len(path)]
        return all(fnmatchcase(key, pattern) for key, pattern in zip(wanted, path, strict=False))

    def _written_anew(self, text: str, new: Path) -> str:
        def replaced(found: re.Match[str]) -> str:
            content = found[1].strip()
            if ":" in content or content.startswith("."):
                return found[0]
            keys = tuple(_PARTS.findall(content))
            if keys[: len(self._old)] != self._old:
                return found[0]
            return f"${{{_spelled((*new, *keys[len(self._old) :]))}}}"

        return _INNERMOST.sub(replaced, text)


def _undecidable(path: Path, node: Node, old: Path) -> MigrationError:
    return MigrationError(
        f"a reference in '{dotted(path)}' cannot follow '{dotted(old)}'",
        where=node.origin.place(),
        notes=["only absolute references, ${a.b}, are written anew"],
        hint="write it as an absolute reference, or mend it by hand",
    )


def _references(value: Any, path: Path) -> Iterator[_Reference]:
    for text in _texts(value):
        rest = text
        while found := _INNERMOST.search(rest):
            yield from _read(found[1].strip(), path)
            # What is put together from another reference may be anything.
            rest = f"{rest[: found.start()]}*{rest[found.end() :]}"


def _read(content: str, path: Path) -> Iterator[_Reference]:
    name, colon, arguments = content.partition(":")
    if colon:
        if name.strip() not in _BY_NAME and "*" not in name:
            return
        content = arguments.partition(",")[0].strip()
        yield _Reference(_absolute(content, path), is_absolute=False)
        return
    is_plain = not content.startswith(".") and "*" not in content
    yield _Reference(_absolute(content, path), is_absolute=is_plain)


def _absolute(content: str, path: Path) -> Path:
    """Read where a reference leads; one leading dot means the mapping in which it stands."""
    dots = len(content) - len(content.lstrip("."))
    base = path[: max(len(path) - dots, 0)] if dots else ()
    return (*base, *_PARTS.findall(content[dots:]))


def _spelled(path: Path) -> str:
    text = path[0]
    for key in path[1:]:
        text += f".{key}" if re.fullmatch(r"[\w$/@-]+", key) else f"['{key}']"
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str) and _LIVE.search(value):
        yield value


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    return change(value) if isinstance(value, str) else value
