"""Capture: stdout and stderr, children's too, go to the terminal and to run.log.

File descriptors 1 and 2 are replaced by a pseudo terminal, where they were a terminal, or by a
pipe; a thread copies what comes out, masked, to run.log and then to where it went before. Python
streams that do not write to these descriptors (notebooks, tests) are copied as well.

Descriptors belong to the process: one run at a time can have them. What a child writes after the
run has ended still reaches the terminal, but no longer run.log. If the process itself is killed,
what its thread had not read yet (at most 1 MiB) is lost.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._files import Appender
from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.run.descriptors import copy_size, open_pipe, open_terminal, write_all
from brevetti_hydra.run.masking import StreamMask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra._masks import Masking

__all__ = ["Capture", "Redirection", "RunLog"]

_READ_BYTES = 1 << 16

# A text that could begin a secret is shown after so much silence, if it is as short as a prompt.
_HELD_WAIT_MS = 200
_MOST_PROMPT_BYTES = 4

# A pseudo terminal hands data on a little later than it was written.
_SETTLE_MS = 20
_LONGEST_DRAIN_S = 2.0
_LONGEST_WAIT_S = 0.5

# What the thread is woken by.
_DRAIN, _STOP = b"d", b"x"

# Held by the run whose output is captured.
_descriptors = threading.Lock()


class RunLog:
    """Appends to run.log; when the disk refuses, the log has a gap and the run goes on.

    Attributes:
        lost_bytes: How much the disk did not take.
    """

    def __init__(self, path: Path) -> None:
        """Open the log, making it when it is missing.

        Raises:
            StorageWriteError: It cannot be opened.
        """
        self.lost_bytes = 0
        self._is_line_open = False
        self._out = Appender(path, point="log.opened")

    def write(self, content: bytes) -> None:
        """Append some bytes."""
        if not content or self._out.fileno() < 0:
            return
        try:
            self._out.append(content, point="log.written", durable=False)
            self._is_line_open = not content.endswith(b"\n")
        except StorageWriteError:
            self.lost_bytes += len(content)

    def write_line(self, content: bytes) -> None:
        """Append some bytes that begin a line of their own."""
        self.write(b"\n" + content if self._is_line_open else content)

    def fileno(self) -> int:
        """Give the descriptor, for faulthandler."""
        return self._out.fileno()

    def close(self) -> None:
        """Close the file; what is written later is left out."""
        self._out.close()


class _Stream(NamedTuple):
    """One captured descriptor.

    Attributes:
        number: 1 or 2.
        reader: What the thread reads.
        saved: Where the descriptor pointed before.
        target: Where the thread copies to.
        mask: Takes secrets out.
        terminal: The pseudo terminal's own size is kept equal to this one's; -1 for a pipe.
    """

    number: int
    reader: int
    saved: int
    target: int
    mask: StreamMask
    terminal: int


class Capture:
    """Copies what the process prints while a run is at work."""

    def __init__(
        self,
        log: RunLog,
        masking: Masking,
        *,
        write_above: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Prepare; nothing is changed before `start`.

        Args:
            log: Where to copy to.
            masking: Takes secrets out.
            write_above: Shows output on a terminal, so that it does not tear a progress bar; False
                leaves that to us.
        """
        self._log = log
        self._write_above = write_above
        self._masking = masking
        self._streams: list[_Stream] = []
        self._tees: list[tuple[str, Any, _Tee]] = []
        self._crashes = _Crashes()
        self._drained = threading.Event()
        self._is_sealed = False
        self._is_outlived = False
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._owner = os.getpid()
        self._drains = threading.Lock()
        self._is_idle = threading.Event()
        self._open_line: int | None = None

    def start(self, *, stdout_to_stderr: bool = False) -> bool:
        """Begin to copy.

        Args:
            stdout_to_stderr: Send what is printed on stdout to stderr.

        Returns:
            Whether the descriptors were free; otherwise nothing was changed.
        """
        if os.name == "nt" or not _descriptors.acquire(blocking=False):
            return False
        _flush()
        for number in (1, 2):
            self._take(number, 2 if stdout_to_stderr else number)
        self._add_tees(stdout_to_stderr=stdout_to_stderr)
        self._crashes.start(self._log)
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.name = "brevetti-hydra capture"
        self._thread.start()
        return True

    def drain(self) -> None:
        """Wait until everything printed until now is copied, and end the line it ends in.

        For those who are about to write to stderr, or to run.log, themselves.
        """
        thread, wake = self._thread, self._wake
        if thread is None or wake is None or os.getpid() != self._owner:
            return
        if thread is threading.current_thread() or not thread.is_alive():
            return
        _flush()
        with self._drains:
            self._is_idle.clear()
            with suppress(OSError):
                os.write(wake[1], _DRAIN)
                # A child that never stops printing cannot be waited for.
                self._is_idle.wait(_LONGEST_WAIT_S)

    def stop(self) -> None:
        """Give the descriptors back; everything written until now is in run.log then."""
        if self._thread is None or self._wake is None:
            return
        self._crashes.stop()
        _flush()
        for name, original, tee in self._tees:
            tee.finish()
            if getattr(sys, name) is tee:
                setattr(sys, name, original)
        for stream in self._streams:
            os.dup2(stream.saved, stream.number)
            os.close(stream.saved)
        # Without a reader the thread has ended already: the job closed what was captured.
        with self._drains:
            with suppress(BrokenPipeError):
                os.write(self._wake[1], _STOP)
            os.close(self._wake[1])
            self._drained.wait()
        if not self._is_outlived:
            self._thread.join()
        self._thread = None
        _descriptors.release()

    def _take(self, number: int, target: int) -> None:
        try:
            saved = os.dup(number)
        except OSError:
            return  # closed: there is nothing to capture
        try:
            copied = os.dup(target if target == number else 2)
        except OSError:
            copied = os.dup(saved)
        is_terminal = os.isatty(copied)
        reader, writer = open_terminal(copied) if is_terminal else open_pipe()
        os.dup2(writer, number)
        os.close(writer)
        terminal = copied if is_terminal else -1
        mask = StreamMask(self._masking)
        self._streams.append(_Stream(number, reader, saved, copied, mask, terminal))

    def _add_tees(self, *, stdout_to_stderr: bool) -> None:
        stderr = sys.stderr
        for name, number in (("stdout", 1), ("stderr", 2)):
            stream = getattr(sys, name)
            if stream is None or _writes_to(stream, number):
                continue
            shown = stderr if stdout_to_stderr and stderr is not None else stream
            tee = _Tee(stream, shown, self._log, StreamMask(self._masking))
            self._tees.append((name, stream, tee))
            setattr(sys, name, tee)

    def _copy(self) -> None:
        """Copy until nobody can write any more; after `stop` without the log."""
        import select

        assert self._wake is not None  # noqa: S101 - own invariant
        wake = self._wake[0]
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        open_streams = {stream.reader: stream for stream in self._streams}
        for reader in open_streams:
            poll.register(reader, select.POLLIN)
        deadline: float | None = None
        is_asked = False
        while open_streams:
            patience_ms = self._patience_ms(
                open_streams, is_ending=is_asked or deadline is not None
            )
            ready = [number for number, _ in poll.poll(patience_ms)]
            for reader in ready:
                if reader == wake:
                    if os.read(wake, 1) == _DRAIN:
                        is_asked = True
                        continue
                    deadline = time.monotonic() + _LONGEST_DRAIN_S
                    poll.unregister(wake)
                elif not self._copy_piece(open_streams[reader]):
                    poll.unregister(reader)
                    _close(open_streams.pop(reader))
            if is_asked and not ready:
                is_asked = False
                self._end_line()
                self._is_idle.set()
            elif not ready:
                self._show_prompts(open_streams.values())
            if deadline is not None and (not ready or time.monotonic() > deadline):
                self._seal(open_streams.values())
        self._seal(())
        os.close(wake)

    def _patience_ms(self, streams: dict[int, _Stream], *, is_ending: bool) -> int | None:
        if is_ending and not self._is_sealed:
            return _SETTLE_MS if any(one.terminal >= 0 for one in streams.values()) else 0
        return _HELD_WAIT_MS if any(one.mask.held for one in streams.values()) else None

    def _copy_piece(self, stream: _Stream) -> bool:
        """Copy what is there; False at the end of the stream."""
        try:
            piece = os.read(stream.reader, _READ_BYTES)
        except OSError:
            piece = b""  # a pseudo terminal ends in EIO
        self._show(stream, stream.mask.feed(piece) if piece else stream.mask.flush())
        return bool(piece)

    def _show(self, stream: _Stream, content: bytes) -> None:
        if not content:
            return
        if not self._is_sealed:
            self._log.write(content)
        if stream.terminal >= 0:
            copy_size(stream.terminal, stream.reader)
            if self._write_above is not None and self._write_above(content):
                return
        write_all(stream.target, content)
        self._open_line = None if content.endswith(b"\n") else stream.target

    def _end_line(self) -> None:
        """End an unfinished line, if what is written to stderr next would go on in it."""
        target, self._open_line = self._open_line, None
        stderr = next((stream.target for stream in self._streams if stream.number == 2), None)  # noqa: PLR2004 - stderr's number
        if target is not None and stderr is not None and _is_same(target, stderr):
            write_all(target, b"\n")

    def _show_prompts(self, streams: Any) -> None:
        for stream in streams:
            if 0 < len(stream.mask.held) < _MOST_PROMPT_BYTES:
                self._show(stream, stream.mask.flush())

    def _seal(self, streams: Any) -> None:
        if self._is_sealed:
            return
        for stream in streams:
            self._show(stream, stream.mask.flush())
        self._end_line()
        self._is_sealed = True
        self._is_outlived = bool(streams)
        self._drained.set()


class _Crashes:
    """Lets faulthandler write to run.log: the thread that copies stderr dies with the process."""

    def __init__(self) -> None:
        self._is_ours = False
        self._was_enabled = False

    def start(self, log: RunLog) -> None:
        # Enabled by Python's own options it writes to stderr; by the program, who knows where.
        self._was_enabled = faulthandler.is_enabled()
        is_known = bool(sys.flags.dev_mode or os.environ.get("PYTHONFAULTHANDLER"))
        is_known |= "faulthandler" in sys._xoptions  # noqa: SLF001 - documented
        if not self._was_enabled or is_known:
            faulthandler.enable(log.fileno())
            self._is_ours = True

    def stop(self) -> None:
        if not self._is_ours:
            return
        self._is_ours = False
        if self._was_enabled and sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)
        else:
            faulthandler.disable()


class _Tee:
    """Stands in for a Python stream that does not write to the captured descriptor."""

    def __init__(self, original: Any, shown: Any, log: RunLog, mask: StreamMask) -> None:
        self._original = original
        self._shown = shown
        self._log = log
        self._mask = mask

    def write(self, text: str) -> int:
        content = self._mask.feed(text.encode("utf-8", "surrogateescape"))
        self._log.write(content)
        self._shown.write(content.decode("utf-8", "surrogateescape"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def finish(self) -> None:
        held = self._mask.flush()
        self._log.write(held)
        if held:
            self._shown.write(held.decode("utf-8", "surrogateescape"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class Redirection:
    """Sends stdout to stderr, for runs whose output is not captured."""

    def __init__(self) -> None:
        self._saved = -1
        self._stdout: Any = None

    def start(self) -> None:
        """Begin; does nothing while a run of this process has the descriptors."""
        if not _descriptors.acquire(blocking=False):
            return
        _flush()
        self._saved = os.dup(1)
        os.dup2(2, 1)
        self._stdout = sys.stdout
        if not _writes_to(sys.stdout, 1):
            sys.stdout = sys.stderr

    def stop(self) -> None:
        """Give stdout back; a second call does nothing."""
        if self._saved < 0:
            return
        _flush()
        os.dup2(self._saved, 1)
        os.close(self._saved)
        self._saved = -1
        sys.stdout = self._stdout
        _descriptors.release()


def _is_same(one: int, other: int) -> bool:
    """Tell whether two descriptors write to the same file, pipe or terminal."""
    if one == other:
        return True
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


def _writes_to(stream: Any, number: int) -> bool:
    try:
        return bool(stream.fileno() == number)
    except (AttributeError, OSError, ValueError):
        return False


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            continue  # closed, or its reader went away
    if "ctypes" in sys.modules:
        # Libraries in C have buffers of their own.
        import ctypes

        ctypes.CDLL(None).fflush(None)


def _close(stream: _Stream) -> None:
    os.close(stream.reader)
    os.close(stream.target)
