"""The `qnn_htp` backend: Qualcomm's Hexagon NPU on a Snapdragon, and Qualcomm's emulator of it on x86-64.

What a model's units can do there is asked from Qualcomm's own compiler, for the chip that is meant; what this version
of it was observed to get wrong although it says yes lies over that. Compiling gives a context binary for one chip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif import Capabilities, Compiled, Converted, Executable, Target, hookimpl

if TYPE_CHECKING:
    from zif import Model

    from zif_qnn_htp.options import HtpOptions


@hookimpl
def capabilities(target: Target, model: Model | None) -> Capabilities:
    """What the target's NPU can do; with a model, the compiler's verdict on each of its units."""
    from zif_qnn_htp.report import report

    return report(target, model)


@hookimpl
def convert(model: Model, target: Target) -> Converted:
    """The segment in the compiler's form. Raises Unsupported for open shapes, and without a chip to compile for."""
    from zif_qnn_htp import artifact, report

    return artifact.convert(model, report.chip(target))


@hookimpl
def compile(converted: Converted, target: Target, options: HtpOptions) -> Compiled:
    """A context binary for the target's chip. Raises Unsupported naming the units that the compiler refused."""
    from zif_qnn_htp import artifact, report

    return artifact.compile_segment(converted, report.chip(target), options)


@hookimpl
def load(compiled: Compiled, options: HtpOptions) -> Executable:
    """Open a context binary. Raises InvalidBundle for a damaged one, BackendUnavailable for another release or chip."""
    from zif_qnn_htp import executable

    return executable.load(compiled, options)
