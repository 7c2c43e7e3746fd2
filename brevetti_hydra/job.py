"""Job: all that user code sees of the harness.

The life of a job, with what is left at each step:

    job = MyJob.init()          # compose YAML and arguments, validate all of it; nothing is written
    job.start()                 # created   the run's folder, record and snapshot
                                # running   artifacts/output.json, then:
        job.run()               #           progress and metrics, in the journal at once
                                #           the returned model is stored under artifacts/
                                # completed output.json again, the sealed record
    # what run() raises ends in `failed` and is raised again; a signal ends in `interrupted`
"""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, SupportsFloat

from brevetti_hydra._text import similar_name
from brevetti_hydra.errors import NotAJobError
from brevetti_hydra.settings import JobSettings, check_names

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from upath import UPath

    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.context import RunContext
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["Job"]


class Job:
    """One execution of your code on the platform: a model training, or a test report.

    Subclass it, narrow `settings`, and write `run`:

        class MyJobSettings(JobSettings):
            my_custom_int_setting: int

        class MyJob(Job):
            settings: MyJobSettings

            def run(self):
                print(f"My setting is {self.settings.my_custom_int_setting}")

        MyJob.init().start()

    Attributes:
        settings: The validated settings.
        objective: Name of the metric that a sweep of this job optimises, or None.
        direction: Whether a sweep looks for its least or for its greatest value.
    """

    settings: JobSettings
    objective: ClassVar[str | None] = None
    direction: ClassVar[Literal["minimize", "maximize"]] = "minimize"

    _context: RunContext

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse settings fields whose names are taken, as soon as the class is read."""
        super().__init_subclass__(**options)
        annotation = inspect.get_annotations(cls).get("settings")
        if isinstance(annotation, type):
            check_names(annotation)

    def __init__(self, settings: JobSettings, context: RunContext) -> None:
        """Bind settings and run together; `init` does that."""
        self.settings = settings
        self._context = context

    @classmethod
    def init(
        cls,
        job_id: str | None = None,
        api_key: str | None = None,
        *,
        info_file: str | os.PathLike[str] | None = None,
        job_dir: str | os.PathLike[str] | None = None,
        cache_path: str | os.PathLike[str] | None = None,
        overrides: Sequence[str] = (),
        config_dir: str | os.PathLike[str] | None = None,
        argv: Sequence[str] | None = None,
    ) -> Self:
        """Get an execution context: compose the settings, validate them, find the datasets.

        Nothing is written before `start`. In a terminal a mistake is printed as on the command
        line and ends the program with exit code 2; where `argv` is given it is raised.

        Args:
            job_id: An existing job; on the local platform, a run's id or its unique beginning.
                Default: a new run.
            api_key: The job's key on the platform.
            info_file: The job's info.json; its settings are a layer above YAML.
            job_dir: A folder that replaces the run's own storage space.
            cache_path: A folder for copies of remote files.
            overrides: `key=value` texts, as on the command line; those of `argv` win.
            config_dir: A folder of YAML, searched as with `--config-dir`.
            argv: The command line; default: sys.argv[1:], in a notebook none.

        Raises:
            ConfigErrors: The settings do not validate; all mistakes are in it.
            ConfigError: A file or an argument cannot be read.
            UsageError: Arguments contradict each other, or settings are given for an existing run.
            JobClassError: The settings class is missing or bears reserved names, or the module
                starts this job while it is imported for another.
            PlatformError: The job is not known here, or needs the remote platform.
            AmbiguousRunError: Several runs begin like the id.
            SystemExit: In a program that read sys.argv: after a mistake (2), or after `--help`,
                `--cfg` and the like (0).
        """
        from brevetti_hydra.python_door import open_from_python

        arguments = {
            "job_id": job_id,
            "api_key": api_key,
            "info_file": info_file,
            "job_dir": job_dir,
            "cache_path": cache_path,
        }
        given = {k: os.fspath(v) for k, v in arguments.items() if v is not None}
        return open_from_python(cls, given, overrides, config_dir, argv)

    def start(self, complete_job: bool = True) -> RunRecord:  # noqa: FBT001, FBT002 - the seed's
        """Run the job: open its record, call `run`, store the model, complete.

        Args:
            complete_job: Tell the platform that the job is complete.

        Returns:
            The sealed record.

        Raises:
            BaseException: Whatever `run` raised, after the record was closed as failed or
                interrupted; RunInterrupted where it was asked to stop.
            NotAJobError: There is no `run`.
            DatasetError: A dataset of the configuration is missing or empty.
            MissingExtraError: A package that the job or a dataset's bucket needs is not installed.
            ModelNotFoundError: The path that `run` returned does not exist.
            StaleAttemptError: A newer attempt of the run began meanwhile.
            StorageWriteError: The run's folder cannot be written; `run` was not called, or its
                result could not be kept.
            WrongStateError: The run is completed, or is running elsewhere.
        """
        if type(self).run is Job.run:
            nearest = similar_name("run", set(dir(self)) - set(dir(Job)))
            raise NotAJobError(
                f"'{type(self).__name__}' has no run(), so there is nothing to start",
                hint=f"a similar name exists: '{nearest}'" if nearest else "write: def run(self)",
            )
        return self._context.start(
            self, complete_job=complete_job, default_datasets=self.default_datasets
        )

    def run(self) -> str | os.PathLike[str] | UPath | None:
        """Do the work; override this.

        Returns:
            The path of a locally stored model, a file or a folder, which is then kept under the
            artifacts; or None.
        """
        return None

    def default_datasets(self) -> Mapping[str, str]:
        """Give datasets for a run that names none: name -> bucket; override this to have some.

        Called once by `start`, after validation; it may fetch or make the data.
        """
        return {}

    @property
    def id(self) -> str:
        """The run's id."""
        return self._context.record.run_id

    @property
    def name(self) -> str:
        """The job's name."""
        plan = self._context.plan
        # The record has another name where this one comes from the environment.
        return plan.job_node.name or plan.job.name

    @property
    def datasets(self) -> list[Dataset]:
        """The job's datasets, in the order of their names' appearance."""
        return self._context.datasets

    @property
    def models(self) -> dict[str, UPath]:
        """Where the parent models of a test report lie, by name."""
        # Imported here: most jobs are trainings.
        from brevetti_hydra.storage import open_path

        nodes = self._context.plan.job_node.models
        return {name: open_path(bucket) for name, bucket in nodes.items()}

    @property
    def tags(self) -> list[str]:
        """The names of the job's tags: of the configuration, else of info.json."""
        plan = self._context.plan
        sent = (plan.info or {}).get("tags") or ()
        return list(plan.job_node.tags) or [tag["name"] for tag in sent]

    @property
    def artifacts_path(self) -> UPath:
        """Where everything lies that the job outputs; to be written in `run` only."""
        return self._context.artifacts_path

    @property
    def temp_path(self) -> UPath:
        """A folder that is gone when the attempt ends."""
        return self._context.temp_path

    @property
    def checkpoint_path(self) -> UPath:
        """A folder that later attempts of the same run find again."""
        return self._context.checkpoint_path

    @property
    def cache_path(self) -> Path:
        """A folder for copies that all runs share: `--cache_path`, else BREVETTI_AI_CACHE."""
        from brevetti_hydra.storage.cache import cache_folder

        return cache_folder(self._context.plan.cache_path)

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked the run to stop; the next `report_progress` ends it."""
        return self._context.stop_requested

    @property
    def logger(self) -> logging.Logger:
        """A logger whose lines also stand in run.log."""
        return self._context.logger

    @property
    def record(self) -> RunRecord:
        """The run's record as it stands."""
        return self._context.record

    def artifact_path(self, *parts: str | os.PathLike[str]) -> UPath:
        """Give a path under the artifacts; while the job runs, the folders above it are made.

        Raises:
            UnsafePathError: The parts leave the artifacts.
        """
        return self._context.artifact_path(*parts)

    def add_output_metric(self, name: str, value: SupportsFloat) -> None:
        """Record a metric of the whole run, such as a test accuracy; a second value replaces.

        Raises:
            InvalidMetricError: The value is no number.
            NotRunningError: The job is not running.
            NotOwnerError: A forked child called.
        """
        self._context.add_output_metric(name, value)

    def report_progress(self, epoch: int, **metrics: SupportsFloat) -> None:
        """Record the metrics of an epoch, and stop here if the run was asked to stop.

        Args:
            epoch: As you count, from 0 or 1.
            **metrics: Numbers; NaN and infinities, NumPy and torch scalars too.

        Raises:
            RunInterrupted: The run was asked to stop.
            InvalidMetricError: A value is no number.
            NotRunningError: The job is not running.
            NotOwnerError: A forked child called.
        """
        self._context.report_progress(epoch, metrics)

    def get_image_samples(self) -> pd.DataFrame:
        """List the images of all datasets.

        Returns:
            A table with the columns path, category (tuple), folder, bucket, dataset, dataset_id,
            reference, url.

        Raises:
            DatasetNotFoundError: A dataset's bucket does not exist.
            DatasetEmptyError: A dataset has no image.
            MissingExtraError: pandas is not installed.
        """
        from brevetti_hydra.interfaces.samples import get_image_samples

        return get_image_samples(self.datasets)

    def __repr__(self) -> str:
        """Name the job and its run."""
        return f"<{type(self).__name__} '{self.name}'>"
