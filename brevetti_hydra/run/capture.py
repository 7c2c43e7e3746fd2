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
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import Appender
from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.run.descriptors import copy_size, open_pipe, open_terminal, write_all
from brevetti_hydra.run.masking import StreamMask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from brevetti_hydra._masks import Masking
    from brevetti_hydra.run.copier import Copied, Copier

__all__ = ["Capture", "Redirection", "RunLog"]

_READ_BYTES = 1 << 16

_MOST_PROMPT_BYTES = 4

_LONGEST_DRAIN_S = 2.0
_LONGEST_WAIT_S = 0.5

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


class _Stream:
    """One captured descriptor (`copier.Copied`).

    Attributes:
        number: 1 or 2.
        reader: What is copied.
        is_terminal: Whether that is a pseudo terminal, whose size is kept equal to the target's.
        saved: Where the descriptor pointed before.
        target: Where it is copied to.
        is_open: Whether reader and target are.
        mask: Takes secrets out.
    """

    def __init__(
        self, owner: Capture, number: int, reader: int, saved: int, target: int, mask: StreamMask
    ) -> None:
        self.number = number
        self.reader = reader
        self.saved = saved
        self.target = target
        self.mask = mask
        self.is_terminal = os.isatty(target)
        self.is_open = True
        self._owner = owner

    @property
    def is_holding(self) -> bool:
        return bool(self.mask.held)

    def copy(self) -> bool:
        try:
            piece = os.read(self.reader, _READ_BYTES)
        except BlockingIOError:
            return True  # somebody was quicker
        except OSError:
            piece = b""  # a pseudo terminal ends in EIO
        self._owner.show(self, self.mask.feed(piece) if piece else self.mask.flush())
        return bool(piece)

    def show_held(self) -> None:
        if 0 < len(self.mask.held) < _MOST_PROMPT_BYTES:
            self._owner.show(self, self.mask.flush())

    def close(self) -> None:
        self.is_open = False
        os.close(self.reader)
        os.close(self.target)


class Capture:
    """Copies what the process prints while a run is at work."""

    def __init__(
        self,
        log: RunLog,
        masking: Masking,
        copier: Copier,
        *,
        write_above: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Prepare; nothing is changed before `start`.

        Args:
            log: Where to copy to.
            masking: Takes secrets out.
            copier: Copies; it outlives the run where a child does that still prints.
            write_above: Shows output, so that it does not tear a progress bar, or keeps it from
                being shown; False leaves that to us.
        """
        self._log = log
        self._write_above = write_above
        self._masking = masking
        self._copier = copier
        self._streams: list[_Stream] = []
        self._tees: list[tuple[str, Any, _Tee]] = []
        self._crashes = _Crashes()
        self._is_started = False
        self._is_sealed = False
        self._owner = os.getpid()
        self._open_line: _Stream | None = None

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
        self._copier.add(self._streams)
        self._is_started = True
        return True

    def drain(self) -> None:
        """Wait until everything printed until now is copied, and end the line it ends in.

        For those who are about to write to stderr, or to run.log, themselves.
        """
        if not self._is_started or os.getpid() != self._owner or self._copier.is_current_thread:
            return
        _flush()
        if not self._copier.lock.acquire(timeout=_LONGEST_WAIT_S):
            return
        try:
            ended = self._copier.copy_rest(self._streams, _LONGEST_WAIT_S)
            self._end_line()
            _close_all(ended)
        finally:
            self._copier.lock.release()
        if any(stream.is_holding for stream in self._streams):
            self._copier.wake()

    def stop(self) -> None:
        """Give the descriptors back; everything written until now is in run.log then."""
        if not self._is_started:
            return
        self._is_started = False
        self._crashes.stop()
        _flush()
        for name, original, tee in self._tees:
            tee.finish()
            if getattr(sys, name) is tee:
                setattr(sys, name, original)
        self._copier.hold(self._streams)
        for stream in self._streams:
            os.dup2(stream.saved, stream.number)
            os.close(stream.saved)
        with self._copier.lock:
            # What a child holds open is copied on, but no longer to the log.
            ended = self._copier.copy_rest(self._streams, _LONGEST_DRAIN_S)
            for stream in self._streams:
                self.show(stream, stream.mask.flush())
            self._end_line()
            _close_all(ended)
            self._is_sealed = True
            self._copier.go_on(self._streams)
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
        reader, writer = open_terminal(copied) if os.isatty(copied) else open_pipe()
        os.dup2(writer, number)
        os.close(writer)
        mask = StreamMask(self._masking)
        self._streams.append(_Stream(self, number, reader, saved, copied, mask))

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

    def show(self, stream: _Stream, content: bytes) -> None:
        """Show what a stream has brought, and keep it; the caller holds the copier's lock."""
        if not content:
            return
        if not self._is_sealed:
            self._log.write(content)
        if stream.is_terminal:
            copy_size(stream.target, stream.reader)
        if self._write_above is not None and self._write_above(content):
            return
        write_all(stream.target, content)
        self._open_line = None if content.endswith(b"\n") else stream

    def _end_line(self) -> None:
        """End an unfinished line, if what is written to stderr next would go on in it."""
        stream, self._open_line = self._open_line, None
        stderr = next((each for each in self._streams if each.number == 2), None)  # noqa: PLR2004 - stderr's number
        if stream is None or stderr is None or not (stream.is_open and stderr.is_open):
            return
        if _is_same(stream.target, stderr.target):
            write_all(stream.target, b"\n")


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


def _close_all(streams: Iterable[Copied]) -> None:
    for stream in streams:
        stream.close()
