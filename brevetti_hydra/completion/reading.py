"""What a YAML file says at first sight: its package, its defaults, its keys.

Read line by line, because a YAML parser costs more than the rest of a query. Block mappings of
plain values are understood; what else YAML knows is passed over, never misread as a key: completion
may offer less, a run reads the file properly.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["Reading", "read_yaml"]

# package: of the `# @package` header, or None; defaults: [group or
# None, option, whether it overrides]; tree: keys with their plain values as texts.
Reading = dict[str, Any]

_PACKAGE = re.compile(r"#\s*@package\s+(\S+)")
_KEY = re.compile(
    r"""(?P<indent>[ ]*)
        (?: '(?P<single>(?:[^']|'')*)' | "(?P<double>[^"\\]*)" | (?P<plain>[^\s'"#\[\]{},&*!|>%@`?-]
            (?:[^:#]|:(?=\S)|(?<=\S)\#)*?) )
        \s* : (?:\s+(?P<value>.*))? $""",
    re.VERBOSE,
)
_ENTRY = re.compile(
    r"""\s*-\s+(?:(?P<override>override)\s+)?
        (?:(?P<group>/?[\w/.-]+)(?:@(?P<package>[\w.]+))?\s*:\s+)?(?P<option>[^\s\[{]\S*)\s*$""",
    re.VERBOSE,
)


def read_yaml(text: str) -> Reading:
    """Read what can be seen without a parser."""
    lines = text.splitlines()
    package = next((found[1] for line in lines if (found := _PACKAGE.match(line.strip()))), None)
    tree = _Tree()
    for line in lines:
        tree.take(line)
    return {
        "package": package,
        "defaults": _defaults(lines),
        "tree": tree.root,
    }


def _defaults(lines: list[str]) -> list[list[Any]]:
    found: list[list[Any]] = []
    is_inside = False
    for line in lines:
        bare = _without_comment(line)
        if bare.startswith("defaults:"):
            is_inside = True
        elif is_inside and bare.strip():
            if not bare.lstrip().startswith("-"):
                break
            entry = _ENTRY.match(bare)
            if entry is not None:
                option = entry["option"].strip("'\"")
                group = entry["group"]
                is_override = entry["override"] is not None
                found.append([group, option, is_override, entry["package"]])
    return found


class _Tree:
    """Puts lines into nested mappings by their indentation."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        # The open mappings: indentation of their keys, and where they go.
        self._open: list[tuple[int, dict[str, Any]]] = [(0, self.root)]
        # Deeper lines than this belong to something that is passed over.
        self._skipped: int | None = None

    def take(self, line: str) -> None:
        bare = _without_comment(line)
        stripped = bare.strip()
        if not stripped or stripped in {"---", "..."}:
            return
        indent = len(bare) - len(bare.lstrip(" "))
        if self._skipped is not None:
            if indent > self._skipped or (indent == self._skipped and stripped.startswith("- ")):
                return
            self._skipped = None
        found = _KEY.match(bare)
        if found is None:
            self._skipped = indent
            return
        self._put(found, indent)

    def _put(self, found: re.Match[str], indent: int) -> None:
        while len(self._open) > 1 and indent < self._open[-1][0]:
            self._open.pop()
        known, mapping = self._open[-1]
        if indent != known:
            if mapping or indent < known:
                self._skipped = indent
                return
            self._open[-1] = (indent, mapping)
        if found["plain"] == "<<":
            self._skipped = indent
            return
        key = found["plain"] or found["double"] or (found["single"] or "").replace("''", "'")
        value = (found["value"] or "").strip()
        if not value or (value[:1] == "&" and " " not in value):
            inner: dict[str, Any] = {}
            mapping[key.strip()] = inner
            # Its keys stand deeper by whatever the next line says.
            self._open.append((indent + 1, inner))
            return
        mapping[key.strip()] = _plain(value)
        self._skipped = indent


def _plain(value: str) -> str | None:
    """Give a value as text; None where it is more than one plain text."""
    if value[:1] in "'\"":
        is_whole = len(value) > 1 and value[-1] == value[0]
        inner = value[1:-1]
        return inner if is_whole and value[0] not in inner and "\\" not in inner else None
    return None if value[:1] in "[{&*!|>%@`" else value


def _without_comment(line: str) -> str:
    """Cut a comment off; a `#` in quotes stays."""
    if "#" not in line:
        return line.rstrip()
    quote = ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (index == 0 or line[index - 1] in " \t"):
            return line[:index].rstrip()
    return line.rstrip()
