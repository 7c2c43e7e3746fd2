"""The images of a bucket, folder by folder, in one order wherever it lies.

A folder's images come before those of its subfolders, both sorted by name. Files and folders whose
name begins with '.' are left out at every level. Nothing is held but the names of one folder.
Links to folders are followed, except those that lead back to a folder above them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from brevetti_hydra._files import digest_file
from brevetti_hydra._masks import without_credentials
from brevetti_hydra.errors import StorageReadError
from brevetti_hydra.storage.paths import (
    is_remote,
    join_url,
    local_path,
    open_filesystem,
    reason_of,
    split_chain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["IMAGE_SUFFIXES", "Bucket", "ImageFolder", "LocalBucket", "RemoteBucket", "open_bucket"]

# In any case: '.PNG' is one of them.
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif")

# Names that stand in a file:// URL as they are.
_PLAIN_NAMES = re.compile(r"[A-Za-z0-9_.~-]*")


class ImageFolder(NamedTuple):
    """A folder that holds images directly.

    Attributes:
        folder: Its path below the bucket, with '/'; "" is the bucket itself.
        names: The images' file names, sorted.
    """

    folder: str
    names: list[str]


class Bucket(Protocol):
    """Where a dataset lies. Methods may be called by several threads at once."""

    def walk(self) -> Iterator[ImageFolder]:
        """List all images.

        Raises:
            StorageReadError: A folder cannot be listed.
        """

    def paths(self, folder: ImageFolder) -> list[str]:
        """Give the images' full paths, or URLs without credentials."""

    def urls(self, folder: ImageFolder) -> list[str]:
        """Give the images' URLs, without credentials."""

    def open(self, folder: str, name: str) -> BinaryIO:
        """Open one image for reading.

        Raises:
            StorageReadError: It cannot be read.
        """

    def digest(self, folder: str, name: str) -> tuple[str, int]:
        """Read one image; give its SHA-256 in hexadecimal and its size in bytes.

        Raises:
            StorageReadError: It cannot be read.
        """


def open_bucket(bucket: str, *, purpose: str) -> Bucket:
    """Open a bucket: a folder of this machine without fsspec, anything else with it.

    Args:
        bucket: A path or URL.
        purpose: What needs it, for the error.

    Raises:
        MissingExtraError: The URL's file system needs a package that is not installed.
        StorageReadError: No such file system is known, or it cannot be opened.
    """
    if is_remote(bucket):
        return RemoteBucket(bucket, purpose=purpose)
    return LocalBucket(local_path(bucket))


class LocalBucket:
    """A folder of this machine, listed by os.scandir: no call for each file."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def walk(self) -> Iterator[ImageFolder]:
        """List all images.

        Raises:
            StorageReadError: A folder cannot be listed.
        """
        pending = [""]
        while pending:
            folder = pending.pop()
            names, subfolders = self._list(folder)
            if names:
                names.sort()
                yield ImageFolder(folder, names)
            below = f"{folder}/" if folder else ""
            pending += [below + name for name in sorted(subfolders, reverse=True)]

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        names: list[str] = []
        subfolders: list[str] = []
        path = self._join(folder)
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    if entry.is_symlink():
                        self._sort_link(entry, folder, names, subfolders)
                    elif entry.is_dir():
                        subfolders.append(name)
                    elif name.lower().endswith(IMAGE_SUFFIXES) and entry.is_file():
                        names.append(name)
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return names, subfolders

    def _sort_link(
        self, entry: os.DirEntry[str], folder: str, names: list[str], subfolders: list[str]
    ) -> None:
        is_image = entry.name.lower().endswith(IMAGE_SUFFIXES)
        try:
            target = entry.stat()
        except OSError as error:
            # Git-annex and the like leave such links; training on the rest would go unnoticed.
            if is_image:
                raise _unreadable(entry.path, error, "a link to nothing") from error
            return
        if entry.is_dir():
            if not self._is_above(target, folder):
                subfolders.append(entry.name)
        elif is_image and entry.is_file():
            names.append(entry.name)

    def _is_above(self, target: os.stat_result, folder: str) -> bool:
        parts = folder.split("/") if folder else []
        return any(
            os.path.samestat(target, Path(self.root, *parts[:depth]).stat())
            for depth in range(len(parts) + 1)
        )

    def _join(self, folder: str, name: str = "") -> str:
        # os.path.join, for pathlib costs as much as the listing itself.
        path = os.path.join(self.root, folder) if folder else str(self.root)  # noqa: PTH118
        return os.path.join(path, name) if name else path  # noqa: PTH118

    def paths(self, folder: ImageFolder) -> list[str]:
        """Give the images' absolute paths."""
        prefix = os.path.join(self._join(folder.folder), "")  # noqa: PTH118 - it keeps the separator
        return [prefix + name for name in folder.names]

    def urls(self, folder: ImageFolder) -> list[str]:
        """Give the images' file:// URLs, quoted as browsers want them."""
        from urllib.parse import quote_from_bytes

        path = os.fsencode(self._join(folder.folder)).replace(os.fsencode(os.sep), b"/")
        prefix = f"file://{'' if path.startswith(b'/') else '/'}{quote_from_bytes(path, '/:')}"
        prefix = prefix.rstrip("/") + "/"
        # Quoting takes longer than listing; most names need none.
        if _PLAIN_NAMES.fullmatch("".join(folder.names)):
            return [prefix + name for name in folder.names]
        return [prefix + quote_from_bytes(os.fsencode(name), "") for name in folder.names]

    def open(self, folder: str, name: str) -> BinaryIO:
        """Open one image for reading.

        Raises:
            StorageReadError: It cannot be read.
        """
        path = self._join(folder, name)
        try:
            return Path(path).open("rb")
        except OSError as error:
            raise _unreadable(path, error) from error

    def digest(self, folder: str, name: str) -> tuple[str, int]:
        """Read one image; give its SHA-256 in hexadecimal and its size in bytes.

        Raises:
            StorageReadError: It cannot be read.
        """
        path = self._join(folder, name)
        try:
            return digest_file(Path(path))
        except OSError as error:
            raise _unreadable(path, error) from error


class RemoteBucket:
    """Anything that fsspec reads, listed folder by folder, so that hidden ones cost nothing."""

    def __init__(self, url: str, *, purpose: str) -> None:
        """Open the file system.

        Raises:
            MissingExtraError: It needs a package that is not installed.
            StorageReadError: No such file system is known, or it cannot be opened.
        """
        self.url = url
        self._filesystem, self._root = open_filesystem(url, purpose=purpose)

    def walk(self) -> Iterator[ImageFolder]:
        """List all images.

        Raises:
            StorageReadError: A folder cannot be listed.
        """
        self._filesystem.invalidate_cache()
        pending = [("", self._root)]
        while pending:
            folder, path = pending.pop()
            names, subfolders = self._list(folder, path)
            if names:
                yield ImageFolder(folder, sorted(names))
            below = f"{folder}/" if folder else ""
            pending += [
                (below + name, subfolders[name]) for name in sorted(subfolders, reverse=True)
            ]

    def _list(self, folder: str, path: str) -> tuple[list[str], dict[str, str]]:
        names: list[str] = []
        subfolders: dict[str, str] = {}
        for entry in self._list_entries(folder, path):
            location = str(entry["name"]).rstrip("/")
            name = location.rpartition("/")[2]
            # Stores without folders list a marker object under the folder's own name.
            if not name or name[0] == "." or location == path.rstrip("/"):
                continue
            if entry["type"] == "directory":
                subfolders[name] = location
            elif name.lower().endswith(IMAGE_SUFFIXES):
                names.append(name)
        return names, subfolders

    def _list_entries(self, folder: str, path: str) -> list[dict[str, Any]]:
        try:
            # Memory and archives call a missing root, or a file, an empty folder.
            if not folder and not self._filesystem.isdir(path):
                missing = not self._filesystem.exists(path)
                raise (FileNotFoundError if missing else NotADirectoryError)(  # noqa: TRY301
                    "no such folder" if missing else "not a folder"
                )
            entries: list[dict[str, Any]] = self._filesystem.ls(path, detail=True)
        except Exception as error:  # each backend has its own
            raise self._unreadable(folder, error) from error
        return entries

    def _key(self, folder: str, name: str) -> str:
        return "/".join(part for part in (self._root.rstrip("/"), folder, name) if part)

    def paths(self, folder: ImageFolder) -> list[str]:
        """Give the images' URLs, without credentials."""
        below = join_url(without_credentials(self.url), folder.folder)
        head, tail = split_chain(below)
        prefix = head if head.endswith("/") else f"{head}/"
        return [f"{prefix}{name}{tail}" for name in folder.names]

    def urls(self, folder: ImageFolder) -> list[str]:
        """Give the images' URLs, without credentials."""
        return self.paths(folder)

    def open(self, folder: str, name: str) -> BinaryIO:
        """Open one image for reading, whole: it is decoded as a whole anyway.

        Raises:
            StorageReadError: It cannot be read.
        """
        import io

        return io.BytesIO(self._read(folder, name))

    def digest(self, folder: str, name: str) -> tuple[str, int]:
        """Read one image; give its SHA-256 in hexadecimal and its size in bytes.

        Raises:
            StorageReadError: It cannot be read.
        """
        import hashlib

        content = self._read(folder, name)
        return hashlib.sha256(content).hexdigest(), len(content)

    def _read(self, folder: str, name: str) -> bytes:
        try:
            # Not open(): fsspec's memory files are one object for all who open them.
            content: bytes = self._filesystem.cat_file(self._key(folder, name))
        except Exception as error:  # each backend has its own
            raise self._unreadable("/".join(filter(None, (folder, name))), error) from error
        return content

    def _unreadable(self, relative: str, error: Exception) -> StorageReadError:
        place = without_credentials(join_url(self.url, relative))
        return StorageReadError(f"cannot read '{place}'", notes=[reason_of(error, self.url)])


def _unreadable(path: str, error: Exception, reason: str | None = None) -> StorageReadError:
    return StorageReadError(f"cannot read '{path}'", notes=[reason or reason_of(error)])
