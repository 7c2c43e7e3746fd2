"""Draw the example's images: vials that are good, badly filled, without a cap, or cracked.

Run it once in this folder, `python -m vials.draw`; the same seed draws the same images.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

CATEGORIES = ("good", "low_fill", "no_cap", "cracked")
WIDTH, HEIGHT = 64, 80


def draw_vial(category: str, chance: random.Random) -> Image.Image:
    """Draw one vial, never twice the same."""
    image = Image.new("L", (WIDTH, HEIGHT), 205 + chance.randrange(30))
    draw = ImageDraw.Draw(image)
    left, top = 18 + chance.randrange(-3, 4), 20 + chance.randrange(-2, 3)
    right, bottom = left + 28, top + 50
    draw.rounded_rectangle((left, top, right, bottom), 5, fill=235, outline=90, width=2)
    full = 26 if category == "low_fill" else 8
    level = top + full + chance.randrange(-3, 4)
    draw.rectangle((left + 3, level, right - 3, bottom - 4), fill=120 + chance.randrange(30))
    if category != "no_cap":
        draw.rectangle((left + 4, top - 9, right - 4, top), fill=60 + chance.randrange(20))
    if category == "cracked":
        draw_crack(draw, left + 4 + chance.randrange(5), level + 2, chance)
    blurred = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 0.9)))
    return blurred.rotate(chance.uniform(-4, 4), Image.Resampling.BILINEAR, fillcolor=215)


def draw_crack(draw: ImageDraw.ImageDraw, x: int, y: int, chance: random.Random) -> None:
    """Draw a bright, jagged line across the vial."""
    points = [(x, y)]
    for _ in range(4):
        x, y = x + 4 + chance.randrange(2), y + chance.randrange(4, 9)
        points.append((x, y))
    draw.line(points, fill=250, width=2)


def main() -> None:
    """Draw every category into a folder of its own."""
    parser = argparse.ArgumentParser(description="draw the images of the example")
    parser.add_argument("--folder", type=Path, default=Path("images"))
    parser.add_argument("--count", type=int, default=60, help="images per category")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    for category in CATEGORIES:
        folder = arguments.folder / category
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(arguments.count):
            draw_vial(category, chance).save(folder / f"{number:03d}.png")
    print(f"{len(CATEGORIES) * arguments.count} images in {arguments.folder}")


if __name__ == "__main__":
    main()
