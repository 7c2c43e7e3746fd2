"""The table of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.errors import DatasetNotFoundError
from brevetti_hydra.interfaces.samples import COLUMNS, get_image_samples
from brevetti_hydra.storage import Dataset

if TYPE_CHECKING:
    from pathlib import Path


def make_dataset(root: Path, name: str, *images: str) -> Dataset:
    """Make a dataset of empty images."""
    root.mkdir(exist_ok=True)
    for image in images:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).touch()
    return Dataset(name, str(root), id=f"id-{name}", mapping={"x": "mapped"})


def test_holds_what_iter_images_gives(tmp_path: Path) -> None:
    """The table's rows are the samples of all datasets, in order."""
    datasets = [
        make_dataset(tmp_path / "1", "one", "b/1.png", "a/x/2.PNG", "a/3 #.jpg", "0.png"),
        make_dataset(tmp_path / "2", "two", "b/1.png"),
    ]
    table = get_image_samples(datasets)

    expected = [tuple(sample) for dataset in datasets for sample in dataset.iter_images()]
    assert expected == list(table.itertuples(index=False, name=None))
    assert list(COLUMNS) == list(table.columns)
    assert list(range(5)) == list(table.index)


def test_has_the_promised_columns() -> None:
    """The columns are those that users of the platform know, in their order."""
    expected = "path category folder bucket dataset dataset_id reference url"

    assert expected == " ".join(get_image_samples([]).columns)


def test_categories_are_tuples(tmp_path: Path) -> None:
    """A category is a tuple, also where all have one name or none."""
    table = get_image_samples([make_dataset(tmp_path, "d", "a/1.png", "a/2.png", "3.png")])

    assert [(), ("a",), ("a",)] == list(table["category"])


def test_an_empty_dataset_adds_no_row(tmp_path: Path) -> None:
    """No images give no rows, and the same columns."""
    table = get_image_samples([make_dataset(tmp_path, "d")])

    assert (0, 8) == table.shape


def test_a_missing_dataset_is_an_error(tmp_path: Path) -> None:
    """A dataset that is not there is named."""
    with pytest.raises(DatasetNotFoundError, match="dataset 'lost'"):
        get_image_samples([Dataset("lost", f"{tmp_path}/nothing")])


def test_rows_open_images(tmp_path: Path) -> None:
    """A row of the table leads to the image's content."""
    dataset = make_dataset(tmp_path, "d", "a/1.png")
    (tmp_path / "a" / "1.png").write_bytes(b"content")
    (row,) = get_image_samples([dataset]).itertuples()

    with dataset.open_image(row) as stream:  # type: ignore[arg-type] # a row's columns are not typed
        assert b"content" == stream.read()
