"""What is asked of one line, where the line is that of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.config import Request

__all__ = ["first_point"]


def first_point(request: Request, folder: Path) -> Request:
    """Take the first point of a sweep, with what the line says of the sweep itself.

    Raises:
        ConfigError: What varies cannot be read.
    """
    if not request.flags.multirun:
        return request
    # Imported here: single runs need nothing of sweeps.
    from brevetti_hydra.config.opened import Opened
    from brevetti_hydra.sweep.planning.head import first_line

    return first_line(request, Opened(request, folder))
