"""The folders of configuration of a line: groups, options, and what the chosen files say.

The rules are those of `config.files.search` and `config.files.source`, which a test compares.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._text import first_comment
from brevetti_hydra.completion import cache
from brevetti_hydra.completion.reading import Reading, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from brevetti_hydra.completion.candidate import Place

__all__ = ["PRIMARY", "Choices", "Conf"]

PRIMARY = "brevetti"

_MOST_DEPTH = 8
_MOST_CHARACTERS = 200_000


class Choices(NamedTuple):
    """What a line chooses.

    Attributes:
        options: Group -> option, the defaults list's and the line's.
        tree: Keys with plain values of the files that take part, as far as they can be seen.
    """

    options: dict[str, str]
    tree: dict[str, Any]


class Conf:
    """The search path of a line, first match first."""

    def __init__(self, place: Place, folders: list[str]) -> None:
        self._place = place
        self._sources = [_Source(folder, place) for folder in folders]

    def groups(self) -> list[str]:
        """Name every group that has options, sorted."""
        return sorted({group for source in self._sources for group in source.groups()})

    def options(self, group: str) -> dict[str, str]:
        """Give the options of a group with their first comment lines, sorted."""
        found: dict[str, str] = {}
        for source in self._sources:
            for name in source.names(group):
                if name not in found:
                    found[name] = source.summary(f"{group}/{name}")
        return dict(sorted(found.items()))

    def names(self) -> list[str]:
        """Name the primary configs."""
        return sorted({name for source in self._sources for name in source.names("")})

    def read(self, config: str) -> Reading | None:
        """Read a config by its name, `job/classifier`; the first folder that has it counts."""
        return next((r for source in self._sources if (r := source.read(config))), None)

    def choices(self, primary: str, given: Mapping[str, str]) -> Choices:
        """Follow the defaults lists.

        Args:
            primary: The primary config.
            given: Group -> option, as the line says; "" takes the group out.
        """
        walk = _Walk(self, given)
        for group, option in given.items():
            walk.note_overrides(f"{group}/{option}")
        walk.visit(primary, "", 0)
        for group, option in given.items():
            if option and group not in walk.options:
                walk.options[group] = option
                walk.visit(f"{group}/{option}", group, 1)
        return Choices(walk.options, walk.tree)

    def keep(self) -> None:
        """Write into the cache what had to be read."""
        for source in self._sources:
            source.keep()


class _Walk:
    """Visits a defaults list depth first; later files win."""

    def __init__(self, conf: Conf, given: Mapping[str, str]) -> None:
        self._conf = conf
        self._given = dict(given)
        self._visited: set[str] = set()
        self.options: dict[str, str] = {}
        self.tree: dict[str, Any] = {}

    def visit(self, config: str, group: str, depth: int) -> None:
        reading = self._conf.read(config)
        if reading is None or depth > _MOST_DEPTH or config in self._visited:
            return
        self._visited.add(config)
        self.note_overrides(config)
        is_merged = False
        for named, option, is_override, package in reading["defaults"]:
            if option == "_self_":
                self._merge(reading, group)
                is_merged = True
            elif not is_override and named != "optional":
                self._enter(named, option, package, group, depth)
        if not is_merged:
            self._merge(reading, group)

    def note_overrides(self, config: str) -> None:
        """Take over what a file's `override /group: option` says; the line itself wins."""
        reading = self._conf.read(config)
        for named, option, is_override, _ in reading["defaults"] if reading else ():
            if is_override and named:
                self._given.setdefault(named.lstrip("/"), option)

    def _enter(
        self, named: str | None, option: str, package: str | None, group: str, depth: int
    ) -> None:
        if named is None:
            inner = option.lstrip("/") if option.startswith("/") or not group else ""
            self.visit(inner or f"{group}/{option}", group, depth + 1)
            return
        full = named.lstrip("/") if named.startswith("/") or not group else f"{group}/{named}"
        key = f"{full}@{package}" if package else full
        option = self._given.get(key, option)
        if option and option != "null":
            self.options[key] = option
            self.visit(f"{full}/{option}", full, depth + 1)

    def _merge(self, reading: Reading, group: str) -> None:
        package = reading["package"]
        if package is None:
            package = group.replace("/", ".")
        elif package == "_global_":
            package = ""
        else:
            package = package.replace("_group_", group.replace("/", "."))
        tree = {k: v for k, v in reading["tree"].items() if package or k != "defaults"}
        for key in reversed([part for part in package.split(".") if part]):
            tree = {key: tree}
        _merge(self.tree, tree)


def _merge(lower: dict[str, Any], upper: Mapping[str, Any]) -> None:
    for key, value in upper.items():
        below = lower.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            _merge(below, value)
        elif isinstance(value, dict):
            lower[key] = {}
            _merge(lower[key], value)
        else:
            lower[key] = value


class _Source:
    """One folder of configuration, with what the cache knows of its files."""

    def __init__(self, folder: str, place: Place) -> None:
        self._folder = folder
        self._place = place
        self._readings: dict[str, Reading | None] = {}
        self._cached: dict[str, Any] | None = None
        self._is_changed = False

    def groups(self) -> Iterator[str]:
        pending = [("", 0)]
        while pending:
            parent, depth = pending.pop()
            has_options = False
            for name, is_folder in self._entries(parent):
                if not is_folder:
                    has_options = True
                elif depth < _MOST_DEPTH:
                    pending.append((f"{parent}/{name}" if parent else name, depth + 1))
            if has_options and parent:
                yield parent

    def names(self, group: str) -> Iterator[str]:
        for name, is_folder in self._entries(group):
            if not is_folder:
                yield name.removesuffix(".yaml")

    def read(self, config: str) -> Reading | None:
        """Read a file that takes part; never from the cache, as its values may be secrets."""
        if config not in self._readings:
            text = self._text(config)
            self._readings[config] = None if text is None else read_yaml(text)
        return self._readings[config]

    def summary(self, config: str) -> str:
        now = cache.stamp(self._path(config))
        known = self._load().get(config)
        if isinstance(known, list) and known[:1] == [now] and isinstance(known[-1], str):
            return known[-1]
        text = self._text(config)
        summary = "" if text is None else first_comment(text)
        self._load()[config] = [now, summary]
        self._is_changed = True
        return summary

    def keep(self) -> None:
        if not self._is_changed:
            return
        present = {c: entry for c, entry in self._load().items() if os.path.exists(self._path(c))}
        cache.save(self._place.environ, "conf", self._folder, present)

    def _path(self, config: str) -> str:
        return os.path.join(self._folder, f"{config.removesuffix('.yaml')}.yaml")

    def _text(self, config: str) -> str | None:
        if not config or ".." in config.split("/"):
            return None
        path = self._path(config)
        try:
            # A pipe or device of that name would never end.
            if not os.path.isfile(path):
                return None
            with open(path, encoding="utf-8-sig", errors="replace") as stream:
                return stream.read(_MOST_CHARACTERS)
        except (OSError, ValueError):
            return None

    def _entries(self, group: str) -> list[tuple[str, bool]]:
        try:
            with os.scandir(os.path.join(self._folder, group)) as entries:
                return [
                    (entry.name, is_folder)
                    for entry in entries
                    if not entry.name.startswith((".", "__"))
                    if (is_folder := _is_folder(entry)) or entry.name.endswith(".yaml")
                ]
        except (OSError, ValueError):
            return []

    def _load(self) -> dict[str, Any]:
        if self._cached is None:
            self._cached = cache.load(self._place.environ, "conf", self._folder)
        return self._cached


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
