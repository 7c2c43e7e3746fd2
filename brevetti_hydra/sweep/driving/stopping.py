"""Stopping a sweep: by signals to its driver, or by a file that all of its drivers look at.

::

    signal 1, `.stop`   -> nothing more begins; running trials are asked to end (`run.stopping`)
    signal 2            -> running trials are ended at once
    signal 3            -> the driver itself ends; trials in other processes are left to themselves
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra._files import write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import RecordUnreadableError, StorageWriteError
from brevetti_hydra.run.liveness import this_process
from brevetti_hydra.run.requests import Request, write_request
from brevetti_hydra.sweep.standing import look_at

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from brevetti_hydra.record import Attempt
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial

__all__ = ["StopWatch", "stop_trials", "write_stop"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AT_ONCE = 2
# Whoever has ended by then needs no second signal, which might be the end of what he does next.
_BETWEEN_S = 0.5


def write_stop(folder: SweepFolder, *, at_once: bool) -> None:
    """Ask all drivers of a sweep to stop; drivers that begin later are not asked.

    Raises:
        StorageWriteError: The sweep's folder cannot be written.
    """
    content = json_bytes({"at_once": at_once}) + b"\n"
    write_whole(folder.stop_request, content, point="sweep.stopped", durable=False)


def stop_trials(sweep: OpenSweep, *, at_once: bool, clock: Clock = SYSTEM_CLOCK) -> int:
    """Ask the running trials of a sweep to end at their next report.

    Args:
        sweep: The sweep.
        at_once: Interrupt those of this machine as well, as two signals do.
        clock: Tells the time.

    Returns:
        How many were running.
    """
    running = [trial for trial in sweep.trials if _attempt_of(sweep, trial, clock)]
    for trial in running:
        attempt = _attempt_of(sweep, trial, clock)
        if attempt is not None:
            request = Request("stop", "the sweep was stopped")
            with suppress(StorageWriteError):
                write_request(trial.run_folder(sweep.folder), request, attempt=attempt.number)
    # The first signal asks, the second one insists.
    for _ in range(2 if at_once else 0):
        for trial in running:
            attempt = _attempt_of(sweep, trial, clock)
            if attempt is not None and _is_here(attempt):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(attempt.pid, signal.SIGTERM)
        time.sleep(_BETWEEN_S)
    return len(running)


def _attempt_of(sweep: OpenSweep, trial: PlannedTrial, clock: Clock) -> Attempt | None:
    """Give the attempt of a trial that is at work."""
    try:
        record = look_at(trial.run_folder(sweep.folder), clock).record
    except RecordUnreadableError:
        return None
    return None if record is None or record.state.is_finished else record.attempts[-1]


def _is_here(attempt: Attempt) -> bool:
    here = this_process()
    return (attempt.host, attempt.boot_id) == (here.host, here.boot_id)


class StopWatch:
    """Listens for signals, and looks for the file, while a driver is at work.

    Attributes:
        signal_number: The first signal; None while there was none.
    """

    def __init__(self, folder: SweepFolder) -> None:
        """Prepare; a file that is there already was meant for earlier drivers."""
        self.signal_number: int | None = None
        self._path = folder.stop_request
        self._known = self._mark()
        self._signals = 0
        self._before: dict[signal.Signals, Any] = {}
        self._level = 0

    def __enter__(self) -> Self:
        """Take the signals; outside the main thread there are none to take."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        if self.signal_number is None:
            self.signal_number = number
        if self._signals > _AT_ONCE:
            raise KeyboardInterrupt

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    @property
    def level(self) -> int:
        """How much is asked: 0 nothing, 1 that running trials end, 2 that they end at once."""
        mark = self._mark()
        if mark is not None and mark != self._known:
            self._known = mark
            self._level = max(self._level, 2 if self._is_at_once() else 1)
        return max(self._level, min(self._signals, _AT_ONCE))

    def _is_at_once(self) -> bool:
        try:
            return bool(json.loads(self._path.read_bytes())["at_once"])
        except (OSError, ValueError, TypeError, KeyError):
            return False
