"""Every file of a search path: what serves, what hides what, and what is never read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from brevetti_hydra.config.files.source import FolderSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brevetti_hydra.config.files.search import SearchPath

__all__ = ["CheckedFile", "Inventory", "OddFile", "take_inventory"]

# Of these nothing is ever read; a suffix in capitals is the same mistake.
_NEAR_SUFFIXES = (".yml", ".yaml")
# As deep as a search path is looked at; a name of a thousand folders cannot be opened anyway.
_DEEPEST = 32


class CheckedFile(NamedTuple):
    """A file that can be read as configuration.

    Attributes:
        config_path: `job/classifier`.
        label: How places name it.
        source: The folder of the search path that it lies in.
        is_own: Whether it is the user's, not one that ships with the harness.
        hides: Labels of the files of the same name further down the search path.
        hidden_by: Label of the file that is taken in its place, or None.
    """

    config_path: str
    label: str
    source: FolderSource
    is_own: bool
    hides: tuple[str, ...]
    hidden_by: str | None

    @property
    def group(self) -> str:
        """The group that it is an option of; `""` at the top of the search path."""
        return self.config_path.rpartition("/")[0]

    @property
    def option(self) -> str:
        """Its name in the group."""
        return self.config_path.rpartition("/")[2]


class OddFile(NamedTuple):
    """A file that looks like configuration, and is none.

    Attributes:
        label: How places name it.
        kind: Its suffix is not `.yaml`; a link leads nowhere; it is a pipe or a device; a folder
            cannot be listed; a folder is a link to one that it lies in, or lies too deep.
        reason: What the system says, or "".
    """

    label: str
    kind: Literal["suffix", "dangling", "special", "unlisted", "circular", "deep"]
    reason: str = ""


class Inventory(NamedTuple):
    """What the folders of a search path hold.

    Attributes:
        files: The files that serve, by config path, sorted.
        hidden: The user's files that another hides.
        odd: What is no configuration.
    """

    files: dict[str, CheckedFile]
    hidden: list[CheckedFile]
    odd: list[OddFile]


def take_inventory(search: SearchPath, shipped: Path) -> Inventory:
    """Walk through every folder of a search path.

    Args:
        search: The search path.
        shipped: The folder that the harness ships; it is the user's own where no other is.
    """
    sources = [s for s in search.repository.get_sources() if isinstance(s, FolderSource)]
    real = shipped.resolve()
    has_other = any(source.folder.resolve() != real for source in sources)
    found: dict[str, list[CheckedFile]] = {}
    odd: list[OddFile] = []
    for source in sources:
        # The shipped folder comes with the provider's own name, unless the user named it.
        is_own = source.provider != "brevetti_hydra" or not has_other
        for entry in _walk(source, "", (), odd if is_own else []):
            label = source.label_of(entry)
            file = CheckedFile(entry, label, source, is_own, (), None)
            found.setdefault(entry, []).append(file)
    files, hidden = {}, []
    for config_path in sorted(found):
        first, *others = found[config_path]
        files[config_path] = first._replace(hides=tuple(file.label for file in others))
        hidden += [file._replace(hidden_by=first.label) for file in others if file.is_own]
    return Inventory(files, hidden, odd)


def _walk(
    source: FolderSource, group: str, above: tuple[tuple[int, int], ...], odd: list[OddFile]
) -> Iterator[str]:
    """Give the config paths below a group; links are followed, but not in circles."""
    folder = source.folder / group
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        label = source.label_of(group, suffix="")
        odd.append(OddFile(label, "unlisted", error.strerror or str(error)))
        return
    own = (status.st_dev, status.st_ino)
    if own in above or len(above) > _DEEPEST:
        kind: Literal["circular", "deep"] = "circular" if own in above else "deep"
        odd.append(OddFile(source.label_of(group, suffix=""), kind))
        return
    for entry in entries:
        if entry.name.startswith((".", "__")):
            continue
        path = f"{group}/{entry.name}".lstrip("/")
        kind_of = _kind(entry)
        if kind_of == "folder":
            yield from _walk(source, path, (*above, own), odd)
        elif not entry.name.lower().endswith(_NEAR_SUFFIXES):
            continue
        elif not entry.name.endswith(".yaml"):
            odd.append(OddFile(source.label_of(path, suffix=""), "suffix"))
        elif kind_of == "file":
            yield path.removesuffix(".yaml")
        else:
            odd.append(OddFile(source.label_of(path, suffix=""), kind_of))


def _kind(entry: os.DirEntry[str]) -> Literal["folder", "file", "dangling", "special"]:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        return "dangling" if entry.is_symlink() else "special"
    except OSError:  # a link that leads to itself
        return "dangling"
