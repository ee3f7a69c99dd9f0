"""Values that nobody expects, for whatever a format lets one write."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

INTEGERS = (0, 1, -1, 2, 3, 7, 8, 64, 127, 128, 255, 256, 1000, 2**15, 2**16, 100_000, 2**24, 2**31 - 1, 2**31, 2**32)
INTEGERS += (-2, -7, -128, -(2**31), 2**40, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))
FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-45,
    1e-38,
    3e38,
    1e300,
    float("inf"),
    -float("inf"),
    float("nan"),
    255.5,
    2.0**63,
)
#: Names of files that are not the document's, from the folder that commands are run in.
STRAYS = (
    "../home/.bashrc",
    "../home/.ssh/id_ed25519",
    "/dev/zero",
    "/dev/stdin",
    "/etc/passwd",
    "..",
    ".",
    "/",
    "pipe",
)
STRAYS += ("a/../../home/.bashrc", "..\\home\\.bashrc", "C:\\x", "CON", "link", "keep.txt", "a" * 300, "x/" * 40 + "x")
TEXTS = (
    "",
    "x",
    " ",
    "\0",
    "\n",
    "0",
    "-1",
    "1e999",
    "nan",
    "true",
    "null",
    "[]",
    "{}",
    "%s%n",
    "ä",
    "\u202eevil",
    "\x1b[31m",
)
TEXTS += (
    "a" * 5000,
    "ai.onnx",
    "ai.onnx.ml",
    "com.microsoft",
    "host",
    "snapdragon-8-gen-3",
    "qnn_cpu",
    "float32",
    "\ud7ff",
)
TEXTS += ("tensor(float)", "seq(tensor(float))", "optional(", "<script>alert(1)</script>", "op:*", "zif.plan/1", "../x")
#: What stands in a document in the place of anything.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    10**400,
    1e308,
    "",
    "x",
    "1",
    [],
    [[]],
    {},
    {"a": 1},
    [1],
)


def integer(rng: Random, near: int = 0) -> int:
    """An odd whole number, or one that is next to what stood there."""
    return near + rng.choice((-1, 1, 2, -2)) if rng.random() < 0.4 else rng.choice(INTEGERS)


def floating(rng: Random) -> float:
    """An odd number."""
    return rng.choice(FLOATS)


def text(rng: Random) -> str:
    """An odd text; every third is a path."""
    return rng.choice(STRAYS if rng.random() < 0.33 else TEXTS)


def value(rng: Random) -> Any:
    """Anything that JSON can say."""
    draw = rng.random()
    if draw < 0.25:
        return integer(rng)
    if draw < 0.5:
        return text(rng)
    return floating(rng) if draw < 0.6 else copy.deepcopy(rng.choice(VALUES))  # for it will be changed, too


def spoiled(rng: Random, data: bytes) -> bytes:
    """Bytes flipped, cut, repeated or put in, in one to four places."""
    raw = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, count = rng.randrange(len(raw) + 1), rng.randint(1, 8)
        way = rng.choice(("flip", "flip", "cut", "repeat", "insert", "huge", "end"))
        if way == "flip" and at < len(raw):
            raw[at] ^= 1 << rng.randrange(8)
        elif way == "cut":
            del raw[at : at + count]
        elif way == "repeat":
            raw[at:at] = raw[at : at + count * 16]
        elif way == "end":
            del raw[at:]
        else:
            raw[at:at] = rng.randbytes(count) if way == "insert" else b"\xff" * count
    return bytes(raw)
