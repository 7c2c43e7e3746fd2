"""What people add to a run afterwards: tags, a note; and its removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["remove_run", "set_note", "set_tags"]


def set_tags(folder: RunFolder, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> RunRecord:
    """Add tags to a run's record and take others away."""
    raise NotImplementedError


def set_note(folder: RunFolder, note: str | None) -> RunRecord:
    """Set a run's note, or remove it with None."""
    raise NotImplementedError


def remove_run(folder: RunFolder) -> None:
    """Remove a run's folder with everything in it."""
    raise NotImplementedError
