"""What a run leaves behind, as typed values (record format 1, snapshot format 1).

`record.json` is small and changes with the run's state; `snapshot.json` is large, is written once
before the first step, and never changes. The record holds the snapshot's digest. Both are JSON by
pydantic; NaN and the infinities are written as the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brevetti_hydra.errors import RecordUnreadableError

if TYPE_CHECKING:
    from brevetti_hydra.settings import JobSettings

__all__ = [
    "TRANSITIONS",
    "ArtifactRef",
    "Attempt",
    "DatasetRef",
    "Failure",
    "IneffectiveOverride",
    "JobRef",
    "RunRecord",
    "RunState",
    "Runnable",
    "Snapshot",
    "SourceFile",
    "TrialRef",
    "unreadable",
]


class RunState(StrEnum):
    """Where a run stands. The only way through is `TRANSITIONS`."""

    PLANNED = "planned"
    CREATED = "created"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    PRUNED = "pruned"
    LOST = "lost"

    @property
    def is_finished(self) -> bool:
        """Whether no process is at work on it, or will be without being asked."""
        return self not in {RunState.PLANNED, RunState.CREATED, RunState.RUNNING}

    @property
    def is_resumable(self) -> bool:
        """Whether a new attempt may begin."""
        return RunState.RUNNING in TRANSITIONS[self] and self is not RunState.CREATED


TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.PLANNED: frozenset({RunState.CREATED}),
    RunState.CREATED: frozenset(
        {RunState.RUNNING, RunState.FAILED, RunState.INTERRUPTED, RunState.LOST}
    ),
    RunState.RUNNING: frozenset(
        {
            RunState.COMPLETED,
            RunState.FAILED,
            RunState.INTERRUPTED,
            RunState.PRUNED,
            RunState.LOST,
        }
    ),
    # Back to running only as a new attempt.
    RunState.FAILED: frozenset({RunState.RUNNING}),
    RunState.INTERRUPTED: frozenset({RunState.RUNNING}),
    RunState.LOST: frozenset({RunState.RUNNING}),
    RunState.COMPLETED: frozenset(),
    RunState.PRUNED: frozenset(),
}


class _Model(BaseModel):
    """A frozen value; unknown keys are errors. Built when first used: it halves the import."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="strings",
        protected_namespaces=(),
        defer_build=True,
    )


class Failure(_Model):
    """Why an attempt did not complete."""

    type: str = Field(description="class of the exception, 'ValueError'")
    message: str
    traceback: str = ""


class Attempt(_Model):
    """One process of a run."""

    number: int = Field(ge=1)
    host: str
    boot_id: str = Field(description="changes when the host restarts; '' where unknown")
    pid: int
    process_started: str = Field(description="start mark of the process; '' where unknown")
    started: str = Field(description="UTC, ISO 8601")
    lease_s: float = Field(60.0, description="silence after which it counts as lost elsewhere")
    ended: str | None = None
    state: RunState = RunState.RUNNING
    failure: Failure | None = None
    python: str = Field("", description="version; '' where it ended before it looked")
    packages_sha256: str = Field("", description="digest of the list of installed packages")
    commit: str | None = Field(None, description="the commit of the job's source")
    is_dirty: bool | None = Field(None, description="whether tracked files differ from the commit")
    environment_path: str = Field(
        "", description="where all of it stands, relative to the run's folder"
    )


class ArtifactRef(_Model):
    """A file under the job's `artifacts/`."""

    path: str = Field(description="relative to artifacts/, with '/'")
    size_bytes: int
    sha256: str


class DatasetRef(_Model):
    """A dataset as the run found it."""

    name: str
    id: str
    bucket: str = Field(description="as given, without credentials")
    digest: str = Field(description="'<algorithm>:<hex>' over path, size and content of each file")
    files: int
    size_bytes: int


class JobRef(_Model):
    """Which code ran."""

    name: str
    target: str = Field(description="'pkg.mod:Class'")
    file: str | None = Field(None, description="where the class stands; None in a notebook")
    module: str | None = Field(None, description="what 'python -m' was given, if it was")
    entry: Literal["target", "script", "interactive"] = Field(
        "target",
        description="importable, a script that called init(), or neither",
    )


class TrialRef(_Model):
    """The place of a run in a sweep."""

    sweep: str = Field(description="name of the sweep's folder")
    number: int = Field(ge=0, description="in the order of the plan, from 0")
    key: str = Field(description="digest of job, settings without seed, and repeat index")
    repeat: int = Field(0, ge=0, description="which of the trials with the same settings")
    objectives: tuple[str, ...] = Field(
        (), description="metrics without which the trial has failed"
    )


class RunRecord(_Model):
    """One run, as its folder's `record.json` tells it.

    `metrics` are the output metrics, `progress` the last reported values of each progress metric.
    Times are UTC in ISO 8601; `duration_s` adds up the attempts.
    """

    format: Literal[1] = 1
    run_id: str
    folder: str = Field(description="name of the run's folder")
    job: JobRef
    state: RunState
    name: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    parent: str | None = None
    created: str
    ended: str | None = None
    duration_s: float | None = None
    seed: int | None
    overrides: tuple[str, ...] = Field(description="the command-line overrides, as given")
    command: tuple[str, ...] = Field(description="the command line, without secrets")
    settings: dict[str, Any] = Field(description="validated settings; secrets masked")
    attempts: tuple[Attempt, ...] = ()
    metrics: dict[str, float] = {}
    progress: dict[str, float] = {}
    epoch: int | None = Field(None, description="the last reported epoch")
    unwritten_events: int = Field(0, description="progress events that the disk did not take")
    artifacts: tuple[ArtifactRef, ...] = ()
    model: str | None = Field(None, description="the stored model's path under artifacts/")
    storage: str = Field(
        description="the job's storage space; relative to the run's folder if in it"
    )
    failure: Failure | None = None
    snapshot_sha256: str = ""
    journal_bytes: int = Field(0, description="how much of the journal the record tells")
    trial: TrialRef | None = Field(None, description="its place in a sweep; None of a single run")


class SourceFile(_Model):
    """A YAML file that took part in the composition, with its copy or why there is none."""

    label: str = Field(description="as errors and origins name it, 'conf/job/classifier.yaml'")
    copy_path: str | None = Field(None, description="relative to the run's folder")
    sha256: str | None = Field(None, description="digest of the copy")
    left_out: str | None = Field(None, description="why there is no copy")


class IneffectiveOverride(_Model):
    """An override without which the run would have been configured alike."""

    override: str = Field(description="as given, without secrets")
    reason: str


class Snapshot(_Model):
    """All inputs of a run, written before its first step (`snapshot.json`)."""

    format: Literal[1] = 1
    config: dict[str, Any] = Field(description="the composed tree, interpolations unresolved")
    origins: dict[str, list[str]] = Field(
        description="dotted key -> its writers, the winner first, as 'conf/x.yaml:4:3'"
    )
    choices: dict[str, str | None] = Field(description="group -> chosen option")
    config_version: dict[str, int] = Field(
        default={}, description="version of the configuration: project, harness; {} before 0.2"
    )
    start_folder: str | None = Field(
        None, description="the working directory of the start; relative buckets mean it"
    )
    short_command: tuple[str, ...] = Field(
        (), description="the command line without overrides that had no effect; () if each had"
    )
    left_out: tuple[IneffectiveOverride, ...] = ()
    sources: tuple[SourceFile, ...] = ()
    datasets: tuple[DatasetRef, ...] = ()
    environment: dict[str, Any] = Field(
        description="python, packages, git, hardware, variables (README, 'What a run leaves')"
    )


class Runnable(Protocol):
    """What the lifecycle needs of a job, and all it knows about it."""

    @property
    def settings(self) -> JobSettings:
        """The validated settings."""

    def run(self) -> Any:
        """Do the work; the returned path (a text, os.PathLike or UPath), if any, is the model."""


def unreadable(path: object, error: Exception) -> RecordUnreadableError:
    """Say why what a run or a sweep has left cannot be read.

    Args:
        path: The file.
        error: What reading it, or its model, has raised.
    """
    if isinstance(error, ValidationError):
        mistakes = error.errors(include_url=False, include_input=False)[:3]
        notes = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in mistakes]
    else:
        notes = [getattr(error, "strerror", None) or str(error)]
    return RecordUnreadableError(f"cannot read '{path}'", notes=notes)
