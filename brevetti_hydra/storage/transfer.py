"""Files that come into a storage space."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from brevetti_hydra._files import make_folder, write_new
from brevetti_hydra._masks import without_credentials
from brevetti_hydra.errors import ModelNotFoundError, StorageReadError, UnsafePathError
from brevetti_hydra.storage.paths import (
    is_remote,
    local_path,
    open_filesystem,
    reason_of,
    split_chain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from upath import UPath

__all__ = ["safe_name", "store_model"]

_BLOCK_BYTES = 1 << 20
_NAME_BYTES = 150
# Letters and digits of any script, and what needs no quoting in a shell, a URL or a key of S3.
_UNSAFE = r"[^\w.\-+=@, ()\[\]]"
_SUFFIX = r"(?<=.)(?:\.tar)?\.[A-Za-z0-9]{1,12}$"
# Files that the harness itself writes into the root of the artifacts.
_RESERVED = ("output.json",)


def safe_name(name: str) -> str:
    """Make a file name that every disk, URL and bucket takes; an ordinary one stays as it is.

    Characters other than letters, digits, spaces and `._-+=@,()[]` become '_', leading dots and
    surrounding spaces go, and at most 150 bytes remain, the suffixes among them.
    """
    clean = re.sub(_UNSAFE, "_", name).strip().lstrip(".").strip() or "model"
    stem, suffix = _split_suffix(clean)
    room = _NAME_BYTES - len(suffix)
    return stem.encode()[:room].decode(errors="ignore") + suffix


def _split_suffix(name: str) -> tuple[str, str]:
    match = re.search(_SUFFIX, name)
    at = match.start() if match else len(name)
    return name[:at], name[at:]


def store_model(source: str | os.PathLike[str] | UPath, artifacts_dir: Path) -> str:
    """Bring the model that run() returned under the artifacts.

    A file is copied, unless it lies there already. A folder is packed as `<name>.tar.gz`, whose
    bytes depend on the folder's name, files and links only. Nothing that lies there is overwritten:
    where the name is taken, '-2', '-3' ... is added to it.

    Args:
        source: A file or folder: a path of this machine, an fsspec URL, or a path object.
        artifacts_dir: The job's `artifacts/`, on this machine; made when it is missing.

    Returns:
        The model's path relative to `artifacts_dir`, with '/'.

    Raises:
        ModelNotFoundError: There is no such file or folder.
        UnsafePathError: The folder holds the artifacts, a link that leaves it, or a special file.
        StorageReadError: The source cannot be read.
        StorageWriteError: The artifacts cannot be written.
        MissingExtraError: A URL's file system needs a package that is not installed.
    """
    text = source if isinstance(source, str) else _text_of(source)
    if is_remote(text):
        return _store_remote(text, artifacts_dir)
    path = local_path(text)
    try:
        real = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_found(text, error) from error
    if real.is_file():
        return _store_file(path, real, artifacts_dir)
    if not real.is_dir():
        raise UnsafePathError(
            f"the model '{text}' is neither a file nor a folder",
            hint="return the path of a regular file or of a folder from run()",
        )
    return _store_folder(path, real, artifacts_dir)


def _text_of(source: os.PathLike[str] | UPath) -> str:
    # UPath's remote paths are os.PathLike for type checkers only.
    return os.fspath(source) if hasattr(source, "__fspath__") else str(source)


def _store_file(path: Path, real: Path, artifacts_dir: Path) -> str:
    artifacts = artifacts_dir.resolve()
    if real.is_relative_to(artifacts):
        return real.relative_to(artifacts).as_posix()

    def write(stream: BinaryIO) -> None:
        with _open_source(real) as content:
            _copy(content, stream)

    return _store(safe_name(path.name), write, artifacts_dir)


def _store_folder(path: Path, real: Path, artifacts_dir: Path) -> str:
    if artifacts_dir.resolve().is_relative_to(real):
        raise UnsafePathError(
            f"the model's folder '{path}' holds the artifacts",
            notes=[f"the artifacts lie in '{artifacts_dir}'"],
            hint="return a file, or a folder that holds nothing but the model, from run()",
        )
    name = safe_name(path.name or real.name)
    members = sorted(_iter_members(real, real, ""))

    def write(stream: BinaryIO) -> None:
        _pack(name, members, stream)

    return _store(_archive_name(name), write, artifacts_dir)


def _store_remote(url: str, artifacts_dir: Path) -> str:
    shown = without_credentials(url)
    try:
        filesystem, path = open_filesystem(url, purpose=f"the model '{shown}'")
    except StorageReadError as error:
        raise ModelNotFoundError(error.message, notes=error.notes, hint=error.hint) from error
    try:
        found = "file" if filesystem.isfile(path) else filesystem.isdir(path) and "folder"
    except Exception as error:  # each backend has its own
        raise _not_found(shown, error) from error
    if not found:
        raise _not_found(shown, FileNotFoundError("no such file or folder"))
    name = safe_name(split_chain(url)[0].rstrip("/").rpartition("/")[2])
    if found == "file":
        return _store(name, lambda stream: _fetch(filesystem, path, stream), artifacts_dir)
    members = sorted(_iter_remote_members(filesystem, path))
    return _store(_archive_name(name), lambda stream: _pack(name, members, stream), artifacts_dir)


def _archive_name(name: str) -> str:
    return f"{name}.tar.gz"


def _fetch(filesystem: Any, path: str, stream: BinaryIO) -> None:
    try:
        content = filesystem.open(path, "rb")
    except Exception as error:  # each backend has its own
        raise _unreadable(path, error) from error
    with content:
        _copy(content, stream)


def _copy(content: Any, stream: BinaryIO) -> None:
    while True:
        try:
            block = content.read(_BLOCK_BYTES)
        except Exception as error:  # each backend has its own
            raise _unreadable(getattr(content, "name", "the model"), error) from error
        if not block:
            return
        stream.write(block)


def _store(name: str, write: Callable[[BinaryIO], None], artifacts_dir: Path) -> str:
    """Write under the first name that is free."""
    make_folder(artifacts_dir, point="model.folder")
    stem, suffix = _split_suffix(name)
    number = 1
    while True:
        candidate = name if number == 1 else f"{stem}-{number}{suffix}"
        target = artifacts_dir / candidate
        if candidate not in _RESERVED and not os.path.lexists(target):
            try:
                with write_new(target, point="model.stored") as stream:
                    write(stream)
            except FileExistsError:  # another process was faster
                continue
            return candidate
        number += 1


class _Member(NamedTuple):
    """One entry of the archive; sorted by name."""

    name: str
    kind: str
    size_bytes: int
    is_executable: bool
    target: str
    source: Any


def _iter_members(root: Path, folder: Path, below: str) -> Iterator[_Member]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in found:
        name = below + entry.name
        if entry.is_symlink():
            target = _target_inside(root, Path(entry.path))
            yield _Member(name, "link", 0, False, target, None)
        elif entry.is_dir():
            yield _Member(name, "folder", 0, False, "", None)
            yield from _iter_members(root, Path(entry.path), f"{name}/")
        elif entry.is_file():
            facts = entry.stat()
            is_executable = bool(facts.st_mode & 0o100)
            yield _Member(name, "file", facts.st_size, is_executable, "", Path(entry.path))
        else:
            raise UnsafePathError(
                f"'{entry.path}' in the model's folder is no regular file",
                hint="return a folder of regular files from run()",
            )


def _target_inside(root: Path, link: Path) -> str:
    """Give where a link leads to, relative to the folder that it lies in."""
    try:
        target = link.resolve(strict=True)
        target.relative_to(root)
    except (OSError, ValueError, RuntimeError) as error:
        raise UnsafePathError(
            f"the link '{link}' in the model's folder leads out of it",
            notes=[f"it points to '{_read_link(link)}'"],
            hint="put a copy of the file in its place",
        ) from error
    return Path(os.path.relpath(target, link.parent.resolve())).as_posix()


def _read_link(link: Path) -> str:
    try:
        return os.fspath(link.readlink())
    except OSError:
        return "?"


def _iter_remote_members(filesystem: Any, root: str) -> Iterator[_Member]:
    try:
        found = filesystem.find(root, withdirs=False, detail=True)
    except Exception as error:  # each backend has its own
        raise _unreadable(root, error) from error
    for path, facts in found.items():
        name = path[len(root) :].strip("/")
        if ".." in name.split("/") or "\0" in name:
            raise UnsafePathError(f"'{name}' in the model's folder leads out of it")

        def source(path: str = path) -> Any:
            return filesystem.open(path, "rb")

        yield _Member(name, "file", int(facts["size"]), False, "", source)


def _pack(name: str, members: list[_Member], stream: BinaryIO) -> None:
    """Write a .tar.gz whose bytes depend on nothing but names, contents and links."""
    import gzip
    import tarfile

    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members:
            entry = tarfile.TarInfo(f"{name}/{member.name}")
            entry.mode = 0o755 if member.is_executable or member.kind == "folder" else 0o644
            if member.kind == "folder":
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif member.kind == "link":
                entry.type, entry.linkname = tarfile.SYMTYPE, member.target
                archive.addfile(entry)
            else:
                entry.size = member.size_bytes
                with _open_source(member.source) as content:
                    archive.addfile(entry, content)


def _open_source(source: Any) -> BinaryIO:
    try:
        stream: BinaryIO = source.open("rb") if isinstance(source, Path) else source()
    except Exception as error:  # each backend has its own
        raise _unreadable(source, error) from error
    return stream


def _not_found(shown: str, error: Exception) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"the model '{shown}' was not found",
        notes=[reason_of(error), "run() returned this path"],
        hint="return the path of an existing file or folder from run(), or None",
    )


def _unreadable(path: object, error: Exception) -> StorageReadError:
    return StorageReadError(f"cannot read '{path}'", notes=[reason_of(error)])
