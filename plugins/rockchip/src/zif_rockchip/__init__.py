"""The `rknn` backend: Rockchip's NPUs, by rknn-toolkit2's compiler and simulator, and on a board by its runtime.

What a model's units can do is asked from the compiler, for the chip that is meant. Compiling gives an `.rknn` file for
one chip. On a PC a simulator shows what the precision does to the numbers; on a board the chip itself runs the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif import Capabilities, Compiled, Converted, Executable, Target, hookimpl

if TYPE_CHECKING:
    from zif import Model

    from zif_rockchip.options import RknnOptions


@hookimpl
def capabilities(target: Target, model: Model | None) -> Capabilities:
    """What the target's NPU can do; with a model, the compiler's verdict on each of its units."""
    from zif_rockchip.report import report

    return report(target, model)


@hookimpl
def convert(model: Model) -> Converted:
    """The segment in the compiler's form. Raises Unsupported naming the units that no form of it can hold."""
    from zif_rockchip import artifact

    return artifact.convert(model)


@hookimpl
def compile(converted: Converted, target: Target, options: RknnOptions) -> Compiled:
    """An `.rknn` file for the target's chip. Raises Unsupported naming the units that the compiler refused."""
    from zif_rockchip import artifact, report

    return artifact.compile_segment(converted, report.chip(target), options)


@hookimpl
def load(compiled: Compiled, options: RknnOptions) -> Executable:
    """Open an artifact: on the board's NPU, or in the simulator. Raises InvalidBundle for one that is damaged."""
    from zif_rockchip import loading

    return loading.load(compiled, options)
