"""The parts of the training: features, split, variation, epochs, checkpoints."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from upath import UPath

from brevetti_hydra.errors import DatasetUnfitError, ImageUnreadableError, InvalidSettingError
from brevetti_hydra.jobs._checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from brevetti_hydra.jobs._features import describe_images, feature_count
from brevetti_hydra.jobs._images import augment_images, read_image
from brevetti_hydra.jobs._report import score_predictions
from brevetti_hydra.jobs._training import Sample, Samples, Trainer, split_samples
from brevetti_hydra.jobs.classifier_settings import AugmentSettings, ClassifierSettings

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from numpy.typing import NDArray


def make_sample(category: str, number: int) -> Sample:
    digest = hashlib.sha256(f"{category}/{number}".encode()).digest()
    return Sample(np.zeros((8, 8), np.uint8), category, f"{category}/{number}", digest)


def bars(count: int, categories: int = 2) -> Samples:
    """Draw bars that stand, lie, or lean."""
    chance = np.random.default_rng(5)
    images = chance.integers(0, 60, (count, 8, 8), dtype=np.uint8)
    labels = np.arange(count) % categories
    for image, label, at in zip(images, labels, chance.integers(2, 6, count), strict=True):
        if label == 0:
            image[at, 1:7] = 255
        elif label == 1:
            image[1:7, at] = 255
        else:
            np.fill_diagonal(image, 255)
    return Samples(images, labels.astype(np.int64), tuple(map(str, range(count))))


def small_settings(**changes: object) -> ClassifierSettings:
    values: dict[str, object] = {
        "lr": 0.1,
        "model": {"hidden": 6},
        "image": {"size_px": 8, "cells": 2},
    }
    return ClassifierSettings.model_validate(values | changes)


def file_of(tmp_path: Path, image: Image.Image, kind: str) -> Path:
    path = tmp_path / f"image.{kind}"
    image.save(path)
    return path


def read(path: Path, size_px: int = 8) -> NDArray[np.uint8]:
    with path.open("rb") as stream:
        return read_image(stream, str(path), size_px, lambda image: image)


def test_features_are_counted() -> None:
    """The features are as many as announced, finite, and of 0 to 1."""
    images = bars(5).images

    features = describe_images(images, 2)

    assert ((5, feature_count(8, 2)), "float32") == (features.shape, features.dtype.name)
    assert np.isfinite(features).all()
    assert (True, True) == (bool(features.min() >= 0), bool(features.max() <= 1))


@given(grey=st.integers(0, 255))
def test_a_flat_image_has_no_edges(grey: int) -> None:
    """An even grey has its pixels and nothing else."""
    features = describe_images(np.full((1, 8, 8), grey, np.uint8), 4)

    assert np.allclose(grey / 255, features[0, :64])
    assert not features[0, 64:].any()


@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
    order=st.randoms(use_true_random=False),
)
def test_the_split_depends_on_content_alone(
    counts: list[int], share: float, seed: int, order: random.Random
) -> None:
    """Any order and any names give the same sides, and each category gets its share."""
    samples = [make_sample(str(c), n) for c, count in enumerate(counts) for n in range(count)]
    shuffled = [sample._replace(path="renamed") for sample in samples]
    order.shuffle(shuffled)
    if max(counts) < 2:
        with pytest.raises(DatasetUnfitError):
            split_samples(samples, share, seed)
        return

    train, devel = split_samples(samples, share, seed)
    again = split_samples(shuffled, share, seed)

    assert {s.digest for s in samples} == {s.digest for s in train} | {s.digest for s in devel}
    assert len(samples) == len(train) + len(devel)
    assert [s.digest for s in devel] == [s.digest for s in again[1]]
    for category, count in enumerate(counts):
        held_out = sum(sample.category == str(category) for sample in devel)
        assert min(count - 1, max(1, round(share * count))) == held_out


def test_another_seed_holds_out_others() -> None:
    """The split's seed chooses."""
    samples = [make_sample("x", number) for number in range(50)]

    held_out = [{s.digest for s in split_samples(samples, 0.5, seed)[1]} for seed in (1, 2)]

    assert held_out[0] != held_out[1]


def test_no_variation_is_none() -> None:
    """Zeros leave the images as they are."""
    images = bars(6).images
    still = AugmentSettings(rotate_deg=0, shift_px=0, noise=0, mirror=False)

    assert images.tobytes() == augment_images(images, still, (1, 1)).tobytes()


def test_variation_follows_from_its_seed() -> None:
    """The same seed varies the same way, another epoch another way."""
    images, settings = bars(6).images, AugmentSettings(mirror=True)

    first = augment_images(images, settings, (1, 1))

    assert first.tobytes() == augment_images(images, settings, (1, 1)).tobytes()
    assert first.tobytes() != augment_images(images, settings, (1, 2)).tobytes()


def test_training_learns() -> None:
    """After some epochs bars that stand, lie and lean are told apart."""
    train, devel = bars(90, 3), bars(30, 3)
    trainer = Trainer(train, ["lies", "stands", "leans"], small_settings(), seed=1)

    losses = [trainer.train_epoch(epoch) for epoch in range(1, 16)]

    scores = score_predictions(trainer.model().probabilities(devel.images), devel.labels)
    assert losses[-1] < losses[0] / 2
    assert scores.accuracy > 0.9


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("categories", [2, 3])
def test_the_model_predicts_what_the_network_does(hidden: int, categories: int) -> None:
    """NumPy alone gives scikit-learn's probabilities, for two categories and more."""
    train = bars(40, categories)
    names = [str(number) for number in range(categories)]
    trainer = Trainer(train, names, small_settings(model={"hidden": hidden}), seed=1)
    trainer.train_epoch(1)
    model = trainer.model()
    features = (describe_images(train.images, 2) - model.mean) / model.scale

    expected = trainer._network.predict_proba(features)

    assert np.allclose(expected, model.probabilities(train.images), atol=1e-5)


@pytest.mark.parametrize("done", [1, 3])
def test_an_interrupted_training_ends_the_same(done: int, tmp_path: Path) -> None:
    """Weights from a checkpoint and the epochs that are left give the uninterrupted weights."""
    train, names, settings = bars(40), ["a", "b"], small_settings()
    whole = Trainer(train, names, settings, seed=9)
    for epoch in range(1, 6):
        whole.train_epoch(epoch)
    first = Trainer(train, names, settings, seed=9)
    for epoch in range(1, done + 1):
        first.train_epoch(epoch)
    save_checkpoint(UPath(tmp_path), Checkpoint(done, 9, "f", first.weights(), []))

    second = Trainer(train, names, settings, seed=9)
    found = load_checkpoint(UPath(tmp_path))
    assert found is not None
    second.restore(found.weights)
    for epoch in range(done + 1, 6):
        second.train_epoch(epoch)

    assert [w.tobytes() for w in whole.weights()] == [w.tobytes() for w in second.weights()]


def test_weights_of_another_network_are_refused() -> None:
    """Weights of other shapes are not taken over."""
    train, names = bars(40), ["a", "b"]
    other = Trainer(train, names, small_settings(model={"hidden": 7}), seed=9)
    other.train_epoch(1)

    with pytest.raises(ValueError, match="another network"):
        Trainer(train, names, small_settings(), seed=9).restore(other.weights())


def test_the_fingerprint_tells_trainings_apart() -> None:
    """Whatever changes the weights changes the fingerprint; the number of epochs does not."""
    names = ["a", "b"]
    prints = [
        Trainer(bars(40), names, small_settings(), 9).fingerprint(),
        Trainer(bars(42), names, small_settings(), 9).fingerprint(),
        Trainer(bars(40), ["a", "c"], small_settings(), 9).fingerprint(),
        Trainer(bars(40), names, small_settings(lr=0.2), 9).fingerprint(),
        Trainer(bars(40), names, small_settings(augment={"noise": 0.5}), 9).fingerprint(),
    ]

    assert 5 == len(set(prints))
    assert prints[0] == Trainer(bars(40), names, small_settings(epochs=7), 9).fingerprint()


def test_a_torn_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    """When the newest file is cut off, the training goes on from the epoch before."""
    folder = UPath(tmp_path / "made when needed")
    for epoch in (1, 2, 3):
        weights = [np.full((2, 3), epoch, np.float32)]
        history = [{"epoch": float(epoch), "loss": float("nan")}]
        save_checkpoint(folder, Checkpoint(epoch, 5, "f", weights, history))
    newest = folder / "training-1.npz"
    newest.write_bytes(newest.read_bytes()[:-30])

    found = load_checkpoint(folder)

    assert found is not None
    assert (2, 5, "f", 2.0) == (found.epoch, found.seed, found.fingerprint, found.weights[0][0, 0])
    assert np.isnan(found.history[0]["loss"])


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    """A folder that is empty or missing has no checkpoint."""
    assert [None, None] == [
        load_checkpoint(UPath(tmp_path)),
        load_checkpoint(UPath(tmp_path / "missing")),
    ]


def test_a_learning_rate_that_is_too_high_is_named() -> None:
    """Weights that overflow end the training with the setting to change."""
    settings = small_settings(lr=10, model={"hidden": 32, "l2": 1})
    trainer = Trainer(bars(200, 3), ["a", "b", "c"], settings, seed=1)

    def train() -> None:
        for epoch in range(1, 200):
            trainer.train_epoch(epoch)

    with pytest.raises(InvalidSettingError, match="'lr' is too high") as caught:
        train()

    assert "try lr=1" == caught.value.hint


def test_scores_are_those_of_the_textbook() -> None:
    """Accuracy, macro F1 and counts of a small example, worked out by hand."""
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], np.float32)

    scores = score_predictions(probabilities, np.array([0, 1, 1, 0]))

    assert [[2, 0], [1, 1]] == scores.counts.tolist()
    assert 0.75 == scores.accuracy
    assert pytest.approx((4 / 5 + 2 / 3) / 2) == scores.macro_f1
    assert pytest.approx(-np.log([0.9, 0.8, 0.3, 0.6]).mean()) == scores.loss


@pytest.mark.parametrize("kind", ["png", "bmp", "jpg", "tif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_common_images_are_read(tmp_path: Path, kind: str, mode: str) -> None:
    """Each kind of file comes out grey, square and of the size asked for."""
    picture = Image.new("RGB", (30, 20), "white").convert(mode)
    if (kind, mode) == ("jpg", "1"):
        picture = picture.convert("L")

    pixels = read(file_of(tmp_path, picture, kind))

    assert ((8, 8), "uint8", 255) == (pixels.shape, pixels.dtype.name, int(pixels.min()))


def test_sixteen_bits_are_scaled_down(tmp_path: Path) -> None:
    """A 16-bit image keeps its greys, instead of being cut off at 255."""
    grey = np.full((8, 8), 32768, np.uint16)

    pixels = read(file_of(tmp_path, Image.fromarray(grey), "png"))

    assert {127} == set(pixels.ravel().tolist())


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    """Transparent pixels are as white as a page, whatever colour hides in them."""
    pixels = read(file_of(tmp_path, Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "png"))

    assert {255} == set(pixels.ravel().tolist())


@pytest.mark.parametrize("cut", [0, 10, 45, 60])
def test_a_broken_image_is_named(tmp_path: Path, cut: int) -> None:
    """A file that is cut off, wherever, ends in an error with its name."""
    path = file_of(tmp_path, Image.effect_noise((40, 40), 90), "png")
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(ImageUnreadableError) as caught:
        read(path)

    assert f"image '{path}' cannot be decoded" == caught.value.message
    assert "repair the file or take it out of the dataset" == caught.value.hint
