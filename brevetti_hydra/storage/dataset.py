"""Datasets: images in category folders, in a bucket of any kind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from brevetti_hydra._masks import without_credentials
from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.errors import DatasetEmptyError, DatasetNotFoundError, StorageReadError
from brevetti_hydra.storage.listing import IMAGE_SUFFIXES, Bucket, ImageFolder, open_bucket
from brevetti_hydra.storage.paths import (
    absolute_address,
    is_remote,
    local_path,
    open_path,
    split_chain,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from upath import UPath

    from brevetti_hydra.record import DatasetRef
    from brevetti_hydra.settings import DatasetNode

__all__ = ["Dataset", "DatasetDigest", "ImageSample", "category_of"]

# Measured on two cores: one thread reads 1,000 small files in 30 ms, so a task must hold many.
_FILES_PER_TASK = 128
_THREADS = 4


class ImageSample(NamedTuple):
    """One image of a dataset.

    Attributes:
        path: Full path of the file, or its URL without credentials.
        category: `(name,)`, or `()` for an image that lies directly in the bucket.
        folder: Folder below the bucket, with '/'; "" is the bucket itself.
        bucket: The dataset's bucket as given, without credentials.
        dataset: The dataset's name.
        dataset_id: Its id.
        reference: Its reference on the platform; "" where it has none.
        url: Where a browser or another tool finds the file, without credentials.
    """

    path: str
    category: tuple[str, ...]
    folder: str
    bucket: str
    dataset: str
    dataset_id: str
    reference: str
    url: str


class DatasetDigest(NamedTuple):
    """What a dataset held.

    Attributes:
        digest: `sha256:<hex>` over path, size and content of each image.
        files: Number of images.
        size_bytes: Their size.
    """

    digest: str
    files: int
    size_bytes: int


class _Located(Protocol):
    """A sample, or a row of the samples' table."""

    @property
    def path(self) -> str: ...
    @property
    def folder(self) -> str: ...


class Dataset:
    """Images in category folders: `<bucket>/<category>/<image>`, at any depth.

    The bucket is a folder of this machine or any fsspec URL. Files with the suffixes .bmp .jpeg
    .jpg .png .tif in any case are images; whatever begins with '.' is left out, at every level.
    The order is always the same: a folder's own images, then its subfolders, sorted by name. Each
    call lists anew; several threads may call at once.

    Attributes:
        name: The dataset's name in `job.datasets`.
        id: Its id on the platform; without one, the name.
        bucket: As given; it may hold credentials, so print the dataset and not its bucket.
        tags: Names of its tags.
        mapping: Class mapping: folder name -> category (`category_of`).
        reference: Its reference on the platform, or "".
        shown: The bucket as records and errors write it.
    """

    __slots__ = ("_address", "bucket", "id", "mapping", "name", "reference", "shown", "tags")

    def __init__(
        self,
        name: str,
        bucket: str,
        *,
        id: str | None = None,  # noqa: A002 - the platform's word
        tags: Iterable[str] = (),
        mapping: Mapping[str, str] | None = None,
        reference: str = "",
        shown: str | None = None,
        base: str | os.PathLike[str] | None = None,
    ) -> None:
        """Name a dataset; nothing is read yet.

        Args:
            name: Name of the dataset.
            bucket: Folder or fsspec URL.
            id: Id on the platform; default: the name.
            tags: Names of its tags.
            mapping: Class mapping.
            reference: Reference on the platform.
            shown: How records and errors write the bucket; default: without its credentials.
            base: What a relative folder starts from; default: the working directory of now.
        """
        self.name = name
        self.bucket = bucket
        self.id = name if id is None else id
        self.tags = tuple(tags)
        self.mapping = dict(mapping or {})
        self.reference = reference
        self.shown = without_credentials(bucket if shown is None else shown)
        self._address = absolute_address(bucket, base=base)

    @classmethod
    def from_node(
        cls,
        name: str,
        node: DatasetNode,
        *,
        shown: str | None = None,
        base: str | os.PathLike[str] | None = None,
    ) -> Dataset:
        """Make the dataset that a key of `job.datasets` describes; arguments as for the class."""
        return cls(
            name,
            node.bucket,
            id=node.id,
            tags=node.tags,
            mapping=node.mapping,
            shown=shown,
            base=base,
        )

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.shown!r})"

    @property
    def path(self) -> UPath:
        """The bucket as a path object, to read what else lies there.

        Raises:
            MissingExtraError: The bucket's file system needs a package that is not installed.
            StorageReadError: No such file system is known, or it cannot be opened.
        """
        return open_path(self._address)

    def iter_images(self) -> Iterator[ImageSample]:
        """List the images one by one, without reading them.

        Yields:
            The samples, in the dataset's order.

        Raises:
            DatasetNotFoundError: The bucket does not exist or cannot be listed.
            MissingExtraError: The bucket's file system needs a package that is not installed.
            StorageReadError: A folder below the bucket cannot be listed.
        """
        bucket = self._open_bucket()
        for folder in self._walk(bucket):
            category = category_of(folder.folder, self.mapping)
            rest = (folder.folder, *self._columns)
            for path, url in zip(bucket.paths(folder), bucket.urls(folder), strict=True):
                yield ImageSample(path, category, *rest, url)

    def iter_folders(self) -> Iterator[tuple[str, tuple[str, ...], list[str], list[str]]]:
        """List the images folder by folder, which is faster for many.

        Yields:
            folder, category, paths and urls, as an ImageSample has them.

        Raises:
            DatasetNotFoundError: The bucket does not exist or cannot be listed.
            MissingExtraError: The bucket's file system needs a package that is not installed.
            StorageReadError: A folder below the bucket cannot be listed.
        """
        bucket = self._open_bucket()
        for folder in self._walk(bucket):
            category = category_of(folder.folder, self.mapping)
            yield folder.folder, category, bucket.paths(folder), bucket.urls(folder)

    @property
    def _columns(self) -> tuple[str, str, str, str]:
        return without_credentials(self.bucket), self.name, self.id, self.reference

    def open_image(self, sample: _Located) -> BinaryIO:
        """Open an image for reading, wherever the bucket lies.

        Args:
            sample: What `iter_images` gave, or a row of the samples' table.

        Raises:
            StorageReadError: It cannot be read.
        """
        head = split_chain(sample.path)[0] if is_remote(self._address) else sample.path
        name = head.replace(os.sep, "/").rpartition("/")[2]
        return self._open_bucket().open(sample.folder, name)

    def check(self) -> list[str]:
        """Make sure that there is at least one image, and that a local folder can be listed whole.

        Returns:
            A line for each name of the class mapping that no folder has.

        Raises:
            DatasetNotFoundError: The bucket does not exist or cannot be listed.
            DatasetEmptyError: It holds no image.
            MissingExtraError: The bucket's file system needs a package that is not installed.
            StorageReadError: A folder below the bucket cannot be listed.
        """
        folders = self._walk(self._open_bucket())
        first = next(folders, None)
        if first is None:
            where = self.shown
            raise DatasetEmptyError(
                f"dataset '{self.name}' holds no image",
                notes=[
                    f"its bucket is '{where}'",
                    f"images end in {' '.join(IMAGE_SUFFIXES)}, in upper or lower case",
                    "files and folders that begin with '.' are left out",
                ],
                hint=f"put images into one folder per category, '{where}/<category>/<image>'",
            )
        if not self.mapping and is_remote(self._address):
            return []
        # A link to nothing somewhere in it is found here, and not when the run has begun.
        names = set(first.folder.split("/"))
        for folder in folders:
            names.update(folder.folder.split("/"))
        return self._unused_mapping(names)

    def _unused_mapping(self, names: set[str]) -> list[str]:
        known = quote_all(name for name in names if name) or "none"
        return [
            f"the class mapping of dataset '{self.name}' names a folder '{name}' that it does not "
            f"have; its folders with images: {known}"
            for name in self.mapping
            if name not in names
        ]

    def digest(self) -> DatasetDigest:
        """Read every image once, by a few threads, and digest them in the dataset's order.

        The digest is the SHA-256 over, for each image, the length of its path below the bucket (8
        bytes, big-endian), the path (UTF-8; bytes that are none as they are), the size (8 bytes)
        and the SHA-256 of its content (32 bytes). The class mapping is no part of it.

        Raises:
            DatasetNotFoundError: The bucket does not exist or cannot be listed.
            MissingExtraError: The bucket's file system needs a package that is not installed.
            StorageReadError: An image or a folder cannot be read.
        """
        import hashlib

        bucket = self._open_bucket()
        total = hashlib.sha256()
        files = size_bytes = 0
        for relative, content, size in _digest_all(bucket, self._walk(bucket)):
            path = relative.encode("utf-8", "surrogateescape")
            total.update(len(path).to_bytes(8, "big") + path + size.to_bytes(8, "big"))
            total.update(bytes.fromhex(content))
            files += 1
            size_bytes += size
        return DatasetDigest(f"sha256:{total.hexdigest()}", files, size_bytes)

    def as_ref(self) -> DatasetRef:
        """Describe the dataset for a run's record; reads every image.

        Raises:
            DatasetNotFoundError: The bucket does not exist or cannot be listed.
            MissingExtraError: The bucket's file system needs a package that is not installed.
            StorageReadError: An image or a folder cannot be read.
        """
        from brevetti_hydra.record import DatasetRef

        found = self.digest()
        return DatasetRef(name=self.name, id=self.id, bucket=self.shown, **found._asdict())

    def _open_bucket(self) -> Bucket:
        purpose = f"dataset '{self.name}' at '{self.shown}'"
        try:
            return open_bucket(self._address, purpose=purpose)
        except StorageReadError as error:
            raise self._not_found(error) from error

    def _walk(self, bucket: Bucket) -> Iterator[ImageFolder]:
        """Translate a failure at the bucket itself; one below it names its own place."""
        folders = bucket.walk()
        try:
            first = next(folders, None)
        except StorageReadError as error:
            if not self._is_at_root(error):
                raise
            raise self._not_found(error) from error
        if first is not None:
            yield first
            yield from folders

    def _is_at_root(self, error: StorageReadError) -> bool:
        root = without_credentials(self._address)
        return error.message in {f"cannot read '{root}'", f"cannot open '{root}'"}

    def _not_found(self, error: StorageReadError) -> DatasetNotFoundError:
        notes = [error.message, *error.notes]
        if self.shown != without_credentials(self.bucket):
            # It is known by another name in records, and so it is here.
            notes = [note.replace(self._address, self.shown) for note in notes]
        return DatasetNotFoundError(
            f"dataset '{self.name}' was not found at '{self.shown}'",
            notes=notes,
            hint=error.hint or self._hint(),
        )

    def _hint(self) -> str:
        default = f"set job.datasets.{self.name}=FOLDER_OR_URL"
        if is_remote(self._address):
            return default
        path = local_path(self._address)
        if path.suffix.lower() == ".zip" and path.is_file():
            return f"set job.datasets.{self.name}=zip://{path} to read the images inside it"
        try:
            similar = similar_name(path.name, [folder.name for folder in path.parent.iterdir()])
        except (OSError, ValueError):
            return default
        if similar is None or similar == path.name:
            return default
        return f"a similar name exists: '{path.with_name(similar)}'"


def category_of(folder: str, mapping: Mapping[str, str]) -> tuple[str, ...]:
    """Give the category of the images in a folder.

    Args:
        folder: Path below the bucket, with '/'.
        mapping: Folder name -> category. The folder's names are looked up from the leaf towards
            the root, and the first one that is found decides.

    Returns:
        The mapped category, else the leaf's name, as a tuple of one; `()` for the bucket itself.

    Example:
        >>> category_of("line 1/scratch/deep", {"scratch": "bad"})
        ('bad',)
    """
    if not folder:
        return ()
    names = folder.split("/")
    found = next((name for name in reversed(names) if name in mapping), None)
    return (names[-1] if found is None else mapping[found],)


def _digest_all(bucket: Bucket, folders: Iterator[ImageFolder]) -> Iterator[tuple[str, str, int]]:
    """Give path, content digest and size of each image, in order, reading ahead a little."""
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    def read(task: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
        return [
            (f"{folder}/{name}" if folder else name, *bucket.digest(folder, name))
            for folder, name in task
        ]

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="dataset-digest") as pool:
        ahead: deque[Future[list[tuple[str, str, int]]]] = deque()
        for task in _split_tasks(folders):
            ahead.append(pool.submit(read, task))
            if len(ahead) > 2 * _THREADS:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def _split_tasks(folders: Iterator[ImageFolder]) -> Iterator[list[tuple[str, str]]]:
    task: list[tuple[str, str]] = []
    for folder, names in folders:
        for name in names:
            task.append((folder, name))
            if len(task) == _FILES_PER_TASK:
                yield task
                task = []
    if task:
        yield task
