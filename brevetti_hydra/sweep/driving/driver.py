"""The driver: hands a sweep's trials to a launcher until there are no more to run.

It keeps no truth: what has become of a trial it reads from the trial's own folder, as does any
other driver that works on the same sweep. ::

    each trial of the plan, in order, and of a search what it asks for next:
        done                      -> counted, and told to the search
        somebody is at work on it -> watched, until that has ended
        else                      -> a task with the number of its next attempt
    a task that has ended: done, to be tried again (`policy`), taken by somebody else, or not begun
"""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock
from brevetti_hydra._text import plural
from brevetti_hydra.errors import LauncherError, RecordUnreadableError
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.driving.drivers import sign_on
from brevetti_hydra.sweep.driving.policy import Policy, Progress, failures_of
from brevetti_hydra.sweep.driving.stopping import StopWatch
from brevetti_hydra.sweep.standing import Standing, look_at
from brevetti_hydra.sweep.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.driving.feeding import SearchFeed
    from brevetti_hydra.sweep.launch.base import Ended, Launcher
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial

    Observer = Callable[[PlannedTrial, RunRecord | None], None]

__all__ = ["Driver", "Ending"]

_WAIT_S = 0.2
# Between two looks at trials that others run.
_WATCH_S = 0.5
# Tasks in a row that did not even begin: there is a reason that the next one will meet as well.
_MOST_UNBEGUN = 5


class Ending(NamedTuple):
    """How a drive ended; what became of the trials stands in their folders.

    Attributes:
        why: Why trials were left; None where each was looked after.
        signal_number: The signal that stopped it, if one did.
    """

    why: str | None = None
    signal_number: int | None = None


class Driver:
    """Drives one sweep, in one process; others may drive it at the same time."""

    def __init__(
        self,
        sweep: OpenSweep,
        launcher: Launcher,
        *,
        policy: Policy | None = None,
        feed: SearchFeed | None = None,
        observers: Iterable[Observer] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            sweep: The sweep.
            launcher: Runs the trials; closed when the drive ends.
            policy: What is tried again, and when it is enough; default: as planned.
            feed: Of a search: where trials come from.
            observers: Told of each trial that has ended while this driver was at work, with its
                record; None where that cannot be read.
            clock: Tells the time.
        """
        self._sweep = sweep
        self._launcher = launcher
        self._policy = policy or Policy.of(sweep.record)
        self._feed = feed
        self._observers = tuple(observers)
        self._clock = clock
        self._next = 0
        self._is_exhausted = False
        self._again: deque[Task] = deque()
        self._running: dict[int, Task] = {}
        self._watched: dict[int, PlannedTrial] = {}
        self._looked = 0.0
        # Of most trials there is nothing to remember: one attempt, which was ours.
        self._begun: Counter[int] = Counter()
        self._forgiven: dict[int, int] = {}
        self._unbegun: list[str] = []
        self._trials_begun = 0
        self._failed = 0
        self._stopped = 0
        follow = getattr(launcher, "follow", None)
        if follow is not None and feed is not None:
            follow(feed.observe)

    def drive(self) -> Ending:
        """Run what is missing; returns when every trial has been looked after, or was left.

        Raises:
            LauncherError: The launcher cannot run trials.
            BrevettiHydraError: Trials cannot be begun in this process.
            KeyboardInterrupt: The driver was to end at once.
        """
        self._began = self._clock.monotonic()
        with StopWatch(self._sweep.folder) as stops, sign_on(self._sweep.folder, self._clock):
            try:
                why = self._loop(stops)
            finally:
                self._launcher.close()
        if len(self._unbegun) >= _MOST_UNBEGUN:
            raise LauncherError(
                "trials cannot be begun",
                notes=list(dict.fromkeys(self._unbegun)),
                hint=f"when that is mended: brevetti-hydra sweep resume"
                f" {self._sweep.folder.short_id}",
            )
        return Ending(why, stops.signal_number)

    def _loop(self, stops: StopWatch) -> str | None:
        why: str | None = None
        while True:
            self._heed(stops.level)
            why = why or self._enough()
            if why is None:
                self._fill()
            if not self._running and (why is not None or self._is_done()):
                return why or self._why_left()
            if self._running:
                for ended in self._launcher.wait(_WAIT_S):
                    self._take_ended(ended)
            else:
                time.sleep(_WAIT_S)
            if self._feed is not None:
                self._feed.follow(self._running.values())
            self._watch()

    def _is_done(self) -> bool:
        return self._is_exhausted and not self._again and not self._watched

    def _why_left(self) -> str | None:
        """Say why there are trials that have not begun, where there was time for them."""
        planned = max(len(self._sweep.trials), self._sweep.record.trials or 0)
        if self._next < planned and self._policy.is_full(self._trials_begun):
            begun = plural(self._trials_begun, "trial")
            return f"{begun} began (sweep.max_trials={self._policy.max_trials})"
        return None

    def _heed(self, level: int) -> None:
        """Hand on that the sweep is to stop."""
        if level > self._stopped:
            self._stopped = level
            self._launcher.stop(at_once=level > 1)

    def _enough(self) -> str | None:
        if self._stopped:
            return "it was stopped"
        if len(self._unbegun) >= _MOST_UNBEGUN:
            return "trials cannot be begun"
        elapsed_s = self._clock.monotonic() - self._began
        return self._policy.enough(Progress(self._failed, elapsed_s))

    # --- what runs next ---

    def _fill(self) -> None:
        while (room := self._launcher.room) > 0:
            tasks: list[Task] = []
            while len(tasks) < room and self._enough() is None:
                task = self._next_task()
                if task is None:
                    break
                tasks.append(task)
                self._running[task.trial.number] = task
            if not tasks:
                return
            self._launcher.submit(tasks)

    def _next_task(self) -> Task | None:
        if self._again:
            return self._again.popleft()
        if self._policy.is_full(self._trials_begun):
            self._is_exhausted = True
            return None
        while self._next < len(self._sweep.trials) or (self._feed and self._feed.grow()):
            trial = self._sweep.trials[self._next]
            self._next += 1
            task = self._judge(trial, is_first=True)
            if task is not None:
                self._trials_begun += 1
                return task
        self._is_exhausted = True
        return None

    def _judge(self, trial: PlannedTrial, *, is_first: bool = False) -> Task | None:
        """Look at a trial: give what is to be done, watch it, or count it."""
        try:
            standing = look_at(trial.run_folder(self._sweep.folder), self._clock)
        except RecordUnreadableError:
            self._finish(trial, None, is_new=not is_first)
            return None
        if standing.is_live:
            self._watched[trial.number] = trial
            return None
        if standing.record is None:
            return Task(trial, 1)
        if is_first:
            self._forgive(trial, standing.record)
        if self._wants(trial, standing.record):
            return Task(trial, standing.attempts + 1)
        self._finish(trial, standing.record, is_new=not is_first)
        return None

    def _forgive(self, trial: PlannedTrial, record: RunRecord) -> None:
        """Let a trial that had failed before be tried, where that was asked for."""
        if self._policy.is_retrying_failed and record.state is RunState.FAILED:
            self._forgiven[trial.number] = failures_of(record)
            if self._feed is not None:
                self._feed.reopen([trial.number])

    def _wants(self, trial: PlannedTrial, record: RunRecord) -> bool:
        return self._policy.wants(
            record,
            begun=self._begun[trial.number],
            forgiven=self._forgiven.get(trial.number, 0),
        )

    # --- what has ended ---

    def _take_ended(self, ended: Ended) -> None:
        task = self._running.pop(ended.number)
        trial = task.trial
        try:
            standing = look_at(trial.run_folder(self._sweep.folder), self._clock)
        except RecordUnreadableError:
            self._finish(trial, None, is_new=True)
            return
        if standing.attempts < task.attempt and not standing.is_live:
            self._take_unbegun(task, ended, standing)
            return
        if ended.is_taken and standing.attempts >= task.attempt:
            self._begun[trial.number] += 1
            self._unbegun.clear()
        if standing.is_live:
            # Taken by another driver's process, or one that outlived its engine.
            self._watched[trial.number] = trial
        elif standing.record is not None and self._wants(trial, standing.record):
            self._again.append(Task(trial, standing.attempts + 1))
        else:
            self._finish(trial, standing.record, is_new=True)

    def _take_unbegun(self, task: Task, ended: Ended, standing: Standing) -> None:
        """Try a task again whose process came to nothing, unless that happens again and again."""
        if not self._stopped:
            self._unbegun.append(ended.reason or "the process ended before the trial began")
            self._again.append(task)
        elif standing.record is not None:
            self._finish(task.trial, standing.record, is_new=False)

    def _finish(self, trial: PlannedTrial, record: RunRecord | None, *, is_new: bool) -> None:
        """Tell of a trial that this driver will not touch again."""
        self._begun.pop(trial.number, None)
        if self._feed is not None and record is not None:
            self._feed.tell(trial, record)
        if not is_new:
            return
        self._failed += record is None or record.state is RunState.FAILED
        for observer in self._observers:
            observer(trial, record)

    def _watch(self) -> None:
        """Look at the trials that others run, from time to time."""
        now = self._clock.monotonic()
        if not self._watched or now - self._looked < _WATCH_S:
            return
        self._looked = now
        watched, self._watched = self._watched, {}
        for trial in watched.values():
            task = self._judge(trial)
            if task is not None:
                self._again.append(task)
