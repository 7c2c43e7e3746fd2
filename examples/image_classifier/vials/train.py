"""The job: the shipped classifier, with one node of settings and one step more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra import Field, JobSettings
from brevetti_hydra.jobs.classifier import Classifier
from brevetti_hydra.jobs.classifier_settings import ClassifierSettings

if TYPE_CHECKING:
    from PIL.Image import Image


class CropSettings(JobSettings):
    """What is cut off before an image is learnt: the camera sees more than the vial."""

    top: float = Field(0.0, ge=0, lt=0.5, description="share of the height that is cut off above")
    bottom: float = Field(0.0, ge=0, lt=0.5, description="share of the height cut off below")
    sides: float = Field(
        0.0, ge=0, lt=0.5, description="share of the width cut off, left and right"
    )


class VialSettings(ClassifierSettings):
    """All settings of the classifier, and `crop`."""

    crop: CropSettings = Field(default=CropSettings(), description="what is cut off")


class VialClassifier(Classifier):
    """Tells good vials from bad ones."""

    settings: VialSettings

    def prepare_image(self, image: Image) -> Image:
        """Cut off what is not the vial."""
        crop, (width, height) = self.settings.crop, image.size
        return image.crop(
            (
                round(crop.sides * width),
                round(crop.top * height),
                round((1 - crop.sides) * width),
                round((1 - crop.bottom) * height),
            )
        )
