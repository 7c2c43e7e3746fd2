"""The contract of searches: ask for a point, report while it runs, tell how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.record import RunState

__all__ = ["Point", "Search"]


class Point(NamedTuple):
    """A point that a search asks for.

    Attributes:
        number: The trial's number, from 0.
        values: Key of an axis -> value, as it would stand on the command line's right side.
    """

    number: int
    values: dict[str, Any]


class Search(Protocol):
    """Chooses points; safe for several drivers on one sweep, each with an object of its own."""

    def ask(self) -> Point | None:
        """Choose the next point; None when there are no more to choose.

        A point that was asked for is the sweep's from then on, also if the driver dies.
        """

    def unplanned(self, known: int) -> Sequence[Point]:
        """Give the points that were asked for and that the plan, of `known` lines, lacks."""

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Report the objective at an epoch; tell whether the trial is to be pruned."""

    def tell(self, number: int, state: RunState, values: Sequence[float]) -> None:
        """Tell how a trial ended; a second time changes nothing.

        Args:
            number: The trial.
            state: `completed`, `pruned`, or `failed`; a failed trial never aborts the search.
            values: The objectives, in their order; of completed trials alone.
        """

    def importances(self) -> dict[str, float]:
        """Give how much each axis matters, as shares that add up to 1; empty where unknown."""
