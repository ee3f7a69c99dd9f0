"""PP-OCR: find the lines of text in a picture, turn them upright, read them."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
from PIL import Image
from scipy import ndimage

from zoo.entry import Arrays, Entry, Run
from zoo.packages import RAPIDOCR
from zoo.pictures import nchw, picture, pixels

Box = tuple[int, int, int, int]  # left, top, right, bottom, as Pillow crops
DET, REC, CLS = (
    f"rapidocr/models/{name}.onnx"
    for name in ("PP-OCRv6_det_small", "PP-OCRv6_rec_small", "ch_ppocr_mobile_v2.0_cls_mobile")
)
PAGE = "page.png"  # a photographed page of scikit-image's manual, 384 × 191
PAGE_SIZE = (384, 192)  # what the detector gets: multiples of 32
TITLE: Box = (3, 8, 295, 35)
TITLE_WORDS = "Region-based segmentation"


def find_lines(image: Image.Image, run: Run) -> list[Box]:
    """Boxes of the lines of text, from top to bottom. `run` is the detector: 1 × 3 × H × W → ink probability."""
    ink = run({"x": nchw(pixels(image)[..., ::-1])})["fetch_name_0"][0, 0]
    return lines_of(ink)


def lines_of(ink: np.ndarray) -> list[Box]:
    """Boxes around the connected regions of ink; the network marks a shrunken core, so each grows by its thickness."""
    labels, _ = ndimage.label(ink > 0.3)
    boxes = []
    for rows, columns in ndimage.find_objects(labels):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if height < 3 or width < 3 or ink[rows, columns].mean() < 0.3:
            continue
        grow = 1.5 * height * width / (2 * (height + width))
        left, top = max(0, int(columns.start - grow)), max(0, int(rows.start - grow))
        right = min(ink.shape[1], int(columns.stop + grow + 1))
        boxes.append((left, top, right, min(ink.shape[0], int(rows.stop + grow + 1))))
    return sorted(boxes, key=lambda box: box[1])


def line_pixels(image: Image.Image, width: int | None = None) -> np.ndarray:
    """A line of text 48 pixels high for the recogniser; with `width`, padded with grey on the right up to it."""
    natural = round(image.width * 48 / image.height)
    row = pixels(image, (min(natural, width or natural), 48))[..., ::-1]
    return np.pad(row, ((0, 0), (0, (width or natural) - row.shape[1]), (0, 0)))


@cache
def alphabet() -> list[str]:
    """What each class of the recogniser means; the model carries it. Class 0 is "no character here"."""
    model = onnx.load(RAPIDOCR.path(REC))
    characters = next(p.value for p in model.metadata_props if p.key == "character")
    return ["", *characters.split("\n"), " "]


def read(probabilities: np.ndarray) -> str:
    """CTC: the likeliest class per column, repeats once, blanks dropped. `probabilities`: columns × classes."""
    best = probabilities.argmax(axis=1)
    return "".join(alphabet()[k] for k, before in zip(best, [-1, *best[:-1]], strict=True) if k not in (0, before))


def _titles() -> Arrays:
    """The page's title, upright and upside down."""
    title = picture(PAGE).crop(TITLE)
    both = [title, title.rotate(180)]
    return {"x": nchw(*(pixels(line, (192, 48))[..., ::-1] for line in both))}


def _turned(outputs: Arrays) -> str:
    classes = outputs["save_infer_model/scale_0.tmp_1"].argmax(axis=1)
    return ", ".join(("upright", "upside down")[k] for k in classes)


def entries() -> list[Entry]:
    return [
        Entry(
            "ppocr-det",
            lambda: RAPIDOCR.path(DET),
            inputs=lambda: {"x": nchw(pixels(picture(PAGE), PAGE_SIZE)[..., ::-1])},
            check=lambda outputs: f"{len(lines_of(outputs['fetch_name_0'][0, 0]))} lines of text",
            expected="7 lines of text",
            licence=RAPIDOCR.licence,
            shapes={"x": (1, 3, 192, 384)},
        ),
        Entry(
            "ppocr-rec",
            lambda: RAPIDOCR.path(REC),
            inputs=lambda: {"x": nchw(line_pixels(picture(PAGE).crop(TITLE)))},
            check=lambda outputs: read(outputs["fetch_name_0"][0]),
            expected=TITLE_WORDS,
            licence=RAPIDOCR.licence,
            shapes={"x": (1, 3, 48, 519)},
        ),
        Entry(
            "ppocr-cls",
            lambda: RAPIDOCR.path(CLS),
            inputs=_titles,
            check=_turned,
            expected="upright, upside down",
            licence=RAPIDOCR.licence,
            shapes={"x": (2, 3, 48, 192)},
        ),
    ]
