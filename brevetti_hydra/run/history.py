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
    SweepNotFoundError,
)
from brevetti_hydra.run.folders import SHORT_ID_DIGITS, RunFolder, short_id_of, sweep_id_of
from brevetti_hydra.run.settling import load_record, load_snapshot, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sized

    from brevetti_hydra.record import RunRecord, Snapshot

__all__ = [
    "find_run",
    "find_sweep_folder",
    "list_folders",
    "list_runs",
    "list_sweeps",
    "read_record",
    "read_snapshot",
]

_LAST = "last"
_MOST_SHOWN = 5


def find_run(text: str, root: Path) -> RunFolder:
    """Find the run that a person means.

    Args:
        text: The run's id, a unique beginning of it, the name of its folder or a beginning of
            that, a path, or `last`. Of a trial, also `SWEEP/NUMBER`.
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
    if text == _LAST and (newest := _newest(names, root)) is not None:
        return newest
    if (trial := _numbered(text, root)) is not None:
        return trial
    digits = text.replace("-", "").lower()
    found = [root / name for name in names if _is_meant(name, text, digits, root)] if text else []
    # A whole id is nobody else's: no need to look into every sweep.
    if not (found and len(digits) >= SHORT_ID_DIGITS):
        found += _meant_trials(text, digits, root)
    if len(found) == 1:
        return RunFolder(found[0])
    if found:
        raise AmbiguousRunError(
            f"{plural(len(found), 'run')} begin with '{text}'",
            notes=[*(path.name for path in found[:_MOST_SHOWN]), *_and_more(found)],
            hint="give more of the id",
        )
    raise _not_found(text, names, root)


def _numbered(text: str, root: Path) -> RunFolder | None:
    """Read `SWEEP/7`: a trial by its number."""
    head, _, number = text.rpartition("/")
    if not head or not (number.isascii() and number.isdecimal()):
        return None
    sweep = find_sweep_folder(head, root)
    found = [name for name in list_folders(sweep) if name.startswith(f"{int(number):05d}-")]
    if not found:
        raise RunNotFoundError(
            f"the sweep '{head}' has no trial {int(number)} that has begun",
            hint=f"list its trials with: brevetti-hydra runs {head}",
        )
    return RunFolder(sweep / found[0])


def _meant_trials(text: str, digits: str, root: Path) -> list[Path]:
    """Find trials by their ids, or the whole names of their folders."""
    return [
        root / sweep / name
        for sweep in list_sweeps(root)
        for name in list_folders(root / sweep)
        if name == text or (digits and _has_id(name, digits, root / sweep))
    ]


def find_sweep_folder(text: str, root: Path) -> Path:
    """Find the sweep that a person means.

    Args:
        text: The sweep's id, a unique beginning of it, the name of its folder or a beginning of
            that, a path, or `last`.
        root: The folder of all runs.

    Raises:
        SweepNotFoundError: There is no such sweep.
        AmbiguousRunError: Several sweeps begin like that.
    """
    text = text.strip()
    if text and os.sep in text and "\0" not in text and sweep_id_of(Path(text).name):
        path = Path(os.path.abspath(text))  # noqa: PTH100 - links stay
        if path.is_dir():
            return path
    names = list_sweeps(root)
    if text == _LAST and names:
        return root / names[0]
    found = [name for name in names if _is_sweep(name, text)] if text else []
    if len(found) == 1:
        return root / found[0]
    if found:
        raise AmbiguousRunError(
            f"{plural(len(found), 'sweep')} begin with '{text}'",
            notes=[*found[:_MOST_SHOWN], *_and_more(found)],
            hint="give more of the id",
        )
    raise _no_sweep(text, names, root)


def _is_sweep(name: str, text: str) -> bool:
    short = sweep_id_of(name) or ""
    digits = text.replace("-", "").lower()
    # What follows the folder's ten digits in a whole id is not looked at: ten are enough.
    return name.startswith(text) or (bool(digits) and short.startswith(digits[:SHORT_ID_DIGITS]))


def _no_sweep(text: str, names: list[str], root: Path) -> SweepNotFoundError:
    if not names:
        return SweepNotFoundError(
            f"no sweep '{text}'",
            notes=[f"there are no sweeps in '{root}'"],
            hint="give the folder of all runs with --root DIR, or set BREVETTI_HYDRA_RUNS",
        )
    similar = similar_name(text, [sweep_id_of(name) or name for name in names])
    notes = [f"'{root}' holds {plural(len(names), 'sweep')}, the last ones:", *names[:_MOST_SHOWN]]
    hint = f"a similar id exists: '{similar}'" if similar else "list them with: brevetti-hydra runs"
    return SweepNotFoundError(f"no sweep '{text}'", notes=notes, hint=hint)


def _newest(names: list[str], root: Path) -> RunFolder | None:
    """Choose the run that was created last; folders of one second are told apart by record."""
    sweeps = list_sweeps(root)
    if sweeps and (not names or sweeps[0].removeprefix("sweep-") > names[0]):
        trials = list_folders(root / sweeps[0])
        if trials:
            return RunFolder(root / sweeps[0] / trials[0])
    if not names:
        return None
    same_second = [name for name in names if name[:16] == names[0][:16]]
    folders = [RunFolder(root / name) for name in same_second]
    return max(folders, key=_created) if len(folders) > 1 else folders[0]


def _created(folder: RunFolder) -> str:
    try:
        return load_record(folder)[1].created
    except (RecordUnreadableError, RunNotFoundError):
        return ""


def _is_meant(name: str, text: str, digits: str, root: Path) -> bool:
    # '-' is the beginning of nothing.
    return name.startswith(text) or (bool(digits) and _has_id(name, digits, root))


def _has_id(name: str, digits: str, root: Path) -> bool:
    short = short_id_of(name) or ""
    if short.startswith(digits):
        return True
    # More of the id than the folder's name has: the record knows the rest.
    return digits.startswith(short) and _run_id(RunFolder(root / name)).startswith(digits)


def _run_id(folder: RunFolder) -> str:
    try:
        return load_record(folder)[1].run_id.replace("-", "")
    except (RecordUnreadableError, RunNotFoundError):
        return ""


def _and_more(found: Sized) -> list[str]:
    left = len(found) - _MOST_SHOWN
    return [f"and {left} more"] if left > 0 else []


def _not_found(text: str, names: list[str], root: Path) -> RunNotFoundError:
    sweeps = list_sweeps(root)
    if text and any(_is_sweep(name, text) for name in sweeps):
        return RunNotFoundError(
            f"'{text}' is a sweep, and a run is wanted",
            hint=f"name a trial of it, '{text}/0'; list them with: brevetti-hydra runs {text}",
        )
    if not names and not sweeps:
        return RunNotFoundError(
            f"no run '{text}'",
            notes=[f"there are no runs in '{root}'"],
            hint="give the folder of all runs with --root DIR, or set BREVETTI_HYDRA_RUNS",
        )
    similar = similar_name(text, [short_id_of(name) or name for name in names[:1000]])
    held = plural(len(names), "run") + (f" and {plural(len(sweeps), 'sweep')}" if sweeps else "")
    notes = [f"'{root}' holds {held}, the last ones:", *names[:_MOST_SHOWN]]
    notes += sweeps[: _MOST_SHOWN - len(names)] if len(names) < _MOST_SHOWN else []
    hint = f"a similar id exists: '{similar}'" if similar else "list them with: brevetti-hydra runs"
    return RunNotFoundError(f"no run '{text}'", notes=notes, hint=hint)


def _with_storage(folder: RunFolder) -> RunFolder:
    try:
        return folder.at_storage(load_record(folder)[1].storage)
    except (RecordUnreadableError, RunNotFoundError):
        return folder  # whoever reads its record gets the error


def list_folders(root: Path) -> list[str]:
    """List the names of the runs' folders, newest first; a missing folder holds none.

    Trials lie in the folders of their sweeps, and are listed so, too: the last one first.
    """
    return _names(root, short_id_of)


def list_sweeps(root: Path) -> list[str]:
    """List the names of the sweeps' folders, newest first; a missing folder holds none."""
    return _names(root, sweep_id_of)


def _names(root: Path, id_of: Callable[[str], str | None]) -> list[str]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if id_of(entry.name)]
    except OSError:
        return []
    names.sort(reverse=True)
    return names


def list_runs(
    root: Path,
    *,
    clock: Clock = SYSTEM_CLOCK,
    on_damage: Callable[[RunFolder, RecordUnreadableError], None] | None = None,
    has_trials: bool = False,
) -> list[RunRecord]:
    """List all runs in a folder, newest first; runs whose process is gone are sealed as lost.

    Args:
        root: The folder of all runs, or of a sweep.
        clock: Tells the time.
        on_damage: Told of each run whose record cannot be read; the list goes on without it.
        has_trials: List the trials of the sweeps in the folder as well.
    """
    # The collector finds nothing in 10,000 records, and takes a third of the time to look at them.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        folders = [RunFolder(root / name) for name in list_folders(root)]
        for sweep in list_sweeps(root) if has_trials else ():
            folders += [RunFolder(root / sweep / name) for name in list_folders(root / sweep)]
        return _list_runs(folders, clock, on_damage)
    finally:
        if is_collecting:
            gc.enable()


def _list_runs(
    folders: Iterable[RunFolder],
    clock: Clock,
    on_damage: Callable[[RunFolder, RecordUnreadableError], None] | None,
) -> list[RunRecord]:
    records: list[RunRecord] = []
    for folder in folders:
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
