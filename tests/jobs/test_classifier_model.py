"""The packed model: what goes in comes out, the same bytes each time, and nothing is unpickled."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from brevetti_hydra.errors import StorageReadError
from brevetti_hydra.jobs._features import feature_count
from brevetti_hydra.jobs.classifier_model import ClassifierModel, load_model, pack_model

if TYPE_CHECKING:
    from pathlib import Path

CATEGORIES = ["", "a/b", 'quote " and\nline', "ünïcødé 日本", "\udcff undecodable"]


def make_model(categories: list[str] = CATEGORIES) -> ClassifierModel:
    random = np.random.default_rng(3)
    widths = [feature_count(8, 2), 5, len(categories)]
    return ClassifierModel(
        categories=categories,
        size_px=8,
        cells=2,
        mean=random.random(widths[0], np.float32),
        scale=random.random(widths[0], np.float32) + np.float32(0.5),
        weights=[random.standard_normal(shape, np.float32) for shape in pairwise(widths)],
        biases=[random.standard_normal(width, np.float32) for width in widths[1:]],
    )


def some_images(count: int = 20) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(4).integers(0, 256, (count, 8, 8), dtype=np.uint8)


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_packed_model_predicts_the_same(tmp_path: Path) -> None:
    """Probabilities and categories are equal after the round trip, whatever the names hold."""
    model, images = make_model(), some_images()
    path = tmp_path / "saved_model.tar.gz"
    path.write_bytes(pack_model(model, producer="test 1"))

    loaded = load_model(path)

    assert tuple(CATEGORIES) == loaded.categories
    assert model.predict(images) == loaded.predict(images)
    assert model.probabilities(images).tobytes() == loaded.probabilities(images).tobytes()


def test_probabilities_add_up_to_one() -> None:
    """Each row of probabilities is a distribution."""
    rows = make_model().probabilities(some_images()).sum(axis=1)

    assert np.allclose(1, rows)


def test_packing_is_deterministic() -> None:
    """The same model gives the same bytes, without a time or an owner in them."""
    packed = pack_model(make_model(), producer="test 1")

    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = archive.getmembers()
    assert packed == pack_model(make_model(), producer="test 1")
    assert [("metadata.json", 0, 0, 0), ("weights.npz", 0, 0, 0)] == [
        (member.name, member.mtime, member.uid, member.gid) for member in members
    ]
    assert b"\x00\x00\x00\x00" == packed[4:8]  # gzip's own time


def test_the_metadata_describe_the_model() -> None:
    """A reader without this package learns from metadata.json what the arrays mean."""
    packed = pack_model(make_model(["bad", "good"]), producer="test 1")

    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        stream = archive.extractfile("metadata.json")
        assert stream is not None
        metadata = json.load(stream)

    assert {
        "format": 1,
        "kind": "brevetti_hydra.classifier",
        "producer": "test 1",
        "categories": ["bad", "good"],
        "image": {"size_px": 8, "mode": "grey", "dtype": "uint8"},
        "features": {"pixels": True, "gradients": {"cells": 2, "bins": 8}},
        "layers": [[96, 5], [5, 2]],
    } == metadata


def test_a_pickle_in_the_arrays_is_refused(tmp_path: Path) -> None:
    """An array of objects, which only pickle can read, is no model."""
    canary = tmp_path / "canary"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(canary), "w"))

    arrays = io.BytesIO()
    np.savez(arrays, mean=np.array([Evil()], dtype=object), scale=np.zeros(1))
    with tarfile.open(fileobj=io.BytesIO(pack_model(make_model(), producer="x"))) as archive:
        stream = archive.extractfile("metadata.json")
        assert stream is not None
        metadata = stream.read()
    path = write_tar(
        tmp_path / "evil.tar.gz", {"metadata.json": metadata, "weights.npz": arrays.getvalue()}
    )

    with pytest.raises(StorageReadError):
        load_model(path)

    assert not canary.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        pickle.dumps({"format": 1}),
        gzip.compress(b"no tar", mtime=0),
        pack_model(make_model(), producer="x")[:-400],
    ],
    ids=["empty", "text", "pickle", "gzip", "torn"],
)
def test_what_is_no_model_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    """A foreign or torn file is named, with what to give instead."""
    path = tmp_path / "saved_model.tar.gz"
    path.write_bytes(content)

    with pytest.raises(StorageReadError) as caught:
        load_model(path)

    assert f"cannot read the model '{path}'" == caught.value.message
    assert "give the 'saved_model.tar.gz' of a run of the classifier" == caught.value.hint


@pytest.mark.parametrize(
    ("metadata", "note"),
    [
        ([], "it is not of format 1"),
        ({"format": 2}, "it is not of format 1"),
        ({"format": 1}, "'features' is missing"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, metadata: object, note: str) -> None:
    """Metadata of another format, or incomplete ones, say so."""
    content = json.dumps(metadata).encode()
    path = write_tar(tmp_path / "m.tar.gz", {"metadata.json": content, "weights.npz": b""})

    with pytest.raises(StorageReadError) as caught:
        load_model(str(path))

    assert (note,) == caught.value.notes


def test_a_missing_model_is_a_clear_error(tmp_path: Path) -> None:
    """A path without a file is named."""
    with pytest.raises(StorageReadError) as caught:
        load_model(tmp_path / "none.tar.gz")

    assert ("No such file or directory",) == caught.value.notes


@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 8, 8)), np.zeros((2, 9, 8), np.uint8), np.zeros((8, 8), np.uint8)],
    ids=["type", "size", "dimensions"],
)
def test_images_of_another_kind_are_refused(
    images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    """Images that are not uint8 [N, size, size] are told apart from those that are."""
    with pytest.raises(ValueError, match=r"images must be uint8 \[N, 8, 8\], but are"):
        make_model().predict(images)


def test_layers_that_do_not_fit_are_refused() -> None:
    """A model whose arrays do not follow from each other is not made."""
    good = make_model()

    with pytest.raises(ValueError, match="do not lead from 96 features to 1 categories"):
        ClassifierModel(
            categories=["one"],
            size_px=8,
            cells=2,
            mean=good.mean,
            scale=good.scale,
            weights=good.weights,
            biases=good.biases,
        )
