"""Runs that were: find one, list them, read what they left."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra._text import error_text, plural, similar_name
from brevetti_hydra.errors import (
    AmbiguousRunError,
    RecordUnreadableError,
    RunNotFoundError,
)
from brevetti_hydra.run.folders import RunFolder, short_id_of
from brevetti_hydra.run.settling import load_record, load_snapshot, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.record import RunRecord, Snapshot

__all__ = ["find_run", "list_folders", "list_runs", "read_record", "read_snapshot"]

_LAST = "last"
_MOST_SHOWN = 5


def find_run(text: str, root: Path) -> RunFolder:
    """Find the run that a person means.

    Args:
        text: The run's id, a unique beginning of it, the name of its folder or a beginning of
            that, a path, or `last`.
        root: The folder of all runs.

    Returns:
        Its folder; the storage space is the one that the record names.

    Raises:
        RunNotFoundError: There is no such run.
        AmbiguousRunError: Several runs begin like that.
    """
    folder = _folder_at(text)
    if folder is None:
        folder = _choose(text.strip(), root)
    return _with_storage(folder)


def _folder_at(text: str) -> RunFolder | None:
    """Take the text for a path, if it is one of a run."""
    if not text or text in {_LAST, os.curdir, os.pardir} or "\0" in text:
        return None
    path = Path(os.path.abspath(text))  # noqa: PTH100 - links stay
    if path.name in {"record.json", "journal.jsonl"}:
        path = path.parent
    is_run = (path / "record.json").is_file() or (path / "journal.jsonl").is_file()
    # Of a run that has lost both, the name tells what it was.
    is_left = os.sep in text and short_id_of(path.name) is not None and path.is_dir()
    return RunFolder(path) if is_run or is_left else None


def _choose(text: str, root: Path) -> RunFolder:
    names = list_folders(root)
    if text == _LAST and names:
        return _newest(names, root)
    digits = text.replace("-", "").lower()
    found = [name for name in names if _is_meant(name, text, digits, root)] if text else []
    if len(found) == 1:
        return RunFolder(root / found[0])
    if found:
        raise AmbiguousRunError(
            f"{plural(len(found), 'run')} begin with '{text}'",
            notes=[*found[:_MOST_SHOWN], *_and_more(found)],
            hint="give more of the id",
        )
    raise _not_found(text, names, root)


def _newest(names: list[str], root: Path) -> RunFolder:
    """Choose the run that was created last; folders of one second are told apart by record."""
    same_second = [name for name in names if name[:16] == names[0][:16]]
    folders = [RunFolder(root / name) for name in same_second]
    return max(folders, key=_created) if len(folders) > 1 else folders[0]


def _created(folder: RunFolder) -> str:
    try:
        return load_record(folder)[1].created
    except (RecordUnreadableError, RunNotFoundError):
        return ""


def _is_meant(name: str, text: str, digits: str, root: Path) -> bool:
    short = short_id_of(name) or ""
    if name.startswith(text):
        return True
    if not digits:
        return False  # '-' is the beginning of nothing
    if short.startswith(digits):
        return True
    # More of the id than the folder's name has: the record knows the rest.
    return digits.startswith(short) and _run_id(RunFolder(root / name)).startswith(digits)


def _run_id(folder: RunFolder) -> str:
    try:
        return load_record(folder)[1].run_id.replace("-", "")
    except (RecordUnreadableError, RunNotFoundError):
        return ""


def _and_more(found: list[str]) -> list[str]:
    left = len(found) - _MOST_SHOWN
    return [f"and {left} more"] if left > 0 else []


def _not_found(text: str, names: list[str], root: Path) -> RunNotFoundError:
    if not names:
        return RunNotFoundError(
            f"no run '{text}'",
            notes=[f"there are no runs in '{root}'"],
            hint="give the folder of all runs with --root DIR, or set BREVETTI_HYDRA_RUNS",
        )
    similar = similar_name(text, [short_id_of(name) or name for name in names[:1000]])
    notes = [f"'{root}' holds {plural(len(names), 'run')}, the last ones:", *names[:_MOST_SHOWN]]
    hint = f"a similar id exists: '{similar}'" if similar else "list them with: brevetti-hydra runs"
    return RunNotFoundError(f"no run '{text}'", notes=notes, hint=hint)


def _with_storage(folder: RunFolder) -> RunFolder:
    try:
        return folder.at_storage(load_record(folder)[1].storage)
    except (RecordUnreadableError, RunNotFoundError):
        return folder  # whoever reads its record gets the error


def list_folders(root: Path) -> list[str]:
    """List the names of the runs' folders, newest first; a missing folder holds none."""
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if short_id_of(entry.name)]
    except OSError:
        return []
    names.sort(reverse=True)
    return names


def list_runs(
    root: Path,
    *,
    clock: Clock = SYSTEM_CLOCK,
    on_damage: Callable[[RunFolder, RecordUnreadableError], None] | None = None,
) -> list[RunRecord]:
    """List all runs in a folder, newest first; runs whose process is gone are sealed as lost.

    Args:
        root: The folder of all runs.
        clock: Tells the time.
        on_damage: Told of each run whose record cannot be read; the list goes on without it.
    """
    # The collector finds nothing in 10,000 records, and takes a third of the time to look at them.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return _list_runs(root, clock, on_damage)
    finally:
        if is_collecting:
            gc.enable()


def _list_runs(
    root: Path,
    clock: Clock,
    on_damage: Callable[[RunFolder, RecordUnreadableError], None] | None,
) -> list[RunRecord]:
    records: list[RunRecord] = []
    for name in list_folders(root):
        folder = RunFolder(root / name)
        try:
            records.append(settle(folder, clock=clock))
        except RunNotFoundError:
            continue  # its process is making it, or died while it did
        except Exception as error:  # noqa: BLE001 - one bad folder must not hide all other runs
            if on_damage is not None:
                on_damage(folder, _damage(folder, error))
    records.sort(key=lambda record: record.created, reverse=True)
    return records


def _damage(folder: RunFolder, error: Exception) -> RecordUnreadableError:
    if isinstance(error, RecordUnreadableError):
        return error
    note = f"{type(error).__name__}: {error_text(error)}"
    return RecordUnreadableError(f"cannot read the run in '{folder.root}'", notes=[note[:300]])


def read_record(
    folder: RunFolder | str | os.PathLike[str], *, clock: Clock = SYSTEM_CLOCK
) -> RunRecord:
    """Read a run's record as it is now; a run whose process is gone is sealed as lost.

    Raises:
        RunNotFoundError: There is no run in the folder.
        RecordUnreadableError: Its record or journal is damaged, or of another format.
    """
    return settle(folder if isinstance(folder, RunFolder) else RunFolder(folder), clock=clock)


def read_snapshot(folder: RunFolder | str | os.PathLike[str]) -> Snapshot:
    """Read all inputs of a run.

    Raises:
        RecordUnreadableError: They are missing, damaged, or of another format.
    """
    return load_snapshot(folder if isinstance(folder, RunFolder) else RunFolder(folder))
