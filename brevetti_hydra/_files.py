"""Files on this machine: write aside and rename, append a line, lock, digest.

Every write names its kill point, a word such as `record.sealed`. `brevetti_hydra.testing.faults`
listens there and kills the process, so that a test can show what is left after a crash at each of
them; nothing listens in ordinary use.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from brevetti_hydra.errors import StorageWriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "Appender",
    "cut_off",
    "digest_bytes",
    "digest_file",
    "link",
    "lock",
    "make_folder",
    "move_over",
    "on_write",
    "remove",
    "touch",
    "write_new",
    "write_whole",
]

# Set by brevetti_hydra.testing.faults: called with (kill point, "before" | "aside" | "after").
on_write: Callable[[str, str], None] | None = None

_DIGEST_BLOCK_BYTES = 1 << 20


def _pass(point: str, moment: str) -> None:
    if on_write is not None:
        on_write(point, moment)


def write_whole(
    path: Path, content: bytes, *, point: str, durable: bool = True, mode: int | None = None
) -> None:
    """Replace a file as a whole: a reader sees the old content or the new, never a part.

    Args:
        path: The file; its folder must exist.
        content: All bytes of the file.
        point: The kill point.
        durable: Wait until the disk has it. False leaves the moment to the system: after a crash
            of the machine (not of the process) the old content may be back.
        mode: The rights of the file; None for those that a new file gets.

    Raises:
        StorageWriteError: The disk is full, or the folder cannot be written.
    """
    # Texts: of the dozen files of a run, paths would take a third of the time.
    target = os.fspath(path)
    folder, name = os.path.split(target)
    aside = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}")  # noqa: PTH118
    _pass(point, "before")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            if mode is not None:
                os.chmod(aside, mode)  # noqa: PTH101
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if mode is not None:
            os.chmod(aside, mode)  # noqa: PTH101
        _pass(point, "aside")
        os.replace(aside, target)  # noqa: PTH105
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        _drop(aside)
        raise _unwritable(path, error) from error
    _pass(point, "after")


@contextmanager
def write_new(path: Path, *, point: str) -> Iterator[BinaryIO]:
    """Write a new file of any size, which appears as a whole when the block ends without an error.

    Yields:
        A stream that writes; an error inside the block leaves nothing behind and goes on.

    Raises:
        FileExistsError: A file of that name is there when the block ends; it stays as it is.
        StorageWriteError: The disk is full, or the folder cannot be written.
    """
    aside = path.with_name(f".{os.getpid()}.{os.urandom(8).hex()}")
    _pass(point, "before")
    try:
        try:
            with aside.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            _pass(point, "aside")
            _link_new(aside, path)
        finally:
            _drop(aside)
        _sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise _unwritable(path, error) from error
    _pass(point, "after")


def _drop(aside: str | Path) -> None:
    # A file system that takes no writing refuses this, too: what it refused first is of interest.
    with suppress(OSError):
        os.unlink(aside)  # noqa: PTH108


def _link_new(aside: Path, path: Path) -> None:
    try:
        # A rename would replace what another process has put there meanwhile.
        path.hardlink_to(aside)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links.
        if path.exists():
            raise FileExistsError(str(path)) from None
        aside.replace(path)


def link(existing: Path, path: Path, *, point: str) -> bool:
    """Give a file a second name.

    Returns:
        Whether it has it; not every file system can, and a file bears so many names only.
    """
    _pass(point, "before")
    try:
        os.link(existing, path)
    except OSError:
        return False
    _pass(point, "after")
    return True


def move_over(aside: Path, path: Path, *, point: str) -> None:
    """Put a file in the place of another, which stays whole for those that have it open.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    _pass(point, "before")
    try:
        aside.replace(path)
    except OSError as error:
        _drop(aside)
        raise _unwritable(path, error) from error
    _sync_folder(path.parent)
    _pass(point, "after")


def make_folder(path: Path, *, point: str, exist_ok: bool = True, parents: bool = True) -> None:
    """Make a folder and, unless `parents` is False, those above it.

    Raises:
        FileExistsError: It exists, and `exist_ok` is False.
        StorageWriteError: It cannot be made.
    """
    _pass(point, "before")
    try:
        path.mkdir(parents=parents, exist_ok=exist_ok)
    except FileExistsError:
        if exist_ok:
            raise _unwritable(path, NotADirectoryError("a file stands in its place")) from None
        raise
    except OSError as error:
        raise _unwritable(path, error) from error
    _pass(point, "after")


def remove(path: Path, *, point: str) -> None:
    """Remove a file or a whole folder; nothing there is no error.

    Raises:
        StorageWriteError: It cannot be removed.
    """
    _pass(point, "before")
    try:
        if path.is_dir() and not path.is_symlink():
            # Imported here: only clean-ups need it, and it costs 3 ms.
            import shutil

            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    _pass(point, "after")


class Appender:
    """Appends whole lines to one file; several processes may do so at once.

    Each line is one write(2) with O_APPEND, so lines of different writers never mix (POSIX promises
    that for local files). What was appended survives the death of the process; with `durable` also
    that of the machine.

    Attributes:
        path: The file.
        leftover_bytes: How much of the last line stands there, where `append` has raised.
    """

    def __init__(self, path: Path, *, point: str) -> None:
        """Open the file, making it when it is missing.

        Raises:
            StorageWriteError: It cannot be opened.
        """
        self.path = path
        self.leftover_bytes = 0
        _pass(point, "before")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise _unwritable(path, error) from error
        _pass(point, "after")

    def append(self, line: bytes, *, point: str, durable: bool) -> None:
        """Append one line.

        Args:
            line: The line with its line feed.
            point: The kill point.
            durable: Wait for fdatasync.

        Raises:
            StorageWriteError: The disk is full, or failed; a part of the line may stand there, or
                all of it (`leftover_bytes`), which the caller has to revoke before the next one.
        """
        _pass(point, "before")
        self.leftover_bytes = 0
        try:
            self.leftover_bytes = written = os.write(self._descriptor, line)
            if written != len(line):
                # A full disk takes a part first and refuses the rest.
                message = f"only {written} of {len(line)} bytes fit"
                raise OSError(message)  # noqa: TRY301 - one way out for all causes
            if durable:
                getattr(os, "fdatasync", os.fsync)(self._descriptor)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        _pass(point, "after")

    def cut(self, size_bytes: int, *, point: str) -> None:
        """Take away what stands behind some place: it was never whole.

        Raises:
            OSError: The file system does not take it.
        """
        _pass(point, "before")
        os.truncate(self._descriptor, size_bytes)
        _pass(point, "after")

    def fileno(self) -> int:
        """Give the file's descriptor, for those who write without Python."""
        return self._descriptor

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def cut_off(path: Path, size_bytes: int, *, point: str) -> None:
    """Take away what stands in a file behind so many bytes.

    Raises:
        StorageWriteError: It cannot be changed.
    """
    try:
        if path.stat().st_size <= size_bytes:
            return
        _pass(point, "before")
        os.truncate(path, size_bytes)
    except OSError as error:
        raise _unwritable(path, error) from error
    _pass(point, "after")


@contextmanager
def lock(path: Path, *, point: str) -> Iterator[None]:
    """Hold an exclusive lock by a lock file, waiting for it; the system frees it on any death.

    Raises:
        StorageWriteError: The lock file cannot be made.
    """
    _pass(point, "before")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        _lock_descriptor(descriptor)
        _pass(point, "after")
        yield
    finally:
        os.close(descriptor)


def _lock_descriptor(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def touch(descriptor: int, path: Path, *, point: str) -> None:
    """Set the modification time of an open file to now.

    Raises:
        OSError: The file system does not take it.
    """
    _pass(point, "before")
    os.utime(descriptor if os.utime in os.supports_fd else path)
    _pass(point, "after")


def digest_bytes(content: bytes) -> str:
    """Give the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_file(path: Path) -> tuple[str, int]:
    """Read a file once, in blocks.

    Returns:
        Its SHA-256 in hexadecimal, and its size in bytes.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    size_bytes = 0
    with Path(path).open("rb", buffering=0) as stream:
        while block := stream.read(_DIGEST_BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return digest.hexdigest(), size_bytes


def _sync_folder(path: Path) -> None:
    """Make a rename itself durable; systems that cannot open folders do without."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> StorageWriteError:
    reason = error.strerror or str(error)
    return StorageWriteError(
        f"cannot write '{path}'",
        notes=[reason[:1].lower() + reason[1:]],
        hint="make room or rights there, or choose another folder with run.root=DIR",
    )
