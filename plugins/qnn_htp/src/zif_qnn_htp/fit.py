"""Whether a context binary will do on a chip and with the release that is here, read from what the artifact says.

The rule is that of ONNX Runtime's QNN provider (its validation of `ep_compatibility_info`, which answers on devices
only): an older Hexagon's binary runs on a newer one of the same family and is better compiled anew, a newer one's does
not run, nor one that uses more vector memory than there is. The release must be the same: no other was ever tried here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif_qnn_runtime import figures, find, qnn_version

from zif_qnn_htp.segment import read_segment

if TYPE_CHECKING:
    from zif import Compiled, Target

    from zif_qnn_htp.segment import Segment

#: The first Hexagon that does not run what was compiled for those before it.
BREAK = 73


def fit(compiled: Compiled, chip: Target) -> tuple[str, str, int]:
    """A grade, what differs, and by how many versions of Hexagon. Raises InvalidBundle for what says nothing."""
    segment = read_segment(compiled)
    library = find("htp")
    here = qnn_version(library.path) if library.path else ""
    if here and segment.qnn != here:
        return "recompile", f"it was compiled with QNN {segment.qnn}, and QNN {here} is here", 0
    if not segment.wrapper or (chip.is_host and figures(chip).htp_arch is None):
        return "optimal", "", 0
    grade, reason = _of_chip(segment, compiled, chip)
    return grade, reason, abs((figures(chip).htp_arch or 0) - (segment.htp_arch or 0))


def _of_chip(segment: Segment, compiled: Compiled, chip: Target) -> tuple[str, str]:
    own, title = figures(chip), chip.title or chip.name
    if own.htp_arch is None or segment.htp_arch is None:
        return "recompile", f"it is for a Hexagon NPU, and {title} has none that is known"
    if segment.soc_model == own.soc_model:
        return "optimal", ""
    made, here = f"Hexagon v{segment.htp_arch}", f"{title} has v{own.htp_arch}"
    if segment.htp_arch > own.htp_arch:
        return "recompile", f"it is for {made}, and {here}, which is older"
    if segment.htp_arch < BREAK <= own.htp_arch:
        return "recompile", f"it is for {made}, and {here}, which does not run what is older than v{BREAK}"
    used, there = memory_of(compiled), own.vtcm_mb
    if used is not None and there is not None and used > there:
        return "recompile", f"it may use {used} MB of vector memory, and {title} has {there} MB"
    if segment.htp_arch < own.htp_arch:
        return "works", f"it is for {made}, and {here}: what is new there is not used, so it is slower than it could be"
    return "works", f"it is for another chip with {made} (soc_model {segment.soc_model}), and not tuned for {title}"


def memory_of(compiled: Compiled) -> int | None:
    """How much vector memory it may use: what was asked for, else all that its own chip has; None where unknown."""
    import zif

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
