"""Images for the classifier: decoded, made grey and square, and varied, with Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from brevetti_hydra.errors import ImageUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from brevetti_hydra.jobs.classifier_settings import AugmentSettings

__all__ = ["augment_images", "read_image", "write_png"]


def read_image(
    stream: BinaryIO, path: str, size_px: int, prepare: Callable[[Image], Image]
) -> NDArray[np.uint8]:
    """Decode one image.

    Args:
        stream: The file, open for reading.
        path: Its path, for the error.
        size_px: Side of the result.
        prepare: Called with the upright image in its own mode and size, before it is shrunk.

    Returns:
        uint8 [size_px, size_px], grey.

    Raises:
        ImageUnreadableError: The file cannot be decoded.
    """
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(stream) as opened:
            opened.load()
            upright = ImageOps.exif_transpose(opened)
    except Exception as error:  # each decoder of Pillow has its own
        reason = str(error) or type(error).__name__
        raise ImageUnreadableError(
            f"image '{path}' cannot be decoded",
            notes=[reason[:1].lower() + reason[1:]],
            hint="repair the file or take it out of the dataset",
        ) from error
    grey = _as_grey(prepare(upright))
    # Reducing by whole areas first keeps thin structures of large images.
    small = grey.resize((size_px, size_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(small, dtype=np.uint8)


def _as_grey(image: Image) -> Image:
    import numpy as np
    from PIL import Image as Images

    if image.mode.startswith(("I", "F")):
        # Pillow would cut 16-bit values off at 255.
        values = np.asarray(image, dtype=np.float64)
        largest = 65535.0 if values.max(initial=0) > 255 else 255.0  # noqa: PLR2004 - 8 bits
        return Images.fromarray((values.clip(0, largest) * (255 / largest)).astype(np.uint8))
    if image.has_transparency_data:
        # What is transparent is as white as the page that it was drawn for.
        layers = image.convert("RGBA")
        white = Images.new("RGBA", layers.size, "white")
        return Images.alpha_composite(white, layers).convert("L")
    return image.convert("L")


def augment_images(
    images: NDArray[np.uint8], settings: AugmentSettings, seed: tuple[int, int]
) -> NDArray[np.uint8]:
    """Vary images at random: turned, shifted, mirrored, and with noise.

    Args:
        images: uint8 [N, S, S].
        settings: How much.
        seed: The same seed gives the same variation.

    Returns:
        uint8 [N, S, S].
    """
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    count = len(images)
    angles = random.uniform(-settings.rotate_deg, settings.rotate_deg, count)
    shifts = random.uniform(-settings.shift_px, settings.shift_px, (count, 2))
    mirrored = random.random(count) < (0.5 if settings.mirror else 0)
    noise = random.standard_normal(images.shape, np.float32) * np.float32(255 * settings.noise)
    result = np.empty_like(images)
    for index, (pixels, angle, shift) in enumerate(zip(images, angles, shifts, strict=True)):
        turned = Image.fromarray(pixels).rotate(
            angle,
            Image.Resampling.BILINEAR,
            translate=(shift[0], shift[1]),
            fillcolor=_border_grey(pixels),
        )
        varied = np.asarray(turned)
        result[index] = varied[:, ::-1] if mirrored[index] else varied
    return (result + noise).clip(0, 255).astype(np.uint8)


def _border_grey(pixels: NDArray[np.uint8]) -> int:
    """Give the grey of the corners: what most likely lies around the image."""
    corners = sorted(int(grey) for grey in pixels[[0, 0, -1, -1], [0, -1, 0, -1]])
    return (corners[1] + corners[2]) // 2


def write_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode one grey image, uint8 [H, W], as PNG."""
    from io import BytesIO

    from PIL import Image

    content = BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()
