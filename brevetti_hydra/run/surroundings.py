"""Surroundings: what a session works with besides plan and folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra._clock import Clock
    from brevetti_hydra._masks import Masking
    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.run.workplace import Workplace
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["Surroundings"]


class Surroundings:
    """What a session works with besides plan and folder.

    Attributes:
        clock: Tells the time.
        observers: Called with each event.
        masking: Takes secrets out.
        datasets: The job's datasets.
        warnings: What is to be said when the run begins.
        git: A look at the tree that was begun earlier, or None.
        workplace: What the runs of this process share; None where there will be one alone.
        stdout_to_stderr: Send what the job prints to stderr.
        problem: Why the job cannot run, where its attempt is to be recorded all the same.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        observers: Sequence[Observer],
        masking: Masking,
        datasets: list[Dataset],
        warnings: Sequence[str],
        git: GitProbe | None,
        workplace: Workplace | None,
        stdout_to_stderr: bool,
        problem: Exception | None = None,
    ) -> None:
        self.clock = clock
        self.observers = tuple(observers)
        self.masking = masking
        self.datasets = datasets
        self.warnings = tuple(warnings)
        self.git = git
        self.workplace = workplace
        self.stdout_to_stderr = stdout_to_stderr
        self.problem = problem
