"""How much a foreign file may ask for, in one place; each limit has a name, is said in its message and can be raised.

A limit is there so that a small file cannot fill the memory. It stands well above what real files need, and whoever
has a larger one sets the environment variable that the message names.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from zif.errors import UsageError
from zif.files.wording import parsed_size, size


class Limit(NamedTuple):
    """The most that is taken of something: `default`, unless the environment variable says otherwise."""

    environment: str
    default: int
    bytes: bool = True

    @property
    def value(self) -> int:
        """The limit as it holds now. Raises UsageError for a variable that is no size ("500M", "2G", "4096")."""
        text = os.environ.get(self.environment, "")
        if not text:
            return self.default
        value = parsed_size(text)
        if value is None:
            raise UsageError(f"{self.environment}={text!r} is no size; examples: 500M, 2G, 100000")
        return value

    def exceeded(self, what: str, amount: int | None = None) -> str:
        """The sentence for more than that: what it was, the limit, and how to raise it."""
        told = "" if amount is None else f"{self._told(amount)}, "
        return (
            f"{what} {told}more than the {self._told(self.value)} that zif takes: "
            f"set {self.environment} to raise that, if you trust the file"
        )

    def _told(self, amount: int) -> str:
        return size(amount) if self.bytes else f"{amount:,}"


#: A text: a list of inputs, a document, a table.
TEXT = Limit("ZIF_MAX_TEXT", 256 << 20)
#: The values of a JSON document (its commas and brackets): each costs memory of its own, however short it is written.
VALUES = Limit("ZIF_MAX_VALUES", 16_000_000, bytes=False)
#: What the compressed members of one archive may come to.
EXPANDED = Limit("ZIF_MAX_EXPANDED", 1 << 30)
#: How many times larger a compressed member may become than it is in the file; smaller ones than `FREELY` may be more.
EXPANSION = Limit("ZIF_MAX_EXPANSION", 200, bytes=False)
#: The array of one file, or so many rows of it as are read at once: a file may say to be longer than any disk is.
ARRAY = Limit("ZIF_MAX_ARRAY", 4 << 30)
#: A file of weights that a frontend reads whole: what one message of protobuf holds.
WEIGHTS = Limit("ZIF_MAX_WEIGHTS", (2 << 30) - 1)
#: The dots of a picture, width × height, as it is and as it is resized: as a tensor, each takes some 25 bytes.
PIXELS = Limit("ZIF_MAX_PIXELS", 50_000_000, bytes=False)
#: The samples of one calibration file.
SAMPLES = Limit("ZIF_MAX_SAMPLES", 10_000_000, bytes=False)
#: What reading a model may make of it beyond the file: dense forms of sparse tensors, functions written out where they
#: are called, constants that are computed.
MADE = Limit("ZIF_MAX_MADE", 256 << 20)
#: The memory of a command on small files; on larger ones it may take `EXPANSION` times their size.
MEMORY = Limit("ZIF_MAX_MEMORY", 1536 << 20)
#: The nodes of a model, those in bodies included, with functions written out where they are called.
NODES = Limit("ZIF_MAX_NODES", 2_000_000, bytes=False)
#: The nodes that a model's functions may come to where they are called: a thousand bytes can call for millions.
INLINED = Limit("ZIF_MAX_INLINED", 20_000, bytes=False)
#: The turns of loops whose condition never ends them, over a whole model: nine bytes can say to turn for a century.
TURNS = Limit("ZIF_MAX_TURNS", 1_000_000, bytes=False)
#: How many times over tensors may refer to the bytes of a data file; smaller sums than `FREELY` may do so more often.
SHARED = Limit("ZIF_MAX_SHARED", 16, bytes=False)


def memory_advice() -> str:
    """What to say where memory ran out: how much this process may take, and how to have more; "" without a limit.

    A command lowers the soft limit and leaves the hard one (`zif.cli.allowance`); its workers inherit both.
    """
    if sys.platform != "linux":
        return ""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft in (resource.RLIM_INFINITY, hard):
        return ""
    return f"on these files a command may take {size(soft)}: {MEMORY.environment}=8G raises that, if you trust them"


def is_shape(dims: Sequence[int]) -> bool:
    """Whether an array can have these dimensions. Computed in Python's integers: numpy's would wrap around."""
    return len(dims) <= RANK and min(dims, default=0) >= 0 and math.prod(filter(None, dims)) < ELEMENTS


#: Bytes that a compressed member may always become.
FREELY = 64 << 20
#: How deep lists and tables may stand in each other: zif's own documents are at most 12 deep, arrays at most 64.
DEPTH = 66
#: Digits of a whole number in a document; what is longer fits no number that zif computes with.
DIGITS = 300
#: The header of an .npy: numpy's own limit.
HEADER = 10_000
#: The dimensions of an array: numpy's own limit.
RANK = 64
#: The elements of an array, its empty dimensions left out: what addresses of 64 bits leave for it.
ELEMENTS = 1 << 62
#: How deep bodies of If, Loop and Scan may stand in each other: what protobuf reads of them in one file.
NESTING = 30
#: Members of an archive.
MEMBERS = 65_535
#: A relative name: characters in all, bytes of a part between slashes, parts.
NAME, PART, PARTS = 1000, 255, 32
