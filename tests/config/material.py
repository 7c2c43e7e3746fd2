"""Settings of every kind that the configuration has to deal with."""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import Annotated, Literal

import pydantic
from pydantic import AliasChoices
from pydantic import Field as PydanticField

from brevetti_hydra import Field, JobSettings
from brevetti_hydra.settings import Secret  # noqa: TC001 - pydantic reads it


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


@dataclasses.dataclass
class Image:
    """A standard dataclass."""

    size_px: int = 224
    crop: bool = False


@pydantic.dataclasses.dataclass
class Split:
    """A pydantic dataclass."""

    devel: float = 0.25
    seed: int = 0


class Plain(pydantic.BaseModel):
    """A pydantic model of somebody else: its own `extra` is what pydantic has by default."""

    title: str = "t"
    inner: Image = PydanticField(default_factory=Image)


class Demo(JobSettings):
    """A bit of everything, nothing required."""

    epochs: int = Field(10, gt=0, description="passes over the training images")
    rate: float = 0.5
    label: str = "a"
    version: str = "1.0"
    mode: Literal["fast", "slow"] = "fast"
    verbose: bool = False
    folder: Path | None = None
    optim: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam()
    model: Model = Model(hidden=64)
    image: Image = PydanticField(default_factory=Image)
    split: Split = PydanticField(default_factory=Split)
    plain: Plain = PydanticField(default_factory=Plain)
    layers: list[int] = [1, 2]
    boxes: list[Model] = []
    weights: dict[str, float] = {}
    nodes: dict[str, Model] = {}
    token: Secret | None = None
    learning: float = Field(1.0, validation_alias=AliasChoices("learning_rate_scale", "scale"))


class Required(JobSettings):
    """Two settings without a default, one of them nested."""

    class Data(JobSettings):
        classes: int = Field(description="number of categories")
        names: list[str] = []

    data: Data
    label: str
