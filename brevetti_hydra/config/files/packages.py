"""Where the keys of a YAML file go: its `# @package` line, its group, and who moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from brevetti_hydra.config.tree.documents import Document

__all__ = ["Package", "relocations", "written_package"]

# Keys from the root; () is the root itself.
Package = tuple[str, ...]


def written_package(header: str | None, group: str) -> Package:
    """Give the package that a file names itself, else that of its group."""
    usual = group.replace("/", ".")
    name = usual if header is None else header.replace("_group_", usual)
    return _keys(name.removeprefix("_global_"))


def relocations(documents: Mapping[str, Document]) -> dict[str, tuple[Package, ...]]:
    """Find the packages that entries of defaults lists, `group@package: option`, name for files.

    Args:
        documents: All files by `group/option`.
    """
    found: dict[str, list[Package]] = {}
    for path, document in documents.items():
        group = path.rpartition("/")[0]
        below = written_package(document.package, group)
        for target, package in _moved(document, group):
            keys = _placed(package, below, target)
            found.setdefault(target, []).append(keys)
    return {target: tuple(dict.fromkeys(packages)) for target, packages in found.items()}


def _moved(document: Document, group: str) -> Iterator[tuple[str, str]]:
    """Give each config that the file's defaults list moves, with the package as written."""
    entries = document.defaults if isinstance(document.defaults, list) else []
    for entry in entries:
        if isinstance(entry, str):
            name, _, package = entry.partition("@")
            if package:
                yield _from(group, name), package
        elif isinstance(entry, dict) and len(entry) == 1:
            ((key, value),) = entry.items()
            name, _, package = (str(key).split() or [""])[-1].partition("@")
            options = value if isinstance(value, list) else [value]
            for option in options:
                if package and isinstance(option, str):
                    yield _from(group, f"{name}/{option}"), package


def _from(group: str, name: str) -> str:
    return name[1:] if name.startswith("/") else f"{group}/{name}".lstrip("/")


def _placed(package: str, below: Package, target: str) -> Package:
    """Read a package that stands in a list: it means one below that of the list's own file."""
    if package.startswith("_global_"):
        return _keys(package.removeprefix("_global_"))
    if package.startswith("_here_"):
        return (*below, *_keys(package.removeprefix("_here_")))
    if "_group_" in package:
        return _keys(package.replace("_group_", target.rpartition("/")[0].replace("/", ".")))
    return (*below, *_keys(package))


def _keys(package: str) -> Package:
    return tuple(key for key in package.split(".") if key)
