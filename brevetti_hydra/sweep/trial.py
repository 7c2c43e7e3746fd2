"""Run one trial of a sweep in this process, from its frozen configuration alone."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra.config import Validated, find_project, validate
from brevetti_hydra.config.models.job_shapes import class_shapes
from brevetti_hydra.config.recorded import compose_recorded, recorded_nodes, recorded_tree
from brevetti_hydra.config.safety.targets import load_target
from brevetti_hydra.config.tree.origins import dotted
from brevetti_hydra.errors import (
    ConfigErrors,
    InvalidSettingError,
    RunInterrupted,
    RunNotFoundError,
    RunPruned,
    TrialTakenError,
)
from brevetti_hydra.job import Job
from brevetti_hydra.job_class import package_folders
from brevetti_hydra.opening import secrets_of
from brevetti_hydra.record import RunState, TrialRef
from brevetti_hydra.run.context import RunContext
from brevetti_hydra.run.plan import ConfigText, RunPlan
from brevetti_hydra.run.settling import settle
from brevetti_hydra.run.workplace import Workplace
from brevetti_hydra.settings import (
    RESERVED_NODES,
    JobNode,
    JobSettings,
    PlatformNode,
    ReservedNodes,
    RunNode,
)
from brevetti_hydra.sweep.code import CodeWatch
from brevetti_hydra.sweep.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brevetti_hydra.config import Argument, Composition
    from brevetti_hydra.record import Snapshot
    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import Frozen, PlannedTrial

__all__ = ["Outcome", "TrialRunner", "with_values"]


class Outcome(NamedTuple):
    """What came of a task in this process.

    Attributes:
        number: The trial's number.
        is_taken: Whether this process ran it; False where somebody else has it, or had it.
        state: Where the trial stands.
    """

    number: int
    is_taken: bool
    state: RunState


class _Unbuilt:
    """Stands for a job whose class could not build it: its run raises what that raised."""

    def __init__(self, settings: JobSettings, error: Exception) -> None:
        self.settings = settings
        self._error = error

    def default_datasets(self) -> dict[str, str]:
        """Give none."""
        return {}

    def run(self) -> None:
        """Raise what building the job raised."""
        raise self._error


class TrialRunner:
    """Runs trials of one sweep, one after the other; configurations are read once."""

    def __init__(
        self,
        sweep: OpenSweep,
        *,
        secrets: Sequence[Argument] = (),
        observers: Iterable[Observer] = (),
        stdout_to_stderr: bool = False,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            sweep: The sweep.
            secrets: Overrides that the plan does not hold, because they are secrets.
            observers: Told of each event of each run.
            stdout_to_stderr: Send what the jobs print to stderr.
        """
        self._sweep = sweep
        self._secrets = tuple(secrets)
        self._observers = tuple(observers)
        self._stdout_to_stderr = stdout_to_stderr
        self._frozen: dict[str, Frozen] = {}
        self._workplace = Workplace()
        self._project = find_project(Path(sweep.record.start_folder))
        self._code = CodeWatch(sweep.folder, self._project, SYSTEM_CLOCK)

    def run(self, task: Task, *, observers: Iterable[Observer] = ()) -> Outcome:
        """Run a trial, unless somebody else has taken it.

        What the job raises is in its record, and is not raised here. The next trial finds working
        directory, environment and search path as this one did.

        Args:
            task: The trial, and which attempt of it.
            observers: Told of each event of this run, beside those of all.

        Raises:
            CodeChangedError: The code is not what was planned; nothing was written.
            BrevettiHydraError: The trial could not be begun; its folder tells nothing of it.
            RunInterrupted, KeyboardInterrupt: This process was asked to stop; the record is sealed.
        """
        with _undisturbed():
            return self._run(task, tuple(observers))

    def check(self, trial: PlannedTrial) -> None:
        """Compose and validate a trial's configuration, and leave it at that.

        Raises:
            ConfigError: It is wrong, or a secret is missing.
            UsageError: What was given as secrets are none.
        """
        self._job(Task(trial, 1), ())

    def close(self) -> None:
        """Let go of what the runs have shared."""
        self._workplace.close()

    def _run(self, task: Task, observers: tuple[Observer, ...]) -> Outcome:
        job, context = self._job(task, observers)
        try:
            context.start(job, default_datasets=job.default_datasets)
        except TrialTakenError:
            return Outcome(task.trial.number, is_taken=False, state=self._state(task.trial))
        except (Exception, RunPruned):
            # Else the record tells of it.
            if not context.is_begun:
                raise
        except (SystemExit, KeyboardInterrupt) as error:
            is_own = isinstance(error, SystemExit) or context.is_asked_to_stop
            if not is_own or not context.is_begun:
                raise
        if context.stop_signal is not None:
            # It was this process that was asked, and not the trial alone.
            raise RunInterrupted(context.stop_signal)
        return Outcome(task.trial.number, is_taken=True, state=context.state)

    def _state(self, trial: PlannedTrial) -> RunState:
        try:
            return settle(trial.run_folder(self._sweep.folder)).state
        except RunNotFoundError:
            return RunState.CREATED  # somebody has claimed it, just now

    def _base(self, digest: str) -> Frozen:
        if digest not in self._frozen:
            self._frozen[digest] = self._sweep.frozen(digest)
        return self._frozen[digest]

    def _job_class(self, target: str) -> Any:
        # Whether a target may be loaded is found out by looking at many folders.
        look = partial(load_target, target, self._project, Job)
        return self._workplace.once(("job class", target), look)

    def _job(
        self, task: Task, observers: tuple[Observer, ...]
    ) -> tuple[Job | _Unbuilt, RunContext]:
        """Make the job of a task; one that its class cannot build fails when it is run."""
        trial = task.trial
        frozen = self._base(trial.base)
        if self._sweep.record.sweep["code"] == "frozen":
            self._code.check()
        job_class = self._job_class(frozen.job.target)
        inputs = with_values(frozen.inputs, trial)
        composition = self._compose(inputs, frozen, job_class)
        validated, problem = _validated(composition)
        context = RunContext(
            self._plan(trial, frozen, inputs, composition, validated),
            observers=(*self._observers, *observers),
            stdout_to_stderr=self._stdout_to_stderr,
            workplace=self._workplace,
            folder=trial.run_folder(self._sweep.folder),
            run_id=trial.run_id,
            attempt=task.attempt,
        )
        if problem is not None:
            return _Unbuilt(validated.settings, problem), context
        try:
            return job_class(validated.settings, context), context
        except Exception as error:  # noqa: BLE001 - a class of the user may raise anything
            return _Unbuilt(validated.settings, error), context

    def _compose(self, inputs: Snapshot, frozen: Frozen, job_class: Any) -> Composition:
        return compose_recorded(
            inputs,
            job_class,
            frozen.job.target,
            Path(self._sweep.record.start_folder),
            given=self._secrets,
            is_to_run=True,
            project=self._project,
            shapes=self._workplace.once(("shapes", job_class), partial(class_shapes, job_class)),
        )

    def _plan(
        self,
        trial: PlannedTrial,
        frozen: Frozen,
        inputs: Snapshot,
        composition: Composition,
        validated: Validated,
    ) -> RunPlan:
        nodes = ReservedNodes(validated.job, validated.platform, validated.run)
        return RunPlan(
            job=frozen.job,
            settings=validated.settings,
            settings_json=validated.settings_json,
            job_node=nodes.job,
            platform_node=nodes.platform,
            run_node=nodes.run,
            recorded=recorded_nodes(composition, nodes),
            config=recorded_tree(composition),
            origins=inputs.origins,
            choices=inputs.choices,
            config_version=inputs.config_version,
            sources=[
                ConfigText(source.label, source.text.encode(), is_compared=source.is_compared)
                for source in frozen.sources
            ],
            overrides=trial.overrides,
            command=self._sweep.record.command_of(trial),
            info=frozen.info,
            start_folder=inputs.start_folder,
            cache_path=frozen.cache_path,
            secrets=secrets_of(composition, validated),
            warnings=frozen.warnings,
            package_folders=package_folders(composition.job_class),
            trial=self._ref(trial),
            timeout_s=self._sweep.record.sweep.get("timeout_s"),
        )

    def _ref(self, trial: PlannedTrial) -> TrialRef:
        record = self._sweep.record
        return TrialRef(
            sweep=record.folder,
            number=trial.number,
            key=trial.key,
            repeat=trial.repeat,
            objectives=tuple(objective.name for objective in record.objectives),
        )


def _validated(composition: Composition) -> tuple[Validated, InvalidSettingError | None]:
    """Validate a trial; a point of a search may be one that the job's own validators refuse.

    Such a trial fails, with what they say in its record, or it would be begun for ever.

    Raises:
        ConfigErrors: It could not even be composed: a secret is missing.
    """
    try:
        return validate(composition), None
    except ConfigErrors as error:
        if composition.problems:
            raise
        tree = recorded_tree(composition)
        refused = {name: value for name, value in tree.items() if name not in RESERVED_NODES}
        nodes = (JobNode(), PlatformNode(), RunNode())
        problem = InvalidSettingError("; ".join(each.message for each in error.errors))
        return Validated(JobSettings(), *nodes, settings_json=refused, warnings=()), problem


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Undo what a job does to its process; a forked child of it that comes back ends here."""
    owner, folder, environment, path = os.getpid(), Path.cwd(), dict(os.environ), [*sys.path]
    try:
        yield
    finally:
        if os.getpid() != owner:
            os._exit(1)
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        sys.path[:] = path


def with_values(inputs: Snapshot, trial: PlannedTrial) -> Snapshot:
    """Lay a trial's own values over its base, which stays as it is."""
    config, origins = dict(inputs.config), dict(inputs.origins)
    for path, value, label in trial.values:
        _put(config, path, value)
        name = dotted(tuple(path))
        # In the place of the base's own writer; what that replaced is the same.
        origins[name] = [label, *origins.get(name, [])[1:]]
    return inputs.model_copy(update={"config": config, "origins": origins})


def _put(tree: dict[str, object], path: Sequence[str], value: object) -> None:
    """Set a value, in mappings that are copied on the way: the base is everybody's."""
    for key in path[:-1]:
        below = tree.get(key)
        tree[key] = below = dict(below) if isinstance(below, dict) else {}
        tree = below
    tree[path[-1]] = value
