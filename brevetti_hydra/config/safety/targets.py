"""Which classes configuration may load, decided before any part of them is imported.

`importlib.util.find_spec("pkg.sub.mod")` imports `pkg` and `pkg.sub`; so a module is located path
by path here, by the file finder alone, and nothing outside of the user's project, the entry-point
group `brevetti_hydra.jobs` and the patterns of `[tool.brevetti_hydra] jobs` is ever touched.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.errors import (
    BrevettiHydraError,
    NotAJobError,
    Place,
    TargetNotFoundError,
    TargetRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from brevetti_hydra.config.project import Project

__all__ = [
    "ENTRY_POINT_GROUP",
    "is_target",
    "load_object",
    "load_target",
    "loading_module",
    "locate_package",
]

ENTRY_POINT_GROUP = "brevetti_hydra.jobs"

# The harness's own jobs; as an entry point they would cost a look through all installed packages.
_SHIPPED = "brevetti_hydra.jobs."


class _Located(NamedTuple):
    """A module's file, and the folder that must be importable for it; None where installed."""

    file: Path | None
    root: Path | None


def is_target(text: str) -> bool:
    """Whether a text has the form `pkg.mod:Class` or `pkg.mod.Class`."""
    module, _, name = _split(text)
    return bool(module and name) and all(
        part.isidentifier() for part in (*module.split("."), *name.split("."))
    )


def load_target(target: str, project: Project, base: type, where: Place | None = None) -> type:
    """Import the Job class that a target names.

    Args:
        target: `pkg.mod:Class` or `pkg.mod.Class`.
        project: The user's project.
        base: The class that it must be a subclass of.
        where: Where the target was written, for errors.

    Raises:
        TargetRefusedError: Configuration may not load it; nothing of it was imported.
        TargetNotFoundError: There is no such module or class, or its import failed.
        NotAJobError: It is no subclass of `base`.
    """
    name = _split(target)[2]
    found = load_object(target, project, where)
    if found is base:
        raise NotAJobError(
            f"'{target}' is {base.__name__} itself",
            where=where,
            hint=f"derive a class of your own: class MyJob(brevetti_hydra.{base.__name__})",
        )
    if not isinstance(found, type) or not issubclass(found, base):
        raise NotAJobError(
            f"'{target}' is no subclass of {base.__name__}",
            where=where,
            notes=[
                f"it is {found!r}" if not isinstance(found, type) else f"it is the class {name}"
            ],
            hint=f"derive it: class {name.split('.')[-1]}(brevetti_hydra.Job)",
        )
    return found


def load_object(
    target: str, project: Project, where: Place | None = None, *, kind: str = "class"
) -> object:
    """Import what a target names, be it a class or not.

    Args:
        target: `pkg.mod:name` or `pkg.mod.name`.
        project: The user's project.
        where: Where the target was written, for errors.
        kind: What it should be, in a word for errors.

    Raises:
        TargetRefusedError: Configuration may not load it; nothing of it was imported.
        TargetNotFoundError: There is no such module or name, or its import failed.
    """
    module, _, name = _split(target)
    if not is_target(target):
        raise TargetNotFoundError(
            f"'{target}' names no {kind}",
            where=where,
            hint="write it as 'package.module:ClassName'",
        )
    located = _locate(module, target, project, where)
    if located.root is not None and sys.path[:1] != [str(located.root)]:
        # In front, so that no installed package of the same name is imported in its place.
        sys.path.insert(0, str(located.root))
    top = module.partition(".")[0]
    _check_same(sys.modules.get(top), located, top, where)
    imported = _import(module, where)
    _check_same(imported, located, module, where)
    return _get(imported, name, target, where, kind)


def locate_package(name: str, project: Project, where: Place | None = None) -> Path:
    """Find the folder of a package of the project, for `pkg://name`, without importing it.

    Raises:
        TargetRefusedError: It is not one of the project's.
    """
    parts = name.split(".")
    if all(part.isidentifier() for part in parts):
        for root in project.source_roots:
            folder = root.joinpath(*parts)
            if folder.is_dir() and project.holds(folder / "__init__.py"):
                return folder
    raise _refused(f"pkg://{name}", None, project, where)


def _split(target: str) -> tuple[str, str, str]:
    if ":" in target:
        module, separator, name = target.partition(":")
    else:
        module, separator, name = target.rpartition(".")
    return module, separator, name


def _locate(module: str, target: str, project: Project, where: Place | None) -> _Located:
    own = _find(module, project.source_roots)
    if own is not None and own.file is not None and project.holds(own.file):
        _check_namespace(module, project, target, where)
        return own
    if own is not None and own.file is None:
        raise TargetNotFoundError(
            f"'{module}' is a folder without __init__.py, which holds no class",
            where=where,
            hint=f"name the module in it: {module}.module:ClassName",
        )
    if target.startswith(_SHIPPED) or _is_named_by_pattern(module, project):
        return _Located(None, None)
    if _is_entry_point(target):
        return _Located(None, None)
    installed = own or _find(module, [Path(entry) for entry in sys.path if entry])
    if installed is None and module.split(".", maxsplit=1)[0] not in sys.builtin_module_names:
        known = _known_packages(module, project)
        looked = ".".join(module.split(".")[: known + 1])
        raise TargetNotFoundError(
            f"there is no module '{module}' in this project",
            where=where,
            notes=[f"looked for '{looked}' in {project.folder} and its src/"],
            hint=_nearest_module(looked, project),
        )
    raise _refused(target, installed, project, where)


def _find(module: str, roots: Sequence[Path]) -> _Located | None:
    """Locate a module by file finders only; a namespace package has no file."""
    for root in roots:
        path: list[str] | None = [str(root)]
        file: Path | None = None
        for part in module.split("."):
            spec = PathFinder.find_spec(part, path) if path else None
            if spec is None:
                break
            file = Path(spec.origin) if spec.origin and spec.has_location else None
            path = list(spec.submodule_search_locations or ())
        else:
            return _Located(file, root)
    return None


def _check_namespace(module: str, project: Project, target: str, where: Place | None) -> None:
    """Refuse what Python would take from elsewhere: a real package wins over a plain folder."""
    parts = module.split(".")
    for root in project.source_roots:
        folder = root
        for depth, part in enumerate(parts[:-1], 1):
            folder = folder / part
            if (folder / "__init__.py").is_file() or not folder.is_dir():
                break
            for entry in filter(None, sys.path):
                rival = _find(".".join(parts[:depth]), [Path(entry)])
                if rival is not None and rival.file is not None and not project.holds(rival.file):
                    raise _refused(target, rival, project, where)


def _is_named_by_pattern(module: str, project: Project) -> bool:
    if not project.jobs:
        return False
    from fnmatch import fnmatchcase

    return any(fnmatchcase(module, pattern) for pattern in project.jobs)


def _is_entry_point(target: str) -> bool:
    from importlib.metadata import entry_points

    canonical = _canonical(target)
    return any(
        _canonical(entry.value) == canonical for entry in entry_points(group=ENTRY_POINT_GROUP)
    )


def _canonical(target: str) -> str:
    return target.replace(":", ".").replace(" ", "")


def _refused(
    target: str, located: _Located | None, project: Project, where: Place | None
) -> TargetRefusedError:
    notes = [f"it lies in {located.file}"] if located and located.file else []
    notes.append(f"the project is {project.folder}, without any installed environment in it")
    return TargetRefusedError(
        f"configuration may not load '{target}'; nothing of it was imported",
        where=where,
        notes=notes,
        hint="move it into the project, or name its module in [tool.brevetti_hydra] jobs",
    )


def _known_packages(module: str, project: Project) -> int:
    """Count the packages above a module that the project has."""
    parts = module.split(".")[:-1]
    depths = range(len(parts), 0, -1)
    return next((n for n in depths if _find(".".join(parts[:n]), project.source_roots)), 0)


def _nearest_module(module: str, project: Project) -> str | None:
    *above, last = module.split(".")
    folders = [root.joinpath(*above) for root in project.source_roots]
    names = {
        entry.stem
        for folder in folders
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").is_file()
    }
    nearest = similar_name(last, names - {"__init__"})
    return f"a similar name exists: '{'.'.join([*above, nearest])}'" if nearest else None


# Modules that are being imported for a target just now; a job that starts in there starts twice.
_loading = threading.local()


def loading_module() -> str | None:
    """Give the module that is being imported for a target just now, or None."""
    modules: list[str] = getattr(_loading, "modules", [])
    return modules[-1] if modules else None


def _check_same(loaded: object, located: _Located, module: str, where: Place | None) -> None:
    """Refuse what is loaded under the name of the project's module, but lies elsewhere."""
    if located.root is None or loaded is None:
        return
    file, folders = getattr(loaded, "__file__", None), getattr(loaded, "__path__", [])
    root = located.root.resolve()
    if any(Path(place).resolve().is_relative_to(root) for place in (file, *folders) if place):
        return
    raise TargetNotFoundError(
        f"another module of the name '{module}' is loaded already",
        where=where,
        notes=[f"loaded is {file}", f"meant is {located.file}"],
        hint="give the project's module a name that no installed package has",
    )


def _import(module: str, where: Place | None) -> ModuleType:
    modules = _loading.modules = [*getattr(_loading, "modules", []), module]
    try:
        return importlib.import_module(module)
    except BrevettiHydraError:
        raise
    except (Exception, SystemExit) as error:  # user code may raise anything at import
        raise TargetNotFoundError(
            f"the import of '{module}' failed",
            where=where,
            notes=[f"{type(error).__name__}: {error}"],
            hint=f"python -c 'import {module}' shows the whole traceback",
        ) from error
    finally:
        _loading.modules = modules[:-1]


def _is_module(name: str, package: ModuleType) -> bool:
    folders = list(getattr(package, "__path__", ()))
    return bool(folders) and PathFinder.find_spec(name, folders) is not None


def _get(module: ModuleType, name: str, target: str, where: Place | None, kind: str) -> object:
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            wanted = type if kind == "class" else (list, tuple)
            names = [
                key
                for key, value in vars(module).items()
                if isinstance(value, wanted)
                and not key.startswith("__")
                # What a module imports is hardly meant.
                and getattr(value, "__module__", module.__name__) == module.__name__
            ]
            nearest = similar_name(name, names)
            hint = f"a similar name exists: '{nearest}'" if nearest else None
            if _is_module(f"{module.__name__}.{name}", module):
                hint = f"it is a module; name a {kind} in it: {module.__name__}.{name}:NAME"
            raise TargetNotFoundError(
                f"there is no {kind} '{name}' in the module of '{target}'",
                where=where,
                notes=[f"it has {quote_all(names)}"] if names else [],
                hint=hint,
            )
        found = getattr(found, part)
    return found
