"""Hydra config sources of ours: folders of YAML, and Job classes that need no YAML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra.config._hydra import ConfigResult, ConfigSource, ObjectType, defaults_result
from brevetti_hydra.config.files.defaults_lists import check_entries
from brevetti_hydra.config.files.plugin_choices import with_plugins
from brevetti_hydra.config.safety.targets import is_target
from brevetti_hydra.config.tree.documents import Document, read_document
from brevetti_hydra.config.tree.origins import Node, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.config.tree.budget import Budget

__all__ = ["OLD_PACKAGE", "ClassSource", "DocumentSource", "FolderSource", "is_kind", "shown_path"]

# What Hydra 1.0 wrote for the file's own group, which is where its keys go anyway.
OLD_PACKAGE = "_group_"


class DocumentSource(ConfigSource):
    """A source that keeps the documents it served; Hydra itself sees their defaults lists only."""

    def __init__(self, provider: str, path: str) -> None:
        self.provider = provider
        self.path = path
        self.documents: dict[str, Document] = {}

    @staticmethod
    def scheme() -> str:
        """Give the scheme that Hydra knows such a source by."""
        return "file"

    def document(self, config_path: str) -> Document:
        """Read a config that this source has; raises as `read_document`."""
        raise NotImplementedError

    def load_config(self, config_path: str) -> ConfigResult:
        """Answer Hydra; what is wrong with the defaults list is said here, with its place."""
        document = self.documents.get(config_path)
        if document is None:
            document = self.document(config_path)
            check_entries(document)
            document = with_plugins(config_path, document)
            self.documents[config_path] = document
        return defaults_result(self.provider, self.path, document.defaults, document.package)


class FolderSource(DocumentSource):
    """A folder of YAML files; sub-folders are groups."""

    def __init__(self, provider: str, folder: Path, label: str, budget: Budget) -> None:
        super().__init__(provider, str(folder))
        self.folder = folder
        self._label = label
        self._budget = budget

    def available(self) -> bool:
        """Whether the folder exists."""
        return self.folder.is_dir()

    def is_group(self, config_path: str) -> bool:
        """Whether there is a sub-folder of that name."""
        path = self._inside(config_path)
        return path is not None and is_kind(path.is_dir)

    def is_config(self, config_path: str) -> bool:
        """Whether there is a file of that name, with or without `.yaml`."""
        path = self._inside(_with_suffix(config_path))
        return path is not None and is_kind(path.is_file)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Name the options or sub-groups of a group, sorted."""
        folder = self._inside(config_path)
        if folder is None or not is_kind(folder.is_dir):
            return []
        names = set()
        for entry in os.scandir(folder):
            if entry.name.startswith((".", "__")):
                continue
            if _is_folder(entry) and results_filter != ObjectType.CONFIG:
                names.add(entry.name)
            elif _is_option(entry) and results_filter != ObjectType.GROUP:
                names.add(entry.name.removesuffix(".yaml"))
        return sorted(names)

    def document(self, config_path: str) -> Document:
        """Read a file; raises as `read_document`."""
        path = self.folder / _with_suffix(config_path)
        document = read_document(path, self.label_of(config_path), self._budget)
        if document.package is not None and OLD_PACKAGE in document.package:
            group = config_path.rpartition("/")[0].replace("/", ".")
            package = document.package.replace(OLD_PACKAGE, group)
            document = document._replace(package=None if package == group else package)
        return document

    def label_of(self, config_path: str, *, suffix: str = ".yaml") -> str:
        """Give the name by which places mean a file of this folder."""
        name = config_path if config_path.endswith(suffix) else f"{config_path}{suffix}"
        return os.path.normpath(f"{self._label}/{name}").replace(os.sep, "/")

    def _inside(self, config_path: str) -> Path | None:
        """Give the path, unless it leaves the folder."""
        relative = os.path.normpath(config_path or ".")
        if relative.startswith("..") or Path(relative).is_absolute() or "\0" in relative:
            return None
        return self.folder / relative


class ClassSource(DocumentSource):
    """Serves `job=pkg.mod:Class` as if there were a file for it."""

    def __init__(self) -> None:
        super().__init__("job classes", "")

    def available(self) -> bool:
        """Whether it can serve at all: always."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Whether it has options in a group: in `job` alone."""
        return config_path == "job"

    def is_config(self, config_path: str) -> bool:
        """Whether it is a class of the group `job`."""
        group, _, option = config_path.partition("/")
        return group == "job" and is_target(option)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Name nothing: the classes are not enumerated."""
        del config_path, results_filter
        return []

    def document(self, config_path: str) -> Document:
        """Make the document that names the class, and the job after it."""
        target = config_path.partition("/")[2]
        origin = Origin("argument", f"job={target}")
        job = {"_target_": Node(origin, value=target)}
        tree = Node(origin, children={"job": Node(origin, children=job)})
        return Document(f"job={target}", "", "_global_", tree, None, ())


def shown_path(path: Path, folder: Path) -> str:
    """Name a path as the user would: from the working directory, where it lies below it."""
    absolute = Path(os.path.normpath(path.absolute()))
    base = os.path.normpath(folder.absolute())
    return (absolute.relative_to(base) if absolute.is_relative_to(base) else absolute).as_posix()


def is_kind(kind: Callable[[], bool]) -> bool:
    """Ask for the kind of a path; a name that no file system can hold is the name of nothing."""
    try:
        return kind()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_option(entry: os.DirEntry[str]) -> bool:
    """Whether it can be one; of a link that leads nowhere the error tells when it is chosen."""
    if not entry.name.endswith(".yaml"):
        return False
    try:
        # A pipe or a device would be read for ever.
        return entry.is_file() or entry.is_symlink()
    except OSError:
        return True


def _with_suffix(config_path: str) -> str:
    return config_path if config_path.endswith(".yaml") else f"{config_path}.yaml"
