"""How folders are shown on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

__all__ = ["printable"]


def printable(path: str | os.PathLike[str]) -> str:
    """Write a path relative to the working directory where it lies in it."""
    try:
        relative = Path(path).absolute().relative_to(Path.cwd())
    except (ValueError, OSError):
        return str(path)
    return str(relative)
