"""Datasets on hostile ground."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.errors import (
    DatasetEmptyError,
    DatasetNotFoundError,
    MissingExtraError,
    StorageReadError,
)
from brevetti_hydra.record import DatasetRef
from brevetti_hydra.settings import DatasetNode
from brevetti_hydra.storage import Dataset, ImageSample
from brevetti_hydra.storage.dataset import category_of

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = st.lists(st.text("abc", min_size=1, max_size=2), max_size=5)


def write(root: Path, *names: str) -> Path:
    """Make image files that hold their own name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, errors="surrogateescape")
    return root


def folders_of(root: Path) -> list[str]:
    """Give each image's folder."""
    return [sample.folder for sample in Dataset("d", str(root)).iter_images()]


def test_gives_all_columns(tmp_path: Path) -> None:
    """A sample tells its place, category and dataset, and a URL that a browser opens."""
    bucket = str(write(tmp_path / "d", "scratch/a b#.png"))
    dataset = Dataset("digits", bucket, id="7", mapping={"scratch": "bad"}, reference="R1")
    url = f"file://{bucket}/scratch/a%20b%23.png"
    path = f"{bucket}/scratch/a b#.png"

    expected = ImageSample(path, ("bad",), "scratch", bucket, "digits", "7", "R1", url)
    assert [expected] == list(dataset.iter_images())


def test_comes_from_a_node(tmp_path: Path) -> None:
    """A node of job.datasets becomes a dataset; its id is its name unless it has one."""
    node = DatasetNode(bucket=str(tmp_path), tags=["t"], mapping={"a": "b"})
    dataset = Dataset.from_node("d", node)

    assert ("d", "d", ("t",), {"a": "b"}) == (
        dataset.name,
        dataset.id,
        dataset.tags,
        dataset.mapping,
    )


def test_images_in_the_root_have_no_category(tmp_path: Path) -> None:
    """An image beside the category folders has the empty category."""
    write(tmp_path, "a.png", "x/b.png")
    found = [(s.folder, s.category) for s in Dataset("d", str(tmp_path)).iter_images()]

    assert [("", ()), ("x", ("x",))] == found


def test_order_is_of_folders(tmp_path: Path) -> None:
    """A folder's images come before its subfolders', and both are sorted."""
    write(tmp_path, "b/z.png", "b/c/a.png", "a/q.png", "b.png/x.png", "r.png")

    assert ["", "a", "b", "b/c", "b.png"] == folders_of(tmp_path)


@given(FOLDERS, st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text(max_size=3)))
def test_mapping_goes_from_leaf_to_root(names: list[str], mapping: dict[str, str]) -> None:
    """The mapped name nearest to the leaf decides; without one the leaf does."""
    mapped = [name for name in names if name in mapping]
    expected = mapping[mapped[-1]] if mapped else names[-1] if names else None

    assert (() if expected is None else (expected,)) == category_of("/".join(names), mapping)


def test_hostile_local_names(tmp_path: Path) -> None:
    """Newlines, bytes that are no UTF-8 and deep folders are names like others."""
    odd = os.fsdecode(b"\xff\xfe.png")
    write(tmp_path, f"new\nline/{odd}", "/".join(["deep"] * 40) + "/x.png", "~/y.png")
    dataset = Dataset("d", str(tmp_path))

    for sample in dataset.iter_images():
        with dataset.open_image(sample) as stream:
            name = os.fsdecode(stream.read())
        assert str(tmp_path / name) == sample.path
    assert 3 == dataset.digest().files


def test_links_are_followed_once(tmp_path: Path) -> None:
    """A link to a folder elsewhere is followed, one to a folder above is not."""
    write(tmp_path / "else", "x.png")
    write(tmp_path / "d", "a/b/y.png")
    (tmp_path / "d" / "linked").symlink_to(tmp_path / "else")
    (tmp_path / "d" / "a" / "b" / "up").symlink_to("../..")
    (tmp_path / "d" / "a" / "self").symlink_to(".")
    (tmp_path / "d" / "loop").symlink_to("loop")
    (tmp_path / "else" / "back").symlink_to(tmp_path / "d")

    assert ["a/b", "linked"] == folders_of(tmp_path / "d")


def test_a_broken_image_link_is_an_error(tmp_path: Path) -> None:
    """An image that is a link to nothing is not left out silently."""
    write(tmp_path, "a/x.png")
    (tmp_path / "a" / "y.png").symlink_to("nothing")

    with pytest.raises(StorageReadError, match=r"y\.png"):
        folders_of(tmp_path)


def test_only_files_are_images(tmp_path: Path) -> None:
    """A fifo with an image's name is none."""
    write(tmp_path, "a/x.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")

    assert ["a"] == folders_of(tmp_path)


def test_an_unreadable_folder_is_an_error(tmp_path: Path) -> None:
    """A folder that cannot be listed when it is its turn is named."""
    write(tmp_path, "a/x.png", "b/y.png")
    samples = Dataset("d", str(tmp_path)).iter_images()
    next(samples)
    (tmp_path / "b").rename(tmp_path / "gone")

    with pytest.raises(StorageReadError, match=r"cannot read '.*/b'"):
        list(samples)


def test_a_missing_folder_names_a_similar_one(tmp_path: Path) -> None:
    """The error names dataset and bucket, and a folder that exists."""
    (tmp_path / "digits").mkdir()
    with pytest.raises(DatasetNotFoundError) as caught:
        Dataset("train", f"{tmp_path}/digit").check()

    assert f"dataset 'train' was not found at '{tmp_path}/digit'" == caught.value.message
    assert f"a similar name exists: '{tmp_path}/digits'" == caught.value.hint
    assert (f"cannot read '{tmp_path}/digit'", "no such file or directory") == caught.value.notes


@pytest.mark.parametrize("name", ["nul\0", "x" * 300, "a/b/c"])
def test_an_impossible_folder_is_not_found(tmp_path: Path, name: str) -> None:
    """What no system can open is a dataset that was not found."""
    with pytest.raises(DatasetNotFoundError):
        Dataset("d", f"{tmp_path}/{name}").check()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A zip file given as a folder is answered with the way to read it."""
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a/x.png", b"x")
    with pytest.raises(DatasetNotFoundError) as caught:
        Dataset("d", f"{tmp_path}/d.zip").check()

    assert caught.value.hint is not None
    assert f"job.datasets.d=zip://{tmp_path}/d.zip" in caught.value.hint
    found = list(Dataset("d", f"zip://{tmp_path}/d.zip").iter_images())
    assert [f"zip://a/x.png::{tmp_path}/d.zip"] == [sample.path for sample in found]


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_a_broken_zip_is_not_found(tmp_path: Path, content: bytes) -> None:
    """A file that is no zip is an error that names the dataset."""
    (tmp_path / "d.zip").write_bytes(content)

    with pytest.raises(DatasetNotFoundError, match="dataset 'd'"):
        Dataset("d", f"zip://{tmp_path}/d.zip").check()


def test_a_replaced_zip_is_read_anew(tmp_path: Path) -> None:
    """A zip that changes between two looks is not read by the first look's index."""
    dataset = Dataset("d", f"zip://{tmp_path}/d.zip")
    for names in (["a/x.png"], ["b/y.png", "b/z.png"]):
        with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
            for name in names:
                archive.writestr(name, b"x")
        assert len(names) == dataset.digest().files


def test_a_missing_package_names_the_dataset() -> None:
    """A bucket in a store that is not installed names package and dataset."""
    with pytest.raises(MissingExtraError, match="'adlfs' is not installed, but dataset 'd'"):
        Dataset("d", "abfs://c/d").check()


def test_an_unknown_scheme_names_the_dataset() -> None:
    """A bucket of an unknown scheme is a dataset that was not found."""
    with pytest.raises(DatasetNotFoundError) as caught:
        Dataset("d", "memry://d").check()

    assert "a similar name exists: 'memory://'" == caught.value.hint


def test_an_empty_dataset_says_what_is_expected(tmp_path: Path) -> None:
    """The error tells suffixes and layout."""
    with pytest.raises(DatasetEmptyError) as caught:
        Dataset("d", str(tmp_path)).check()

    assert "dataset 'd' holds no image" == caught.value.message
    assert "<category>/<image>" in str(caught.value)
    assert ".bmp .jpeg .jpg .png .tif" in str(caught.value)


def test_credentials_are_never_shown() -> None:
    """Neither repr, samples nor errors show what a bucket's URL holds."""
    dataset = Dataset("d", "abfs://me:CANARY@c/d?sig=CANARY")
    with pytest.raises(MissingExtraError) as caught:
        dataset.check()

    assert "CANARY" not in repr(dataset) + str(caught.value)


def test_lists_lazily(tmp_path: Path) -> None:
    """The first sample comes before the last folder was looked at."""
    write(tmp_path, "a/x.png", "b/y.png")
    samples = Dataset("d", str(tmp_path)).iter_images()

    assert "a" == next(samples).folder
    (tmp_path / "b" / "y.png").unlink()
    assert [] == list(samples)


def test_digest_knows_every_change(tmp_path: Path) -> None:
    """A changed byte, name or place changes the digest; another file does not."""
    write(tmp_path, "a/x.png", "a/y.png")
    dataset = Dataset("d", str(tmp_path))
    seen = [dataset.digest().digest]

    write(tmp_path, "a/notes.txt", ".meta/z.png")
    assert seen[0] == dataset.digest().digest
    (tmp_path / "a" / "x.png").write_text("a/x.pnG")
    seen.append(dataset.digest().digest)
    (tmp_path / "a" / "x.png").rename(tmp_path / "a" / "w.png")
    seen.append(dataset.digest().digest)
    (tmp_path / "a").rename(tmp_path / "b")
    seen.append(dataset.digest().digest)

    assert 4 == len(set(seen))


def test_digest_of_many_files_is_in_order(tmp_path: Path) -> None:
    """Threads do not change the digest: the same files in one zip give the same."""
    names = [f"c{number % 7}/i{number:04d}.png" for number in range(1500)]
    write(tmp_path / "d", *names)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for name in reversed(names):
            archive.writestr(name, name)
    local = Dataset("d", f"{tmp_path}/d").digest()

    assert local == Dataset("d", f"zip://{tmp_path}/d.zip").digest()
    assert (1500, sum(map(len, names))) == (local.files, local.size_bytes)


def test_threads_share_a_dataset(tmp_path: Path) -> None:
    """Ten threads at once see the same."""
    write(tmp_path, *(f"a/{number}.png" for number in range(300)))
    dataset = Dataset("d", str(tmp_path))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(dataset.digest())) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [dataset.digest()] * 10 == found


def test_describes_itself_for_the_record(tmp_path: Path) -> None:
    """The record's entry holds the digest and the bucket as given."""
    dataset = Dataset("d", str(write(tmp_path, "a/x.png")))

    assert DatasetRef(name="d", id="d", bucket=str(tmp_path), **dataset.digest()._asdict()) == (
        dataset.as_ref()
    )


def test_local_datasets_need_no_fsspec(tmp_path: Path) -> None:
    """A folder of this machine is listed, read and digested without fsspec."""
    write(tmp_path, "a/x.png")
    code = (
        "import sys; from brevetti_hydra.storage import Dataset; d = Dataset('d', sys.argv[1]);"
        "d.check(); d.digest(); [d.open_image(s).close() for s in d.iter_images()];"
        "print([m for m in ('fsspec', 'upath', 'pandas', 'requests') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert "[]\n" == done.stdout


def test_a_class_mapping_that_names_no_folder_is_told(tmp_path: Path) -> None:
    """A line for each such name says which folders there are; names on the way count."""
    for folder in ("line/good", "line/bad"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.png").write_bytes(b"x")

    found = Dataset("d", str(tmp_path), mapping={"good": "g", "line": "l", "badd": "b"}).check()

    assert [
        (
            "the class mapping of dataset 'd' names a folder 'badd' that it does not have; "
            "its folders with images: 'bad', 'good', 'line'"
        )
    ] == found


def test_a_link_to_nothing_is_found_by_the_check(tmp_path: Path) -> None:
    """It is told before a run begins, wherever in the dataset it lies."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(b"x")
    (tmp_path / "b" / "2.png").symlink_to(tmp_path / "nothing.png")

    with pytest.raises(StorageReadError) as caught:
        Dataset("d", str(tmp_path)).check()

    assert "2.png" in str(caught.value)
