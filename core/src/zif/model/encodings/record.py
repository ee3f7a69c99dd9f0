"""What an encoding is, whatever file it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from attrs import Factory, field, frozen

Kind = Literal["activation", "param"]
#: Bits that an encoding can have; 32 is for biases.
BITWIDTHS = (4, 8, 16, 32)
#: The least scale that a float32 holds with full precision.
LEAST_SCALE = float(np.finfo(np.float32).tiny)


@frozen
class Encoding:
    """How one tensor is quantized: real = (stored − zero_point) × scale, in ONNX's terms.

    dtype: element type of the stored integers, such as "uint8"; "float16" or "float32" for a tensor that stays float,
    which has no scale. scale: exact float32 values, one, or one per channel; zero_point likewise. axis: of the
    channels; None per tensor, or where the file does not say. readers: when not empty, the encoding holds for these
    nodes only (and for the graph's output, where the tensor's own name is among them) and is a conversion from the
    tensor's own.
    """

    name: str
    kind: Kind
    dtype: str
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis: int | None = None
    readers: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """Bits of a stored value."""
        return int(self.dtype.lstrip("uintfloa"))

    @property
    def is_float(self) -> bool:
        """Whether the tensor stays float."""
        return self.dtype.startswith("float")

    @property
    def signed(self) -> bool:
        """Whether stored values may be negative."""
        return not self.dtype.startswith("u")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Offsets as files have them, for values stored without sign: real = (stored + offset) × scale."""
        shift = 2 ** (self.bits - 1) if self.signed else 0
        return tuple(-zero - shift for zero in self.zero_point)


@frozen
class Problem:
    """What is wrong with one entry of a file, and what it should be. `fixable`: min and max tell what is meant."""

    name: str
    text: str
    fixable: bool = False

    def __str__(self) -> str:
        return f"{self.name!r}: {self.text}"


@frozen(eq=False)
class Encodings:
    """The entries of a file in its order, what is wrong with it, and its default bitwidths ("activation", "param").

    Entries with a problem are not in `entries`; what min and max say of fixable ones is in `repairs`. extra: what a
    file of AIMET's says beside its entries ("producer", "excluded_layers", "quantizer_args"), as it stands there.
    """

    entries: tuple[Encoding, ...]
    format: str = "2.0.0"
    defaults: Mapping[str, int] = Factory(dict)
    problems: tuple[Problem, ...] = ()
    repairs: tuple[Encoding, ...] = field(default=(), repr=False)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


def exact(value: Any) -> float:
    """The float32 nearest to a number, as Python's float; infinite beyond what float32 holds."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))
