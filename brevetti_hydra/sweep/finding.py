"""Sweeps that were: find the one that a person means, list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.run.history import find_sweep_folder, list_sweeps
from brevetti_hydra.sweep.folders import SweepFolder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find_sweep", "sweep_folders"]


def find_sweep(text: str, root: Path) -> SweepFolder:
    """Find the sweep that a person means.

    Args:
        text: The sweep's id, a unique beginning of it, the name of its folder or a beginning of
            that, a path, or `last`.
        root: The folder of all runs.

    Raises:
        SweepNotFoundError: There is no such sweep.
        AmbiguousRunError: Several sweeps begin like that.
    """
    return SweepFolder(find_sweep_folder(text, root))


def sweep_folders(root: Path) -> list[SweepFolder]:
    """Give the folders of all sweeps whose plan is whole, newest first."""
    folders = [SweepFolder(root / name) for name in list_sweeps(root)]
    return [folder for folder in folders if folder.record.is_file()]
