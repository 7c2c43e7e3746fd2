"""Run one trial of a sweep in this process, from its frozen configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra.config import find_project, validate
from brevetti_hydra.config.recorded import compose_recorded, recorded_nodes, recorded_tree
from brevetti_hydra.config.safety.targets import load_target
from brevetti_hydra.config.secrets import held_secrets
from brevetti_hydra.errors import BrevettiHydraError, RunNotFoundError
from brevetti_hydra.job import Job
from brevetti_hydra.job_class import package_folders
from brevetti_hydra.record import RunRecord, RunState, TrialRef
from brevetti_hydra.run.context import RunContext
from brevetti_hydra.run.plan import ConfigText, RunPlan
from brevetti_hydra.run.settling import settle
from brevetti_hydra.run.workplace import Workplace
from brevetti_hydra.settings import ReservedNodes
from brevetti_hydra.sweep.code import CodeWatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brevetti_hydra.config import Argument, Validated
    from brevetti_hydra.record import Snapshot
    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.sweep.launch.base import Task
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import Frozen, PlannedTrial

__all__ = ["Outcome", "TrialRunner"]


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

    def run(self, task: Task) -> Outcome:
        """Run a trial, unless somebody else has taken it.

        What the job raises is in its record, and is not raised here.

        Raises:
            CodeChangedError: The code is not what was planned; nothing was written.
            BrevettiHydraError: The trial could not be begun.
            RunInterrupted, KeyboardInterrupt: This process was asked to stop; the record is sealed.
        """
        found = self._find(task.trial)
        attempts = 0 if found is None else len(found.attempts)
        if task.attempt != attempts + 1 or (found is not None and not found.state.is_resumable):
            state = RunState.PLANNED if found is None else found.state
            return Outcome(task.trial.number, is_taken=False, state=state)
        job = self._job(task.trial, is_new=found is None)
        try:
            job.start()
        except BrevettiHydraError:
            if not job._context.is_begun:  # noqa: SLF001 - Job stays small, for its users' names
                raise
        except Exception:  # noqa: BLE001, S110 - the record tells of it
            pass
        return Outcome(task.trial.number, is_taken=True, state=job.record.state)

    def _find(self, trial: PlannedTrial) -> RunRecord | None:
        try:
            return settle(trial.run_folder(self._sweep.folder))
        except RunNotFoundError:
            return None

    def _base(self, digest: str) -> Frozen:
        if digest not in self._frozen:
            self._frozen[digest] = self._sweep.frozen(digest)
        return self._frozen[digest]

    def _job(self, trial: PlannedTrial, *, is_new: bool) -> Job:
        frozen = self._base(trial.base)
        if self._sweep.record.sweep["code"] == "frozen":
            self._code.check()
        job_class = load_target(frozen.job.target, self._project, Job)
        composition = compose_recorded(
            _with_values(frozen.inputs, trial),
            job_class,
            frozen.job.target,
            Path(self._sweep.record.start_folder),
            given=self._secrets,
            is_to_run=True,
        )
        validated = validate(composition)
        nodes = ReservedNodes(validated.job, validated.platform, validated.run)
        plan = RunPlan(
            job=frozen.job,
            settings=validated.settings,
            settings_json=validated.settings_json,
            job_node=nodes.job,
            platform_node=nodes.platform,
            run_node=nodes.run,
            recorded=recorded_nodes(composition, nodes),
            config=recorded_tree(composition),
            origins=frozen.inputs.origins,
            choices=frozen.inputs.choices,
            config_version=frozen.inputs.config_version,
            sources=[
                ConfigText(source.label, source.text.encode(), is_compared=source.is_compared)
                for source in frozen.sources
            ],
            overrides=trial.overrides,
            command=["brevetti-hydra", *trial.overrides],
            info=frozen.info,
            start_folder=frozen.inputs.start_folder,
            job_dir=frozen.job_dir,
            cache_path=frozen.cache_path,
            secrets=_secrets(validated),
            warnings=frozen.warnings,
            package_folders=package_folders(job_class),
            trial=self._ref(trial),
        )
        job: Job = job_class(validated.settings, self._context(plan, trial, is_new=is_new))
        return job

    def _context(self, plan: RunPlan, trial: PlannedTrial, *, is_new: bool) -> RunContext:
        folder = trial.run_folder(self._sweep.folder)
        if not is_new:
            return RunContext.reopen(
                folder,
                plan,
                observers=self._observers,
                stdout_to_stderr=self._stdout_to_stderr,
                workplace=self._workplace,
            )
        return RunContext(
            plan,
            observers=self._observers,
            stdout_to_stderr=self._stdout_to_stderr,
            workplace=self._workplace,
            folder=folder,
            run_id=trial.run_id,
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


def _with_values(inputs: Snapshot, trial: PlannedTrial) -> Snapshot:
    config, origins = dict(inputs.config), dict(inputs.origins)
    for path, value, label in trial.values:
        _put(config, path, value)
        name = ".".join(path)
        origins[name] = [label, *origins.get(name, [])]
    return inputs.model_copy(update={"config": config, "origins": origins})


def _put(tree: dict[str, object], path: Sequence[str], value: object) -> None:
    """Set a value, in mappings that are copied on the way: the base is everybody's."""
    for key in path[:-1]:
        below = tree.get(key)
        tree[key] = below = dict(below) if isinstance(below, dict) else {}
        tree = below
    tree[path[-1]] = value


def _secrets(validated: Validated) -> list[str]:
    return list(held_secrets(validated.settings))
