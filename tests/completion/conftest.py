"""A user's project with a job of its own, and what completion answers in it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.completion.candidate import Candidate, Place
from brevetti_hydra.completion.commands import complete
from brevetti_hydra.completion.query import answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# 2026-11-23T12:00:00Z
NOW = 1795435200.0

TRAIN = '''\
"""Says at once when somebody imports it."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from brevetti_hydra import Field, Job, JobSettings, Secret

if os.environ.get("MARK"):
    Path(os.environ["MARK"]).touch()


class Color(enum.Enum):
    RED = "red"
    BLUE = "deep blue"


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    beta1: float = 0.9


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.0


class Net(JobSettings):
    hidden: int = Field(32, gt=0, description="units of the hidden layer")
    drop: float | None = None


class Settings(JobSettings):
    limit: ClassVar[int] = 3
    epochs: int = Field(3, ge=1, description="passes")
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    net: Net = Net()
    mode: Literal["fast", "slow"] | None = None
    color: Color = Color.RED
    folder: Path | None = None
    key: Secret | None = None
    weights: dict[str, float] = {}
    layers: list[int] = [1, 2]
    verbose: bool = False
    title: str


class Train(Job):
    """Trains something."""

    settings: Settings

    def run(self) -> None:
        """Do nothing."""


class Other(Train):
    """Trains something else."""


class NoJob:
    """Nothing of interest."""
'''
MINE = """\
# @package _global_
# Mine: a job of this project.
job:
  _target_: train:Train
epochs: 7
key: hunter2secret
weights:
  a b: 1
  plain: 2.5
optim:
  kind: sgd
"""


class Project:
    """A project's folder, and what is offered in it.

    Attributes:
        folder: Where it lies and where lines are typed.
        environ: The variables of the environment.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "BREVETTI_HYDRA_CACHE": str(cache)}
        self.cache = cache / "completion"

    @property
    def place(self) -> Place:
        """Where a line is typed."""
        return Place(str(self.folder), self.environ, NOW)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files below the folder."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def candidates(self, *words: str) -> list[Candidate]:
        """Give what the last of the words may become."""
        return complete(words[:-1], words[-1], self.place)

    def offered(self, *words: str) -> list[str]:
        """Give the texts of the candidates."""
        return [candidate.text for candidate in self.candidates(*words)]

    def about(self, *words: str) -> dict[str, str]:
        """Give what is said of each candidate."""
        return {candidate.text: candidate.about for candidate in self.candidates(*words)}

    def bash(
        self, line: str, kind: str = "script", breaks: str = " \t\n\"'@><=;|&(:"
    ) -> str | None:
        """Give the answer to a line of bash."""
        return answer(["bash", kind, line, breaks], self.place)

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the package in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def kept(self, kind: str) -> list[Path]:
        """Give the files of a kind that the cache holds."""
        return sorted(self.cache.glob(f"{kind}-*.json"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project with the job `mine`, and an empty cache."""
    made = Project(tmp_path / "project", tmp_path / "cache")
    made.write({"train.py": TRAIN, "conf/job/mine.yaml": MINE})
    return made


@pytest.fixture
def runs(project: Project) -> Any:
    """Give the project after three runs."""
    for name in (
        "20261123T115900Z-classifier-aa00000001",
        "20261123T100000Z-my-job-bb00000002",
        "20261120T120000Z-hello-aa00000003",
    ):
        text = '{"tags": ["baseline", "line 3"]}'
        project.write({f"runs/{name}/record.json": text})
    project.write({"runs/no-run/x.txt": "", "runs/.gitignore": "*"})
    return project
