"""Which keys a job has: from the package, from the cache, or from its source.

In this order: the jobs that ship stand in `shipped.json`; a class that a command has loaded stands
in the cache, valid while none of its files has changed; of any other the source is read.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from brevetti_hydra.completion import cache
from brevetti_hydra.completion.folders import project_folder

if TYPE_CHECKING:
    from brevetti_hydra.completion.candidate import Node, Place
    from brevetti_hydra.completion.sources import Sources

__all__ = ["class_keys", "class_name", "project_sources", "shipped"]


def shipped() -> dict[str, Any]:
    """Read what comes with the package: commands, flags, reserved nodes, its own jobs."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shipped.json")
    with open(path, "rb") as stream:
        document: dict[str, Any] = json.loads(stream.read())
    return document


def class_name(target: str, folder: str) -> str:
    """Name a class in the cache: the project that it is loaded from, and the class."""
    return f"{project_folder(folder)} {target.strip().replace(':', '.')}"


def class_keys(target: str, place: Place, document: dict[str, Any]) -> dict[str, Node]:
    """Give the keys of a Job class; empty where nothing is known.

    Args:
        target: `pkg.mod:Class`.
        place: Where the line is typed.
        document: What comes with the package.
    """
    known = document["classes"].get(target.replace(":", "."))
    if known is not None:
        return dict(known)
    name = class_name(target, place.folder)
    kept = cache.load(place.environ, "class", name)
    files, keys = kept.get("files"), kept.get("keys")
    if isinstance(files, dict) and isinstance(keys, dict) and files == cache.stamps(files):
        return keys
    sources = project_sources(place)
    read = sources.keys(target)
    if read is None:
        return {}
    body = {"files": cache.stamps(sources.files), "keys": read, "is_from_source": True}
    cache.save(place.environ, "class", name, body)
    return read


def project_sources(place: Place) -> Sources:
    """Give the project's modules, to be read."""
    # Imported here: a valid cache needs no parser.
    from brevetti_hydra.completion.sources import Sources

    project = project_folder(place.folder)
    return Sources([project, os.path.join(project, "src")])
