"""The contract of searches: ask for a point, report while it runs, tell how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from brevetti_hydra.record import RunState

__all__ = ["Point", "Search"]


class Point(NamedTuple):
    """A point that a search asks for.

    Attributes:
        number: The trial's number, from 0.
        values: Key of an axis that counts -> a choice as it stands on the command line's right
            side, or a number.
    """

    number: int
    values: dict[str, Any]


class Search(Protocol):
    """Chooses points; safe for several drivers on one sweep, each with an object of its own.

    A point that was asked for is the sweep's from then on, with its number, also if the driver dies
    before it has planned it. Whoever asks and plans holds `SweepFolder.lock` for both.
    """

    def ask(self, known: int) -> Point | None:
        """Choose the point that follows the `known` first ones; None when there are no more.

        One that was asked for before, and never planned, is given again.
        """

    def restore(self, planned: Iterable[Point]) -> None:
        """Take over points of the plan that the search has lost, with their numbers.

        Args:
            planned: All of the plan, in the order of their numbers.
        """

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Report the objective at an epoch; tell whether the trial is to be pruned."""

    def tell(self, number: int, state: RunState, values: Sequence[float] = ()) -> None:
        """Tell how a trial ended; a second time changes nothing.

        Args:
            number: The trial.
            state: `completed`, `pruned`, or `failed`; a failed trial never aborts the search. In
                any other state it will be run again, and there is nothing to tell.
            values: The objectives, in their order; of completed trials alone.
        """

    def reopen(self, numbers: Collection[int]) -> None:
        """Forget how trials ended: they are run again, with the same values."""

    def importances(self) -> dict[str, float]:
        """Give how much each axis matters, as shares that add up to 1; empty where unknown."""
