"""Job classes as runs see them: are they usable, where do they stand, how to reach them again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from brevetti_hydra.config import settings_class
from brevetti_hydra.errors import NotAJobError
from brevetti_hydra.record import JobRef
from brevetti_hydra.settings import check_names

if TYPE_CHECKING:
    from brevetti_hydra.config import Composition
    from brevetti_hydra.job import Job

__all__ = ["check_job_class", "job_ref", "own_target", "package_folders"]


def check_job_class(job_class: type[Job]) -> None:
    """Refuse a class whose settings cannot be found, or cannot be set.

    Raises:
        NotAJobError: Its `settings` are no JobSettings, or stand in a nested class.
        ReservedNameError: A settings field bears a name that is taken.
    """
    own = vars(job_class).get("settings")
    if isinstance(own, type):
        raise NotAJobError(
            f"the settings of '{job_class.__name__}' stand in a nested class",
            hint=f"annotate it instead: settings: {own.__name__}",
        )
    check_names(settings_class(job_class))


def own_target(
    job_class: type[Job],
) -> tuple[str, Literal["target", "script", "interactive"]]:
    """Name a class that called `init` itself, and tell how it is reached again.

    Returns:
        The target, and the record's `JobRef.entry`.
    """
    module = job_class.__module__
    if module != "__main__":
        return f"{module}:{job_class.__qualname__}", "target"
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None:
        return f"__main__:{job_class.__qualname__}", "interactive"
    spec = getattr(main, "__spec__", None)
    name = spec.name if spec is not None else Path(file).stem
    return f"{name}:{job_class.__qualname__}", "script"


def job_ref(composition: Composition, entry: Literal["target", "script", "interactive"]) -> JobRef:
    """Name the code of a run for its record."""
    file = _source_file(composition.job_class)
    return JobRef(
        name=composition.job_name,
        target=composition.target,
        file=None if file is None else str(file),
        module=_module_option() if entry == "script" else None,
        entry=entry,
    )


def package_folders(job_class: type) -> list[Path]:
    """Give the folder of the job's outermost package, or its script's own folder."""
    file = _source_file(job_class)
    if file is None:
        return []
    depth = 0 if job_class.__module__ == "__main__" else job_class.__module__.count(".")
    if file.name == "__init__.py":
        depth += 1
    return [file.parents[max(depth - 1, 0)]]


def _module_option() -> str | None:
    """Give what `python -m` was given, where the program was started that way."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return None if spec is None else str(spec.name)


def _source_file(job_class: type) -> Path | None:
    file = getattr(sys.modules.get(job_class.__module__), "__file__", None)
    return None if file is None else Path(file).absolute()
