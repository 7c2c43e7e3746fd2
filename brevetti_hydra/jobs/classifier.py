"""The shipped job: an image classifier, from category folders to a packed model and a report.

Images are decoded, made grey and square, described by their pixels and the directions of their
edges, and learnt by a small neural network (none of it needs more than Pillow, NumPy and
scikit-learn). `conf/job/classifier.yaml` explains the settings to a reader.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, ClassVar

from brevetti_hydra.errors import DatasetUnfitError, MissingExtraError
from brevetti_hydra.job import Job
from brevetti_hydra.jobs.classifier_settings import ClassifierSettings
from brevetti_hydra.settings import JobSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PIL.Image import Image
    from upath import UPath

    from brevetti_hydra.jobs._training import Sample, Samples, Trainer

__all__ = ["Classifier"]

# What is imported, and the name under which it is installed.
_PACKAGES = (("numpy", "numpy"), ("PIL", "pillow"), ("sklearn", "scikit-learn"))


class Classifier(Job):
    """Learns to tell images in category folders apart.

    Without a dataset it takes the handwritten digits that scikit-learn ships. A subclass may add
    settings (`settings: MySettings`, derived from ClassifierSettings) and override `prepare_image`.

    It leaves among the artifacts: `saved_model.tar.gz` (`brevetti_hydra.jobs.classifier_model`
    reads it), `report.html`, `charts/learning_curve.json` and `charts/confusion_matrix.json`; and
    the metrics accuracy, macro_f1 and devel_loss of the held-out images, train_count, devel_count.
    """

    settings: ClassifierSettings

    objective: ClassVar[str] = "accuracy"
    direction = "maximize"

    def default_datasets(self) -> Mapping[str, str]:
        """Give the digits, written out on first use: called where `job.datasets` is empty.

        Raises:
            MissingExtraError: A package of the extra 'examples' is not installed.
            StorageWriteError: The cache folder cannot be written.
        """
        _need_packages()
        from brevetti_hydra.jobs.digits import digits_folder

        return {"digits": str(digits_folder(self.cache_path))}

    def prepare_image(self, image: Image) -> Image:
        """Change an image before it is made grey and square, to cut it for instance.

        Override it. The packed model does not hold this step: who predicts does it as well.

        Args:
            image: The upright image in its own mode and size.

        Returns:
            An image of any mode and size.
        """
        return image

    def run(self) -> UPath:
        """Learn, measure, and leave model, charts and report.

        Returns:
            The packed model, in the temp folder.

        Raises:
            DatasetUnfitError: An image lies in no category, or there are too few categories or
                images.
            ImageUnreadableError: An image cannot be decoded.
            InvalidSettingError: The learning rate is so high that the weights are lost.
            MissingExtraError: A package of the extra 'examples' is not installed.
        """
        _need_packages()
        from brevetti_hydra.jobs._training import Samples, split_samples

        samples = list(self._read_samples())
        categories = _categories_of(samples)
        split = self.settings.split
        learnt, held_out = split_samples(samples, split.devel, split.seed)
        train = Samples.gather(learnt, categories)
        devel = Samples.gather(held_out, categories)
        self.logger.info(
            "%d images of %d categories from %s: %d to learn from, %d held out",
            len(samples),
            len(categories),
            ", ".join(f"'{dataset.name}'" for dataset in self.datasets),
            len(train.labels),
            len(devel.labels),
        )
        trainer, history = self._train(train, devel, categories)
        return self._leave(trainer, history, train, devel, categories)

    def _read_samples(self) -> Iterator[Sample]:
        import hashlib
        from io import BytesIO

        from brevetti_hydra.jobs._images import read_image
        from brevetti_hydra.jobs._training import Sample

        for dataset in self.datasets:
            for image in dataset.iter_images():
                if not image.category:
                    raise DatasetUnfitError(
                        f"image '{image.path}' lies in no category folder",
                        hint=f"move it into a folder of '{image.bucket}' that bears its category",
                    )
                with dataset.open_image(image) as stream:
                    content = stream.read()
                size_px = self.settings.image.size_px
                pixels = read_image(BytesIO(content), image.path, size_px, self.prepare_image)
                digest = hashlib.sha256(content).digest()
                yield Sample(pixels, image.category[0], image.path, digest)

    def _train(
        self, train: Samples, devel: Samples, categories: Sequence[str]
    ) -> tuple[Trainer, list[dict[str, float]]]:
        """Train the epochs that no earlier attempt of this run has done."""
        from brevetti_hydra.jobs._checkpoints import Checkpoint, load_checkpoint, save_checkpoint
        from brevetti_hydra.jobs._features import describe_images
        from brevetti_hydra.jobs._report import score_predictions
        from brevetti_hydra.jobs._training import Trainer

        found = load_checkpoint(self.checkpoint_path)
        # The harness has seeded Python's generator with run.seed; a new attempt keeps the first's.
        seed = found.seed if found else random.getrandbits(32)
        trainer = Trainer(train, categories, self.settings, seed)
        fingerprint = trainer.fingerprint()
        history: list[dict[str, float]] = []
        if found and found.fingerprint == fingerprint:
            trainer.restore(found.weights)
            history = list(found.history)
            self.logger.info("going on after epoch %d of an earlier attempt", found.epoch)
        elif found:
            self.logger.warning("settings or images have changed: beginning anew at epoch 1")
        features = describe_images(devel.images, self.settings.image.cells)
        for epoch in range(len(history) + 1, self.settings.epochs + 1):
            loss = trainer.train_epoch(epoch)
            scores = score_predictions(trainer.model().probabilities_of(features), devel.labels)
            metrics = {"loss": loss, "devel_loss": scores.loss, "accuracy": scores.accuracy}
            history.append({"epoch": epoch, **metrics})
            save_checkpoint(
                self.checkpoint_path,
                Checkpoint(epoch, seed, fingerprint, trainer.weights(), history),
            )
            self.report_progress(epoch, **metrics)
        return trainer, history

    def _leave(
        self,
        trainer: Trainer,
        history: list[dict[str, float]],
        train: Samples,
        devel: Samples,
        categories: Sequence[str],
    ) -> UPath:
        """Measure the model that was learnt, and write all that the run leaves."""
        from brevetti_hydra.interfaces.charts import confusion_matrix, learning_curve
        from brevetti_hydra.jobs._report import render_report, score_predictions
        from brevetti_hydra.jobs.classifier_model import pack_model

        model = trainer.model()
        probabilities = model.probabilities(devel.images)
        scores = score_predictions(probabilities, devel.labels)
        for name, value in (
            ("accuracy", scores.accuracy),
            ("macro_f1", scores.macro_f1),
            ("devel_loss", scores.loss),
            ("train_count", len(train.labels)),
            ("devel_count", len(devel.labels)),
        ):
            self.add_output_metric(name, value)
        charts = {
            "learning_curve": learning_curve(history),
            "confusion_matrix": confusion_matrix(scores.counts.tolist(), categories),
        }
        for name, chart in charts.items():
            text = json.dumps(chart, indent=1) + "\n"
            self.artifact_path("charts", f"{name}.json").write_text(text, encoding="utf-8")
        report = render_report(
            categories=categories,
            train=train,
            devel=devel,
            probabilities=probabilities,
            scores=scores,
            charts=charts,
            settings=_own_settings(self.settings),
            producer=_producer(),
        )
        self.artifact_path("report.html").write_text(report, encoding="utf-8")
        packed = self.temp_path / "saved_model.tar.gz"
        packed.write_bytes(pack_model(model, producer=_producer()))
        return packed


def _need_packages() -> None:
    from importlib.util import find_spec

    for module, package in _PACKAGES:
        if find_spec(module) is None:
            raise MissingExtraError(package, "examples", "the classifier")


def _categories_of(samples: Sequence[Sample]) -> list[str]:
    categories = sorted({sample.category for sample in samples})
    if len(categories) < 2:  # noqa: PLR2004 - there is nothing to tell apart
        found = f"'{categories[0]}'" if categories else "none"
        raise DatasetUnfitError(
            f"a classifier needs two categories or more, but there is only {found}",
            hint="put the images into one folder per category",
        )
    return categories


def _own_settings(settings: ClassifierSettings) -> list[tuple[str, object]]:
    """Flatten the classifier's own settings; a subclass's may hold what is not to be shown."""
    rows: list[tuple[str, object]] = []
    for name in ClassifierSettings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, JobSettings):
            own = type(ClassifierSettings.model_fields[name].default).model_fields
            rows += [(f"{name}.{key}", _plain(getattr(value, key))) for key in own]
        else:
            rows.append((name, _plain(value)))
    return rows


def _plain(value: Any) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _producer() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"brevetti_hydra {version('brevetti-hydra')}"
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "brevetti_hydra"
