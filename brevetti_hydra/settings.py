"""Settings: what a Job's own models build on, and the reserved nodes of the tree."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from brevetti_hydra.errors import ReservedNameError

__all__ = [
    "CONTAINER_ARGUMENTS",
    "HARNESS_VERSION",
    "RESERVED_NODES",
    "DatasetNode",
    "JobNode",
    "JobSettings",
    "PlatformNode",
    "ReservedNodes",
    "RunNode",
    "Secret",
    "check_names",
]

# Text that is shown as `**********` everywhere; `.get_secret_value()` gives it.
Secret = SecretStr

# Root nodes of the tree that are the harness's own (DESIGN.md, "The tree").
RESERVED_NODES = frozenset(
    {"job", "platform", "run", "sweep", "search", "launcher", "hydra", "config_version", "defaults"}
)

# The version of those nodes: one more than the highest step of `config.migration.versions.HARNESS`.
HARNESS_VERSION = 1

# Arguments by which a platform starts a container; none of them can be a setting.
CONTAINER_ARGUMENTS = frozenset(
    {
        "job_id",
        "model_id",
        "test_id",
        "api_key",
        "info_file",
        "job_dir",
        "cache_path",
        "host",
        "data_bucket",
        "serialize_schema",
    }
)


class JobSettings(BaseModel):
    """The settings of a job: subclass it and add fields.

    Fields may be of any type that pydantic knows; nested settings may be JobSettings, pydantic
    models, pydantic dataclasses or standard dataclasses. Keys that no field has are errors, at
    every level. Fields are validated when they get their default as well.

    Example:
        >>> from brevetti_hydra import Field, JobSettings
        >>> class MySettings(JobSettings):
        ...     epochs: int = Field(10, gt=0, description="passes over the training images")
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        validate_default=True,
        # `model` is the most natural name of a nested node, and `model_...` of a field.
        protected_namespaces=(),
    )


class _Node(BaseModel):
    """A reserved node: closed, read-only, built when it is first needed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, defer_build=True
    )


class DatasetNode(_Node):
    """One dataset; a plain text in its place is its bucket."""

    bucket: str = Field(
        min_length=1, description="folder or fsspec URL that holds the category folders"
    )
    id: str | None = Field(None, description="id on the platform; default: the name")
    tags: list[str] = Field(default=[], description="names of the dataset's tags")
    mapping: dict[str, str] = Field(
        default={}, description="class mapping: folder name -> category, searched leaf to root"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_bucket(cls, value: Any) -> Any:
        return {"bucket": value} if isinstance(value, str) else value


class JobNode(_Node):
    """The `job` node: which class runs, under which name, on which data."""

    target: str | None = Field(
        None, alias="_target_", description="the Job class, 'pkg.mod:Class' or 'pkg.mod.Class'"
    )
    name: str | None = Field(None, description="name of the run's job; default: the option's name")
    datasets: dict[str, DatasetNode] = Field(
        default={}, description="datasets by name: a bucket, or {bucket, id, tags, mapping}"
    )
    models: dict[str, str] = Field(
        default={}, description="parent models of a test report: name -> bucket"
    )
    tags: list[str] = Field(default=[], description="names of the job's tags")
    parent: str | None = Field(None, description="id of the run that this one derives from")


class PlatformNode(_Node):
    """The `platform` node: who knows about this job."""

    kind: Literal["local"] = Field("local", description="the embedded platform of this machine")
    job_id: str | None = Field(None, description="id of an existing job; default: a new one")
    settings_layer: Literal["above_yaml", "below_yaml"] = Field(
        "above_yaml", description="where info.json's settings stand among the layers"
    )
    unknown_settings: Literal["warn", "error"] = Field(
        "warn", description="what to do about info.json's settings that the class does not know"
    )


class RunNode(_Node):
    """The `run` node: how a run is executed and what it leaves."""

    root: str | None = Field(
        None, description="folder of all runs; default: BREVETTI_HYDRA_RUNS, else ./runs"
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = Field(
        0, description="seed of Python, NumPy and torch; null leaves them alone"
    )
    name: str | None = Field(None, description="a name for this run, for people")
    note: str | None = Field(None, description="a note that is kept in the record")
    tags: list[str] = Field(default=[], description="tags of the record, to find runs by")
    grace_s: float = Field(30.0, ge=0, description="seconds between a stop request and its force")
    lease_s: float = Field(
        60.0, gt=0, description="seconds of silence after which a run elsewhere counts as lost"
    )
    capture: bool = Field(True, description="copy stdout and stderr into run.log")
    debug: bool = Field(False, description="post-mortem debugger on failure, no grace timer")


class ReservedNodes(NamedTuple):
    """The reserved nodes of one run.

    Attributes:
        job: The `job` node.
        platform: The `platform` node.
        run: The `run` node.
    """

    job: JobNode
    platform: PlatformNode
    run: RunNode


def check_names(settings: type[JobSettings]) -> None:
    """Refuse fields that the tree's reserved nodes or the container arguments would shadow.

    Raises:
        ReservedNameError: There are such fields.
    """
    taken = RESERVED_NODES | CONTAINER_ARGUMENTS
    fields = getattr(settings, "model_fields", {})
    names: set[str] = set(fields)
    for field in fields.values():
        aliases = (field.alias, field.validation_alias)
        names.update(alias for alias in aliases if isinstance(alias, str))
    clashes = sorted(taken & names)
    if clashes:
        listed = ", ".join(f"'{name}'" for name in clashes)
        raise ReservedNameError(
            f"{settings.__name__} has settings whose names are taken: {listed}",
            notes=[f"taken are {', '.join(sorted(taken))}"],
            hint="rename them, or put them into a nested model",
        )
