"""Stopping a run: the first signal asks, time or a second signal insists.

::

    signal 1      -> stop_requested; the next report_progress raises RunInterrupted
    + grace_s     -> KeyboardInterrupt in the main thread
    + LAST_WAIT_S -> the run is sealed from another thread, and the process exits
    signal 2      -> KeyboardInterrupt at once
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from brevetti_hydra.errors import RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["LAST_WAIT_S", "StopRequests"]

# How long the job may take to clean up after the KeyboardInterrupt.
LAST_WAIT_S = 10.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequests:
    """Listens for SIGINT and SIGTERM while a run is at work.

    Python hands signals to the main thread only: a run in another thread is stopped by whoever
    started it, and this listens to nothing there.

    Attributes:
        signal_number: The first signal that came in time; None while there was none.
    """

    def __init__(
        self, *, grace_s: float, is_debugged: bool, give_up: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is changed before `listen`.

        Args:
            grace_s: Seconds between the request and its force.
            is_debugged: No timer: somebody is looking at the job.
            give_up: Seals the run, when the job does not even end by KeyboardInterrupt.
        """
        self.signal_number: int | None = None
        self._grace_s = grace_s
        self._is_debugged = is_debugged
        self._give_up = give_up
        self._is_shielded = False
        self._before: dict[signal.Signals, Any] = {}
        self._timer: threading.Timer | None = None
        self._owner = os.getpid()

    @property
    def is_requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self.signal_number is not None

    @staticmethod
    def reason_of(number: int | None) -> str:
        """Say who asked, for the record: 'stopped by SIGTERM'; without a signal it was Ctrl-C."""
        return f"stopped by {signal.Signals(number or signal.SIGINT).name}"

    def listen(self) -> None:
        """Take the signals; does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        self.shield()
        for number, handler in self._before.items():
            # None stands for a handler that was not set from Python, which cannot be set back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def shield(self) -> None:
        """From now on signals come too late: the run is being sealed, for a reason it has."""
        self._is_shielded = True
        if self._timer is not None:
            self._timer.cancel()

    def raise_if_requested(self) -> None:
        """End the job from inside, where it reports.

        Raises:
            RunInterrupted: The run was asked to stop.
        """
        if self.signal_number is not None:
            raise RunInterrupted(self.signal_number)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            # A forked child has the parent's handlers, and no run to end.
            raise KeyboardInterrupt
        if self._is_shielded:
            return
        if self.signal_number is not None:
            self._wait(LAST_WAIT_S, self._exit)
            raise KeyboardInterrupt
        self.signal_number = number
        if not self._is_debugged:
            self._wait(self._grace_s, self._insist)

    def _wait(self, seconds: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(seconds, action)
        self._timer.daemon = True
        self._timer.start()

    def _insist(self) -> None:
        """Send the second signal ourselves; it interrupts sleeps and locks, too."""
        if not self._is_shielded:
            _interrupt_main_thread()
            # The main thread may be in code that never comes back to Python.
            self._wait(LAST_WAIT_S, self._exit)

    def _exit(self) -> None:
        if self._is_shielded:
            return
        # The main thread may hold any lock that this needs, for ever.
        reason = self.reason_of(self.signal_number)
        sealing = threading.Thread(target=self._give_up, args=(reason,), daemon=True)
        try:
            sealing.start()
            sealing.join(LAST_WAIT_S)
        finally:
            os._exit(128 + (self.signal_number or signal.SIGINT))


def _interrupt_main_thread() -> None:
    """Let the main thread find a SIGINT."""
    kill = getattr(signal, "pthread_kill", None)
    if kill is not None:
        # It interrupts sleeps and locks, too.
        kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:  # Windows
        import _thread

        _thread.interrupt_main(signal.SIGINT)
