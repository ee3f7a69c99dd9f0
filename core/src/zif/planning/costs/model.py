"""Costs for one target: per unit, per model, and of moving tensors, each with where the figure comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.errors import UsageError
from zif.planning.costs import coefficients, corrections, features, precisions, roofline
from zif.records import Capabilities, Processor, Rates, Target

if TYPE_CHECKING:
    from zif.model import Model

Floats = NDArray[np.float64]

#: fitted: from latencies measured on this chip or, by the ratio of rates, on its nearest relative. corrected: such, and
#: times that the user measured on the chip. roofline: from rates. declared: the backend's own figure. measured: this
#: model on this device.
Source = Literal["fitted", "corrected", "roofline", "declared", "measured"]

#: Of a roofline nobody knows how far it is off; within a factor of two in what was tried.
UNKNOWN = (0.5, 2.0)


#: Precisions that cost what another does, and those whose figures were held against measured ones.
_PRICED_AS = {"fp32": "fp16", "bf16": "fp16", "int4": "int8"}
_OWN = ("fp32", "fp16", "int16", "int8")


@frozen
class Estimate:
    """A figure and where it comes from. `error`: median relative error of such figures when models are left out of the
    fit, for whole models; None where that is not known. `note`: what else there is to say. `between`: least and most
    in microseconds, eight times of ten; None where that is not known, either.
    """

    us: float
    source: Source
    error: float | None = None
    note: str = ""
    between: tuple[float, float] | None = None


class CostModel:
    """Costs for one target, in microseconds. The same for equal input; reads no weights.

    `kept`: the user's corrections; those in the folder of zif's data unless they are given.
    """

    def __init__(self, target: Target, kept: Sequence[corrections.Correction] | None = None) -> None:
        self.target = target
        self.kept = corrections.kept() if kept is None else list(kept)
        self._fitted: dict[tuple[str, str], coefficients.Coefficients | None] = {}

    def rates(self, capabilities: Capabilities) -> Rates:
        """The backend's own rates, or those of the target's processor with the launch cost that was fitted.

        Raises UsageError when there are neither.
        """
        return capabilities.rates or self._rates(
            capabilities.processor, capabilities.preferred_precision, capabilities.toolchain
        )

    def unit_costs(self, model: Model, capabilities: Capabilities) -> tuple[Floats, NDArray[Any]]:
        """(float64[n] microseconds, object[n] source) for every unit of the model, supported there or not."""
        rates = capabilities.rates or self._target_rates(capabilities.processor)
        return self._price(
            features.of_model(model),
            [unit.precision for unit in model.units],
            rates,
            capabilities.processor if capabilities.rates is None else None,
            capabilities.preferred_precision,
            capabilities.toolchain,
        )

    def unit_bounds(self, model: Model, capabilities: Capabilities) -> Floats:
        """float64[n, 2]: least and most of every unit's cost as multiples of it, when a whole model's are meant."""
        rates = capabilities.rates or self._target_rates(capabilities.processor)
        own = capabilities.rates is None and capabilities.processor == "npu"
        bounds: dict[str, tuple[float, float]] = {}
        for word in {unit.precision for unit in model.units}:
            runs_in = precisions.on_processor(word, rates.macs_per_s, capabilities.preferred_precision)
            fit = self._coefficients(runs_in, capabilities.toolchain) if own else None
            bounds[word] = (fit.between if fit is not None else None) or UNKNOWN
        return np.array([bounds[unit.precision] for unit in model.units], dtype=np.float64).reshape(-1, 2)

    def correction(self, toolchain: str) -> corrections.Correction | None:
        """The user's correction that the prices of this toolchain hold; None without one."""
        words = [word for (word, version), fit in self._fitted.items() if fit is not None and version == toolchain]
        candidates = (self._correction(coefficients.fitted(self.target, word), toolchain) for word in words)
        return next((correction for correction in candidates if correction is not None), None)

    def model_us(self, model: Model, processor: Processor, precision: str | None = None) -> Estimate:
        """The whole model in one segment on one processor: launch, units, and moving its inputs and outputs.

        `precision` ("fp16", "int8", "int16", …) asks what the model would cost in it, if it were quantized so. Raises
        UsageError when the target has no such processor.
        """
        rates = self._rates(processor, precision or "fp16")
        words = [precision or unit.precision for unit in model.units]
        us, source = self._price(features.of_model(model), words, rates, processor, precision or "fp16", "")
        shrink = precisions.width(precision) / 4 if precision in ("int8", "int16", "int4") else 1.0
        edges = sum(self.transfer_us((v.nbytes or 0) * shrink, processor) for v in (*model.inputs, *model.outputs))
        basis: Source = next((basis for basis in ("corrected", "fitted") if basis in source), "roofline")
        return self._estimate(float(us.sum()) + rates.launch_us + edges, basis, processor, precision or "fp16")

    def transfer_us(self, nbytes: float, processor: Processor) -> float:
        """Moving one tensor between the processor and host memory, either way; nothing for the CPU [estimated]."""
        rates = self._target_rates(processor)
        return 0.0 if processor == "cpu" else rates.link_us + nbytes / rates.link_bytes_per_s * 1e6

    def energy_uj(self, us: float, processor: Processor) -> float:
        """Microjoules of keeping the processor busy for so long: its power times the time, both estimates."""
        return us * self._target_rates(processor).watts

    def _price(
        self,
        counted: features.Features,
        words: list[str],
        rates: Rates,
        processor: Processor | None,
        preferred: str,
        toolchain: str,
    ) -> tuple[Floats, NDArray[Any]]:
        """Price units by the arithmetic that each runs in. Without a processor, the rates are all there is."""
        us, source = np.zeros(len(words)), np.full(len(words), "roofline", dtype=object)
        runs_in = {w: precisions.on_processor(w, rates.macs_per_s, preferred) for w in set(words)}
        chosen = np.array([runs_in[word] for word in words], dtype=object)
        for word in sorted(set(runs_in.values())):
            rows = np.flatnonzero(chosen == word)
            part = features.Features(*(column[rows] for column in attrs.astuple(counted, recurse=False)))
            fit = self._coefficients(word, toolchain) if processor == "npu" else None
            if fit is not None:
                us[rows] = part.counts @ fit.us * took(fit, counted, word)
                source[rows] = self._word(word, toolchain)
            else:
                rate = rates.macs_per_s.get(word) or min(rates.macs_per_s.values())
                us[rows] = roofline.microseconds(part, rates, rate, precisions.width(word))
        return us, source

    def _coefficients(self, precision: str, toolchain: str = "") -> coefficients.Coefficients | None:
        word = _PRICED_AS.get(precision, precision)
        if (word, toolchain) not in self._fitted:
            fit = coefficients.fitted(self.target, word)
            correction = self._correction(fit, toolchain)
            if fit is not None and correction is not None and word in correction.factors:
                fit = coefficients.corrected(fit, correction.factors[word])
            self._fitted[word, toolchain] = fit
        return self._fitted[word, toolchain]

    def _correction(self, fit: coefficients.Coefficients | None, toolchain: str) -> corrections.Correction | None:
        if fit is None or fit.table is None or not self.kept:
            return None
        return corrections.find(self.kept, self.target.name, toolchain, fit.table.stamp)

    def _word(self, precision: str, toolchain: str) -> str:
        word = _PRICED_AS.get(precision, precision)
        correction = self._correction(coefficients.fitted(self.target, word), toolchain) if self.kept else None
        return "corrected" if correction is not None and word in correction.factors else "fitted"

    def _rates(self, processor: Processor, preferred: str, toolchain: str = "") -> Rates:
        rates = self._target_rates(processor)
        if processor != "npu":
            return rates
        order = [preferred, *rates.macs_per_s]
        fit = next(
            (fitted for word in order if (fitted := self._coefficients(word, toolchain)) is not None),
            None,
        )
        if fit is None:
            return rates
        how = f"the launch is fitted, {fit.note}" if fit.note else "the launch is fitted"
        return attrs.evolve(rates, launch_us=round(fit.launch_us, 1), source=f"{rates.source}; {how}")

    def _target_rates(self, processor: str) -> Rates:
        rates = self.target.processors.get(processor)
        if rates is None:
            known = ", ".join(self.target.processors) or "none"
            raise UsageError(f"{self.target.name} has no {processor}; its processors are {known}.")
        return rates

    def _estimate(self, us: float, source: Source, processor: Processor, precision: str) -> Estimate:
        fit = self._coefficients(precision) if source in ("fitted", "corrected") and processor == "npu" else None
        if fit is None:
            return Estimate(us, source, note=self._target_rates(processor).source)
        between = (us * fit.between[0], us * fit.between[1]) if fit.between else None
        return Estimate(us, source, fit.error if precision in _OWN else None, fit.note, between)


def took(fit: coefficients.Coefficients, counted: features.Features, precision: str) -> float:
    """How many times as long as its prices say a graph took that was measured on other chips; 1 for any other."""
    known = fit.table.graph(counted.counts.sum(axis=0)) if fit.table is not None else None
    return known.took.get(_PRICED_AS.get(precision, precision), 1.0) if known is not None else 1.0
