"""How far a large sweep is planned: a line that is rewritten, or a few lines of a log."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from brevetti_hydra.cli.planning_display import PlanningDisplay

if TYPE_CHECKING:
    import pytest


class Steps:
    """A clock that goes on by a step at each look."""

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.now_s = 0.0

    def now(self) -> float:
        return self.monotonic()

    def monotonic(self) -> float:
        self.now_s += self.step_s
        return self.now_s


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, step_s: float, trials: int) -> str:
    with PlanningDisplay(stream, clock=Steps(step_s)) as display:
        for number in range(trials):
            display(number + 1, 1000)
    return stream.getvalue()


def test_a_terminal_s_line_is_rewritten_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count replaces the one before; at the end nothing is left of it."""
    monkeypatch.setenv("TERM", "xterm")

    assert ("\r\x1b[K2 of 1,000 trials planned\r\x1b[K3 of 1,000 trials planned\r\x1b[K") == shown(
        Terminal(), 0.5, 3
    )


def test_a_log_gets_few_lines() -> None:
    """Elsewhere a line comes each ten seconds."""
    assert ["10 of 1,000 trials planned", "20 of 1,000 trials planned"] == shown(
        io.StringIO(), 1.0, 25
    ).splitlines()


def test_what_is_over_at_once_or_is_not_to_be_told_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is said of a small sweep, nor where the environment asks for quiet."""
    small = shown(Terminal(), 0.01, 50)
    monkeypatch.setenv("BREVETTI_HYDRA_QUIET", "1")

    assert ("", "") == (small, shown(Terminal(), 1.0, 50))
