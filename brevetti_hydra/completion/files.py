"""Files and folders as candidates."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brevetti_hydra.completion.candidate import Candidate

if TYPE_CHECKING:
    from brevetti_hydra.completion.candidate import Place

__all__ = ["path_candidates"]


def path_candidates(
    before: str, typed: str, place: Place, *, folders_only: bool = False
) -> list[Candidate]:
    """Give the files that a path may go on to, folders with a slash at their end.

    Args:
        before: What stands before the path in its word, `run.root=`.
        typed: The beginning of the path; `~` is the home folder and stays as it is.
        place: Where the line is typed.
        folders_only: Leave files out.
    """
    head, slash, tail = typed.rpartition("/")
    try:
        names = _names(os.path.join(place.folder, os.path.expanduser(head + slash)))
    except (OSError, ValueError):
        return []
    return [
        Candidate(f"{before}{head}{slash}{name}{'/' if is_folder else ''}", "", is_folder)
        for name, is_folder in names
        if name.startswith(tail) and (tail or not name.startswith("."))
        if is_folder or not folders_only
    ]


def _names(folder: str) -> list[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        return sorted((entry.name, _is_folder(entry)) for entry in entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
