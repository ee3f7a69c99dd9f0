"""Real inputs to calibrate the zoo's models with: of the same kind as an entry's own, and never the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from zoo import captcha, faces, filetypes, music, ocr, photos, sentences, voice
from zoo.entry import Arrays, Entry, Run
from zoo.packages import SKIMAGE
from zoo.pictures import drawn, nchw, picture, pixels

_WORDS = ("A quick brown fox", "jumps over 13 dogs", "Total: 42.50 EUR", "Watershed, markers", "elevation map")
_PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png")
#: Other lines of the page than the title: top and bottom in pixels.
_ROWS = ((40, 62), (62, 84), (84, 106), (106, 128), (128, 150), (150, 172))


def feeds(entry: Entry, run: Run) -> list[Arrays]:
    """Inputs for calibration; `run` is the float model, for those whose state goes round. Empty: there are none."""
    family = next((made for name, made in _FAMILIES.items() if entry.name.startswith(name)), None)
    return family(entry, run) if family else []


def _pnet(entry: Entry, run: Run) -> list[Arrays]:
    shown = [pixels(picture(name), (64, 64)) for name in _PHOTOS[:3]]
    shown += [pixels(picture("astronaut.png").crop((x, 0, x + 256, 256)), (64, 64)) for x in (0, 64, 128, 200)]
    return [{"input_1": faces._upright([image])} for image in shown]


def _lfw(size: int, spans: list[tuple[int, int]]) -> list[np.ndarray]:
    crops = np.load(SKIMAGE.path("skimage/data/lfw_subset.npy"))
    rows = np.concatenate([crops[a:b] for a, b in spans])
    return [pixels(Image.fromarray(np.uint8(crop * 255)).convert("RGB"), (size, size)) for crop in rows]


def _rnet(entry: Entry, run: Run) -> list[Arrays]:
    return [
        {"input_2": faces._upright(_lfw(24, [(30 * k, 30 * k + 30), (100 + 30 * k, 130 + 30 * k)]))} for k in (1, 2)
    ]


def _onet(entry: Entry, run: Run) -> list[Arrays]:
    shown = _lfw(48, [(0, 60), (100, 110)])
    shown += [pixels(picture("astronaut.png").crop((150, 45, 300, 195)), (48, 48))]
    return [{"input_3": faces._upright([image])} for image in shown]


def _page_variants() -> list[Image.Image]:
    page = picture(ocr.PAGE)
    mirrored = page.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    written = Image.new("RGB", ocr.PAGE_SIZE, "white")
    for row, words in enumerate(_WORDS):
        written.paste(drawn(words, (340, 34)), (10, 4 + 36 * row))
    return [page.crop((20, 10, 300, 150)), page.rotate(180), mirrored, written, picture("coffee.png")]


def _det(entry: Entry, run: Run) -> list[Arrays]:
    return [{"x": nchw(pixels(image, ocr.PAGE_SIZE)[..., ::-1])} for image in _page_variants()]


def _rec(entry: Entry, run: Run) -> list[Arrays]:
    page = picture(ocr.PAGE)
    lines = [page.crop((3, top, 295, bottom)) for top, bottom in _ROWS] + [drawn(words, (519, 48)) for words in _WORDS]
    return [{"x": nchw(ocr.line_pixels(line.resize((519, 48)), 519))} for line in lines]


def _cls(entry: Entry, run: Run) -> list[Arrays]:
    page = picture(ocr.PAGE)
    lines = [page.crop((3, top, 295, bottom)) for top, bottom in _ROWS] + [drawn(words, (519, 48)) for words in _WORDS]
    both = [(pixels(line, (192, 48))[..., ::-1], pixels(line.rotate(180), (192, 48))[..., ::-1]) for line in lines]
    return [{"x": nchw(*pair)} for pair in both]


def _stream(entry: Entry, run: Run) -> list[Arrays]:
    """Every fourth frame of another sentence, with the state that the frames before it leave."""
    feed, found = dict(entry.inputs()), []
    feed["state"] = np.zeros_like(feed["state"])
    for number, frame in enumerate(voice.frames("0880")[:160]):
        feed |= {"input": frame[None]}
        if number % 4 == 0:
            found.append(dict(feed))
        feed["state"] = run(feed)["stateN"]
    return found


def _sentence(entry: Entry, run: Run) -> list[Arrays]:
    own = dict(entry.inputs())
    count = len(own["input"])
    found = []
    for name in ("0870", "0880", "0890"):
        sound = voice.frames(name)
        repeats = -(-count // len(sound))
        found.append(own | {"input": np.ascontiguousarray(np.tile(sound, (repeats, 1))[:count])})
    return found


def _files(entry: Entry, run: Run) -> list[Arrays]:
    """Sources, texts and pictures of this repository and of the packages, six at a time."""
    root = Path(__file__).parents[2]
    kinds = [sorted(root.glob(pattern))[:10] for pattern in ("core/src/zif/*.py", "docs/**/*.md", "*.toml")]
    paths = [path for kind in kinds for path in kind]
    paths += [SKIMAGE.path(f"skimage/data/{name}") for name in ("chelsea.png", "coffee.png")]
    groups = [paths[first::6] for first in range(6)]  # of every kind some
    return [{"bytes": np.stack([filetypes._ends(path) for path in row])} for row in zip(*groups, strict=False)]


def _chords(entry: Entry, run: Run) -> list[Arrays]:
    chords = ((45, 52, 57), (50, 57, 65), (43, 59, 67), (60, 72), (40, 47, 52, 56))
    sums = [np.sum([music.plucked(note) for note in chord], axis=0) / len(chord) for chord in chords]
    return [{"serving_default_input_2:0": s.astype(np.float32).reshape(1, -1, 1)} for s in sums]


def _captchas(entry: Entry, run: Run) -> list[Arrays]:
    images = [drawn(word) for word in ("3Kp9", "aB2c", "Zt8m", "H5nY", "q6Rw", "8DvE", "xJ4u", "9LfG")]
    return [{"input1": nchw(pixels(image.convert("L").convert("RGB"), low=0.0)[..., :1])} for image in images]


def _scattered(entry: Entry, run: Run) -> list[Arrays]:
    """Photographs, upright and mirrored, with other characters at other places."""
    canvases = []
    for number, words in enumerate(("R 7 Q", "K 3 d", "W e 8")):
        for name in _PHOTOS[1:]:
            canvas = np.full((captcha.SIDE, captcha.SIDE, 3), 114, np.float32)
            photo = picture(name).resize((captcha.SIDE, captcha.SIDE // 2))
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if number % 2 else photo
            photo.paste(drawn(words, (200, 64)), (60 + 40 * number, 60 - 20 * number))
            canvas[: captcha.SIDE // 2] = np.asarray(photo)[..., ::-1]
            canvases.append(canvas)
    return [{"images": nchw(canvas)} for canvas in canvases]


def _pictures(entry: Entry, run: Run) -> list[Arrays]:
    """Photographs for the networks whose weights are made up."""
    ((name, value),) = entry.inputs().items()
    _, channels, height, width = value.shape
    return [{name: nchw(pixels(picture(photo), (width, height), 0.0, 1.0)[..., :channels])} for photo in _PHOTOS]


def _squares(entry: Entry, run: Run) -> list[Arrays]:
    """Other parts of the photographs, and of another, four at a time: large and small ones."""
    names = (*photos.PHOTOS, "astronaut.png")
    places = [(0.0, 0.3, 0.8), (1.0, 0.6, 0.8), (0.3, 0.0, 0.6), (0.7, 1.0, 0.6), (0.5, 0.4, 1.0), (0.2, 0.8, 0.5)]
    crops = [photos.square(name, *place) for place in places for name in names]
    return [{"image": nchw(*crops[first : first + 4])} for first in range(0, len(crops) - 3, 4)]


def _sentences(entry: Entry, run: Run) -> list[Arrays]:
    return [sentences.feed(number) for number in range(1, 10)]


_FAMILIES: dict[str, Callable[[Entry, Run], list[Arrays]]] = {
    "mtcnn-pnet": _pnet,
    "mtcnn-rnet": _rnet,
    "mtcnn-onet": _onet,
    "ppocr-det": _det,
    "ppocr-rec": _rec,
    "ppocr-cls": _cls,
    "silero-sequence": _sentence,
    "silero": _stream,
    "magika": _files,
    "basic-pitch": _chords,
    "ddddocr-det": _scattered,
    "ddddocr": _captchas,
    "light": _pictures,
    "efficientnet": _squares,
    "minilm": _sentences,
}
