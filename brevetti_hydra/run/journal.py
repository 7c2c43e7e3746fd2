"""The journal: every event of a run, appended before it is acted on or sent anywhere.

One JSON object a line: `seq` counts the run's events, `attempt` is the number of the attempt that
wrote it, `at` the time, `kind` what it is; the rest depends on the kind::

    {"seq":3,"attempt":1,"at":"2026-11-23T10:15:00.250Z","kind":"progress","epoch":1,"metrics":{}}

Kinds: `state` (see `states.Step`; the first holds the whole record), `progress`, `metric`,
`artifact`, `warned`, and `mended`. A last line without a line feed does not count, be it torn or
whole: its writer died, or the disk refused it. Whoever appends after a line that does not count
first revokes it: `{"kind":"mended","seq":N}` says that nothing between it and event N ever was. Any
other torn line is damage, and refused.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import format_utc
from brevetti_hydra._files import Appender
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import RecordUnreadableError, StorageWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from brevetti_hydra._clock import Clock

__all__ = ["JournalWriter", "last_seq", "read_journal", "read_tail"]

_MENDED = "mended"


class JournalWriter:
    """Appends the events of one attempt; the caller serialises its threads.

    Attributes:
        seq: The number of the last event.
        path: The file.
    """

    def __init__(self, path: Path, *, attempt: int, seq: int, clock: Clock) -> None:
        """Open the journal to go on after event `seq`.

        Raises:
            StorageWriteError: It cannot be opened.
        """
        self.path = path
        self.seq = seq
        self._attempt = attempt
        self._clock = clock
        self._torn = _ends_torn(path)
        self._out = Appender(path, point="journal.opened")
        self._second = -1
        self._second_text = ""

    def append(
        self, kind: str, fields: dict[str, Any], *, point: str, durable: bool, at: str | None = None
    ) -> None:
        """Append one event.

        Args:
            kind: What it is.
            fields: The rest of the line, plain JSON values.
            point: The kill point.
            durable: Wait until the disk has it.
            at: Its time; default: now.

        Raises:
            StorageWriteError: The disk did not take it; the event is as if it never was.
        """
        body = json_bytes(fields).decode()
        self._append(kind, body[1:-1], point=point, durable=durable, at=at)

    def append_progress(self, epoch: int, metrics_json: str) -> None:
        """Append progress, quickly: not synced, its metrics JSON already.

        Raises:
            StorageWriteError: The disk did not take it.
        """
        body = f'"epoch":{epoch},"metrics":{metrics_json}'
        self._append("progress", body, point="progress.written", durable=False, at=None)

    def _append(self, kind: str, body: str, *, point: str, durable: bool, at: str | None) -> None:
        seq = self.seq + 1
        head = f'{{"seq":{seq},"attempt":{self._attempt},"at":"{at or self.stamp()}"'
        if self._torn:
            self._mend()
        try:
            self._out.append(
                f'{head},"kind":"{kind}",{body}}}\n'.encode(), point=point, durable=durable
            )
        except StorageWriteError:
            self._torn = self._out.leftover_bytes > 0
            if self._torn:
                # At once if it can be: the caller has the run's lock where readers would act on it.
                with suppress(StorageWriteError):
                    self._mend()
            raise
        self.seq = seq

    def _mend(self) -> None:
        """Revoke what stands behind the last event, in a line of its own.

        A torn one of these is revoked by the next.
        """
        line = f'\n{{"kind":"{_MENDED}","seq":{self.seq}}}\n'.encode()
        self._out.append(line, point="journal.mended", durable=False)
        self._torn = False

    def stamp(self) -> str:
        """Give the time of day as `format_utc` does, spelling each second once."""
        now = self._clock.now()
        second = int(now)
        if second != self._second:
            self._second, self._second_text = second, format_utc(second)[:-4]
        return f"{self._second_text}{int((now - second) * 1000):03d}Z"

    def close(self) -> None:
        """Close the file."""
        self._out.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read all events, in the order in which they were written; errors as of `read_tail`."""
    return read_tail(path, 0)[0] or []


def read_tail(path: Path, offset: int) -> tuple[list[dict[str, Any]] | None, int]:
    """Read events from some place on, in the order in which they were written.

    Args:
        path: The journal; a missing one holds no events.
        offset: Where to begin, in bytes: the end of a line that was read before.

    Returns:
        The events, and where the next one will begin; None in place of the events where an event
        before `offset` has been revoked: read all of them anew. Whether their attempts were
        entitled is for `replay` to judge.

    Raises:
        RecordUnreadableError: A line that is not the last is torn, and nobody mended it.
    """
    try:
        with path.open("rb") as stream:
            # A line that ended there may have been revoked since; a torn one does not count anyway.
            stream.seek(max(offset - 1, 0))
            is_line_end = offset > 0 and stream.read(1) == b"\n"
            content = stream.read()
    except FileNotFoundError:
        return [], offset
    except OSError as error:
        raise RecordUnreadableError(
            f"cannot read '{path}'", notes=[error.strerror or str(error)]
        ) from error
    *lines, torn = content.split(b"\n")
    end = offset + len(content) - len(torn)
    return _parse(path, [line for line in lines if line], may_revoke=is_line_end), end


def _parse(path: Path, lines: list[bytes], *, may_revoke: bool) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any] | bytes] = []
    for line in lines:
        event = _event(line)
        if event is None or event.get("kind") != _MENDED:
            found.append(line if event is None else event)
        elif may_revoke and not found:
            return None
        else:
            _revoke(found, event.get("seq", 0))
    events = [event for event in found if isinstance(event, dict)]
    # The last line may be anything: the machine may have died while the disk took it.
    if len(events) < len(found) - (bool(found) and isinstance(found[-1], bytes)):
        torn = next(line for line in found if isinstance(line, bytes))
        raise RecordUnreadableError(
            f"'{path}' is damaged",
            notes=[f"line {lines.index(torn) + 1} of what was read is no event: {torn[:60]!r}"],
        )
    return events


def _revoke(found: list[dict[str, Any] | bytes], seq: int) -> None:
    """Take back what stands behind an event; what stands before it is left alone."""
    while found:
        last = found[-1]
        if isinstance(last, dict) and last.get("seq", 0) <= seq:
            return
        found.pop()


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def last_seq(events: Iterable[dict[str, Any]]) -> int:
    """Give the highest number among events; 0 where there is none."""
    return max((event.get("seq", 0) for event in events), default=0)


def _ends_torn(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            if stream.seek(0, os.SEEK_END) == 0:
                return False
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except OSError:
        return False
