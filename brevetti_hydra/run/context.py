"""RunContext: a job's side of its run; a Job delegates to it."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, SupportsFloat

from brevetti_hydra._clock import SYSTEM_CLOCK, Clock, format_utc
from brevetti_hydra._files import make_folder
from brevetti_hydra._json import encodable
from brevetti_hydra._masks import Masking
from brevetti_hydra.errors import (
    NotRunningError,
    PlatformNotAvailableError,
    WrongStateError,
)
from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.folders import RunFolder, new_run_id, runs_root
from brevetti_hydra.run.metrics import check_metric_name, to_epoch, to_metric

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from upath import UPath

    from brevetti_hydra.record import Runnable
    from brevetti_hydra.run.capture import RunLog
    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.run.git import GitProbe
    from brevetti_hydra.run.plan import RunPlan
    from brevetti_hydra.run.ranks import RankDoor
    from brevetti_hydra.run.session import Session
    from brevetti_hydra.run.workplace import Workplace
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["RunContext"]


class RunContext:
    """What a Job delegates to: its run's paths, record, reports and lifecycle.

    Between `start` and its end any thread of the process may report; before and after, everything
    can be read. A forked child can read, too, but not report.

    Attributes:
        plan: What is run.
        folder: The run's folder; made by `start`.
    """

    def __init__(
        self,
        plan: RunPlan,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        stdout_to_stderr: bool = False,
        git: GitProbe | None = None,
        workplace: Workplace | None = None,
        folder: RunFolder | None = None,
        run_id: str | None = None,
        attempt: int | None = None,
    ) -> None:
        """Prepare a new run; nothing is written before `start`.

        Args:
            plan: What to run.
            clock: Tells the time.
            observers: Called with each event, after it was written. One that has a method
                `write_above(content: bytes) -> bool` may show the job's output on a terminal, so
                that it does not tear a progress bar; False leaves it to the run. One that has
                `follow(drain: Callable[[], None])` can wait by it until all that was printed is
                shown, before it writes itself. One that has `close()` is closed before a debugger
                takes the terminal.
            stdout_to_stderr: Send what the job prints to stderr: stdout belongs to `--json`.
            git: A look at the job's tree that was begun earlier (`git.begin_git`).
            workplace: What the runs of this process share, where it does several.
            folder: Its folder, where a sweep has named it already.
            run_id: Its id, likewise.
            attempt: The number that this attempt of a trial must have: its folder may be there
                already, and `start` raises TrialTakenError where somebody else was quicker.

        Raises:
            PlatformNotAvailableError: `--job_dir` is not on this machine.
        """
        self.plan = plan
        self._clock = clock
        self._observers = tuple(observers)
        self._stdout_to_stderr = stdout_to_stderr
        self._defaults: list[Dataset] = []
        self._git = git
        self._workplace = workplace
        self._masking = Masking(plan.all_secrets)
        self._names: dict[str, str] = {}
        self._session: Session | None = None
        self._door: RankDoor | None = None
        self._attempt = attempt
        now = clock.now()
        run_id = run_id or new_run_id()
        if folder is None:
            root = runs_root(plan.run_node.root)
            folder = RunFolder.named(root, plan.job.name, run_id, now, _job_dir(plan))
        self.folder = folder
        self._record = self._plan_record(run_id, format_utc(now))

    @classmethod
    def reopen(
        cls,
        folder: RunFolder,
        plan: RunPlan,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
        stdout_to_stderr: bool = False,
        workplace: Workplace | None = None,
    ) -> Self:
        """Take up an existing run, to read in it or to `start` a new attempt.

        Args:
            folder: The run's folder.
            plan: What to run.
            clock: As for a new run; so are the others.
            observers: Called with each event.
            stdout_to_stderr: Send what the job prints to stderr.
            workplace: What the runs of this process share, where it does several.

        Raises:
            RunNotFoundError: There is no run in the folder.
            RecordUnreadableError: Its record is damaged.
        """
        from brevetti_hydra.run.settling import settle

        context = cls(
            plan,
            clock=clock,
            observers=observers,
            stdout_to_stderr=stdout_to_stderr,
            workplace=workplace,
        )
        context._record = settle(folder, clock=clock)
        context.folder = folder.at_storage(context._record.storage)
        return context

    def _plan_record(self, run_id: str, created: str) -> RunRecord:
        plan, node, mask = self.plan, self.plan.recorded.run, self._masking
        fields = {
            "job": plan.job.model_dump(),
            "name": mask.tree(node.name),
            "note": mask.tree(node.note),
            "tags": mask.tree(node.tags),
            "parent": mask.tree(plan.recorded.job.parent),
            "overrides": mask.tree(plan.overrides),
            "command": mask.tree(plan.command),
            "settings": mask.tree(plan.settings_json),
            "storage": self.folder.storage,
        }
        return RunRecord(
            run_id=run_id,
            folder=self.folder.name,
            state=RunState.PLANNED,
            created=created,
            seed=node.seed,
            trial=plan.trial,
            **encodable(fields),
        )

    # --- lifecycle ---

    def start(
        self,
        job: Runnable,
        *,
        complete_job: bool = True,
        default_datasets: Callable[[], Mapping[str, str]] | None = None,
    ) -> RunRecord:
        """Walk the job through its lifecycle: see `session`.

        Args:
            job: Its `run` is called, once.
            complete_job: Tell the platform that the job is complete. Without it the record is
                sealed as completed all the same, and the platform is told nothing.
            default_datasets: Gives name -> bucket where nothing else names a dataset.

        Returns:
            The sealed record.

        Raises:
            BaseException: What `run` raised, after the record was sealed.
            RunInterrupted: The run was asked to stop.
            DatasetNotFoundError, DatasetEmptyError: Before anything was written.
            StorageWriteError: The run's folder cannot be written; or the end of the run cannot.
            TrialTakenError: Of a trial: somebody else has begun this attempt.
            WrongStateError: The run is completed, or is running.
        """
        state = self.state
        if state is not RunState.PLANNED and not state.is_resumable:
            raise WrongStateError(
                f"run '{self.folder.name}' is {state.value} and cannot be started",
                notes=["a run starts once; a new attempt begins after failed, interrupted or lost"],
                hint="init() gives a new run",
            )
        session = self._open_session(default_datasets)
        try:
            return session.run(job, complete_job=complete_job)
        finally:
            self._record = session.recorder.record
            if self._door is not None:
                self._door.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the running job to another process, which will be a rank of it (`ranks`)."""
        from brevetti_hydra.run.ranks import RankContext, door_of

        session = self._running("send the job to another process")
        self._door = self._door or door_of(self, session.stops)
        defaults = {dataset.name: dataset.bucket for dataset in self._defaults}
        threshold = self._door.threshold
        return RankContext, (self.plan, self.folder, self.record, defaults, threshold)

    def __deepcopy__(self, _known: dict[int, Any]) -> Self:
        """Stay the same in a copied job: a run has one context."""
        return self

    def _open_session(self, default_datasets: Callable[[], Mapping[str, str]] | None) -> Session:
        # Browsing a job needs nothing of it.
        from brevetti_hydra.run.session import Session
        from brevetti_hydra.run.surroundings import Surroundings

        datasets: list[Dataset] = []
        warnings: list[str] = []
        problem = None
        try:
            datasets, warnings = self._usable_datasets(default_datasets)
        except Exception as error:
            if self.plan.trial is None:
                raise
            # A trial leaves a record of why it could not run, or it would be begun for ever.
            problem = error
        around = Surroundings(
            clock=self._clock,
            observers=self._observers,
            masking=self._masking,
            datasets=datasets,
            warnings=[self._masking.text(text) for text in (*self.plan.warnings, *warnings)],
            git=self._git,
            workplace=self._workplace,
            stdout_to_stderr=self._stdout_to_stderr,
            problem=problem,
        )
        self._git = None
        self._session = Session(self.plan, self.folder, self.record, around, attempt=self._attempt)
        return self._session

    def _usable_datasets(
        self, default_datasets: Callable[[], Mapping[str, str]] | None
    ) -> tuple[list[Dataset], list[str]]:
        from brevetti_hydra.run.datasets import usable_datasets

        if default_datasets is not None and not self.datasets:
            self._set_default_datasets(default_datasets())
        configured, sent = self._planned_datasets
        return usable_datasets([*configured, *self._defaults], sent)

    @property
    def record(self) -> RunRecord:
        """The run's record as it stands, with what was reported until now."""
        return self._record if self._session is None else self._session.recorder.record

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        return self._record.state if self._session is None else self._session.recorder.state

    @property
    def is_begun(self) -> bool:
        """Whether this process has begun an attempt of the run."""
        return self._session is not None

    @property
    def is_running(self) -> bool:
        """Whether the job may write: its run() is at work, in this process."""
        return self._session is not None and self._session.is_running

    @property
    def masking(self) -> Masking:
        """What takes the run's secrets out of texts."""
        return self._masking

    @property
    def stop_requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self._session is not None and self._session.is_asked_to_stop

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether it was, by whomever, as far as is known already."""
        return self._session is not None and self._session.stops.is_requested

    @property
    def stop_signal(self) -> int | None:
        """The first signal to stop that this process got since; None where there was none."""
        return None if self._session is None else self._session.stops.signal_number

    # --- reports ---

    def report_progress(self, epoch: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Record the metrics of an epoch, then stop here if the run was asked to.

        Args:
            epoch: As the job counts.
            metrics: Numbers; NaN, infinities, and scalars of NumPy, torch and the like too.

        Raises:
            RunInterrupted: The run was asked to stop.
            RunPruned: The trial was found to be not worth its time.
            InvalidMetricError: A name or value cannot be recorded.
            NotRunningError: The job is not running.
            NotOwnerError: A forked child called.
            StaleAttemptError: A newer attempt of the run has begun.
        """
        session = self._running("report progress")
        names = self._names
        values: dict[str, float] = {}
        for name, value in metrics.items():
            known = names.get(name) or self._learn(name)
            values[known] = value if type(value) is float else to_metric(name, value)
        session.recorder.progress(to_epoch(epoch), values)
        session.raise_if_requested()

    def add_output_metric(self, name: str, value: SupportsFloat) -> None:
        """Record a metric of the whole run; a second value replaces the first.

        Raises:
            InvalidMetricError: The name or value cannot be recorded.
            NotRunningError: The job is not running.
            NotOwnerError: A forked child called.
            StaleAttemptError: A newer attempt of the run has begun.
        """
        session = self._running(f"add the metric '{name}'")
        known = self._names.get(name) or self._learn(name)
        session.recorder.metric(known, to_metric(name, value))

    def _learn(self, name: str) -> str:
        """Check a metric's name, once."""
        check_metric_name(name)
        self._names[name] = known = self._masking.text(name)
        return known

    def _running(self, action: str) -> Session:
        session = self._session
        if session is None or session.recorder.state is not RunState.RUNNING:
            raise NotRunningError(
                f"cannot {action} outside of run()",
                notes=[f"the run is {self.state.value}"],
                hint="move this into the job's run() and call job.start()",
            )
        return session

    @cached_property
    def logger(self) -> logging.Logger:
        """The job's logger, `brevetti_hydra.job.<name>`; its lines stand in run.log, too."""
        from brevetti_hydra.run.logs import job_logger

        return job_logger(self.plan.job.name, self._masking, self._find_log)

    def _find_log(self) -> tuple[RunLog, bool] | None:
        session = self._session
        return None if session is None else (session.log, session.is_copied)

    # --- paths ---

    @cached_property
    def _planned_datasets(self) -> tuple[list[Dataset], list[Dataset]]:
        from brevetti_hydra.run.datasets import planned_datasets

        return planned_datasets(self.plan)

    @property
    def datasets(self) -> list[Dataset]:
        """The job's datasets: of the configuration, of info.json, or the job's own defaults."""
        configured, sent = self._planned_datasets
        return [*configured, *sent, *self._defaults]

    def _set_default_datasets(self, buckets: Mapping[str, str]) -> None:
        from brevetti_hydra.run.datasets import default_datasets

        self._defaults = default_datasets(buckets)

    @cached_property
    def storage(self) -> UPath:
        """The job's storage space."""
        return self._guard(self.folder.storage_dir)

    @cached_property
    def artifacts_path(self) -> UPath:
        """Where everything lies that the job outputs."""
        return self._guard(self.folder.artifacts_dir)

    @property
    def temp_path(self) -> UPath:
        """Scratch space, removed when the attempt ends."""
        return self._working_folder(self.folder.temp_dir, point="temp.made")

    @property
    def checkpoint_path(self) -> UPath:
        """What later attempts of this run find again."""
        return self._working_folder(self.folder.checkpoints_dir, point="checkpoints.made")

    def artifact_path(self, *parts: str | os.PathLike[str]) -> UPath:
        """Give a path under the artifacts; in a running job the folders above it are made.

        Raises:
            UnsafePathError: The parts leave the artifacts.
            StorageWriteError: The folders cannot be made.
        """
        from brevetti_hydra.storage.paths import child_path

        path = child_path(self.folder.artifacts_dir, *[os.fspath(part) for part in parts])
        if self.is_running:
            make_folder(path.parent, point="artifact.folder")
        return self._guard(path)

    def _working_folder(self, path: Path, *, point: str) -> UPath:
        if self.is_running:
            make_folder(path, point=point)
        return self._guard(path)

    def _guard(self, path: Path) -> UPath:
        from brevetti_hydra.storage.access import guard

        return guard(path, lambda: self.is_running)


def _job_dir(plan: RunPlan) -> Path | None:
    if plan.job_dir is None:
        return None
    from brevetti_hydra._masks import without_credentials
    from brevetti_hydra.storage.paths import is_remote, local_path

    if is_remote(plan.job_dir):
        raise PlatformNotAvailableError(
            f"the local platform cannot use '{without_credentials(plan.job_dir)}' as storage space",
            hint="give a folder of this machine with --job_dir DIR",
        )
    return local_path(plan.job_dir)
