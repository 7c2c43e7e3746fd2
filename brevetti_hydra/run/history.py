"""Runs that were: find one, list them, read what they left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.record import RunRecord, Snapshot
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["find_run", "list_runs", "read_record", "read_snapshot"]


def find_run(text: str, root: Path) -> RunFolder:
    """Find the run that a person means: an id, a unique beginning of it, a path, or `last`."""
    raise NotImplementedError


def list_runs(root: Path, *, clock: Clock = SYSTEM_CLOCK) -> list[RunRecord]:
    """List all runs below a folder, newest first."""
    raise NotImplementedError


def read_record(folder: RunFolder | str | os.PathLike[str], *, clock: Clock = SYSTEM_CLOCK) -> RunRecord:
    """Read a run's record, completed from its journal."""
    raise NotImplementedError


def read_snapshot(folder: RunFolder) -> Snapshot:
    """Read all inputs of a run."""
    raise NotImplementedError
