"""An opened search path, over which many command lines are composed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from brevetti_hydra.config.files.search import SearchPath, open_repository
from brevetti_hydra.config.models.job_shapes import class_shapes
from brevetti_hydra.config.project import Project, find_project
from brevetti_hydra.config.safety.targets import load_target
from brevetti_hydra.errors import JobClassError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.errors import Place

__all__ = ["Opened"]


class Opened:
    """What compositions share: each file is read once, each job class loaded and described once.

    Files that change meanwhile are not read again. One thread at a time.

    Attributes:
        project: The user's project.
        folder: Where the command was started.
        search: The search path.
    """

    __slots__ = ("_classes", "_reserved", "_shapes", "folder", "project", "search")

    def __init__(
        self,
        request: Request,
        folder: Path,
        prepare: Callable[[SearchPath], object] = lambda _: None,
    ) -> None:
        """Open the search path of a command line.

        Args:
            request: The command line.
            folder: Where it was started.
            prepare: As `open_repository` takes it.

        Raises:
            ConfigError: A named folder or the primary config does not exist, or cannot be read.
            TargetRefusedError: `pkg://` in `hydra.searchpath` names no package of the project.
        """
        self.project: Project = find_project(folder)
        self.folder = folder
        self.search: SearchPath = open_repository(request, self.project, folder, prepare)
        self._reserved: dict[str, Shape] = {}
        self._shapes: dict[tuple[type, bool], dict[str, Shape]] = {}
        self._classes: dict[str, type | JobClassError] = {}

    def shapes_of(self, job_class: type, *, of_sweeps: bool = False) -> dict[str, Shape]:
        """Describe a job class, once; raises as `class_shapes`."""
        key = (job_class, of_sweeps)
        if key not in self._shapes:
            shapes = class_shapes(job_class, of_sweeps=of_sweeps)
            # The reserved nodes are the same for all.
            known = {n: shape for n, shape in self._reserved.items() if n and n in shapes}
            self._shapes[key] = shapes | known
            self._reserved |= shapes
        return self._shapes[key]

    def load(self, target: str, base: type, where: Place | None) -> type:
        """Load a job class, once.

        Raises:
            JobClassError: As `load_target`; the same error each time.
        """
        if target not in self._classes:
            try:
                self._classes[target] = load_target(target, self.project, base, where)
            except JobClassError as error:
                self._classes[target] = error
        found = self._classes[target]
        if isinstance(found, JobClassError):
            again = copy.copy(found)
            again.where = where
            raise again
        return found
