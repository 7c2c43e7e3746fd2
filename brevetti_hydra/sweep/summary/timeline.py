"""When the attempts of a sweep ran: in lanes, without the times when nothing did."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.sweep.summary.view import TrialView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Bar", "Layout", "lay_out"]

# A silence of a tenth of the work, but no shorter than this, is a pause.
_PAUSE_SHARE = 0.1
_PAUSE_LEAST_S = 30.0
_UNITS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))


class Bar(NamedTuple):
    """One attempt.

    Attributes:
        trial: Whose.
        lane: Beside which others it ran, from 0.
        start: Seconds of the sweep's own time, which pauses are no part of.
        end: The same.
        state: How it ended.
    """

    trial: TrialView
    lane: int
    start: float
    end: float
    state: str


class Layout(NamedTuple):
    """All of them.

    Attributes:
        bars: The attempts, by their start.
        lanes: How many ran at once at most.
        pauses: Where nothing ran: the moment in the sweep's own time, and how long it was.
        unit: In what the time is best told, "minutes".
        unit_s: The seconds of one of those.
    """

    bars: list[Bar]
    lanes: int
    pauses: list[tuple[float, str]]
    unit: str
    unit_s: float


class _Span(NamedTuple):
    start: float
    end: float
    trial: TrialView
    state: str


def lay_out(trials: Iterable[TrialView], now: float) -> Layout:
    """Place every attempt in the first lane that is free.

    Args:
        trials: In any order.
        now: The end of those that run, in seconds since 1970 UTC.
    """
    spans = sorted(
        (
            _Span(each.started, max(each.started, each.ended or now), trial, each.state.value)
            for trial in trials
            for each in trial.attempts
        ),
        key=lambda span: (span.start, span.trial.number),
    )
    silences = _silences(spans)
    bars: list[Bar] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = 0
    for span in spans:
        while busy and busy[0][0] <= span.start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, lanes = lanes, lanes + 1
        heapq.heappush(busy, (span.end, lane))
        start, end = _own_time(span.start, spans, silences), _own_time(span.end, spans, silences)
        bars.append(Bar(span.trial, lane, start, end, span.state))
    total = max((bar.end for bar in bars), default=0.0)
    # Two of a unit at least, so that the axis has numbers to tell.
    unit, unit_s = next((each for each in _UNITS if total >= 2 * each[1]), ("seconds", 1.0))
    pauses = [
        (_own_time(start, spans, silences), f"paused {_length(end - start)}")
        for start, end in silences
    ]
    return Layout(bars, lanes, pauses, unit, unit_s)


def _silences(spans: Sequence[_Span]) -> list[tuple[float, float]]:
    """Find the long times, from and to, in which nothing ran."""
    gaps: list[tuple[float, float]] = []
    until = spans[0].start if spans else 0.0
    busy = 0.0
    for span in spans:
        if span.start > until:
            gaps.append((until, span.start))
        busy += max(0.0, span.end - max(until, span.start))
        until = max(until, span.end)
    least = max(_PAUSE_LEAST_S, busy * _PAUSE_SHARE)
    return [gap for gap in gaps if gap[1] - gap[0] >= least]


def _own_time(at: float, spans: Sequence[_Span], silences: Sequence[tuple[float, float]]) -> float:
    paused = sum(end - start for start, end in silences if end <= at)
    return at - spans[0].start - paused


def _length(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
