"""The one seam for time: everything that asks what time it is asks a Clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "format_utc", "parse_utc"]


class Clock(Protocol):
    """Tells the time of day and the time since some moment."""

    def now(self) -> float:
        """Give the time of day, in seconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Give seconds that never go backwards, from an arbitrary start."""


class _SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


SYSTEM_CLOCK: Clock = _SystemClock()


def format_utc(seconds: float) -> str:
    """Write a time of day as ISO 8601 in UTC with milliseconds, `2026-11-23T10:15:00.250Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_utc(text: str) -> float:
    """Read what `format_utc` wrote.

    Returns:
        Seconds since 1970-01-01 UTC.

    Raises:
        ValueError: The text is no ISO 8601 time.
    """
    return datetime.fromisoformat(text).timestamp()
