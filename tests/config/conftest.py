"""A user's project in a temporary folder: files are written, command lines composed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra import Job, JobSettings
from brevetti_hydra.config import Composition, Validated, compose, read_argv, validate
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
        settings: type[JobSettings] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Composition:
        """Compose a command line; without settings, the job has to be named in it."""
        job_class = None if settings is None else job_of(settings)
        request = read_argv(argv)
        return compose(request, folder=self.folder, base=Job, job_class=job_class, info=info)

    def validate(
        self,
        *argv: str,
        settings: type[JobSettings] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Validated:
        """Compose and validate a command line."""
        return validate(self.compose(*argv, settings=settings, info=info))

    def settings(
        self, model: type[JobSettings], *argv: str, info: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Give the validated settings as plain values."""
        return self.validate(*argv, settings=model, info=info).settings.model_dump()

    def error(
        self,
        *argv: str,
        settings: type[JobSettings] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> str:
        """Give the report of a command line that is wrong, its folders named the same everywhere."""
        with pytest.raises(BrevettiHydraError) as caught:
            self.validate(*argv, settings=settings, info=info)
        return self.normalised(str(caught.value))

    def normalised(self, text: str) -> str:
        """Write `PROJECT`, `SHIPPED` and `PYTHON` for the folders of this machine."""
        from brevetti_hydra.config.search import shipped_folder

        for name, folder in (
            ("PROJECT", self.folder),
            ("PROJECT", self.folder.resolve()),
            ("SHIPPED", shipped_folder()),
            ("STDLIB", Path(sys.modules["subprocess"].__file__ or "").parent),
        ):
            text = text.replace(str(folder), name)
        return text


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Give an empty project that leaves no trace in the interpreter."""
    folder = tmp_path / "project"
    (folder / "conf").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield Project(folder)
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        if any(place is not None and Path(place).is_relative_to(tmp_path) for place in places):
            del sys.modules[name]
