"""What others ask of a run at work, by files in its folder: a trial's driver, or its launcher.

`.request` asks the attempt to end by itself: its next report, or look at `stop_requested`, finds
it. `.killed` says why its process is ended from outside; written before that, so that whoever finds
the process gone knows more than that. Both name their attempt and mean nothing to a later one.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra._files import remove, write_whole
from brevetti_hydra._json import json_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.run.folders import RunFolder

__all__ = ["Request", "clear_requests", "note_kill", "read_kill", "read_request", "write_request"]


class Request(NamedTuple):
    """What is asked of an attempt.

    Attributes:
        ask: To stop as after SIGTERM, or to end as one that is not worth its time.
        reason: Why, for the record.
    """

    ask: Literal["stop", "prune"]
    reason: str


def write_request(folder: RunFolder, request: Request, *, attempt: int) -> None:
    """Ask an attempt to end; a later request replaces an earlier one.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    content = json_bytes({**request._asdict(), "attempt": attempt}) + b"\n"
    write_whole(folder.request, content, point="request.written", durable=False)


def read_request(folder: RunFolder, attempt: int) -> Request | None:
    """Give what is asked of an attempt, if anything is."""
    found = _read(folder.request, attempt)
    if found is None or found.get("ask") not in {"stop", "prune"}:
        return None
    return Request(found["ask"], str(found.get("reason", "")))


def note_kill(folder: RunFolder, kind: str, message: str, *, attempt: int) -> None:
    """Say why an attempt's process is about to be ended.

    Args:
        folder: The run's folder.
        kind: As in `Failure.type`, "MemoryLimit".
        message: As in `Failure.message`.
        attempt: The attempt that will have failed by it.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    content = json_bytes({"type": kind, "message": message, "attempt": attempt}) + b"\n"
    write_whole(folder.killed, content, point="kill.noted", durable=False)


def read_kill(folder: RunFolder, attempt: int) -> tuple[str, str] | None:
    """Give type and message of the failure that an attempt was ended for, if it was."""
    found = _read(folder.killed, attempt)
    if found is None:
        return None
    return str(found.get("type", "Killed")), str(found.get("message", ""))


def clear_requests(folder: RunFolder) -> None:
    """Take away what was asked of earlier attempts.

    Raises:
        StorageWriteError: It cannot be removed.
    """
    for path in (folder.request, folder.killed):
        if os.path.exists(path):  # noqa: PTH110 - once a trial, of thousands
            remove(path, point="request.cleared")


def _read(path: Path, attempt: int) -> dict[str, Any] | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None  # nothing is asked, almost always
    with os.fdopen(descriptor, "rb") as stream:
        try:
            found = json.loads(stream.read())
        except ValueError:
            return None
    # One that names no attempt is meant for whichever finds it.
    is_meant = isinstance(found, dict) and found.get("attempt", attempt) == attempt
    return found if is_meant else None
