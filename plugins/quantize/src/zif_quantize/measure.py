"""How close a quantized model comes to the float one: signal to quantization noise per output, in dB."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import onnx
from zif import StageFailed
from zif.plugin import Tally, is_float

from zif_quantize.calibration.checking import Checked, unfit
from zif_quantize.ort.tools import CpuSession

if TYPE_CHECKING:
    from zif import Model

    Sample = Mapping[str, Any]
    #: Per float output the energy of the signal and of the noise.
    Energies = Mapping[str, tuple[float, float]]


T = TypeVar("T")


class Runner(Protocol):
    """Something that runs inputs by name, such as a session."""

    def run(self, inputs: Sample, /) -> Mapping[str, Any]: ...


class Reference:
    """A model on ONNX Runtime's CPU provider, node by node: the reference for integer arithmetic.

    Raises InvalidModel when ONNX Runtime refuses the model.

    With optimizations, 8-bit groups run on kernels that saturate 16-bit sums on processors without VNNI, and a right
    model looks wrong.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self._session = CpuSession(proto.SerializeToString())
        self._names = [value.name for value in proto.graph.output]

    def run(self, inputs: Sample) -> dict[str, Any]:
        """The outputs by name. Raises StageFailed with what ONNX Runtime said of which node."""
        return dict(zip(self._names, self._session.run(self._names, inputs), strict=True))


class Judge:
    """The float model's outputs on samples, and how far another model is from them.

    The float model is the one that was given: what preparing it changed would show.

    The samples are inputs by name, as `zif.quantize` takes them; all are read and checked at once. Raises InvalidInput,
    with where it comes from, for one that the model cannot take, that holds NaN or infinity, or that it fails on, and
    InvalidModel where preparing has changed what the model computes.
    """

    def __init__(self, model: Model, samples: Iterable[Sample]) -> None:
        from zif_quantize.rewrites.faithful import as_given, refuse_changed
        from zif_quantize.rewrites.prepare import whole

        self.samples = Checked(model, samples if isinstance(samples, Sequence) else list(samples))
        exact = Reference(as_given(model) or whole(model))
        self._wanted = [self._exact(exact, place) for place in range(len(self.samples))]
        if self._wanted:
            refuse_changed(model, self.samples[0], self._wanted[0])

    def _exact(self, model: Reference, place: int) -> Mapping[str, Any]:
        sample = self.samples[place]
        try:
            return model.run(sample)
        except StageFailed as error:
            raise unfit(self.samples.label(place), error) from error

    def energies(self, other: Runner) -> list[Energies]:
        """Per sample and float output the energy of signal and noise."""
        return [
            {name: tally.energies for name, tally in self._tallied(other, [place]).items()}
            for place in range(len(self.samples))
        ]

    def tallies(self, other: Runner) -> dict[str, Tally]:
        """Signal and noise over all samples, per float output."""
        return self._tallied(other, range(len(self.samples)))

    def _tallied(self, other: Runner, places: Iterable[int]) -> dict[str, Tally]:
        tallies: dict[str, Tally] = {}
        for place in places:
            got = other.run(self.samples[place])
            for name, exact in self._wanted[place].items():
                if isinstance(exact, np.ndarray) and is_float(exact):
                    tallies.setdefault(name, Tally()).add(exact, got[name])
        return tallies

    def sqnr(self, other: Runner) -> dict[str, float]:
        """10 · log10(Σ signal² / Σ noise²) over all samples, per float output, in dB; infinite if nothing differs."""
        return {name: tally.sqnr_db for name, tally in self.tallies(other).items()}


def ratios(rows: Sequence[Energies]) -> dict[str, float]:
    """SQNR in dB per output over samples, whose energies are added up."""
    by_output = {}
    for name in rows[0] if rows else ():
        signal, noise = (math.fsum(row[name][place] for row in rows) for place in (0, 1))
        by_output[name] = _decibels(signal, noise)
    return by_output


def _decibels(signal: float, noise: float) -> float:
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal and math.isfinite(noise) else -math.inf


def spread(rows: Sequence[T], of: Callable[[Sequence[T]], float]) -> float:
    """The standard error of a figure over samples, by leaving out each in turn; infinite for a single one."""
    if len(rows) < 2:
        return math.inf
    apart = [of([*rows[:place], *rows[place + 1 :]]) for place in range(len(rows))]
    if not all(math.isfinite(figure) for figure in apart):
        return 0.0 if len(set(apart)) == 1 else math.inf
    mean = math.fsum(apart) / len(apart)
    return math.sqrt((len(apart) - 1) / len(apart) * math.fsum((figure - mean) ** 2 for figure in apart))


def worst(sqnr: Mapping[str, float]) -> float:
    """The figure of the worst output; infinite for a model without float outputs."""
    return min(sqnr.values(), default=math.inf)
