"""Recorded runs as candidates, from the names of their folders."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.completion.candidate import Candidate

if TYPE_CHECKING:
    from brevetti_hydra.completion.candidate import Place

__all__ = ["run_candidates", "tag_candidates"]

# The form that `run.folders.RunFolder.named` gives them; a test compares.
_FOLDER = re.compile(r"(\d{8}T\d{6})Z-(.+)-([0-9a-f]{10})", re.DOTALL)
# More than this is no choice; what is typed narrows it.
_MOST_RUNS = 200
_MOST_BYTES = 5_000_000
_SPANS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


class _Run(NamedTuple):
    """A run as its folder's name tells it."""

    folder: str
    stamp: str
    job: str
    short_id: str


def run_candidates(typed: str, root: str | None, place: Place) -> list[Candidate]:
    """Give the ids of runs, newest first, and `last` before them.

    Args:
        typed: What stands there already.
        root: What `--root` says.
        place: Where the line is typed.
    """
    runs = sorted(_runs(root, place), key=lambda run: run.stamp, reverse=True)
    if not runs:
        return []
    found = [Candidate("last", f"the newest: {_about(runs[0], place.now)}")]
    fitting = [run for run in runs if run.short_id.startswith(typed)]
    found += [Candidate(run.short_id, _about(run, place.now)) for run in fitting[:_MOST_RUNS]]
    return found


def tag_candidates(run: str, root: str | None, place: Place) -> list[Candidate]:
    """Give `-TAG` for each tag that a run has."""
    runs = sorted(_runs(root, place), key=lambda each: each.stamp, reverse=True)
    meant = runs if run == "last" else [each for each in runs if each.short_id.startswith(run)]
    if not meant or not run:
        return []
    try:
        with open(os.path.join(meant[0].folder, "record.json"), "rb") as stream:
            record = json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    tags = record.get("tags") if isinstance(record, dict) else None
    listed = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return [Candidate(f"-{tag}", "take this tag away") for tag in listed]


def _runs(root: str | None, place: Place) -> list[_Run]:
    chosen = root or place.environ.get("BREVETTI_HYDRA_RUNS") or "runs"
    folder = os.path.join(place.folder, os.path.expanduser(chosen))
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return []
    return [
        _Run(os.path.join(folder, name), found[1], found[2], found[3])
        for name in names
        if (found := _FOLDER.fullmatch(name))
    ]


def _about(run: _Run, now: float) -> str:
    # Imported here: most queries list no runs.
    from datetime import UTC, datetime

    try:
        created = datetime.strptime(run.stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        age_s = max(0, int(now - created.timestamp()))
    except ValueError:
        return run.job
    size, unit = next((each for each in _SPANS if age_s >= each[0]), _SPANS[-1])
    return f"{age_s // size}{unit} ago  {run.job}"
