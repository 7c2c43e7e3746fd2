"""When attempts ran: lanes, and the time without pauses."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.record import PlannedTrial
from brevetti_hydra.sweep.summary.timeline import lay_out
from brevetti_hydra.sweep.summary.view import AttemptView, TrialView

SPANS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 500)), min_size=1, max_size=40)


def trial_of(number: int, *spans: tuple[float, float | None]) -> TrialView:
    planned = PlannedTrial(number, "", "", f"{number:05d}-x-0", "x", "", [], {}, [], 0, None)
    attempts = tuple(AttemptView(start, end, RunState.COMPLETED) for start, end in spans)
    return TrialView(planned, RunState.COMPLETED, attempts=attempts)


def test_lanes_are_as_many_as_ran_at_once() -> None:
    """An attempt takes the first lane that is free; a running one ends now."""
    layout = lay_out([trial_of(0, (0, 10)), trial_of(1, (5, 12)), trial_of(2, (10, None))], 20.0)

    assert [(0, 0.0, 10.0), (1, 5.0, 12.0), (0, 10.0, 20.0)] == [
        (bar.lane, bar.start, bar.end) for bar in layout.bars
    ]
    assert (2, [], "seconds") == (layout.lanes, layout.pauses, layout.unit)


def test_a_pause_takes_no_room() -> None:
    """A long time in which nothing ran is a mark at the place where work went on."""
    layout = lay_out([trial_of(0, (0, 60), (7260, 7320))], 0.0)

    assert [(0.0, 60.0), (60.0, 120.0)] == [(bar.start, bar.end) for bar in layout.bars]
    assert ([(60.0, "paused 2 h")], "minutes") == (layout.pauses, layout.unit)


@given(SPANS)
def test_no_two_bars_lie_upon_one_another(spans: list[Any]) -> None:
    """In a lane one bar follows the other, and each is as long as its attempt."""
    layout = lay_out(
        [trial_of(number, (start, start + took)) for number, (start, took) in enumerate(spans)], 0.0
    )

    for lane in range(layout.lanes):
        bars = [bar for bar in layout.bars if bar.lane == lane]
        pairs = itertools.pairwise(bars)
        assert all(left.end <= right.start + 1e-6 for left, right in pairs)
    lengths = sorted(round(bar.end - bar.start, 6) for bar in layout.bars)
    assert sorted(float(took) for _, took in spans) == lengths
