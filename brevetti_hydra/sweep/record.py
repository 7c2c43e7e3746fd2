"""What a sweep's folder holds, as typed values (sweep format 1, plan format 1).

`sweep.json` is written once, when the plan is whole and before the first trial; `plan.jsonl` holds
a line a trial, and grows only while a search asks for more. What became of the trials stands in
their own run folders and nowhere else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from brevetti_hydra._files import digest_bytes
from brevetti_hydra._json import json_bytes
from brevetti_hydra.record import JobRef, Snapshot, _Model

if TYPE_CHECKING:
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = [
    "Frozen",
    "LinePart",
    "Objective",
    "PlannedTrial",
    "SourceText",
    "Stem",
    "SweepRecord",
    "trial_key",
]


class Objective(_Model):
    """A metric that the sweep optimises."""

    name: str = Field(description="an output metric, else the last value of a progress metric")
    direction: Literal["minimize", "maximize"]


class LinePart(_Model):
    """A part of the line that the trials of a search are started with."""

    text: str = Field("", description="an override that all share")
    axis: str = Field("", description="or the axis whose override stands here")
    writes: tuple[tuple[str, ...], ...] = Field(
        (), description="the overrides of each choice; of a range `key=`, which its value ends"
    )
    origin: str = Field("", description="where the axis stands, 'argument 3'")


class Stem(_Model):
    """A frozen configuration that points of a search are laid over."""

    chosen: dict[str, str] = Field(description="choices of the axes that decide for it")
    base: str = Field(description="digest of the configuration")
    job: str = Field(description="name of its job")


class SweepRecord(_Model):
    """One sweep as it was planned (`sweep.json`)."""

    format: Literal[1] = 1
    sweep_id: str
    folder: str = Field(description="name of the sweep's folder")
    created: str = Field(description="UTC, ISO 8601")
    command: tuple[str, ...] = Field(description="the command line, without secrets")
    trial_command: tuple[str, ...] = Field(
        description="what the line of a trial alone begins with: program, flags, --info_file"
    )
    overrides: tuple[str, ...] = Field(description="the overrides, as given, without secrets")
    start_folder: str = Field(description="the working directory of the start")
    jobs: tuple[str, ...] = Field(description="names of the jobs that it runs")
    varied: tuple[str, ...] = Field(description="dotted keys that differ between trials, in order")
    search: dict[str, Any] | None = Field(None, description="the `search` node; None of a product")
    space: dict[str, Any] = Field(default={}, description="of a search: key -> what it may be")
    line: tuple[LinePart, ...] = Field((), description="of a search: what its trials' lines are")
    stems: tuple[Stem, ...] = Field((), description="of a search: what its points are laid over")
    trials: int | None = Field(description="how many were planned, or are to be searched for")
    objectives: tuple[Objective, ...] = ()
    sweep: dict[str, Any] = Field(description="the `sweep` node")
    launcher: dict[str, Any] = Field(description="the `launcher` node")
    hydra_launcher: dict[str, Any] | None = Field(
        None, description="name and settings of a Hydra launcher plugin, in the launcher's place"
    )
    code_sha256: str = Field(description="digest of code.json's files")
    harness: str = Field(description="version of brevetti_hydra that planned it")

    def command_of(self, trial: PlannedTrial) -> list[str]:
        """Give the words of a command line that runs a trial again, alone."""
        return [*self.trial_command, *trial.overrides]


class SourceText(_Model):
    """A YAML file that took part, as it was when the sweep was planned."""

    label: str
    text: str
    is_compared: bool = True


class Frozen(_Model):
    """A composed configuration (`bases/<digest>.json`), that trials lay their values over."""

    format: Literal[1] = 1
    job: JobRef
    inputs: Snapshot = Field(description="config, origins and choices; environment empty")
    sources: tuple[SourceText, ...] = ()
    info: dict[str, Any] | None = Field(None, description="the job's info.json, without its key")
    cache_path: str | None = Field(None, description="`--cache_path`")
    warnings: tuple[str, ...] = Field((), description="what each trial's record says first")

    @property
    def digest(self) -> str:
        """What its file is named by."""
        return digest_bytes(json_bytes(self))[:16]


class PlannedTrial(NamedTuple):
    """One trial: a run that is to be, as a line of `plan.jsonl` tells it.

    Attributes:
        number: In the order of the plan, from 0.
        key: Digest of job, settings without seed, and repeat index.
        run_id: The id of its run.
        folder: Name of its run folder, in the sweep's folder.
        job: Name of its job.
        base: Digest of the composed configuration that its values are laid over.
        values: Its own values, as [[key, ...], value, origin] each; secrets masked.
        varied: Dotted key -> value, of what differs between trials.
        overrides: The overrides of a line that runs this trial alone.
        repeat: Which of the trials with the same settings.
        seed: Its seed.
    """

    number: int
    key: str
    run_id: str
    folder: str
    job: str
    base: str
    values: list[tuple[list[str], Any, str]]
    varied: dict[str, Any]
    overrides: list[str]
    repeat: int
    seed: int | None

    def line(self) -> bytes:
        """Write the trial as a line of the plan, with its line feed."""
        return json_bytes(self._asdict()) + b"\n"

    @classmethod
    def of_line(cls, line: bytes | str) -> PlannedTrial:
        """Read a line of the plan.

        Raises:
            TypeError, ValueError: It is no such line.
        """
        return cls(**json.loads(line))

    def run_folder(self, sweep: SweepFolder) -> RunFolder:
        """Point at its run folder."""
        return sweep.trial(self.folder)


def trial_key(target: str, settings: Any, job: Any, repeat: int) -> str:
    """Give the key of a trial: which point it is, whatever its seed and wherever its folder.

    Args:
        target: The name of its class.
        settings: Its settings, as plain values.
        job: Its `job` node, as plain values.
        repeat: Which of the trials with the same settings.
    """
    content = {"target": target, "settings": settings, "job": job, "repeat": repeat}
    return digest_bytes(json_bytes(content))[:16]
