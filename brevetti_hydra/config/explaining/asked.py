"""Keys that somebody asks about: `model.hidden`, `weights['any text']`, `boxes[0].hidden`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brevetti_hydra.config.command_line.keys import split_indexed
from brevetti_hydra.config.safety.masks import masked_line
from brevetti_hydra.errors import OverrideSyntaxError

if TYPE_CHECKING:
    from brevetti_hydra.config.tree.origins import Path

__all__ = ["split_asked"]

_LIKE_AN_OVERRIDE = re.compile(r"([\w.]+):=?(\S*)")


def split_asked(key: str) -> tuple[Path, tuple[str | int, ...]]:
    """Split a key at its first index: into names, and what stands in a list.

    Raises:
        OverrideSyntaxError: It is no key.
    """
    parts = split_indexed(key)
    colon = _LIKE_AN_OVERRIDE.fullmatch(key)
    if colon is not None or parts is None or not isinstance(parts[0], str):
        raise _no_key(key, colon)
    first = next((n for n, part in enumerate(parts) if isinstance(part, int)), len(parts))
    return tuple(str(part) for part in parts[:first]), tuple(parts[first:])


def _no_key(key: str, colon: re.Match[str] | None) -> OverrideSyntaxError:
    hint = (
        "write nested keys with dots, those with special characters in quotes: weights['any text']"
    )
    if colon is not None:
        hint = masked_line(f"to set it write {colon[1]}={colon[2] or 'VALUE'}")
    elif re.search(r"\[-\d+\]", key):
        hint = "count elements from 0: layers[0]"
    return OverrideSyntaxError(f"'{masked_line(key)}' is no key", hint=hint)
