"""`MyJob.init()` and `python -m brevetti_hydra job=module:Class` compose the same settings."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brevetti_hydra import BrevettiHydraError, Job
from brevetti_hydra.config import read_argv
from brevetti_hydra.opening import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """
from dataclasses import dataclass, field
from typing import Annotated, Literal
from pydantic import BaseModel
from brevetti_hydra import Field, Job, JobSettings

class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    beta: float = 0.9

class Sgd(BaseModel):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.0

@dataclass
class Augment:
    flip: bool = False

class DoorSettings(JobSettings):
    lr: float = Field(0.1, gt=0)
    epochs: int = 3
    label: str = "x"
    sizes: list[int] = [1, 2]
    weights: dict[str, float] = {"a": 1.0}
    augment: Augment = field(default_factory=Augment)
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()

class DoorJob(Job):
    settings: DoorSettings
"""

ARGUMENTS = [
    ["lr=0.5"],
    ["--lr", "0.25"],
    ["--lr=7"],
    ["epochs=5"],
    ["++epochs=6"],
    ["label=1.10"],
    ["--label=a=b"],
    ["label=${epochs}"],
    ["sizes=[4,5]"],
    ["--sizes", "[7]"],
    ["weights['any text']=2"],
    ["augment.flip=true"],
    ["--augment.flip"],
    ["optim.kind=sgd"],
    ["optim.kind=sgd", "optim.momentum=0.5"],
    ["optim.beta=0.5"],
    ["~label"],
    ["+experiment=big"],
    ["experiment=big"],
    ["lr=-1"],
    ["unknown=1"],
]


@pytest.fixture
def door_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Job]]:
    (tmp_path / "door_jobs.py").write_text(MODULE, encoding="utf-8")
    options = tmp_path / "conf" / "experiment"
    options.mkdir(parents=True)
    text = "# @package _global_\nepochs: 40\noptim:\n  kind: adam\n  beta: 0.8\n"
    (options / "big.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import door_jobs  # type: ignore[import-not-found]

    yield door_jobs.DoorJob
    del sys.modules["door_jobs"]


def test_both_doors_compose_the_same_settings(door_job: type[Job], tmp_path: Path) -> None:
    """Any arguments give equal settings, or equal errors, through both doors."""

    @given(st.lists(st.sampled_from(ARGUMENTS), max_size=5))
    @settings(max_examples=120, deadline=None)
    def compare(chosen: list[list[str]]) -> None:
        argv = [word for words in chosen for word in words]
        assert _by_command_line(argv, tmp_path) == _by_init(door_job, argv)

    compare()


def _by_command_line(argv: list[str], folder: Path) -> object:
    try:
        # Last, so that both doors count their arguments alike.
        ready = prepare(read_argv([*argv, "job=door_jobs:DoorJob"]), folder)
    except BrevettiHydraError as error:
        return error.as_json()
    return ready.validated.settings.model_dump()


def _by_init(job_class: type[Job], argv: list[str]) -> object:
    try:
        return job_class.init(argv=argv).settings.model_dump()
    except BrevettiHydraError as error:
        return error.as_json()
