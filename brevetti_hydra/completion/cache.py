"""The completion's cache: small JSON files in the user's cache folder, each replaced as a whole.

One file for each folder of configuration (what was read of its files), and one for each settings
class (its keys). No file is shared by two kinds of writers, so that nobody has to merge or to lock.
Whatever cannot be read counts as missing, and whatever cannot be written is left.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from brevetti_hydra import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CACHE_VARIABLE",
    "begin_use",
    "cache_folder",
    "is_used",
    "load",
    "save",
    "stamp",
    "stamps",
]

CACHE_VARIABLE = "BREVETTI_HYDRA_CACHE"

_FORMAT = 1


def cache_folder(environ: Mapping[str, str]) -> str | None:
    """Give the folder of the completion's cache, which need not exist; None where there is none."""
    named = environ.get(CACHE_VARIABLE)
    if named:
        return os.path.join(os.path.abspath(named), "completion")
    home = os.path.expanduser("~")
    if os.name == "nt":
        base = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        # The XDG rule: a relative path there counts as none.
        given = environ.get("XDG_CACHE_HOME", "")
        base = given if os.path.isabs(given) else os.path.join(home, ".cache")
    return os.path.join(base, "brevetti_hydra", "completion") if os.path.isabs(base) else None


def is_used(environ: Mapping[str, str]) -> bool:
    """Whether anybody completes here: the first query makes the folder."""
    folder = cache_folder(environ)
    return folder is not None and os.path.isdir(folder)


def begin_use(environ: Mapping[str, str]) -> None:
    """Make the folder: from now on commands write down the classes that they load."""
    folder = cache_folder(environ)
    if folder is not None and not os.path.isdir(folder):
        with suppress(OSError, ValueError):
            os.makedirs(folder, mode=0o700, exist_ok=True)


def load(environ: Mapping[str, str], kind: str, name: str) -> dict[str, Any]:
    """Read one file of the cache; empty where there is none, or none of this version.

    Args:
        environ: The variables of the environment.
        kind: What it holds, one word.
        name: Of which folder or class.
    """
    path = _path(environ, kind, name)
    if path is None:
        return {}
    try:
        with open(path, "rb") as stream:
            content = json.loads(stream.read())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("head") != _head(name):
        return {}
    body = content.get("body")
    return body if isinstance(body, dict) else {}


def save(environ: Mapping[str, str], kind: str, name: str, body: dict[str, Any]) -> None:
    """Replace one file of the cache; where that fails, the old one stays."""
    path = _path(environ, kind, name)
    if path is None:
        return
    # Imported here: most queries write nothing.
    from pathlib import Path

    from brevetti_hydra._files import write_whole
    from brevetti_hydra.errors import StorageWriteError

    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        content = json.dumps({"head": _head(name), "body": body}, separators=(",", ":")).encode()
        write_whole(Path(path), content, point="completion.kept", durable=False)
    except (OSError, ValueError, StorageWriteError):
        return


def stamp(path: str) -> list[int] | None:
    """Give what changes when a file does; None where it cannot be looked at."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return [found.st_mtime_ns, found.st_size]


def stamps(paths: Iterable[str]) -> dict[str, list[int] | None]:
    """Give the stamps of several files, by path."""
    return {path: stamp(path) for path in paths}


def _head(name: str) -> list[Any]:
    return [_FORMAT, __version__, name]


def _path(environ: Mapping[str, str], kind: str, name: str) -> str | None:
    folder = cache_folder(environ)
    if folder is None:
        return None
    from zlib import adler32, crc32

    # The name stands in the file as well: two of one number only take turns.
    text = os.fsencode(name)
    return os.path.join(folder, f"{kind}-{crc32(text):08x}{adler32(text):08x}.json")
