"""Whether the process of an attempt is still there; the only door to /proc."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import NamedTuple

__all__ = ["ProcessMark", "is_gone", "this_process"]


class ProcessMark(NamedTuple):
    """Tells a process apart from any other, on any machine, at any time.

    Attributes:
        host: The machine's name.
        boot_id: Changes when the host restarts, and differs between containers; '' where unknown.
        pid: The process id, which the system gives to others later.
        started: When the process started, in the system's own count; '' where unknown.
    """

    host: str
    boot_id: str
    pid: int
    started: str


def this_process() -> ProcessMark:
    """Give the mark of the calling process."""
    pid = os.getpid()
    return ProcessMark(_host(), _boot_id(), pid, _started(pid) or "")


def is_gone(mark: ProcessMark, *, beat: float, now: float, lease_s: float) -> bool:
    """Tell whether an attempt's process has ended without saying so.

    Args:
        mark: The process.
        beat: The time of its last heartbeat, in seconds since 1970 UTC.
        now: The time of day.
        lease_s: Seconds of silence after which a process elsewhere counts as gone.

    Returns:
        On the same host and boot, whether the process has ended; elsewhere, whether the heartbeat
        is older than the lease.
    """
    if mark.host == _host() and mark.boot_id == _boot_id():
        started = _started(mark.pid)
        if started is None:
            return True
        if started:
            return started != mark.started
    return now - beat > lease_s


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


@lru_cache(maxsize=1)
def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:  # noqa: PTH123
            boot = stream.read().strip()
        # A process of another container has a number of its own, which says nothing here.
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file's path
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Give a process's start; '' if it lives and that is not known; None if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:  # noqa: PTH123 - half the time of Path
            # The name stands in parentheses and may hold any character.
            fields = stream.read().rpartition(b")")[2].split()
    except ProcessLookupError:
        return None
    except OSError:
        return None if os.path.exists("/proc/self/stat") or not _answers(pid) else ""  # noqa: PTH110
    # A zombie has ended; its parent has not looked yet.
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def _answers(pid: int) -> bool:
    """Ask a system without /proc."""
    if os.name == "nt":  # os.kill ends processes there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
