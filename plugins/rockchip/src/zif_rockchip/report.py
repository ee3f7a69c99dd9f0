"""The backend's report of itself: which chip, board or simulator, which versions, what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from zif import BackendUnavailable, Capabilities, StageFailed, Target, Verdict
from zif.plugin import observed_units

from zif_rockchip import memory
from zif_rockchip.chips import Chip, NoChip, artifact_label, chip_of
from zif_rockchip.options import RknnOptions
from zif_rockchip.probing import Probed, probe
from zif_rockchip.quantizing import RULES
from zif_rockchip.toolkit import Installed, installed

if TYPE_CHECKING:
    from zif import Model

SIMULATED = (
    "the simulator computes from the toolkit's graph, not from the .rknn file: it shows the precision, not the chip"
)
_CAVEATS = ("float operators are computed in fp16: values beyond 65504 are lost",)
_NO_COMPILER = "there is no compiler on the board: compile on a PC, where rknn-toolkit2 is, and bring the bundle"


def report(target: Target, model: Model | None) -> Capabilities:
    """The answer of the hook `capabilities`."""
    here, chip = installed(), chip_of(target)
    reason = here.reason or (chip.reason if isinstance(chip, NoChip) else "")
    if reason or isinstance(chip, NoChip):
        return _general(here, reason, ())
    caveats = _CAVEATS if chip.fp16 else ()
    notes = tuple(filter(None, (chip.remark, SIMULATED if here.kind == "emulator" else "", *caveats)))
    general = evolve(_general(here, "", notes), rates=chip.rates, artifact_label=artifact_label(target))
    if model is None:
        return general
    if not here.toolkit:
        unknown = Verdict(None, "probed", "probe-failed", _NO_COMPILER)
        return evolve(general, verdicts={unit.id: unknown for unit in model.units})
    try:
        probed = ask(model, chip, here.words)
    except (BackendUnavailable, StageFailed) as error:
        return evolve(general, available=False, reason=str(error))
    return evolve(general, notes=(*notes, *probed.notes), verdicts=dict(probed.verdicts))


def _general(here: Installed, reason: str, notes: tuple[str, ...]) -> Capabilities:
    """What holds for every chip."""
    return Capabilities(
        processor="npu",
        kind=here.kind,
        label="simulator" if here.kind == "emulator" else "",
        available=not reason,
        reason=reason,
        toolchain=here.words,
        preferred_precision="int8",
        power_efficiency=0.9,
        options=RknnOptions,
        isolate=True,
        quantization=RULES,
        notes=notes,
    )


def ask(model: Model, chip: Chip, words: str) -> Probed:
    """The compiler's answer, from memory where the same was asked before."""
    crashing = observed_units("zif_rockchip", model, "observed-crash")
    name = memory.key(_identity(model), words, (chip, sorted(crashing)))
    probed = memory.recall(name)
    if probed is None:
        probed = probe(model, chip, sorted(crashing))
        memory.keep(name, probed)
    return probed


def _identity(model: Model) -> str:
    """The model with its weights; without them where they are not there, as when a plan is made from a graph alone."""
    from zif import InvalidModel

    try:
        model.check_external()
    except InvalidModel:
        return f"without weights {model.fingerprint}"
    return model.digest


def chip(target: Target) -> Chip:
    """The chip of a target. Raises BackendUnavailable with the reason when it has no NPU of Rockchip's."""
    fitted_chip = chip_of(target)
    if isinstance(fitted_chip, NoChip):
        raise BackendUnavailable(fitted_chip.reason)
    return fitted_chip
