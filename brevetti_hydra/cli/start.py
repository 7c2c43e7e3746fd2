"""Start a job and tell how it ended; a run and `resume` do it alike."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from brevetti_hydra._text import error_text, plural
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.report import exit_code_of, print_error
from brevetti_hydra.cli.text import format_command, format_duration, format_size, one_line
from brevetti_hydra.errors import (
    BrevettiHydraError,
    Place,
    RunFailedError,
    RunInterrupted,
    StorageError,
)
from brevetti_hydra.record import RunState
from brevetti_hydra.run.folders import runs_root, sweep_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import TextIO

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.job import Job
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.display import Display
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["say_ending", "show_log_lines", "start_job"]

_PACKAGE = Path(__file__).resolve().parent.parent


def start_job(job: Job, observers: Sequence[Display], reply: Reply) -> int:
    """Start a job, and print a summary or the document when it has ended.

    Args:
        job: Opened, not started.
        observers: Its displays, closed here if the run did not end by itself.
        reply: Takes the summary.

    Returns:
        The exit code.
    """
    error: BaseException | None = None
    owner = os.getpid()
    reply.masking = job._context.masking  # noqa: SLF001 - Job stays small, for its users' names
    # Off since the program's start (`console`). What was made until now stays to the end: unfrozen,
    # the first collection would look at all of it, for 20 ms.
    gc.freeze()
    gc.enable()
    try:
        job.start()
    except BaseException as caught:  # noqa: BLE001 - every end of a run is told, then an exit code
        error = caught
    if os.getpid() != owner:
        _leave_child(error, reply)
    for display in observers:
        display.close()
    return _end(job, error, reply)


def _leave_child(error: BaseException | None, reply: Reply) -> NoReturn:
    """End a child that the job has forked and that came back: the run is its parent's to tell."""
    code = 0 if error is None else 1
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        _print_child_error(error, reply)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


def _print_child_error(error: BaseException, reply: Reply) -> None:
    if isinstance(error, BrevettiHydraError):
        print_error(error, sys.stderr, masking=reply.masking)
        return
    # Imported here: only a failed child shows a traceback.
    from traceback import format_exception

    reply.notice("".join(format_exception(error)).rstrip())


def say_ending(folder: RunFolder, record: RunRecord, reply: Reply) -> None:
    """Print the summary of a run; the answer holds its record."""
    reply.say("\n".join(_summary(folder, record)))
    reply.answer(
        {
            "run": record,
            "folder": str(folder.root),
            "artifacts": str(folder.artifacts_dir),
            "log": str(folder.log),
            "again": list(record.command),
        }
    )


def show_log_lines() -> None:
    """Show what the harness logs on stderr; only the command line does so, never the library."""
    logger = logging.getLogger("brevetti_hydra")
    if not logger.handlers:
        handler = _StderrHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _StderrHandler(logging.StreamHandler["TextIO"]):
    """Writes to whatever stderr is at that moment: a run captures it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def _end(job: Job, error: BaseException | None, reply: Reply) -> int:
    run = _folder_of(job)
    if run is None:
        # It ended before anything was written.
        return 0 if error is None else reply.fail(error)
    record = job.record
    if error is not None and record.state is not RunState.PRUNED:
        _report(error, run, reply)
    say_ending(run, record, reply)
    return _exit_code(error, record)


def _folder_of(job: Job) -> RunFolder | None:
    """Give the folder of a run that this process has begun."""
    try:
        context = job._context  # noqa: SLF001 - Job stays small, for the names of its users
    except BrevettiHydraError:
        return None
    return context.folder if context.is_begun and context.folder.record.exists() else None


def _exit_code(error: BaseException | None, record: RunRecord) -> int:
    if record.state in {RunState.COMPLETED, RunState.PRUNED}:
        return 0
    if error is None or (isinstance(error, SystemExit) and not isinstance(error, RunInterrupted)):
        return 1
    # What cannot be written is a failure of the run that had begun.
    return 1 if isinstance(error, StorageError) else exit_code_of(error)


def _report(error: BaseException, run: RunFolder, reply: Reply) -> None:
    """Tell our errors as they are; those of the job's code with their traceback and place."""
    if isinstance(error, (BrevettiHydraError, RunInterrupted, KeyboardInterrupt)):
        reply.add_error(error)
        return
    # Imported here: only a failed run shows a traceback.
    from traceback import format_exception

    trace = _own_code(error.__traceback__)
    reply.notice("".join(format_exception(type(error), error, trace)).rstrip())
    message = error_text(error)
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    failed = RunFailedError(
        f"the run failed with {text}",
        where=_place(trace),
        notes=[f"the whole traceback stands in {printable(run.log)}"],
        hint=f"look at it again with 'brevetti-hydra show {_words_of(run)}'",
    )
    failed.__cause__ = error
    reply.add_error(failed)


def _own_code(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the harness's frames, with which every run begins."""
    own = trace
    while own is not None and Path(own.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE):
        own = own.tb_next
    return trace if own is None else own


def _place(trace: TracebackType | None) -> Place | None:
    """Find the last line of the user's own code that took part."""
    place = None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<") and "site-packages" not in file:
            place = Place(f"{printable(file)}:{trace.tb_lineno}", trace.tb_lineno)
        trace = trace.tb_next
    return place


def _summary(folder: RunFolder, record: RunRecord) -> list[str]:
    lines = [f"run {folder.short_id} {record.state.value}{_after(record)}"]
    facts: dict[str, Any] = {name: f"{value:.6g}" for name, value in record.metrics.items()}
    if record.artifacts:
        files = plural(len(record.artifacts), "file")
        size = format_size(sum(each.size_bytes for each in record.artifacts))
        facts["artifacts"] = f"{printable(folder.artifacts_dir)}  ({files}, {size})"
    if record.model:
        facts["model"] = record.model
    if record.state.is_resumable and record.job.entry != "interactive":
        facts["go on"] = f"brevetti-hydra resume {_words_of(folder)}"
    facts["again"] = format_command(record.command)
    facts["more"] = f"brevetti-hydra show {_words_of(folder)}"
    widest = max(map(len, facts))
    return lines + [f"  {one_line(name):{widest}}  {one_line(str(v))}" for name, v in facts.items()]


def _words_of(folder: RunFolder) -> str:
    """Give the words by which a command finds a run: its id, and where other runs lie its root."""
    root = folder.runs_root
    if sweep_id_of(root.name):
        root = root.parent  # a trial is found by its id from there, as any run is
    if root == runs_root():
        return folder.short_id
    return f"{folder.short_id} --root {format_command([printable(root)])}"


def _after(record: RunRecord) -> str:
    return "" if record.duration_s is None else f" after {format_duration(record.duration_s)}"
