"""The journal: every event of a run, appended before it is acted on or sent anywhere.

One JSON object a line: `seq` counts the run's events, `attempt` is the number of the attempt that
wrote it, `at` the time, `kind` what it is; the rest depends on the kind::

    {"seq":3,"attempt":1,"at":"2026-11-23T10:15:00.250Z","kind":"progress","epoch":1,"metrics":{}}

Kinds: `state` (see `states.Step`; the first holds the whole record), `progress`, `metric`,
`artifact`, `warned`, and `mended`. A torn last line is tolerated: its writer died. Whoever appends
after one first ends it with a `mended` line; any other torn line is damage, and refused.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from brevetti_hydra._clock import format_utc
from brevetti_hydra._files import Appender
from brevetti_hydra.errors import RecordUnreadableError, StorageWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from brevetti_hydra._clock import Clock

__all__ = ["JournalWriter", "last_seq", "read_journal", "read_tail"]

_MENDED = b'{"kind":"mended"}\n'


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
            fields: The rest of the line, plain JSON values without NaN.
            point: The kill point.
            durable: Wait until the disk has it.
            at: Its time; default: now.

        Raises:
            StorageWriteError: The disk did not take it; the event is as if it never was.
        """
        body = json.dumps(fields, separators=(",", ":"), allow_nan=False)
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
        line = f'{head},"kind":"{kind}",{body}}}\n'.encode()
        if self._torn:
            line = b"\n" + _MENDED + line
        try:
            self._out.append(line, point=point, durable=durable)
        except StorageWriteError:
            self._torn = True
            raise
        self._torn = False
        self.seq = seq

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
    return read_tail(path, 0)[0]


def read_tail(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Read events from some place on, in the order in which they were written.

    Args:
        path: The journal; a missing one holds no events.
        offset: Where to begin, in bytes: the end of a line that was read before.

    Returns:
        The events, and where the next one will begin. Whether their attempts were entitled is for
        `replay` to judge.

    Raises:
        RecordUnreadableError: A line that is not the last is torn, and nobody mended it.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            content = stream.read()
    except FileNotFoundError:
        return [], offset
    except OSError as error:
        raise RecordUnreadableError(
            f"cannot read '{path}'", notes=[error.strerror or str(error)]
        ) from error
    *lines, torn = content.split(b"\n")
    end = offset + len(content) - len(torn)
    return list(_parse(path, [line for line in lines if line])), end


def _parse(path: Path, lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines):
        event = _event(line)
        if event is None:
            following = lines[number + 1 :][:1]
            if following and following[0] != _MENDED.rstrip():
                raise RecordUnreadableError(
                    f"'{path}' is damaged",
                    notes=[f"line {number + 1} of what was read is no event: {line[:60]!r}"],
                )
        elif event.get("kind") != "mended":
            yield event


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
