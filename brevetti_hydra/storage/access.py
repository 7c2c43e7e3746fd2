"""Who may write when: a job's artifacts are read at any time, and written by its run only."""

from __future__ import annotations

from functools import partialmethod
from typing import TYPE_CHECKING, Any

from brevetti_hydra.errors import NotRunningError
from brevetti_hydra.storage.paths import literal_path_class, open_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from upath import UPath

__all__ = ["guard"]

# Every method of a path that changes something, other than `open`, which also reads.
_WRITING = (
    "__open_writer__",
    "_copy_from",
    "chmod",
    "hardlink_to",
    "lchmod",
    "mkdir",
    "move",
    "move_into",
    "rename",
    "replace",
    "rmdir",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
)


def guard(path: str | os.PathLike[str] | UPath, is_running: Callable[[], bool]) -> UPath:
    """Give a path object that always reads, but writes only while a job is running.

    Everything that is made from it (children, parents, what it lists) obeys the same rule. A path
    on this machine is also a `pathlib.Path`. What other libraries do with its plain text
    (`os.fspath`) is beyond its reach.

    Args:
        path: The folder or file, local or an fsspec URL.
        is_running: Asked before each writing call.

    Returns:
        The path; its writing calls raise NotRunningError while `is_running()` is False.

    Raises:
        MissingExtraError: The URL's file system needs a package that is not installed.
        StorageReadError: No such file system is known.
    """
    plain = open_path(path)
    # The rule is the class's, for pathlib makes children out of classes, not out of instances.
    if isinstance(plain, literal_path_class()):
        # From the text: given a path, UPath would copy it with its class.
        local: UPath = _guarded_class(literal_path_class(), is_running)(str(plain))
        return local
    from upath.extensions import ProxyUPath

    remote: UPath = _guarded_class(ProxyUPath, is_running)._from_upath(plain)  # noqa: SLF001 - see test_access
    return remote


def _guarded_class(base: Any, is_running: Callable[[], bool]) -> Any:
    def refuse(self: Any) -> None:
        if not is_running():
            raise NotRunningError(
                f"cannot write '{self}' outside of run()",
                notes=["a job's artifacts can be read at any time, and written while it runs"],
                hint="move this into the job's run() and call job.start()",
            )

    def call(self: Any, name: str, *args: Any, **options: Any) -> Any:
        refuse(self)
        return getattr(super(guarded, self), name)(*args, **options)

    def open_file(self: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if set(mode) & set("wax+"):
            refuse(self)
        return super(guarded, self).open(mode, *args, **options)

    def copy(self: Any, _memo: Any = None) -> Any:
        # Paths do not change; copying by __reduce__ would lose the rule.
        return self

    def reduce(self: Any) -> Any:
        # Another process gets the plain path: it is not the run.
        return open_path, (str(self),)

    members: dict[str, Any] = {
        name: partialmethod(call, name) for name in _WRITING if hasattr(base, name)
    }
    members |= {"__slots__": (), "open": open_file}
    members |= {"__copy__": copy, "__deepcopy__": copy, "__reduce__": reduce}
    guarded: Any = type(base)("ArtifactsPath", (base,), members)
    return guarded
