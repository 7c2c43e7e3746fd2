"""Pipes, pseudo terminals and the standard descriptors: the tools of `capture`."""

from __future__ import annotations

import os
import time
from contextlib import suppress

__all__ = ["copy_size", "open_pipe", "open_standard_streams", "open_terminal", "write_all"]

_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ on Linux


def open_standard_streams() -> None:
    """Open what a daemon has closed: else the next file would become its stdout."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def open_pipe() -> tuple[int, int]:
    """Open a pipe that holds a megabyte; its reading end comes first."""
    import fcntl

    reader, writer = os.pipe()
    # The default of 64 KiB makes a job wait for the thread. Refused by other systems, and where the
    # user's quota is used up.
    with suppress(OSError):
        fcntl.fcntl(writer, _F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


def open_terminal(like: int) -> tuple[int, int]:
    """Open a pseudo terminal of the size of another terminal; its reading end comes first."""
    import termios

    reader, writer = os.openpty()
    attributes = termios.tcgetattr(writer)
    # The real terminal turns line feeds into what it needs.
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(writer, termios.TCSANOW, attributes)
    copy_size(like, reader)
    return reader, writer


def copy_size(source: int, target: int) -> None:
    """Give a terminal the size of another one."""
    import fcntl
    import termios

    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))
        if size != fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8)):
            fcntl.ioctl(target, termios.TIOCSWINSZ, size)
    except OSError:
        return


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything to a terminal or pipe; nothing happens where nobody reads."""
    view = memoryview(content)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            time.sleep(0.01)  # somebody has made the terminal non-blocking
        except OSError:
            return  # its reader went away; run.log has it
