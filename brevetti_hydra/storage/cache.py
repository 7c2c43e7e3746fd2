"""Where copies lie that all runs on a machine share."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Give the cache folder, which need not exist.

    Args:
        given: What the user named; default: BREVETTI_AI_CACHE, else `brevetti_hydra` in the user's
            cache folder.
    """
    chosen = given or os.environ.get("BREVETTI_AI_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG rule: a relative path there counts as none.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "brevetti_hydra"
