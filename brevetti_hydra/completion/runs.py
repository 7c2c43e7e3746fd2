"""Recorded runs and sweeps as candidates, from the names of their folders."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.completion.candidate import Candidate

if TYPE_CHECKING:
    from brevetti_hydra.completion.candidate import Place

__all__ = ["run_candidates", "sweep_candidates", "tag_candidates"]

# The forms that `run.folders.RunFolder.named`, `sweep.folders.SweepFolder.named` and `trial_name`
# give them; a test compares.
_FOLDER = re.compile(r"(\d{8}T\d{6})Z-(.+)-([0-9a-f]{10})", re.DOTALL)
_SWEEP = re.compile(r"sweep-(\d{8}T\d{6})Z-(.+)-([0-9a-f]{10})", re.DOTALL)
_TRIAL = re.compile(r"(\d{5,})-(.+)-([0-9a-f]{10})", re.DOTALL)
# Each is a folder to be listed, for the ids of its trials.
_MOST_SWEEPS = 10
# So much of an id is typed before trials are looked for, of which there are thousands.
_FEWEST_DIGITS = 2
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
    """Give the ids of runs, newest first, and `last` before them; trials where an id is begun.

    Args:
        typed: What stands there already.
        root: What `--root` says.
        place: Where the line is typed.
    """
    found = _candidates(_found(_FOLDER, root, place), typed, place)
    if len(typed) >= _FEWEST_DIGITS:
        sweeps = _found(_SWEEP, root, place)[:_MOST_SWEEPS]
        trials = [trial for sweep in sweeps for trial in _trials(sweep, typed)]
        found += trials[: max(0, _MOST_RUNS - len(found))]
    return found


def sweep_candidates(typed: str, root: str | None, place: Place) -> list[Candidate]:
    """Give the ids of sweeps, newest first, and `last` before them; as `run_candidates`."""
    sweeps = [each._replace(job=f"sweep of {each.job}") for each in _found(_SWEEP, root, place)]
    return _candidates(sweeps, typed, place)


def _candidates(runs: list[_Run], typed: str, place: Place) -> list[Candidate]:
    if not runs:
        return []
    found = [Candidate("last", f"the newest: {_about(runs[0], place.now)}")]
    fitting = [run for run in runs if run.short_id.startswith(typed)]
    return found + [Candidate(run.short_id, _about(run, place.now)) for run in fitting[:_MOST_RUNS]]


def _trials(sweep: _Run, typed: str) -> list[Candidate]:
    try:
        names = sorted(os.listdir(sweep.folder))
    except OSError:
        return []
    matches = filter(None, map(_TRIAL.fullmatch, names))
    return [
        Candidate(match[3], f"trial {int(match[1])} of {sweep.short_id}  {match[2]}")
        for match in matches
        if match[3].startswith(typed)
    ]


def tag_candidates(run: str, root: str | None, place: Place) -> list[Candidate]:
    """Give `-TAG` for each tag that a run has."""
    runs = _found(_FOLDER, root, place)
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


def _found(form: re.Pattern[str], root: str | None, place: Place) -> list[_Run]:
    """Read the folders of a form, newest first."""
    chosen = root or place.environ.get("BREVETTI_HYDRA_RUNS") or "runs"
    folder = os.path.join(place.folder, os.path.expanduser(chosen))
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return []
    runs = [
        _Run(os.path.join(folder, name), found[1], found[2], found[3])
        for name in names
        if (found := form.fullmatch(name))
    ]
    return sorted(runs, key=lambda run: run.stamp, reverse=True)


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
