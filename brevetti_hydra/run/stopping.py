"""Stopping a run: the first signal asks, time or a second signal insists.

::

    signal 1      -> stop_requested; the next report_progress raises RunInterrupted
    + grace_s     -> KeyboardInterrupt in the main thread
    + LAST_WAIT_S -> the run is sealed from another thread, and the process exits
    signal 2      -> KeyboardInterrupt at once

A trial is asked in the same way by its time limit, and by its driver (`requests`); a driver that
asks by a file and by a signal has asked once.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.errors import RunInterrupted, RunPruned
from brevetti_hydra.record import Failure, RunState
from brevetti_hydra.run.requests import read_request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from brevetti_hydra._masks import Masking
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.requests import Request

__all__ = ["LAST_WAIT_S", "StopCause", "StopRequests"]

# How long the job may take to clean up after the KeyboardInterrupt.
LAST_WAIT_S = 10.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopCause(NamedTuple):
    """Why a run was asked to stop, and what it will have come to.

    Attributes:
        state: How it ends.
        kind: As in `Failure.type`.
        message: As in `Failure.message`.
        signal_number: The signal that asked, or that stands for it.
        is_request: Whether it was asked by a file.
    """

    state: RunState
    kind: str
    message: str
    signal_number: int = signal.SIGTERM
    is_request: bool = False

    @classmethod
    def of_signal(cls, number: int) -> StopCause:
        """Give that of a signal: 'stopped by SIGTERM'."""
        message = f"stopped by {signal.Signals(number).name}"
        return cls(RunState.INTERRUPTED, "RunInterrupted", message, number)

    @classmethod
    def of_request(cls, request: Request) -> StopCause:
        """Give that of a driver's request."""
        if request.ask == "prune":
            return cls(RunState.PRUNED, "RunPruned", request.reason, is_request=True)
        return cls(RunState.INTERRUPTED, "RunInterrupted", request.reason, is_request=True)

    def failure(self, masking: Masking) -> Failure:
        """Give the same, for the record."""
        return Failure(type=self.kind, message=masking.text(self.message))

    def exception(self) -> RunInterrupted | RunPruned:
        """Give what ends the job."""
        if self.state is RunState.PRUNED:
            return RunPruned(self.message)
        return RunInterrupted(self.signal_number)


class StopRequests:
    """Listens for SIGINT and SIGTERM while a run is at work.

    Python hands signals to the main thread only: a run in another thread is stopped by whoever
    started it, and this listens to nothing there.

    Attributes:
        cause: Why the run was first asked to stop; None while it was not.
        signal_number: The first signal, in time or not; None while there was none.
        has_ranks: Whether other processes are at work on the run (`ranks`).
    """

    def __init__(
        self, *, grace_s: float, is_debugged: bool, give_up: Callable[[StopCause], None]
    ) -> None:
        """Prepare; nothing is changed before `listen`.

        Args:
            grace_s: Seconds between the request and its force.
            is_debugged: No timer: somebody is looking at the job.
            give_up: Seals the run, when the job does not even end by KeyboardInterrupt.
        """
        self.cause: StopCause | None = None
        self.signal_number: int | None = None
        self.has_ranks = False
        self._grace_s = grace_s
        self._is_debugged = is_debugged
        self._give_up = give_up
        self._is_shielded = False
        self._before: dict[signal.Signals, Any] = {}
        self._timer: threading.Timer | None = None
        self._limit: threading.Timer | None = None
        self._is_insisting = False
        self._owner = os.getpid()

    @property
    def is_requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self.cause is not None

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
        for number in self._before:
            # What run() called may have taken it, and would raise in the middle of the sealing.
            signal.signal(number, self._on_signal)
        for timer in (self._timer, self._limit):
            if timer is not None:
                timer.cancel()

    def limit(self, seconds: float) -> None:
        """Ask the run to stop when it has taken so long; it has failed then."""
        message = f"it took longer than the {seconds:g} s that an attempt may take"
        cause = StopCause(RunState.FAILED, "TimeLimit", message)
        self._limit = threading.Timer(seconds, self.ask, (cause,))
        self._limit.daemon = True
        self._limit.start()

    def ask(self, cause: StopCause) -> None:
        """Ask the run to stop, unless somebody has; called from any thread."""
        if self._is_shielded or self.cause is not None:
            return
        self.cause = cause
        if not self._is_debugged:
            self._wait(self._grace_s, self._insist)

    def look(self, folder: RunFolder, attempt: int, heeded: Sequence[str]) -> None:
        """Ask for what the driver asks of an attempt by its file, if that is heeded here."""
        request = read_request(folder, attempt) if self.cause is None else None
        if request is not None and request.ask in heeded:
            self.ask(StopCause.of_request(request))

    def raise_if_requested(self) -> None:
        """End the job from inside, where it reports.

        Raises:
            RunInterrupted: The run was asked to stop.
            RunPruned: The trial was found to be not worth its time.
        """
        if self.cause is not None:
            raise self.cause.exception()

    def cause_of(self, error: BaseException) -> StopCause | None:
        """Give the cause of a stop that ended a job by this exception; None where it was none."""
        if isinstance(error, RunPruned):
            return StopCause(RunState.PRUNED, "RunPruned", error.reason)
        if isinstance(error, RunInterrupted):
            return self.cause or StopCause.of_signal(error.signal_number)
        if isinstance(error, KeyboardInterrupt):
            # Without a signal that came here it was Ctrl-C all the same.
            return self.cause or StopCause.of_signal(signal.SIGINT)
        if self.has_ranks and isinstance(error, Exception):
            # torchrun's launcher takes the signals, and raises an error of its own with `sigval`;
            # or it finds that a rank has ended, which was asked to.
            number = getattr(error, "sigval", None)
            return self.cause or (StopCause.of_signal(number) if number in _SIGNALS else None)
        return None

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            # A forked child has the parent's handlers, and no run to end.
            raise KeyboardInterrupt
        if self._is_insisting:
            self._is_insisting = False  # it is our own; what follows comes from outside
        elif self.signal_number is None:
            self.signal_number = number
            if self.cause is not None and self.cause.is_request:
                return  # the driver's file has said so already, and a timer insists
        if self._is_shielded:
            return
        if self.cause is not None:
            self._wait(LAST_WAIT_S, self._exit)
            raise KeyboardInterrupt
        self.ask(StopCause.of_signal(number))

    def _wait(self, seconds: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(seconds, action)
        self._timer.daemon = True
        self._timer.start()

    def _insist(self) -> None:
        """Send the second signal ourselves; it interrupts sleeps and locks, too."""
        if not self._is_shielded:
            self._is_insisting = True
            _interrupt_main_thread()
            # The main thread may be in code that never comes back to Python.
            self._wait(LAST_WAIT_S, self._exit)

    def _exit(self) -> None:
        if self._is_shielded:
            return
        # The main thread may hold any lock that this needs, for ever.
        cause = self.cause or StopCause.of_signal(signal.SIGINT)
        sealing = threading.Thread(target=self._give_up, args=(cause,), daemon=True)
        try:
            sealing.start()
            sealing.join(LAST_WAIT_S)
        finally:
            os._exit(128 + cause.signal_number)


def _interrupt_main_thread() -> None:
    """Let the main thread find a SIGINT."""
    kill = getattr(signal, "pthread_kill", None)
    if kill is not None:
        # It interrupts sleeps and locks, too.
        kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:  # Windows
        import _thread

        _thread.interrupt_main(signal.SIGINT)
