"""The Hydra plugins that are installed.

Hydra's own scan ends at the first plugin whose import fails, and every program that uses it ends
there as well. This one is made only where somebody asks; it names what is broken and goes on.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.config import _hydra_plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import EntryPoint
    from types import ModuleType

__all__ = ["Plugin", "find_plugins"]

# Hydra 1.3 looks through this namespace package, 1.4 also through the entry points.
_NAMESPACE = "hydra_plugins"
_ENTRY_POINTS = "hydra.plugins"


class Plugin(NamedTuple):
    """One plugin, or a module that should hold one.

    Attributes:
        name: `hydra_plugins.x.launcher:XLauncher`; of a broken one the module or entry point.
        kind: `launcher`, `sweeper`, `search path`, `completion`, `config source` or `plugin`; ""
            where it is broken.
        fault: Why it cannot be used, or None.
    """

    name: str
    kind: str
    fault: str | None = None


def find_plugins() -> list[Plugin]:
    """Import every installed plugin; what fails is named in its `fault`, and skipped.

    Returns:
        The plugins, sorted by name; one that is found in both ways stands there once.
    """
    from importlib.metadata import entry_points

    found: dict[str, Plugin] = {}
    with warnings.catch_warnings():
        # A plugin's own deprecations are nothing that the reader of a list can mend.
        warnings.simplefilter("ignore")
        for plugin in (*_of_namespace(), *_of_entry_points(entry_points(group=_ENTRY_POINTS))):
            found.setdefault(plugin.name, plugin)
    return [found[name] for name in sorted(found)]


def _of_namespace() -> Iterator[Plugin]:
    root = _imported(_NAMESPACE)
    if isinstance(root, Plugin):
        # No plugin at all, unless the package itself is broken.
        if "No module named 'hydra_plugins'" not in (root.fault or ""):
            yield root
        return
    pending: list[ModuleType] = [root]
    while pending:
        package = pending.pop()
        for entry in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            name = entry.name.rpartition(".")[2]
            if name.startswith("_") and not name.startswith("__"):
                continue  # as Hydra: what a plugin keeps to itself
            module = _imported(entry.name)
            if isinstance(module, Plugin):
                yield module
                continue
            yield from _plugins_of(module)
            if entry.ispkg:
                pending.append(module)


def _plugins_of(module: ModuleType) -> Iterator[Plugin]:
    for value in list(vars(module).values()):
        kind = _hydra_plugins.plugin_kind(value)
        if kind is not None and value.__module__ == module.__name__:
            yield Plugin(f"{value.__module__}:{value.__qualname__}", kind)


def _of_entry_points(entries: Iterable[EntryPoint]) -> Iterator[Plugin]:
    for entry in entries:
        try:
            value = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign module may raise anything
            yield Plugin(f"{entry.name} = {entry.value}", "", _reason(error))
            continue
        kind = _hydra_plugins.plugin_kind(value)
        if kind is None:
            yield Plugin(f"{entry.name} = {entry.value}", "", "it is no Hydra plugin")
        else:
            yield Plugin(f"{value.__module__}:{value.__qualname__}", kind)


def _imported(name: str) -> ModuleType | Plugin:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign module may raise anything
        return Plugin(name, "", _reason(error))


def _reason(error: BaseException) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
