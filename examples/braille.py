"""A picture of something written, in braille characters: eight dots per character, so that a terminal can show it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

#: The bit of each dot in a character of four rows and two columns.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(image: Image.Image, columns: int) -> str:
    """What is clearly darker than its surroundings, `columns` characters wide."""
    grey = image.convert("L")
    small = grey.resize((columns * 2, round(grey.height * columns * 2 / grey.width)), Image.Resampling.LANCZOS)
    around = np.asarray(small.filter(ImageFilter.BoxBlur(8)), dtype=np.float32)
    ink = np.asarray(small, dtype=np.float32) < around * 0.9 - 2
    ink = np.pad(ink, ((0, -len(ink) % 4), (0, 0)))
    cells = ink.reshape(len(ink) // 4, 4, columns, 2)
    codes = (cells * DOTS[None, :, None, :]).sum(axis=(1, 3))
    return "\n".join("".join(chr(0x2800 + code) for code in row) for row in codes)
