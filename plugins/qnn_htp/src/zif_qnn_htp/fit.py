"""Whether a context binary will do on a chip and with the release that is here, read from what the artifact says.

The rule is that of ONNX Runtime's QNN provider (its validation of `ep_compatibility_info`, which answers on devices
only): an older Hexagon's binary runs on a newer one of the same family and is better compiled anew, a newer one's does
not run, nor one that uses more vector memory than there is. The release must be the same: no other was ever tried here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from zif_qnn_runtime import figures, find, qnn_version

from zif_qnn_htp.segment import read_segment

if TYPE_CHECKING:
    from zif import Compiled, Target


#: The first Hexagon that does not run what was compiled for those before it.
BREAK = 73


@frozen
class Made:
    """What a binary is for: the release, the chip, its Hexagon, the megabytes of vector memory that it may use."""

    qnn: str
    soc_model: int | None
    arch: int | None
    vtcm_mb: int | None = None


def fit(compiled: Compiled, chip: Target) -> tuple[str, str, int]:
    """A grade, what differs, and by how many versions of Hexagon. Raises InvalidBundle for what says nothing."""
    segment = read_segment(compiled)
    library = find("htp")
    here = qnn_version(library.path) if library.path else ""
    if here and segment.qnn != here:
        return "recompile", f"it was compiled with QNN {segment.qnn}, and QNN {here} is here", 0
    if not segment.wrapper or (chip.is_host and figures(chip).htp_arch is None):
        return "optimal", "", 0
    own = figures(chip)
    made = Made(segment.qnn, segment.soc_model, segment.htp_arch, memory_of(compiled))
    word, reason = grade(made, own.soc_model, own.htp_arch, own.vtcm_mb, chip.title or chip.name)
    return word, reason, abs((own.htp_arch or 0) - (segment.htp_arch or 0))


def grade(made: Made, soc_model: int | None, arch: int | None, vtcm_mb: int | None, title: str) -> tuple[str, str]:
    """A grade and what differs, on a chip of these figures; the release is not looked at."""
    if arch is None or made.arch is None:
        return "recompile", f"it is for a Hexagon NPU, and {title} has none that is known"
    if made.soc_model == soc_model:
        return "optimal", ""
    hexagon, here = f"Hexagon v{made.arch}", f"{title} has v{arch}"
    if made.arch > arch:
        return "recompile", f"it is for {hexagon}, and {here}, which is older"
    if made.arch < BREAK <= arch:
        return "recompile", f"it is for {hexagon}, and {here}, which does not run what is older than v{BREAK}"
    used, there = made.vtcm_mb, vtcm_mb
    if used is not None and there is not None and used > there:
        return "recompile", f"it may use {used} MB of vector memory, and {title} has {there} MB"
    if made.arch < arch:
        return (
            "works",
            f"it is for {hexagon}, and {here}: what is new there is not used, so it is slower than it could be",
        )
    return "works", f"it is for another chip with {hexagon} (soc_model {made.soc_model}), and not tuned for {title}"


def memory_of(compiled: Compiled) -> int | None:
    """How much vector memory it may use: what was asked for, else all that its own chip has; None where unknown."""
    import zif

    said = read_segment(compiled).vtcm_mb
    if said is not None:
        return said
    born = compiled.certificate
    if born is None:
        return None
    asked = born.options.get("vtcm_mb")
    if isinstance(asked, int):
        return asked
    try:
        return figures(zif.target(born.target)).vtcm_mb
    except zif.ZifError:  # a chip that is not known here
        return None
