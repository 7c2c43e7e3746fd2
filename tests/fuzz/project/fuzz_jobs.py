"""Jobs whose settings have every kind of place that a configuration may write to."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices
from pydantic import Field as PydanticField

from brevetti_hydra import Field, Job, JobSettings
from brevetti_hydra.settings import Secret


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: float = Field(1e-3, gt=0, description="step size")
    beta1: float = Field(0.9, ge=0, lt=1)


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.1, gt=0, description="step size")
    momentum: float = 0.0


class Model(JobSettings):
    hidden: int = Field(32, gt=0, description="units of the hidden layer")
    depth: int = 2
    name: str = "m"


class Tree(JobSettings):
    """A node that may hold itself."""

    label: str = ""
    left: Tree | None = None
    below: dict[str, Tree] = Field({})


@dataclasses.dataclass
class Image:
    size_px: int = 224
    crop: bool = False


class Settings(JobSettings):
    """A bit of everything."""

    epochs: int = Field(10, gt=0, description="passes over the training images")
    rate: float = 0.5
    label: str = "a"
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    shuffle: bool = False
    folder: Path | None = None
    pause: timedelta = timedelta(seconds=1)
    optim: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam()
    model: Model = Model(hidden=64)
    image: Image = PydanticField(default_factory=Image)
    layers: list[int] = Field([1, 2])
    boxes: list[Model] = Field([])
    pair: tuple[int, str] = (1, "a")
    names: set[str] = Field(set())
    weights: dict[str, float] = Field({})
    nodes: dict[str, Model] = Field({})
    anything: Any = None
    either: int | str | list[int] = 1
    tree: Tree = Tree()
    token: Secret | None = None
    tokens: dict[str, Secret] = Field({})
    scale: float = Field(1.0, validation_alias=AliasChoices("scale", "learning_rate_scale"))


class FuzzJob(Job):
    settings: Settings

    def run(self) -> None:
        message = "the fuzzer never starts a job"
        raise SystemExit(message)


class Empty(Job):
    """A job without settings."""

    def run(self) -> None:
        message = "the fuzzer never starts a job"
        raise SystemExit(message)


class NoJob:
    """No subclass of Job."""
