"""Settings of the shipped classifier; `conf/job/classifier.yaml` explains them to a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from brevetti_hydra.settings import JobSettings

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "AugmentSettings",
    "ClassifierSettings",
    "ImageSettings",
    "ModelSettings",
    "SplitSettings",
]


class ModelSettings(JobSettings):
    """The network."""

    hidden: int = Field(64, ge=0, le=4096, description="units of the hidden layer; 0: linear")
    l2: float = Field(1e-4, ge=0, le=1, description="weight of the squared weights in the loss")


class AugmentSettings(JobSettings):
    """How the training images are varied, anew in each epoch; zeros leave them as they are."""

    rotate_deg: float = Field(10.0, ge=0, le=180, description="largest turn either way, in degrees")
    shift_px: float = Field(
        1.0, ge=0, le=64, description="largest shift either way, in pixels of image.size_px"
    )
    mirror: bool = Field(False, description="swap left and right in half of the images")
    noise: float = Field(
        0.02, ge=0, le=1, description="standard deviation of the noise, as a share of full white"
    )


class SplitSettings(JobSettings):
    """Which images are held out: by their content and the seed, not by name or order."""

    devel: float = Field(
        0.25, gt=0, lt=1, description="share of each category that is held out, 0 to 1"
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="another seed holds out other images")


class ImageSettings(JobSettings):
    """What an image is turned into before it is learnt."""

    size_px: int = Field(16, ge=8, le=256, description="side of the grey square, in pixels")
    cells: int = Field(
        4, ge=1, le=32, description="cells of the edge histograms along each side of the square"
    )

    @model_validator(mode="after")
    def _cells_fit(self) -> Self:
        if self.size_px % self.cells:
            raise ValueError(f"size_px ({self.size_px}) must be a multiple of cells ({self.cells})")
        return self


class ClassifierSettings(JobSettings):
    """Settings of the shipped image classifier."""

    lr: float = Field(0.05, gt=0, le=10, description="learning rate, the step size of the descent")
    epochs: int = Field(60, ge=1, le=100_000, description="passes over the training images")
    batch_size: int = Field(16, ge=1, le=65_536, description="images per step of the descent")
    model: ModelSettings = Field(default=ModelSettings(), description="the network")
    augment: AugmentSettings = Field(
        default=AugmentSettings(), description="how training images are varied"
    )
    split: SplitSettings = Field(default=SplitSettings(), description="which images are held out")
    image: ImageSettings = Field(
        default=ImageSettings(), description="what an image is turned into"
    )
