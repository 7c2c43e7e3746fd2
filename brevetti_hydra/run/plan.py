"""RunPlan: everything about a run that is decided before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.settings import ReservedNodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from brevetti_hydra.record import JobRef, TrialRef
    from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode
    from brevetti_hydra.storage.dataset import Dataset

__all__ = ["ConfigText", "RunPlan"]


class ConfigText(NamedTuple):
    """A YAML file that took part in the composition.

    Attributes:
        label: As errors and origins name it, `conf/job/classifier.yaml`.
        text: Its bytes, as they were read; secrets masked.
        is_compared: Whether its changes since the commit are kept, too. They are not where it may
            hold secrets: a line that was taken out is no longer known for one.
    """

    label: str
    text: bytes
    is_compared: bool = True


class RunPlan:
    """All inputs of a run, validated; nothing changes it later.

    Attributes:
        job: Which code runs.
        settings: The validated settings.
        settings_json: The same as plain JSON values, secrets masked, `${oc.env:X}` unresolved.
        config: The composed tree, interpolations unresolved.
        origins: Dotted key -> who wrote it, the winner first.
        choices: Group -> chosen option.
        sources: The YAML that took part.
        overrides: The command-line overrides, as given, without secrets.
        command: The command line, without secrets.
        short_command: The same without the overrides that had no effect; empty where each had one.
        left_out: Those overrides, as shown, each with the reason.
        job_node: The `job` node.
        platform_node: The `platform` node.
        run_node: The `run` node.
        recorded: The reserved nodes as records show them: `${oc.env:X}` unresolved.
        info: What info.json says, when one was given; it may hold the api key.
        start_folder: The working directory of the start, from which relative buckets are meant.
        timeout_s: Seconds that an attempt may take, or None.
        job_dir: A folder that replaces the run's own storage space, or None.
        cache_path: A folder for copies of remote files, or None.
        secrets: Texts that must never be written anywhere.
        warnings: What the user is to be told when the run begins.
        package_folders: Folders of the job's own source; only .py files there go into a patch.
        trial: The run's place in a sweep; None of a single run.
    """

    __slots__ = (
        "cache_path",
        "choices",
        "command",
        "config",
        "config_version",
        "info",
        "job",
        "job_dir",
        "job_node",
        "left_out",
        "origins",
        "overrides",
        "package_folders",
        "platform_node",
        "recorded",
        "run_node",
        "secrets",
        "settings",
        "settings_json",
        "short_command",
        "sources",
        "start_folder",
        "timeout_s",
        "trial",
        "warnings",
    )

    def __init__(
        self,
        *,
        job: JobRef,
        settings: JobSettings,
        settings_json: Mapping[str, Any],
        job_node: JobNode,
        platform_node: PlatformNode,
        run_node: RunNode,
        recorded: ReservedNodes | None = None,
        config: Mapping[str, Any] | None = None,
        origins: Mapping[str, Sequence[str]] | None = None,
        choices: Mapping[str, str | None] | None = None,
        config_version: Mapping[str, int] | None = None,
        sources: Iterable[ConfigText] = (),
        overrides: Iterable[str] = (),
        command: Iterable[str] = (),
        short_command: Iterable[str] = (),
        left_out: Iterable[tuple[str, str]] = (),
        info: Mapping[str, Any] | None = None,
        start_folder: str | None = None,
        timeout_s: float | None = None,
        job_dir: str | None = None,
        cache_path: str | None = None,
        secrets: Iterable[str] = (),
        warnings: Iterable[str] = (),
        package_folders: Iterable[Path] = (),
        trial: TrialRef | None = None,
    ) -> None:
        self.job = job
        self.settings = settings
        self.settings_json = dict(settings_json)
        self.job_node = job_node
        self.platform_node = platform_node
        self.run_node = run_node
        self.recorded = recorded or ReservedNodes(job_node, platform_node, run_node)
        self.config = dict(config or {})
        self.origins = {key: list(writers) for key, writers in (origins or {}).items()}
        self.choices = dict(choices or {})
        self.config_version = dict(config_version or {})
        self.sources = tuple(sources)
        self.overrides = tuple(overrides)
        self.command = tuple(command)
        self.short_command = tuple(short_command)
        self.left_out = tuple(left_out)
        self.info = None if info is None else dict(info)
        self.start_folder = start_folder
        self.timeout_s = timeout_s
        self.job_dir = job_dir
        self.cache_path = cache_path
        self.secrets = tuple(secrets)
        self.warnings = tuple(warnings)
        self.package_folders = tuple(package_folders)
        self.trial = trial

    @property
    def all_secrets(self) -> list[str]:
        """The secrets, with the key that stands in info.json."""
        key = (self.info or {}).get("api_key")
        return [*self.secrets, *([key] if isinstance(key, str) else [])]

    def recorded_id(self, dataset: Dataset) -> str:
        """Give the id of a dataset as records show it."""
        node = self.recorded.job.datasets.get(dataset.name)
        return dataset.id if node is None else node.id or dataset.name

    def __setattr__(self, name: str, value: object) -> None:
        """Take each value once."""
        if hasattr(self, name):
            message = f"a plan does not change: '{name}'"
            raise AttributeError(message)
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Name the job only: a plan holds secrets."""
        return f"RunPlan(job={self.job.name!r})"
