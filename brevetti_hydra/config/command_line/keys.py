"""Keys of settings as texts: `a.b['any text']`."""

from __future__ import annotations

import re

__all__ = ["split_text"]

_KEY_PART = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\")\]|([^.\[\]]+)|(\[)")


def split_text(key: str) -> tuple[str, ...] | None:
    """Split a key at its dots and quoted brackets; None where it is not well-formed."""
    parts: list[str] = []
    position = 0
    while position < len(key):
        found = _KEY_PART.match(key, position)
        if found is None or found.group(4):
            return None
        parts.append(next(group for group in found.groups() if group is not None))
        position = found.end()
        if position < len(key) and key[position] == ".":
            position += 1
            if position == len(key):
                return None
    return tuple(parts) or None
