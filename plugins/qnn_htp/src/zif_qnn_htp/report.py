"""The backend's report of itself: which chip, emulator or hardware, which versions, what it takes, what is wrong."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zif import BackendUnavailable, Capabilities, Target, Verdict, declared
from zif.plugin import Table, load_table, overlay
from zif_qnn_runtime import Memory, Probed, QnnError, Status, status, toolchain

from zif_qnn_htp.chips import Chip, NoChip, chip_of
from zif_qnn_htp.operators import claims
from zif_qnn_htp.options import HtpOptions
from zif_qnn_htp.refusals.nans import NEEDLESS, needless
from zif_qnn_htp.verdicts import probe

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Basis

TABLE = Path(__file__).with_name("observed.json")
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
    if model is None:
        return _general(library, words, "", chip, notes)
    try:
        probed = ask(model, chip, words)
    except (QnnError, BackendUnavailable) as error:
        return _general(library, words, str(error), chip, notes)
    verdicts = overlay(probed.verdicts, observed(model, probed.verdicts))
    return _general(library, words, "", chip, (*notes, *probed.notes, *_difference(probed, verdicts)), verdicts)


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
        ops=claims() if chip else (),
        preferred_precision="int8",
        power_efficiency=0.9,
        rates=chip.rates if chip else None,
        options=HtpOptions,
        config_sections=("htp_config",),
        isolate=library.kind == "emulator",
        verdicts=verdicts or {},
        notes=notes,
    )


def _difference(probed: Probed, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """A note of the units that the compiler would take and that are kept off it."""
    kept = [
        unit
        for unit, verdict in verdicts.items()
        if not verdict.supported and verdict.basis == "observed" and probed.verdicts[unit].supported
    ]
    names = f"{', '.join(kept[:5])}{' …' if len(kept) > 5 else ''}"
    return (
        (f"{len(kept)} units that the compiler takes are kept off it for what was observed: {names}",) if kept else ()
    )


def layers(target: Target, model: Model) -> dict[str, dict[Basis, Verdict]]:
    """For comparing: per unit what the table of operators declares, what the compiler says and what was observed.

    A unit that no observation speaks against has no "observed" entry. Raises BackendUnavailable and QnnError.
    """
    by_table = declared(model, claims(), engine="QNN HTP")
    by_compiler = ask(model, chip(target), toolchain("htp")).verdicts
    seen = observed(model, by_compiler)
    found: dict[str, dict[Basis, Verdict]] = {}
    for unit in model.units:
        found[unit.id] = {"declared": by_table[unit.id], "probed": by_compiler[unit.id]}
        if unit.id in seen:
            found[unit.id]["observed"] = seen[unit.id]
    return found


def ask(model: Model, chip: Chip, words: str) -> Probed:
    """The compiler's answer, from memory where the same was asked before."""
    crashing = {unit: said for unit, said in table().verdicts(model).items() if said.code == "observed-crash"}
    name = MEMORY.key(model.digest, words, (chip, crashing))
    kept = MEMORY.recall(name)
    if kept is not None:
        return kept
    probed = probe(model, chip, crashing)
    MEMORY.keep(name, probed)
    return probed


def observed(model: Model, probed: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """What was observed of the model's units; where it cannot occur among their neighbours, that it does not matter."""
    found = table().verdicts(model)
    fine = [unit for unit in needless(model) if unit in found and probed[unit].supported]
    return found | {unit: Verdict(True, "observed", reason=NEEDLESS) for unit in fine}


@functools.cache
def table() -> Table:
    """What this version of the emulator was observed to get wrong; see `python -m tools.tables.qnn_htp`."""
    return load_table(TABLE) if TABLE.is_file() else Table(toolchain())


def chip(target: Target) -> Chip:
    """The chip of a target. Raises BackendUnavailable with the reason when it has no NPU that QNN compiles for."""
    found = chip_of(target)
    if isinstance(found, NoChip):
        raise BackendUnavailable(found.reason)
    return found


__all__ = ["ask", "chip", "layers", "observed", "report", "table"]
