"""What lies in a storage space.

Apart from `transfer`, because every run lists its artifacts, and few have files to bring in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._files import digest_file
from brevetti_hydra.errors import StorageReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StoredFile", "list_artifacts"]


class StoredFile(NamedTuple):
    """A file under `artifacts/`.

    Attributes:
        path: Relative to `artifacts/`, with '/'.
        size_bytes: Its size.
        sha256: Digest of its content, in hexadecimal.
    """

    path: str
    size_bytes: int
    sha256: str


def list_artifacts(artifacts_dir: Path) -> Iterator[StoredFile]:
    """List and digest all files of a folder, sorted by path; a missing folder has none.

    Links to files are files; links to folders are left out. Each file is read when it is its turn.

    Raises:
        StorageReadError: A file or folder cannot be read.
    """
    # Compared as whole texts ('a.txt' before 'a/b.txt'), as sorted() does with the list's paths.
    for relative in sorted(_iter_files(os.fspath(artifacts_dir), "")):
        path = Path(artifacts_dir, relative)
        try:
            sha256, size_bytes = digest_file(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        yield StoredFile(relative, size_bytes, sha256)


def _iter_files(folder: str, below: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _iter_files(entry.path, f"{below}{entry.name}/")
        elif _is_file(entry):
            yield below + entry.name


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _unreadable(place: str | os.PathLike[str], error: OSError) -> StorageReadError:
    reason = error.strerror or str(error)
    return StorageReadError(f"cannot read '{place}'", notes=[reason[:1].lower() + reason[1:]])
