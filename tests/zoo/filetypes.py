"""Magika: what kind of file is this, told from its first and last bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from zoo.entry import Arrays, Entry
from zoo.packages import MAGIKA, SKIMAGE

_MODEL = "magika/models/standard_v3_3/model.onnx"
_CONFIG = "magika/models/standard_v3_3/config.min.json"
_SIDE = 1024  # bytes from either end
_PAD = 256


def _files() -> list[Path]:
    pictures = [SKIMAGE.path(f"skimage/data/{name}") for name in ("page.png", "rocket.jpg", "lfw_subset.npy")]
    return [Path(__file__), *pictures, MAGIKA.path(_CONFIG), MAGIKA.path(_MODEL)]


def _ends(path: Path) -> np.ndarray:
    """The first and last kilobyte without blanks around them, as numbers; 256 stands for "nothing there"."""
    data = path.read_bytes()
    first, last = data[:4096].lstrip()[:_SIDE], data[-4096:].rstrip()[-_SIDE:]
    numbers = np.full(2 * _SIDE, _PAD, np.int32)
    numbers[: len(first)] = list(first)
    numbers[2 * _SIDE - len(last) :] = list(last)
    return numbers


def _kinds(outputs: Arrays) -> str:
    labels = json.loads(MAGIKA.path(_CONFIG).read_text())["target_labels_space"]
    return " ".join(labels[k] for k in outputs["target_label"].argmax(axis=1))


def entries() -> list[Entry]:
    return [
        Entry(
            "magika",
            lambda: MAGIKA.path(_MODEL),
            inputs=lambda: {"bytes": np.stack([_ends(path) for path in _files()])},
            check=_kinds,
            expected="python png jpeg npy json onnx",
            licence=MAGIKA.licence,
            shapes={"bytes": (6, 2 * _SIDE)},
        )
    ]
