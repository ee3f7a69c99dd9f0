"""Real pictures out of scikit-image's and scikit-learn's wheels, and drawn ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.packages import SKIMAGE, SKLEARN


def picture_path(name: str) -> Path:
    """Where the picture lies: "page.png", "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "china.jpg"."""
    if name == "china.jpg":
        return SKLEARN.path("sklearn/datasets/images/china.jpg")
    return SKIMAGE.path(f"skimage/data/{name}")


def picture(name: str) -> Image.Image:
    """A photograph or scan as an RGB picture."""
    return Image.open(picture_path(name)).convert("RGB")


def drawn(text: str, size: tuple[int, int] = (160, 64)) -> Image.Image:
    """Text in Pillow's own font, dark on light, as a screenshot would show it."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((8, 8), text, "black", ImageFont.load_default(size[1] * 0.6))
    return image


def pixels(image: Image.Image, size: tuple[int, int] | None = None, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """float32 height × width × 3, scaled from 0…255 to low…high; `size` is (width, height)."""
    if size is not None:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32) / np.float32(255 / (high - low)) + np.float32(low)


def nchw(*images: np.ndarray) -> np.ndarray:
    """A batch: images × channels × height × width, C-contiguous."""
    return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))
