"""Seeding: the same seed for Python, NumPy and torch, whenever they are imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["Seeding"]


def _seed_python(module: Any, seed: int) -> None:
    module.seed(seed)


def _seed_numpy(module: Any, seed: int) -> None:
    module.seed(seed)


def _seed_torch(module: Any, seed: int) -> None:
    # Seeds every device, those that wake up later as well.
    module.manual_seed(seed)


_SEEDERS: dict[str, Callable[[Any, int], None]] = {
    "random": _seed_python,
    # NumPy imports it on first use.
    "numpy.random": _seed_numpy,
    "torch": _seed_torch,
}


class Seeding:
    """Seeds what is imported, and what the job imports while it runs.

    Seeds are global to the process: of several runs at once in threads the last one wins.
    """

    def __init__(self, seed: int | None) -> None:
        """Prepare; None leaves everything alone."""
        self._seed = seed
        self._waiting: set[str] = set()

    def start(self) -> None:
        """Seed what is there, and wait for the rest."""
        if self._seed is None:
            return
        for name, seeder in _SEEDERS.items():
            module = sys.modules.get(name)
            if module is None:
                self._waiting.add(name)
            else:
                seeder(module, self._seed)
        if self._waiting:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Stop waiting."""
        self._waiting.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find the module, and seed it once it is loaded.

        This is the protocol of `sys.meta_path`.
        """
        if name not in self._waiting:
            return None
        self._waiting.discard(name)
        for finder in tuple(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._seed_after_load(name, spec)
                return spec
        return None

    def _seed_after_load(self, name: str, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        load = getattr(loader, "exec_module", None)
        seed = self._seed
        if load is None or seed is None:
            return

        def load_and_seed(module: ModuleType) -> None:
            # The module keeps its loader: it must not keep this function.
            del loader.exec_module
            load(module)
            _SEEDERS[name](module, seed)

        try:
            loader.exec_module = load_and_seed
        except AttributeError:
            # A built-in or frozen loader is a class that many modules share.
            return
