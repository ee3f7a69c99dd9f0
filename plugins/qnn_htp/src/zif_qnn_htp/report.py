"""The backend's report of itself: which chip, emulator or hardware, which versions, what it takes, what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from zif import BackendUnavailable, Capabilities, Target, Verdict
from zif.plugin import observed_units
from zif_qnn_runtime import LARGEST, Memory, Probed, QnnError, Status, status, toolchain

from zif_qnn_htp.chips import Chip, NoChip, artifact_label, chip_of
from zif_qnn_htp.operators import claims
from zif_qnn_htp.options import HtpOptions
from zif_qnn_htp.quantizing import RULES
from zif_qnn_htp.refusals.nans import NEEDLESS, needless
from zif_qnn_htp.verdicts import probe

if TYPE_CHECKING:
    from zif import Model

MEMORY = Memory("qnn_htp", "zif-qnn-htp")
_CAVEATS = (
    "float operators are computed in fp16: values beyond 65504 saturate",
    "int64 values are computed as int32",
)


def report(target: Target, model: Model | None) -> Capabilities:
    """The answer of the hook `capabilities`."""
    chip, library, words = chip_of(target), status("htp"), toolchain("htp")
    reason = library.reason or (chip.reason if isinstance(chip, NoChip) else "")
    if reason or isinstance(chip, NoChip):
        return _general(library, words, reason, notes=library.notes)
    notes = tuple(filter(None, (chip.remark, *library.notes, *_CAVEATS)))
    general = _of_chip(_general(library, words, "", notes), chip, target)
    if model is None:
        return general
    try:
        probed = ask(model, chip, words)
    except (QnnError, BackendUnavailable) as error:
        return evolve(general, available=False, reason=str(error))
    return evolve(general, notes=(*notes, *probed.notes), verdicts=dict(probed.verdicts))


def _general(library: Status, words: str, reason: str, notes: tuple[str, ...]) -> Capabilities:
    """What holds for every chip."""
    return Capabilities(
        processor="npu",
        kind=library.kind,
        available=not reason,
        reason=reason,
        toolchain=words,
        preferred_precision="int8",
        power_efficiency=0.9,
        max_tensor_bytes=LARGEST,
        options=HtpOptions,
        config_sections=("htp_config",),
        isolate=library.kind == "emulator",
        quantization=RULES,
        notes=notes,
    )


def _of_chip(general: Capabilities, chip: Chip, target: Target) -> Capabilities:
    return evolve(
        general,
        ops=claims(),
        rates=chip.rates,
        local_memory_bytes=chip.vtcm_mb and chip.vtcm_mb << 20,
        artifact_label=artifact_label(target),
    )


def ask(model: Model, chip: Chip, words: str) -> Probed:
    """The compiler's answer, from memory where the same was asked before, with what this plugin weighs itself.

    What else was observed core hears from `observed.json`; here it only tells which questions end the process.
    """
    crashing = observed_units("zif_qnn_htp", model, "observed-crash")
    name = MEMORY.key(model.stamp, words, (chip, sorted(crashing)))
    probed = MEMORY.recall(name)
    if probed is None:
        probed = probe(model, chip, crashing)
        MEMORY.keep(name, probed)
    weighed = {unit: _weighed(said) for unit in needless(model) if (said := probed.verdicts[unit]).supported}
    return evolve(probed, verdicts={**probed.verdicts, **weighed})


def _weighed(said: Verdict) -> Verdict:
    """The compiler's yes, held against what was observed."""
    return Verdict(True, "observed", reason=NEEDLESS, overruled=said.chain)


def chip(target: Target) -> Chip:
    """The chip of a target. Raises BackendUnavailable with the reason when it has no NPU that QNN compiles for."""
    fitted_chip = chip_of(target)
    if isinstance(fitted_chip, NoChip):
        raise BackendUnavailable(fitted_chip.reason)
    return fitted_chip


__all__ = ["ask", "chip", "report"]
