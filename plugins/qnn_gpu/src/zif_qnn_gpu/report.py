"""The backend's report of itself: the GPU or its emulator, why, what it takes, and what both leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from zif import BackendUnavailable, Capabilities, Target, Verdict
from zif_qnn_runtime import LARGEST, Memory, Probed, QnnError, Status, gpu_operators, host_kind, status, toolchain

from zif_qnn_gpu.emulator import objection
from zif_qnn_gpu.operators import claims, document
from zif_qnn_gpu.options import GpuOptions
from zif_qnn_gpu.verdicts import declared, probed

if TYPE_CHECKING:
    from zif import Model, Rates

#: Shown wherever the emulator's work is: it rounds as the GPU stores, and is not libQnnGpu.
LABEL = "emulator (fp16 rounding on CPU)"
MEMORY = Memory("qnn_gpu", "zif-qnn-gpu")
#: Whose GPU the emulator is priced as when no chip was named.
DEFAULT = "snapdragon-8-gen-3"


def report(target: Target, model: Model | None) -> Capabilities:
    """The answer of the hook `capabilities`."""
    library = status("gpu")
    emulated = not library.available
    rates, remark = _rates(target)
    verdicts, told = verdicts_on(model, emulated) if model is not None else ({}, ())
    return Capabilities(
        processor="gpu",
        kind="emulator" if emulated else "hardware",
        label=LABEL if emulated else "",
        toolchain=toolchain("gpu"),
        ops=claims(),
        max_tensor_bytes=LARGEST,
        preferred_precision="fp16",
        power_efficiency=0.6,
        rates=rates,
        options=GpuOptions,
        config_sections=("gpu_config",),
        isolate=emulated,
        verdicts=verdicts,
        notes=tuple(filter(None, (*_about(library, emulated), remark, *told))),
    )


def _about(library: Status, emulated: bool) -> tuple[str, ...]:
    if not emulated:
        return library.notes
    return (
        f"not the GPU: {library.reason}",
        "the emulator stores every tensor in fp16 and computes in fp32 on the CPU: values beyond 65504 become infinite,"
        " and a GPU that adds up in fp16 is less exact",
        *library.notes,
    )


def _rates(target: Target) -> tuple[Rates | None, str]:
    """Rates of our own where the host has no Adreno GPU of known speed, and who lends them."""
    if not target.is_host or "gpu" in target.processors:
        return None, ""
    import zif

    stand_in = zif.target(DEFAULT)
    return stand_in.processors["gpu"], f"no chip was named: priced as the GPU of {stand_in.title}"


def verdicts_on(model: Model, emulated: bool) -> tuple[dict[str, Verdict], tuple[str, ...]]:
    """The verdict on every unit, and notes: what libQnnGpu takes, less what its emulator cannot run."""
    verdicts, told = _verdicts(model)
    if emulated:
        taken = (unit for unit in model.units if verdicts[unit.id].supported)
        verdicts |= {
            unit.id: evolve(verdict, overruled=verdicts[unit.id].chain)
            for unit in taken
            if (verdict := objection(model, unit)) is not None
        }
    return verdicts, told


def _verdicts(model: Model) -> tuple[dict[str, Verdict], tuple[str, ...]]:
    """libQnnGpu's verdicts, from memory where the same was asked before; the table's where it cannot be asked."""
    asked = gpu_operators()
    if not asked.available:
        why = f"libQnnGpu was not asked ({asked.reason}); its operators as they were in {document()['build']}"
        return declared(model), (why,)
    name = MEMORY.key(model.stamp, toolchain("gpu"), host_kind())
    answers = MEMORY.recall(name)
    if answers is None:
        try:
            answers = probed(model)
        except (QnnError, BackendUnavailable) as error:
            return declared(model), (f"libQnnGpu could not be asked: {error}",)
        MEMORY.keep(name, answers)
    return _told(answers)


def _told(answers: Probed) -> tuple[dict[str, Verdict], tuple[str, ...]]:
    return dict(answers.verdicts), answers.notes
