"""What a place for datasets and artifacts must do, as tests to run against a backend of your own.

Subclass a contract in a test module, say how a bucket is filled, and let pytest collect it::

    class TestMyStore(DatasetContract):
        def fill(self, tmp_path, files):
            ...  # put the files somewhere
            return "mystore://bucket/prefix"

`DatasetContract` is for what can be read, `ArtifactsContract` for what can be written too.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from brevetti_hydra.errors import DatasetEmptyError, DatasetNotFoundError, NotRunningError
from brevetti_hydra.storage import Dataset, guard, open_path, store_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["HOSTILE_NAMES", "ArtifactsContract", "DatasetContract"]

# Names that shells, URLs, globs and format strings read as something else.
HOSTILE_NAMES = (
    "two words",
    'it\'s "quoted"',
    "größe 大きさ",
    "percent%20%s",
    "hash#tag",
    "[a-z]*",
    "{brace}",
    "$HOME",
    "semi;colon & more",
    "x" * 120,
)

_FILES = {
    "good/b.png": b"b",
    "good/a.PNG": b"a",
    "bad/deep/c.jpeg": b"cc",
    "bad/notes.txt": b"no image",
    "bad/.hidden.png": b"hidden",
    ".samples/d.png": b"hidden",
    "good/.meta/e.png": b"hidden",
}


class DatasetContract:
    """A backend from which datasets can be read."""

    def fill(self, tmp_path: Path, files: Mapping[str, bytes]) -> str:
        """Make a fresh bucket that holds the files, and give its address.

        Args:
            tmp_path: An empty folder of the test's own.
            files: Path below the bucket, with '/' -> content; at least one file.

        Raises:
            NotImplementedError: The subclass does not say how.
        """
        raise NotImplementedError

    def test_lists_images_in_order(self, tmp_path: Path) -> None:
        """Images come folder by folder, sorted; hidden ones and other files do not come."""
        dataset = Dataset("d", self.fill(tmp_path, _FILES))
        found = [(sample.folder, sample.category) for sample in dataset.iter_images()]
        _expect([("bad/deep", ("deep",)), ("good", ("good",)), ("good", ("good",))], found)

    def test_maps_classes(self, tmp_path: Path) -> None:
        """The class mapping is searched from the leaf towards the root."""
        dataset = Dataset("d", self.fill(tmp_path, _FILES), mapping={"bad": "scrap"})
        _expect({("scrap",), ("good",)}, {sample.category for sample in dataset.iter_images()})

    def test_reads_images(self, tmp_path: Path) -> None:
        """What was listed can be opened."""
        dataset = Dataset("d", self.fill(tmp_path, _FILES))
        contents = []
        for sample in dataset.iter_images():
            with dataset.open_image(sample) as stream:
                contents.append(stream.read())
        _expect([b"cc", b"a", b"b"], contents)

    def test_reads_hostile_names(self, tmp_path: Path) -> None:
        """No name is read as a pattern, a query or an escape."""
        files = {f"{name}/{name}.png": name.encode() for name in HOSTILE_NAMES}
        dataset = Dataset("d", self.fill(tmp_path, files))
        found = {}
        for sample in dataset.iter_images():
            with dataset.open_image(sample) as stream:
                found[sample.category] = stream.read()
        _expect({(name,): name.encode() for name in HOSTILE_NAMES}, found)

    def test_digests_alike(self, tmp_path: Path) -> None:
        """The digest is the documented one, and so the same in every backend."""
        total = hashlib.sha256()
        for path in ("bad/deep/c.jpeg", "good/a.PNG", "good/b.png"):
            content = _FILES[path]
            total.update(len(path).to_bytes(8, "big") + path.encode())
            total.update(len(content).to_bytes(8, "big") + hashlib.sha256(content).digest())
        expected = (f"sha256:{total.hexdigest()}", 3, 4)
        _expect(expected, Dataset("d", self.fill(tmp_path, _FILES)).digest())

    def test_names_an_empty_dataset(self, tmp_path: Path) -> None:
        """A bucket without images is an error that names the dataset."""
        dataset = Dataset("hollow", self.fill(tmp_path, {"a/notes.txt": b"", ".b/c.png": b""}))
        _expect_error(DatasetEmptyError, "hollow", dataset.check)

    def test_names_a_missing_dataset(self, tmp_path: Path) -> None:
        """A bucket that does not exist is an error that names the dataset."""
        bucket = self.fill(tmp_path, _FILES)
        head, link, tail = bucket.partition("::")
        dataset = Dataset("lost", f"{head}/no such folder{link}{tail}")
        _expect_error(DatasetNotFoundError, "lost", dataset.check)
        _expect_error(DatasetNotFoundError, "lost", lambda: list(dataset.iter_images()))

    def test_accepts_a_good_dataset(self, tmp_path: Path) -> None:
        """A bucket with images passes the check, and again."""
        dataset = Dataset("d", self.fill(tmp_path, _FILES))
        dataset.check()
        dataset.check()

    def test_reads_by_path(self, tmp_path: Path) -> None:
        """The dataset's path reads what else lies there."""
        dataset = Dataset("d", self.fill(tmp_path, _FILES))
        _expect("no image", (dataset.path / "bad" / "notes.txt").read_text(encoding="utf-8"))


class ArtifactsContract(DatasetContract):
    """A backend in which artifacts can be written."""

    def test_writes_while_running(self, tmp_path: Path) -> None:
        """Files are written and read back under every hostile name."""
        root = guard(self.fill(tmp_path, _FILES), lambda: True)
        for name in HOSTILE_NAMES:
            folder = root / "out" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "text.txt").write_text(name, encoding="utf-8")
            with (folder / "bytes.bin").open("wb") as stream:
                stream.write(name.encode())
            _expect(name, (folder / "text.txt").read_text(encoding="utf-8"))
            _expect(["bytes.bin", "text.txt"], sorted(path.name for path in folder.iterdir()))

    def test_refuses_outside_of_a_run(self, tmp_path: Path) -> None:
        """Reading works at any time, writing only while the job runs."""
        root = guard(self.fill(tmp_path, _FILES), lambda: False)
        _expect("no image", (root / "bad" / "notes.txt").read_text(encoding="utf-8"))
        refused: Any
        for refused in (
            lambda: (root / "new.txt").write_text("x", encoding="utf-8"),
            lambda: (root / "new.bin").write_bytes(b"x"),
            lambda: (root / "new.txt").open("w", encoding="utf-8"),
            (root / "new").mkdir,
            (root / "bad" / "notes.txt").unlink,
            lambda: (root / "bad" / "notes.txt").rename(root / "new.txt"),
        ):
            _expect_error(NotRunningError, "outside of run()", refused)
        _expect(False, (root / "new.txt").exists())

    def test_stores_a_model(self, tmp_path: Path) -> None:
        """A file that lies in the backend is stored as the model."""
        bucket = self.fill(tmp_path / "bucket", _FILES)
        model = open_path(bucket) / "model.bin"
        model.write_bytes(b"weights")
        artifacts = tmp_path / "artifacts"
        _expect("model.bin", store_model(model, artifacts))
        _expect(b"weights", (artifacts / "model.bin").read_bytes())


def _expect(expected: object, actual: object) -> None:
    if expected != actual:
        raise AssertionError(f"expected {expected!r}, but got {actual!r}")


def _expect_error(kind: type[Exception], part: str, call: Any) -> None:
    try:
        call()
    except kind as error:
        _expect(True, part in str(error))
        return
    raise AssertionError(f"expected {kind.__name__}, but nothing was raised")
