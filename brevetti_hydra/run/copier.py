"""The copier: a thread that copies what pipes and pseudo terminals bring, for run after run.

A thread costs a run more than its output does, so those of one process share one. Whoever waits for
the output does not wait for the thread: with the lock he copies himself what is there.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Copied", "Copier"]

# A text that could begin a secret is shown after so much silence.
_HELD_WAIT_S = 0.2

# A pseudo terminal hands data on a little later than it was written.
_SETTLE_MS = 20


class Copied(Protocol):
    """A stream that is copied; its methods are called with the copier's lock.

    Attributes:
        reader: A descriptor that can be polled and does not block.
        is_terminal: Whether it is a pseudo terminal.
    """

    reader: int
    is_terminal: bool

    @property
    def is_holding(self) -> bool:
        """Whether a text is held back that is to be shown after some silence."""

    def copy(self) -> bool:
        """Copy what is there; False at the end of the stream."""

    def show_held(self) -> None:
        """Show what is held back, if it is a prompt."""

    def close(self) -> None:
        """Close the stream."""


class Copier:
    """Copies streams until they end.

    Attributes:
        lock: Held while anything is copied.
    """

    def __init__(self) -> None:
        """Begin with no stream, and no thread."""
        self.lock = threading.Lock()
        self._streams: dict[int, Copied] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._poll: Any = None
        self._is_epoll = False
        self._wake: tuple[int, int] = (-1, -1)

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is the thread that copies."""
        return threading.current_thread() is self._thread

    def add(self, streams: Iterable[Copied]) -> None:
        """Begin to copy streams."""
        if self._thread is None:
            self._start()
        for stream in streams:
            os.set_blocking(stream.reader, False)
            with self.lock:
                self._streams[stream.reader] = stream
                self._poll.register(stream.reader, 1)  # (E)POLLIN
        if not self._is_epoll:
            self.wake()

    def wake(self) -> None:
        """Let the thread look again how long it may wait."""
        os.write(self._wake[1], b"w")

    def hold(self, streams: Iterable[Copied]) -> None:
        """Let the thread sleep whatever streams bring, until they `go_on`: they are about to end.

        To wake it for each end would cost a run more than all of its output.
        """
        with self.lock:
            for stream in streams:
                if self._streams.get(stream.reader) is stream:
                    self._poll.unregister(stream.reader)

    def go_on(self, streams: Iterable[Copied]) -> None:
        """Copy on what was held, and has not ended; the caller holds the lock."""
        held = [each for each in streams if self._streams.get(each.reader) is each]
        for stream in held:
            self._poll.register(stream.reader, 1)
        if held and not self._is_epoll:
            self.wake()

    def copy_rest(self, streams: Iterable[Copied], longest_s: float) -> list[Copied]:
        """Copy what streams have brought until now; the caller holds the lock.

        Args:
            streams: Of those that were added.
            longest_s: A writer that never stops cannot be waited for.

        Returns:
            Those that have ended: they are the caller's to close.
        """
        import select

        poll = select.poll()
        ended: list[Copied] = []
        left = {each.reader: each for each in streams if self._streams.get(each.reader) is each}
        for reader in left:
            poll.register(reader, select.POLLIN)
        deadline = time.monotonic() + longest_s
        while left:
            is_terminal = any(stream.is_terminal for stream in left.values())
            ready = poll.poll(_SETTLE_MS if is_terminal else 0)
            for reader, _ in ready:
                if not left[reader].copy():
                    poll.unregister(reader)
                    ended.append(left.pop(reader))
                    self._drop(ended[-1])
            if not ready or time.monotonic() > deadline:
                break
        return ended

    def close(self) -> None:
        """End the thread; where a child still holds a stream, it ends with that.

        Nothing is added later; a second call does nothing.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self.lock:
            self._is_closed = True
            is_idle = not self._streams
            self.wake()
        if is_idle:
            thread.join()

    def _start(self) -> None:
        import select

        self._is_epoll = hasattr(select, "epoll")
        # A stream that is added to an epoll counts at once, for the thread that waits, too.
        self._poll = select.epoll() if self._is_epoll else select.poll()
        self._wake = os.pipe()
        self._poll.register(self._wake[0], 1)
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.name = "brevetti-hydra capture"
        self._thread.start()

    def _drop(self, stream: Copied) -> None:
        del self._streams[stream.reader]
        # First: a copy of the descriptor in a forked child would keep it in an epoll.
        with suppress(OSError, KeyError):
            self._poll.unregister(stream.reader)

    def _copy(self) -> None:
        while True:
            ready = self._wait()
            with self.lock:
                self._copy_ready(ready)
                if self._is_closed and not self._streams:
                    break
        if self._is_epoll:
            self._poll.close()
        for end in self._wake:
            os.close(end)

    def _wait(self) -> list[int]:
        is_holding = any(stream.is_holding for stream in tuple(self._streams.values()))
        wait_s = _HELD_WAIT_S if is_holding else None
        if not self._is_epoll and wait_s is not None:
            wait_s *= 1000
        return [number for number, _ in self._poll.poll(wait_s)]

    def _copy_ready(self, ready: list[int]) -> None:
        for reader in ready:
            if reader == self._wake[0]:
                os.read(reader, 1)
                continue
            # Another may have copied it meanwhile, and let it go.
            stream = self._streams.get(reader)
            if stream is not None and not stream.copy():
                self._drop(stream)
                stream.close()
        if not ready:
            for stream in self._streams.values():
                stream.show_held()
