"""The backend's report of itself: which chip, emulator or hardware, which versions, what it takes, what is wrong."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from zif import BackendUnavailable, Capabilities, Target, Verdict
from zif.observed import Table, load, overlay
from zif_qnn_runtime import QnnError, Status, host_kind, status, toolchain

from zif_qnn_htp import memory
from zif_qnn_htp.chips import Chip, NoChip, chip_of
from zif_qnn_htp.options import HtpOptions
from zif_qnn_htp.verdicts import Probed, probe

if TYPE_CHECKING:
    from zif import Model

TABLE = Path(__file__).with_name("observed.json")
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
    if model is None:
        return _general(library, words, "", chip, notes)
    try:
        probed = ask(model, chip, words)
    except (QnnError, BackendUnavailable) as error:
        return _general(library, words, str(error), chip, notes)
    verdicts = overlay(probed.verdicts, table().verdicts(model))
    return _general(library, words, "", chip, (*notes, *probed.notes), verdicts)


def _general(
    library: Status,
    words: str,
    reason: str,
    chip: Chip | None = None,
    notes: tuple[str, ...] = (),
    verdicts: dict[str, Verdict] | None = None,
) -> Capabilities:
    return Capabilities(
        processor="npu",
        kind=library.kind,
        available=not reason,
        reason=reason,
        toolchain=words,
        preferred_precision="int8",
        power_efficiency=0.9,
        rates=chip.rates if chip else None,
        options=HtpOptions,
        isolate=library.kind == "emulator",
        verdicts=verdicts or {},
        notes=notes,
    )


def ask(model: Model, chip: Chip, words: str) -> Probed:
    """The compiler's answer, from memory where the same was asked before."""
    name = memory.key(model.digest, words, chip)
    kept = memory.recall(name)
    if kept is not None:
        return kept
    probed = probe(model, chip)
    memory.keep(name, probed)
    return probed


@functools.cache
def table() -> Table:
    """What this version of the emulator was observed to get wrong; see `python -m zif_qnn_htp.observe`."""
    return load(TABLE) if TABLE.is_file() else Table(toolchain())


def chip(target: Target) -> Chip:
    """The chip of a target. Raises BackendUnavailable with the reason when it has no NPU that QNN compiles for."""
    found = chip_of(target)
    if isinstance(found, NoChip):
        raise BackendUnavailable(found.reason)
    return found


__all__ = ["ask", "chip", "host_kind", "report", "table"]
