"""Keys of settings as texts: `a.b['any text']`, `boxes[0].hidden`."""

from __future__ import annotations

import re

__all__ = ["split_indexed", "split_text"]

_PART = re.compile(r"\[(\d+)\]|\[(?:'([^']*)'|\"([^\"]*)\")\]|([^.\[\]]+)")


def split_text(key: str) -> tuple[str, ...] | None:
    """Split a key at its dots and quoted brackets; None where it is not well-formed."""
    parts = split_indexed(key) or ()
    names = tuple(part for part in parts if isinstance(part, str))
    return names if names and len(names) == len(parts) else None


def split_indexed(key: str) -> tuple[str | int, ...] | None:
    """Split a key as `split_text`; `[0]` is an index of a list."""
    parts: list[str | int] = []
    position = 0
    while position < len(key):
        found = _PART.match(key, position)
        if found is None:
            return None
        index, *texts = found.groups()
        text = next((text for text in texts if text is not None), "")
        parts.append(text if index is None else int(index))
        position = found.end()
        if position < len(key) and key[position] == ".":
            position += 1
            if position == len(key):
                return None
    return tuple(parts) or None
