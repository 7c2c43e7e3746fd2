"""A user's project in a temporary folder, and settings of every kind to be composed there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
import pytest
from pydantic import AliasChoices
from pydantic import Field as PydanticField

from brevetti_hydra import Field, Job, JobSettings
from brevetti_hydra._text import escape_control
from brevetti_hydra.config import Composition, Validated, compose, read_argv, validate
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.settings import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
    layers: list[int] = Field([1, 2])
    boxes: list[Model] = Field([])
    weights: dict[str, float] = Field({})
    nodes: dict[str, Model] = Field({})
    token: Secret | None = None
    learning: float = Field(1.0, validation_alias=AliasChoices("learning_rate_scale", "scale"))


class Data(JobSettings):
    classes: int = Field(description="number of categories")
    names: list[str] = Field([])


class Required(JobSettings):
    """Two settings without a default, one of them nested."""

    data: Data
    label: str


class Hidden(JobSettings):
    """Secrets at every place where one may stand."""

    label: str = "a"
    token: Secret | None = None
    names: dict[str, Secret] = Field({})
    items: list[Secret] = Field([])
    any_of: Secret | int = 3
    deep: dict[str, list[Secret]] = Field({})


class Sized(JobSettings):
    """Lists of a certain length, and a day."""

    pair: tuple[float, float] = (0.0, 1.0)
    single: list[int] = Field([1], min_length=1)
    day: dt.date | None = None


MODELS: dict[str, type[JobSettings]] = {
    "Demo": Demo,
    "Required": Required,
    "Hidden": Hidden,
    "Sized": Sized,
}


def job_of(settings: type[JobSettings]) -> type[Job]:
    """Make a Job with these settings."""
    return type("MyJob", (Job,), {"__annotations__": {"settings": settings}})


class Project:
    """A project's folder, and what the command line makes of it.

    Attributes:
        folder: Where it lies and where the command is started.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: Mapping[str, str]) -> Path:
        """Write files below the folder; give the folder."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self.folder

    def compose(
        self,
        *argv: str,
        settings: type[JobSettings] | str | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Composition:
        """Compose a command line; without settings, the job has to be named in it."""
        model = MODELS[settings] if isinstance(settings, str) else settings
        job_class = None if model is None else job_of(model)
        request = read_argv(argv)
        return compose(request, folder=self.folder, base=Job, job_class=job_class, info=info)

    def validate(
        self,
        *argv: str,
        settings: type[JobSettings] | str | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Validated:
        """Compose and validate a command line."""
        return validate(self.compose(*argv, settings=settings, info=info))

    def settings(
        self, model: type[JobSettings] | str, *argv: str, info: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Give the validated settings as plain values."""
        return self.validate(*argv, settings=model, info=info).settings.model_dump()

    def error(
        self,
        *argv: str,
        settings: type[JobSettings] | str | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> str:
        """Give the report of a command line that is wrong, its folders named the same everywhere."""
        with pytest.raises(BrevettiHydraError) as caught:
            self.validate(*argv, settings=settings, info=info)
        return self.normalised(str(caught.value))

    def normalised(self, text: str) -> str:
        """Write a text as a terminal gets it, with names for the folders of this machine."""
        from brevetti_hydra.config.files.search import shipped_folder

        for name, folder in (
            ("PROJECT", self.folder),
            ("PROJECT", self.folder.resolve()),
            ("SHIPPED", shipped_folder()),
            ("STDLIB", Path(sys.modules["subprocess"].__file__ or "").parent),
        ):
            text = text.replace(str(folder), name)
        return escape_control(text)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Give an empty project that leaves no trace in the interpreter."""
    folder = tmp_path / "project"
    (folder / "conf").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield Project(folder)
    # First all are looked at: a namespace package cannot tell its path without its parent.
    mine = []
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        if any(place is not None and Path(place).is_relative_to(tmp_path) for place in places):
            mine.append(name)
    for name in mine:
        del sys.modules[name]
