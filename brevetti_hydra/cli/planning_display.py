"""How far a large sweep is planned, on stderr: planning 100,000 trials takes a minute."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra.run.display import is_quiet

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

__all__ = ["PlanningDisplay"]

# Nobody wants to read of what is over at once; a log wants few lines.
_FIRST_S, _TERMINAL_EVERY_S, _LINE_EVERY_S = 1.0, 0.2, 10.0
_ERASE = "\r\x1b[K"


class PlanningDisplay:
    """Shows a count that a terminal's line is rewritten with, and that is a line elsewhere."""

    def __init__(self, stream: TextIO | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Prepare; nothing is shown for the first second.

        Args:
            stream: Where to show; default: stderr.
            clock: Tells the time.
        """
        self._stream = stream or sys.stderr
        self._clock = clock
        self._is_rewritten = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._is_shown = False
        every_s = _FIRST_S if self._is_rewritten else _LINE_EVERY_S
        self._next_s = float("inf") if is_quiet() else clock.monotonic() + every_s

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line away."""
        if self._is_shown and self._is_rewritten:
            self._write(_ERASE)

    def __call__(self, planned: int, expected: int) -> None:
        """Show that so many trials are planned, of so many."""
        now = self._clock.monotonic()
        if now < self._next_s:
            return
        self._is_shown = True
        text = f"{planned:,} of {expected:,} trials planned"
        self._next_s = now + (_TERMINAL_EVERY_S if self._is_rewritten else _LINE_EVERY_S)
        self._write(f"{_ERASE}{text}" if self._is_rewritten else f"{text}\n")

    def _write(self, text: str) -> None:
        # A stderr that nobody reads is no reason to stop.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
