"""The YAML files of a project, as they lie on the disk."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.config.files.source import shown_path
from brevetti_hydra.errors import ConfigNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.project import Project

__all__ = ["SUFFIX", "ConfigFile", "decoded", "files_below", "find_files"]

SUFFIX = ".yaml"


class ConfigFile(NamedTuple):
    """A YAML file of the project.

    Attributes:
        path: Where it lies.
        label: How places name it.
        name: Its group and option, `job/classifier`; of a primary config its name alone.
        root: The folder of its configuration.
    """

    path: Path
    label: str
    name: str
    root: Path


def find_files(paths: Sequence[str], project: Project, folder: Path) -> list[ConfigFile]:
    """Find the YAML files that paths name; without paths, those of the project's `conf`.

    Raises:
        ConfigNotFoundError: There is no such path, or nothing is named and there is no `conf`.
    """
    roots = [each / "conf" for each in (folder, project.folder) if (each / "conf").is_dir()]
    if not paths and not roots:
        raise ConfigNotFoundError(
            "there is no folder 'conf' to migrate", hint="name the files, or their folder"
        )
    found: dict[Path, ConfigFile] = {}
    for given in [folder / each for each in paths] or roots[:1]:
        if not given.exists():
            raise ConfigNotFoundError(
                f"there is no file or folder '{given.name}'", notes=[f"looked for {given}"]
            )
        for path in [given] if given.is_file() else files_below(given):
            root = _root_of(path, given, roots)
            place = Path(os.path.normpath(path.absolute()))
            name = place.relative_to(root).as_posix().removesuffix(SUFFIX)
            found.setdefault(path.resolve(), ConfigFile(path, shown_path(path, folder), name, root))
    return list(found.values())


def decoded(content: bytes) -> tuple[str, bytes]:
    """Give the text, and the mark of byte order that stood before it."""
    bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return content[len(bom) :].decode(), bom


def files_below(folder: Path) -> list[Path]:
    """Find all YAML files below a folder, but hidden ones; a link that leads nowhere is one."""
    found = []
    for holder, names, files in os.walk(folder):
        names[:] = sorted(n for n in names if not n.startswith((".", "__")))
        found += [
            Path(holder) / n for n in sorted(files) if n.endswith(SUFFIX) and n[0] not in "._"
        ]
    # A pipe or a device would be read for ever.
    return sorted(path for path in found if path.is_file() or not path.exists())


def _root_of(path: Path, given: Path, roots: Sequence[Path]) -> Path:
    """Find the folder of configuration that a file is part of."""
    absolute = Path(os.path.normpath(path.absolute()))
    for root in roots:
        if absolute.is_relative_to(os.path.normpath(root.absolute())):
            return Path(os.path.normpath(root.absolute()))
    if given.is_dir():
        return Path(os.path.normpath(given.absolute()))
    named = [each for each in absolute.parents if each.name == "conf"]
    marked = [each for each in absolute.parents if (each / "brevetti.yaml").is_file()]
    return (marked or named or [absolute.parent])[0]
