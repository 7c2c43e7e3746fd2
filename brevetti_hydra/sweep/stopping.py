"""Stopping a sweep: by signals to its driver, or by a file that all of its drivers look at.

::

    signal 1, `.stop`   -> nothing more begins; running trials are asked to end (`run.stopping`)
    signal 2            -> running trials are ended at once
    signal 3            -> the driver itself ends; trials in other processes are left to themselves
"""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from brevetti_hydra._files import write_whole
from brevetti_hydra._json import json_bytes

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = ["StopWatch", "write_stop"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AT_ONCE = 2


def write_stop(folder: SweepFolder, *, at_once: bool) -> None:
    """Ask all drivers of a sweep to stop; drivers that begin later are not asked.

    Raises:
        StorageWriteError: The sweep's folder cannot be written.
    """
    content = json_bytes({"at_once": at_once}) + b"\n"
    write_whole(folder.stop_request, content, point="sweep.stopped", durable=False)


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
