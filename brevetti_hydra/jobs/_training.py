"""Splitting, training epoch by epoch, and taking up where an earlier attempt was cut off."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brevetti_hydra.errors import DatasetUnfitError, InvalidSettingError
from brevetti_hydra.jobs._features import describe_images
from brevetti_hydra.jobs._images import augment_images
from brevetti_hydra.jobs.classifier_model import ClassifierModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.jobs.classifier_settings import ClassifierSettings

__all__ = ["Sample", "Samples", "Trainer", "split_samples"]

# Features that hardly vary are divided by no less than this; they lie in 0 to 1.
_LEAST_SCALE = 0.05


class Sample(NamedTuple):
    """One image of a dataset, decoded.

    Attributes:
        pixels: uint8 [S, S], grey.
        category: Name of its category.
        path: Where it came from.
        digest: SHA-256 of the file's content.
    """

    pixels: NDArray[np.uint8]
    category: str
    path: str
    digest: bytes


class Samples(NamedTuple):
    """Images side by side.

    Attributes:
        images: uint8 [N, S, S].
        labels: int64 [N], positions in the sorted categories.
        paths: Where each came from.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    paths: tuple[str, ...]

    @classmethod
    def gather(cls, samples: Sequence[Sample], categories: Sequence[str]) -> Samples:
        """Put single images side by side."""
        position = {category: index for index, category in enumerate(categories)}
        return cls(
            np.stack([sample.pixels for sample in samples]),
            np.array([position[sample.category] for sample in samples], dtype=np.int64),
            tuple(sample.path for sample in samples),
        )


def split_samples(
    samples: Sequence[Sample], share: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Hold out a share of each category, chosen by the images' content and the seed alone.

    The order, the names and the place of the files make no difference.

    Args:
        samples: All samples.
        share: Share of each category to hold out, 0 to 1; of two or more images at least one is
            held out and at least one is left.
        seed: Another seed holds out others.

    Returns:
        The samples to learn from, and those that are held out.

    Raises:
        DatasetUnfitError: No category has two images.
    """
    by_category: dict[str, list[Sample]] = {}
    for sample in samples:
        by_category.setdefault(sample.category, []).append(sample)
    train: list[Sample] = []
    devel: list[Sample] = []
    for category in sorted(by_category):
        members = sorted(by_category[category], key=lambda sample: _rank(sample, seed))
        held_out = min(len(members) - 1, max(1, round(share * len(members))))
        devel += members[:held_out]
        train += members[held_out:]
    if not devel:
        raise DatasetUnfitError(
            "no image is left to hold out, because each category has only one",
            hint="add images to the categories",
        )
    return train, devel


def _rank(sample: Sample, seed: int) -> bytes:
    return hashlib.sha256(b"%d:" % seed + sample.digest).digest()


class Trainer:
    """Trains a small neural network epoch by epoch, on images that are varied anew in each.

    The network is scikit-learn's MLPClassifier with plain stochastic gradient descent: beyond its
    weights it has no state, and the randomness of an epoch follows from the seed and the epoch's
    number. So an epoch can be done again, and weights alone are enough to go on.
    """

    def __init__(
        self, train: Samples, categories: Sequence[str], settings: ClassifierSettings, seed: int
    ) -> None:
        """Prepare the network; its first weights follow from the seed.

        Args:
            train: What to learn from.
            categories: All categories, sorted.
            settings: How to learn.
            seed: Of weights, order and variation.
        """
        from sklearn.neural_network import MLPClassifier

        self._train = train
        self._categories = tuple(categories)
        self._settings = settings
        self._seed = seed
        features = describe_images(train.images, settings.image.cells)
        self._mean = features.mean(axis=0)
        self._scale = np.maximum(features.std(axis=0), np.float32(_LEAST_SCALE))
        hidden = settings.model.hidden
        self._network = MLPClassifier(
            hidden_layer_sizes=(hidden,) if hidden else (),
            solver="sgd",
            momentum=0.0,
            learning_rate_init=settings.lr,
            batch_size=min(settings.batch_size, len(train.labels)),
            alpha=settings.model.l2,
        )

    def train_epoch(self, epoch: int) -> float:
        """Pass over the training images once.

        Args:
            epoch: Its number; each number has its own variation of the images.

        Returns:
            The mean loss of the epoch.

        Raises:
            InvalidSettingError: The learning rate is so high that the weights are lost.
        """
        varied = augment_images(self._train.images, self._settings.augment, (self._seed, epoch))
        try:
            # What overflows on the way ends in weights that are not finite, which is told below.
            with np.errstate(over="ignore", invalid="ignore"):
                self._fit(varied, self._train.labels, epoch)
        except ValueError as error:
            if "finite" not in str(error):
                raise
            raise self._diverged(epoch) from error
        loss = float(self._network.loss_)
        if not np.isfinite(loss):
            raise self._diverged(epoch)
        return loss

    def _fit(self, images: NDArray[np.uint8], labels: NDArray[np.int64], epoch: int) -> None:
        features = describe_images(images, self._settings.image.cells)
        self._network.set_params(random_state=(self._seed + epoch) % 2**32)
        self._network.partial_fit(
            (features - self._mean) / self._scale, labels, classes=range(len(self._categories))
        )

    def _diverged(self, epoch: int) -> InvalidSettingError:
        return InvalidSettingError(
            f"'lr' is too high: the weights are no longer finite in epoch {epoch}",
            notes=[f"lr is {self._settings.lr:g}"],
            hint=f"try lr={self._settings.lr / 10:g}",
        )

    def weights(self) -> list[NDArray[np.float32]]:
        """Give the weights, then the biases of all layers, as `restore` takes them."""
        return [*self._network.coefs_, *self._network.intercepts_]

    def restore(self, weights: Sequence[NDArray[np.float32]]) -> None:
        """Take over weights of an earlier attempt.

        Raises:
            ValueError: They are of another network.
        """
        if not hasattr(self._network, "coefs_"):
            # The network makes its arrays when it first learns; what it learns is then overwritten.
            first = slice(0, self._settings.batch_size)
            self._fit(self._train.images[first], self._train.labels[first], 0)
        own = self.weights()
        if [array.shape for array in own] != [array.shape for array in weights]:
            raise ValueError("the weights are of another network")
        for array, other in zip(own, weights, strict=True):
            array[...] = other

    def model(self) -> ClassifierModel:
        """Give the model as it stands, with copies of the weights."""
        weights = [np.array(array, np.float32) for array in self._network.coefs_]
        biases = [np.array(array, np.float32) for array in self._network.intercepts_]
        if biases[-1].shape == (1,):
            # Of two categories scikit-learn keeps one score; the other one's is 0.
            weights[-1] = np.hstack([np.zeros_like(weights[-1]), weights[-1]])
            biases[-1] = np.concatenate([np.zeros_like(biases[-1]), biases[-1]])
        return ClassifierModel(
            categories=self._categories,
            size_px=self._settings.image.size_px,
            cells=self._settings.image.cells,
            mean=self._mean,
            scale=self._scale,
            weights=weights,
            biases=biases,
        )

    def fingerprint(self) -> str:
        """Digest all that decides what the weights become: settings, categories, images."""
        digest = hashlib.sha256(self._train.images.tobytes())
        digest.update(self._train.labels.tobytes())
        decisive: dict[str, Any] = {
            name: getattr(self._settings, name)
            for name in ("lr", "batch_size", "model", "augment", "image")
        }
        digest.update(repr((decisive, self._categories)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
