"""Addresses of files: folders of this machine and fsspec URLs.

An address is a URL if it begins with `scheme://`, or with the links of an fsspec chain before one
(`simplecache::s3://...`); everything else is a path of this machine, whatever characters its names
hold. `file://` and `local://` are paths too, read literally as fsspec does (`%20` is no space).
A path whose first folder looks like a scheme is written with `./` in front.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import without_credentials
from brevetti_hydra._text import shorten, similar_name
from brevetti_hydra.errors import MissingExtraError, StorageReadError, UnsafePathError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from upath import UPath

__all__ = [
    "absolute_address",
    "child_path",
    "is_remote",
    "is_url",
    "join_url",
    "literal_path_class",
    "local_path",
    "open_filesystem",
    "open_path",
    "reason_of",
    "split_chain",
]

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+"
# Patterns are texts: `re` compiles one when it is first used and keeps it. A run without any URL
# pays for none of them; compiled at import they took 5 ms.
_URL = rf"(?:{_SCHEME}::)*({_SCHEME})://"
_LOCAL = r"(?i:file|local)://"
# The file system inside one file: without a chain, the path is that file's.
_ARCHIVES = ("zip", "tar", "libarchive")
_URL_IN_TEXT = rf"{_SCHEME}://[^\s'\"<>]+"


def is_url(text: str) -> bool:
    """Tell whether an address is written as a URL, `file://` among them."""
    return re.match(_URL, text) is not None


def is_remote(text: str) -> bool:
    """Tell whether an address needs fsspec, for its files are no files of this machine."""
    return is_url(text) and re.match(_LOCAL, text) is None


def local_path(text: str, *, base: str | os.PathLike[str] | None = None) -> Path:
    """Give the absolute path that a local address means; links in it are not followed.

    Args:
        text: A path or a `file://` URL; a leading `~/` is the home folder.
        base: What a relative path starts from; default: the working directory.
    """
    match = re.match(_LOCAL, text)
    plain = text[match.end() :] if match else text
    if plain == "~" or plain.startswith("~/"):
        plain = str(Path(plain).expanduser())
    return Path(base if base is not None else Path.cwd(), plain)


def absolute_address(text: str, *, base: str | os.PathLike[str] | None = None) -> str:
    """Give an address that means the same from any working directory.

    Args:
        text: A path or URL.
        base: What a relative path starts from; default: the working directory.
    """
    return _complete(text, base) if is_remote(text) else str(local_path(text, base=base))


def open_path(
    place: str | os.PathLike[str] | UPath, *, base: str | os.PathLike[str] | None = None
) -> UPath:
    """Give a path object for an address: read, write, list and join, wherever it lies.

    Args:
        place: A path of this machine, an fsspec URL, or a path object.
        base: What a relative path starts from; default: the working directory.

    Returns:
        A `UPath`; for a place on this machine also a `pathlib.Path`.

    Raises:
        MissingExtraError: The URL's file system needs a package that is not installed.
        StorageReadError: No such file system is known, or it cannot be opened.
    """
    text = _as_text(place)
    if not is_remote(text):
        path: UPath = literal_path_class()(local_path(text, base=base))
        return path
    from upath import UPath

    if isinstance(place, UPath):
        return place
    url = _complete(text, base)
    open_filesystem(url, purpose=f"'{without_credentials(text)}'")
    return UPath(url)


def _as_text(place: Any) -> str:
    """Give the address of a path object; a remote one has no `os.fspath`, but a text."""
    return (
        os.fspath(place) if hasattr(place, "__fspath__") or isinstance(place, str) else str(place)
    )


@lru_cache(maxsize=1)
def literal_path_class() -> Any:
    """Give the class of local paths: a `UPath` and `pathlib.Path` in one.

    UPath's own refuses to join a name that looks like a URL, such as 'zip::x'.
    """
    from upath.implementations import local

    base: Any = local.WindowsUPath if os.name == "nt" else local.PosixUPath

    class LocalPath(base):  # type: ignore[misc] # the base is chosen above
        __slots__ = ()

        def __new__(cls, *_args: Any, **_options: Any) -> Any:
            # UPath's own dispatches on what the text looks like.
            return object.__new__(cls)

        def __truediv__(self, name: Any) -> Any:
            return Path.__truediv__(self, name)

        def joinpath(self, *names: Any) -> Any:
            return Path.joinpath(self, *names)

    return LocalPath


def open_filesystem(url: str, *, purpose: str) -> tuple[AbstractFileSystem, str]:
    """Open the file system behind a URL.

    Args:
        url: An fsspec URL.
        purpose: What needs it, for the error.

    Returns:
        The file system, and the path inside it.

    Raises:
        MissingExtraError: It needs a package that is not installed.
        StorageReadError: No such file system is known, or it cannot be opened.
    """
    from fsspec.core import url_to_fs

    protocol = _protocol(url)
    # An archive that was replaced must not be read through the handle on the old one.
    options = {"skip_instance_cache": True} if protocol in _ARCHIVES else {}
    try:
        filesystem, path = url_to_fs(_complete(url), **options)
    except ImportError as error:
        raise _missing_package(error, protocol, purpose) from error
    except Exception as error:  # each backend has its own
        raise _not_opened(error, url) from error
    return filesystem, path


def _protocol(url: str) -> str:
    return re.split(r"::|://", url, maxsplit=1)[0].lower()


def _missing_package(error: ImportError, protocol: str, purpose: str) -> MissingExtraError:
    cause = error.__cause__
    name = cause.name if isinstance(cause, ImportError) else error.name
    missing = MissingExtraError((name or protocol).partition(".")[0], None, purpose)
    missing.notes = (f"fsspec says: {error}",)
    return missing


def _not_opened(error: Exception, url: str) -> StorageReadError:
    unknown = re.match(r"Protocol not known: (.*)", str(error))
    if unknown is None:
        return StorageReadError(
            f"cannot open '{without_credentials(url)}'", notes=[reason_of(error, url)]
        )
    from fsspec.registry import available_protocols

    similar = similar_name(unknown[1], available_protocols())
    return StorageReadError(
        f"no file system is known for '{unknown[1]}://'",
        notes=[f"in '{without_credentials(url)}'"],
        hint=f"a similar name exists: '{similar}://'" if similar else None,
    )


def reason_of(error: BaseException, url: str = "") -> str:
    """Tell in one short line, free of the URL's credentials, why something failed."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if url:
        reason = reason.replace(url, without_credentials(url))
    reason = " ".join(reason.split())
    line = re.sub(_URL_IN_TEXT, lambda found: without_credentials(found[0]), reason)
    return shorten(line[:1].lower() + line[1:], 300)


def _complete(url: str, base: str | os.PathLike[str] | None = None) -> str:
    """Spell out what a URL leaves open: an archive's file, and where a relative path begins."""
    protocol = _protocol(url)
    head, link, tail = url.partition("::")
    if not link:
        if protocol not in _ARCHIVES:
            return url
        head, tail = f"{protocol}://", url.partition("://")[2]
    elif head.lower() in _ARCHIVES:
        head += "://"
    links = tail.split("::")
    if "://" not in links[-1] and "://" in head:
        links[-1] = str(local_path(links[-1], base=base))
    return "::".join([head, *links])


def split_chain(url: str) -> tuple[str, str]:
    """Split a URL into what names are joined to and the rest of its chain.

    Example:
        >>> split_chain("zip://inner::file:///d/x.zip")
        ('zip://inner', '::file:///d/x.zip')
    """
    complete = _complete(url)
    start = complete.index("://")
    end = complete.find("::", start)
    return (complete, "") if end < 0 else (complete[:end], complete[end:])


def join_url(url: str, relative: str) -> str:
    """Give the URL of something below another URL, inside the first path of its chain."""
    head, tail = split_chain(url)
    slash = "" if head.endswith("/") or not relative else "/"
    return f"{head}{slash}{relative}{tail}"


def child_path(root: Path, *parts: str) -> Path:
    """Join names to a folder and make sure that the result lies in it.

    Raises:
        UnsafePathError: A part is absolute, climbs out by '..', or holds a NUL.
    """
    joined = "/".join(parts)
    names = joined.replace("\\", "/").split("/") if os.name == "nt" else joined.split("/")
    path = Path(root, *parts)
    if ".." in names or "\0" in joined or any(Path(part).is_absolute() for part in parts):
        raise UnsafePathError(
            f"'{joined}' leaves its folder",
            notes=[f"the folder is '{root}'"],
            hint="give a relative path without '..'",
        )
    return path
