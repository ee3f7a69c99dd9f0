"""ddddocr: reads the string of a captcha (one CRNN is in dynamic int8), finds characters on a photograph."""

from __future__ import annotations

import ast
from functools import cache

import numpy as np
from PIL import ImageDraw, ImageFont

from zoo.entry import Arrays, Entry
from zoo.packages import DDDDOCR
from zoo.pictures import drawn, nchw, picture, pixels

WORD = "7xQ4"
SIDE = 416
#: What is written on the photograph, and where each character starts.
SCATTERED = {"7": (30, 40), "Q": (125, 90), "R": (220, 40), "4": (315, 90)}


@cache
def alphabet(name: str) -> list[str]:
    """What each class means: one of the lists in a Python file, read without running it."""
    tree = ast.parse(DDDDOCR.path("ddddocr/charsets.py").read_text(encoding="utf-8"))
    lists = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    return list(ast.literal_eval(lists[name]))


def _grey() -> Arrays:
    image = drawn(WORD)
    return {"input1": nchw(pixels(image.convert("L").convert("RGB"), low=0.0)[..., :1])}


def _read(outputs: Arrays, letters: list[str]) -> str:
    best = outputs["387"].reshape(-1, len(letters)).argmax(axis=1)
    return "".join(letters[k] for k, before in zip(best, [-1, *best[:-1]], strict=True) if k not in (0, before))


def _scattered() -> Arrays:
    """A photograph with coloured characters on it, in the upper half of a grey square, BGR from 0 to 255."""
    photo = picture("chelsea.png").resize((SIDE, SIDE // 2))
    draw, font = ImageDraw.Draw(photo), ImageFont.load_default(70)
    for letter, spot in SCATTERED.items():
        draw.text(spot, letter, ("red", "blue", "white", "yellow")[spot[0] % 4], font)
    canvas = np.full((SIDE, SIDE, 3), 114, np.float32)
    canvas[: SIDE // 2] = np.asarray(photo)[..., ::-1]
    return {"images": nchw(canvas)}


def _boxes(outputs: Arrays) -> np.ndarray:
    """YOLOX: per cell an offset, the logarithm of a size and two scores → left, top, right, bottom, score."""
    raw = outputs["output"][0]
    cells = [np.indices((SIDE // s, SIDE // s))[::-1].reshape(2, -1).T for s in (8, 16, 32)]
    stride = np.concatenate([np.full(len(c), s) for c, s in zip(cells, (8, 16, 32), strict=True)])[:, None]
    centre, half = (raw[:, :2] + np.concatenate(cells)) * stride, np.exp(raw[:, 2:4]) * stride / 2
    return np.hstack([centre - half, centre + half, raw[:, 4:5] * raw[:, 5:6]])


def _found(outputs: Arrays) -> str:
    """The characters whose place lies in a box; one that lies elsewhere would show as "?"."""
    boxes = _boxes(outputs)
    found = set()
    for left, top, right, bottom, _ in boxes[boxes[:, 4] > 0.4]:
        inside = [c for c, (x, y) in SCATTERED.items() if left < x + 20 < right and top < y + 40 < bottom]
        found.add(inside[0] if len(inside) == 1 else "?")
    return " ".join(sorted(found))


def _reader(name: str, file: str, letters: str, word: str) -> Entry:
    return Entry(
        name,
        lambda: DDDDOCR.path(f"ddddocr/{file}.onnx"),
        inputs=_grey,
        check=lambda outputs: _read(outputs, alphabet(letters)),
        expected=word,
        licence=DDDDOCR.licence,
        shapes={"input1": (1, 1, 64, 160)},
        slow=True,
    )


def entries() -> list[Entry]:
    return [
        _reader("ddddocr", "common", "CHARSET_BETA", WORD),
        _reader("ddddocr-int8", "common_old", "CHARSET_OLD", WORD.lower()),
        Entry(
            "ddddocr-det",
            lambda: DDDDOCR.path("ddddocr/common_det.onnx"),
            inputs=_scattered,
            check=_found,
            expected=" ".join(sorted(SCATTERED)),
            licence=DDDDOCR.licence,
            slow=True,
        ),
    ]
